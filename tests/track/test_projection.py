"""Positions on a track, and back."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ac_bridge.standin.layouts import default_circuit
from ac_bridge.track.build import build
from ac_bridge.track.raw import Floats
from ac_bridge.track.track import Track
from helpers.track_shapes import (
    circuit_track,
    figure_eight,
    loops,
    paperclip,
    raw_track,
    wave,
)

RING = default_circuit()
TRACK = circuit_track(RING, half_width_m=RING.edge_m)
EIGHT = circuit_track(figure_eight())
ANYWHERE = st.floats(0.0, 1.0, exclude_max=True)


def check_inverse(track: Track, distance_m: float, lateral_m: float) -> None:
    """Check that projection undoes placement within a centimetre, with a hint and without."""
    point = track.place(distance_m, lateral_m)
    hint = track.project(*track.place(distance_m - 1.5, lateral_m))
    for found in (track.project(*point), track.project(*point, hint)):
        off = found.distance_m - distance_m
        assert abs(math.remainder(off, track.length_m) if track.closed else off) < 0.01
        assert found.lateral_m == pytest.approx(lateral_m, abs=0.01)
        assert track.place(found.distance_m, found.lateral_m) == pytest.approx(point, abs=0.001)


@given(ANYWHERE, st.floats(-12.0, 12.0))
def test_on_the_ring_projection_undoes_placement(part: float, lateral_m: float) -> None:
    """Round the stand-in game's circuit, and as far off the track as its walls."""
    check_inverse(TRACK, part * TRACK.length_m, lateral_m)


@settings(max_examples=60, deadline=None)
@given(loops(), ANYWHERE, st.floats(-8.0, 8.0))
def test_on_any_loop_projection_undoes_placement(
    points: Floats, part: float, lateral_m: float
) -> None:
    """Loops of either direction whose points are unevenly far apart."""
    track = build(raw_track(points))
    check_inverse(track, part * track.length_m, lateral_m)


@settings(max_examples=60, deadline=None)
@given(st.floats(6.0, 30.0), st.floats(0.8, 3.0), ANYWHERE, st.floats(-1.0, 0.8))
def test_in_hairpins_projection_undoes_placement(
    radius_m: float, spacing_m: float, part: float, share: float
) -> None:
    """As far inside as 0.8 of the radius (the hairpins turn right) and as far outside as one."""
    track = circuit_track(paperclip(radius_m), spacing_m)
    check_inverse(track, part * track.length_m, -share * radius_m)


@given(ANYWHERE, st.floats(-8.0, 8.0))
def test_from_point_to_point_projection_undoes_placement(part: float, lateral_m: float) -> None:
    """A line that does not close."""
    track = build(raw_track(wave()))
    assert not track.closed
    check_inverse(track, part * track.length_m, lateral_m)


@given(ANYWHERE, st.floats(-6.0, 6.0))
def test_a_position_agrees_with_the_circuit(part: float, lateral_m: float) -> None:
    """Signs and values are those of the analytic circuit: points 2 m apart cut its corners."""
    placed = RING.place(part * RING.length_m, lateral_m)
    found = TRACK.project(placed.x_m, placed.z_m)
    assert abs(math.remainder(found.distance_m - part * RING.length_m, RING.length_m)) < 0.3
    assert found.lateral_m == pytest.approx(lateral_m, abs=0.05)
    assert abs(math.remainder(found.heading_rad - placed.heading_rad, math.tau)) < 0.06
    assert found.left_m == pytest.approx(RING.edge_m - lateral_m, abs=0.05)
    assert found.right_m == pytest.approx(RING.edge_m + lateral_m, abs=0.05)


def test_the_centre_lies_between_uneven_borders() -> None:
    """A line 3 m from the left and 7 m from the right has its centre 2 m to its right."""
    raw = raw_track(wave(), side_left_m=np.full(200, 3.0), side_right_m=np.full(200, 7.0))
    track = build(raw)
    found = track.project(*track.place(150.0, 1.0))
    assert found.lateral_m == pytest.approx(1.0)
    assert found.centre_m == pytest.approx(3.0)
    assert (found.left_m, found.right_m) == pytest.approx((2.0, 8.0))


def test_beyond_the_ends_of_an_open_track_the_distance_stays() -> None:
    """Before the start it is 0, past the finish the length."""
    track = build(raw_track(wave()))
    before = track.project(0.0, -30.0)
    past = track.project(*(track.line_xz_m[-1] + (0.0, 30.0)).tolist())
    assert before.distance_m == 0.0
    assert past.distance_m == pytest.approx(track.length_m)
    assert track.place(-5.0, 0.0) == pytest.approx(tuple(track.line_xz_m[0]))
    assert track.project(1.0, 15.0, before).distance_m > 10.0


def test_at_a_crossing_a_car_stays_on_its_part() -> None:
    """All the way round a figure eight, off the line to either side, the distance only grows."""
    for lateral_m in (-4.0, 0.0, 4.0):
        hint = EIGHT.project(*EIGHT.place(10.0, lateral_m))
        for distance_m in np.arange(11.0, 10.0 + EIGHT.length_m).tolist():
            hint = EIGHT.project(*EIGHT.place(distance_m, lateral_m), hint)
            assert abs(math.remainder(hint.distance_m - distance_m, EIGHT.length_m)) < 0.01


def test_a_car_that_was_put_elsewhere_is_found_there() -> None:
    """A hint from more than 25 m away does not count."""
    hint = EIGHT.project(*EIGHT.place(200.0, 0.0))
    found = EIGHT.project(*EIGHT.place(20.0, 1.0), hint)
    assert found.distance_m == pytest.approx(20.0)


def test_a_car_that_crosses_the_grass_arrives_on_the_other_part() -> None:
    """From one arm of a paperclip straight across to the other, 30 m away."""
    track = circuit_track(paperclip(15.0))
    hint = track.project(0.0, 60.0)
    assert hint.distance_m == pytest.approx(60.0, abs=0.1)
    seen = []
    for x in np.arange(0.0, -30.5, -0.5).tolist():
        hint = track.project(x, 60.0, hint)
        seen.append(hint)
    assert seen[20].distance_m == pytest.approx(
        60.0, abs=0.1
    )  # on the grass nothing has changed yet
    assert seen[20].right_m == pytest.approx(-4.5, abs=0.01)
    assert hint.distance_m == pytest.approx(track.length_m / 2 + 60.0, abs=0.1)
    assert hint.lateral_m == pytest.approx(0.0, abs=0.01)


def test_a_hint_of_another_track_does_no_harm() -> None:
    """Its segment need not exist."""
    hint = TRACK.project(*TRACK.place(2000.0, 0.0))
    assert EIGHT.project(*EIGHT.place(20.0, 1.0), hint).distance_m == pytest.approx(20.0)


def test_what_is_no_position_has_none() -> None:
    """NaN stays NaN, with a hint or without, and raises nothing."""
    hint = TRACK.project(*TRACK.place(50.0, 0.0))
    for found in (TRACK.project(math.nan, 0.0), TRACK.project(math.nan, 0.0, hint)):
        assert math.isnan(found.lateral_m)
    assert TRACK.project(*TRACK.place(50.0, 0.0), found).distance_m == pytest.approx(50.0)


def test_points_ahead_go_round() -> None:
    """Over the start they go on at point 0; behind it lies the end."""
    offsets = np.array([-10.0, 0.0, 5.0, 20.0])
    x, z, curvature = TRACK.ahead(TRACK.length_m - 5.0, offsets)
    for i, offset in enumerate(offsets.tolist()):
        assert (x[i], z[i]) == pytest.approx(TRACK.place(TRACK.length_m - 5.0 + offset, 0.0))
    assert curvature == pytest.approx(0.0, abs=1e-9)


def test_points_ahead_of_an_open_track_stop_at_its_end() -> None:
    """The last of them are the last point."""
    track = build(raw_track(wave()))
    x, z, _ = track.ahead(track.length_m - 5.0, np.array([2.0, 5.0, 500.0]))
    assert (x[1], z[1]) == (x[2], z[2]) == tuple(track.line_xz_m[-1])
    assert z[0] < z[1]
