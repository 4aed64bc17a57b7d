"""Tracks of known shape, from points."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from ac_bridge.standin.circuit import Circuit, Segment, left, right, straight
from ac_bridge.track.build import build
from ac_bridge.track.raw import Floats, RawTrack
from ac_bridge.track.track import Track


def raw_track(points: Floats, half_width_m: float = 5.5, **more: object) -> RawTrack:
    """Return what files would say about a line through points (x, z) with even sides."""
    sides = np.full(len(points), half_width_m)
    line = np.column_stack((points[:, 0], np.zeros(len(points)), points[:, 1]))
    fields: dict[str, object] = {
        "name": "made_up", "line_xyz_m": line, "side_left_m": sides, "side_right_m": sides
    }  # fmt: skip
    return RawTrack(**(fields | more))  # type: ignore[arg-type]


def circuit_track(circuit: Circuit, spacing_m: float = 2.0, half_width_m: float = 5.5) -> Track:
    """Return the track whose line is a circuit's centre line."""
    raw = raw_track(circuit.centreline(spacing_m), half_width_m)
    return build(raw, circuit.length_m)


def laid(segments: Sequence[Segment]) -> Circuit:
    """Return the circuit of segments that close."""
    return Circuit(segments, name="made_up")


def paperclip(radius_m: float, straight_m: float = 120.0) -> Circuit:
    """Return two straights that two hairpins join: clockwise, 2 radii apart."""
    arm, turn = straight(straight_m), right(radius_m, 180)
    return laid([arm, turn, arm, turn])


def figure_eight(radius_m: float = 40.0) -> Circuit:
    """Return two loops whose straights cross at a right angle, at the origin of their middle.

    The first straight is in its middle, and at the crossing, after ``radius_m``; the second after
    a quarter of a lap more than half.
    """
    cross = straight(2 * radius_m)
    return laid([cross, right(radius_m, 270), cross, left(radius_m, 270)])


def wave(count: int = 200) -> Floats:
    """Return the points of a gentle wave of 400 m that does not close."""
    along = np.linspace(0.0, 400.0, count)
    return np.column_stack((20.0 * np.sin(along / 50.0), along))


@st.composite
def loops(draw: st.DrawFn) -> Floats:
    """Draw the points of a closed loop without crossings, unevenly spaced, of either direction."""
    size = draw(st.floats(90.0, 300.0))
    count = int(math.tau * size / draw(st.floats(1.0, 3.0)))
    waves = draw(st.lists(st.tuples(st.floats(-0.08, 0.08), st.floats(0, 6)), max_size=3))
    uneven = draw(st.floats(0.0, 0.4))
    angle = np.arange(count) + uneven * np.sin(np.arange(count) * 1.7)
    angle *= math.tau / count * draw(st.sampled_from([-1, 1]))
    radius = np.full(count, size)
    for order, (share, phase) in enumerate(waves, start=2):
        radius += size * share * np.cos(order * angle + phase)
    return np.column_stack((radius * np.cos(angle), radius * np.sin(angle)))
