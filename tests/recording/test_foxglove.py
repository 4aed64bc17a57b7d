"""Poses for viewers, held against the stand-in's own idea of where the car goes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ac_bridge import ACBridgeLocal, RealTimeStepper
from ac_bridge_recording.foxglove import MAP, WORLD, Quaternion, orientation, pose, transform
from helpers.frames import make_frame

ANGLES = st.floats(-math.pi, math.pi)
Vector = tuple[float, float, float]


def turned(q: Quaternion, vector: Vector) -> Vector:
    """Return a vector turned by a quaternion: v + 2w(u x v) + 2u x (u x v)."""
    x, y, z, w = q
    u = (x, y, z)
    once = cross(u, vector)
    twice = cross(u, once)
    return tuple(v + 2 * w * a + 2 * b for v, a, b in zip(vector, once, twice, strict=True))  # type: ignore[return-value]


def cross(a: Vector, b: Vector) -> Vector:
    """Return the cross product."""
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


@given(ANGLES, ANGLES, ANGLES)
def test_every_orientation_is_a_rotation(yaw: float, pitch: float, roll: float) -> None:
    """A quaternion of length 1: viewers draw nothing for another."""
    assert math.hypot(*orientation(yaw, pitch, roll)) == pytest.approx(1.0)


def test_a_level_car() -> None:
    """Heading along the game's z: x forward is z, y left is x, z up is y."""
    q = orientation(0.0, 0.0, 0.0)
    assert turned(q, (1.0, 0.0, 0.0)) == pytest.approx((0.0, 0.0, 1.0), abs=1e-12)
    assert turned(q, (0.0, 1.0, 0.0)) == pytest.approx((1.0, 0.0, 0.0), abs=1e-12)
    assert turned(q, (0.0, 0.0, 1.0)) == pytest.approx((0.0, 1.0, 0.0), abs=1e-12)


def test_a_nose_that_goes_up() -> None:
    """Pitch lifts the forward axis; roll leaves it where it is."""
    assert turned(orientation(0.3, 0.2, 0.0), (1.0, 0.0, 0.0))[1] > 0.1
    level = turned(orientation(0.3, 0.0, 0.0), (1.0, 0.0, 0.0))
    assert turned(orientation(0.3, 0.0, 0.4), (1.0, 0.0, 0.0)) == pytest.approx(level)


def test_the_car_drives_where_it_points() -> None:
    """On the stand-in, while it turns: the forward axis lies along the velocity."""
    compared = 0
    with ACBridgeLocal(game="standin", lockstep=True) as bridge:
        stepper = RealTimeStepper(bridge, control_hz=10)
        stepper.reset(seed=3)
        for step in range(55):  # then a wall comes
            _, info = stepper.step([0.15 if step > 20 else 0.0, 0.6, 0.0])
            speed = math.hypot(*info["velocity"])
            if speed < 5.0:
                continue
            q = orientation(info["yaw"], info["pitch"], info["roll"])
            forward = turned(q, (1.0, 0.0, 0.0))
            along = sum(f * v for f, v in zip(forward, info["velocity"], strict=True)) / speed
            assert along > 0.98  # the rest is the angle at which tyres slip
            compared += 1
    assert compared > 20


def test_frames_of_reference_and_times() -> None:
    """A pose is in the game's world, at the frame's time; the transform puts that into a map."""
    frame = make_frame(t_wall=12.5, position=(1.0, 2.0, 3.0))
    said = pose(frame)
    assert said["frame_id"] == WORLD
    assert said["timestamp"] == {"sec": 12, "nsec": 500_000_000}
    assert said["pose"]["position"] == {"x": 1.0, "y": 2.0, "z": 3.0}
    turn = transform(1_500_000_000)
    assert (turn["parent_frame_id"], turn["child_frame_id"]) == (MAP, WORLD)
    assert turn["timestamp"] == {"sec": 1, "nsec": 500_000_000}
    r = turn["rotation"]
    up = turned((r["x"], r["y"], r["z"], r["w"]), (0.0, 1.0, 0.0))
    assert up == pytest.approx((0.0, 0.0, 1.0)), "the game's y is the map's z"
