"""Metres to the borders."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ac_bridge.standin.layouts import default_circuit
from ac_bridge.track.build import build
from ac_bridge.track.raw import Floats
from ac_bridge.track.track import Track
from helpers.track_shapes import circuit_track, figure_eight, loops, paperclip, raw_track, wave

ANGLES = np.radians(np.linspace(-90.0, 90.0, 11))
TRACKS = (
    circuit_track(default_circuit()),
    circuit_track(figure_eight()),
    circuit_track(paperclip(4.0), 1.0),
    build(raw_track(wave())),
)


def every_piece(track: Track, x: float, z: float, heading: float, range_m: float) -> float:
    """Return the metres to the nearest border by trying all pieces of both."""
    nearest = range_m
    for border in (track.left_xz_m, track.right_xz_m):
        points = border.tolist()
        for i in range(0 if track.closed else 1, len(points)):
            (ax, az), (bx, bz) = points[i - 1], points[i]
            # Seen along the ray: how far ahead, and how far to the left, either end lies.
            ahead_a = (az - z) * math.cos(heading) - (ax - x) * math.sin(heading)
            ahead_b = (bz - z) * math.cos(heading) - (bx - x) * math.sin(heading)
            left_a = (ax - x) * math.cos(heading) + (az - z) * math.sin(heading)
            left_b = (bx - x) * math.cos(heading) + (bz - z) * math.sin(heading)
            if (left_a <= 0.0) != (left_b <= 0.0):
                met = ahead_a - left_a * (ahead_b - ahead_a) / (left_b - left_a)
                nearest = min(nearest, met) if met >= 0.0 else nearest
    return nearest


def check(track: Track, x: float, z: float, yaw_rad: float, range_m: float) -> None:
    found = track.rays(x, z, yaw_rad, ANGLES, range_m)
    expected = [every_piece(track, x, z, yaw_rad + a, range_m) for a in ANGLES.tolist()]
    assert found == pytest.approx(expected, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(TRACKS),
    st.floats(0.0, 1.0),
    st.floats(-20.0, 20.0),
    st.floats(-7.0, 7.0),
    st.sampled_from([0.0, 5.0, 30.0, 100.0, 300.0]),
)
def test_rays_agree_with_every_piece(
    track: Track, part: float, lateral_m: float, yaw_rad: float, range_m: float
) -> None:
    """On the track and off it, looking any way, no piece in range is overlooked."""
    check(track, *track.place(part * track.length_m, lateral_m), yaw_rad, range_m)


@settings(max_examples=20, deadline=None)
@given(loops(), st.floats(-400.0, 400.0), st.floats(-400.0, 400.0))
def test_rays_agree_on_any_loop(points: Floats, x: float, z: float) -> None:
    """From anywhere in or out of it."""
    check(build(raw_track(points)), x, z, 0.3, 150.0)


def test_straight_ahead_left_and_right() -> None:
    """In the middle of a straight 11 m wide, 2 m left of its centre, looking along it."""
    track = circuit_track(paperclip(100.0, 400.0))
    found = track.rays(2.0, 150.0, 0.0, np.radians([-90.0, -30.0, 0.0, 30.0, 90.0]), 100.0)
    assert found == pytest.approx([3.5, 7.0, 100.0, 15.0, 7.5], abs=1e-6)


def test_the_ends_of_an_open_track_are_open() -> None:
    """Along the last straight metres nothing is met; to the sides the borders are."""
    along = np.arange(0.0, 200.0, 2.0)
    track = build(raw_track(np.column_stack((np.zeros(100), along))))
    found = track.rays(0.0, 190.0, 0.0, np.radians([-90.0, 0.0, 90.0, 180.0]), 50.0)
    assert found == pytest.approx([5.5, 50.0, 5.5, 50.0])


def test_far_from_the_track_nothing_is_met() -> None:
    """Nor is anything where there is no position."""
    for x in (1e6, math.nan):
        assert (TRACKS[0].rays(x, 0.0, 0.0, ANGLES, 80.0) == 80.0).all()


def test_what_is_remembered_is_bounded() -> None:
    """A car that wanders over the whole country finds the same at home as before."""
    track = circuit_track(paperclip(50.0))
    home = track.rays(0.0, 10.0, 0.0, ANGLES, 100.0)
    for x in range(1200):
        track.rays(100.0 * x, 10.0, 0.0, ANGLES, 100.0)
    assert (track.rays(0.0, 10.0, 0.0, ANGLES, 100.0) == home).all()
