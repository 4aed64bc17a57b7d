"""From files to a track: what is dropped, mended, and told."""

import math

import numpy as np
import pytest
from hypothesis import given, settings

from ac_bridge.standin.circuit import left, right, straight
from ac_bridge.standin.layouts import default_circuit
from ac_bridge.track.build import build
from ac_bridge.track.raw import Floats, RawTrack, Surface
from ac_bridge_protocol.errors import TrackError
from helpers.track_shapes import (
    circuit_track,
    figure_eight,
    laid,
    loops,
    paperclip,
    raw_track,
    wave,
)

RING = default_circuit()
LINE = RING.centreline(2.0)


def offset_edge(lateral_m: float, spacing_m: float = 3.1) -> Floats:
    """Return the points of an edge beside the ring's line."""
    distances = np.arange(0.0, RING.length_m, spacing_m).tolist()
    return np.array([RING.place(distance, lateral_m)[:2] for distance in distances])


def test_a_clean_line_needs_no_notes() -> None:
    """A circuit with sides: its length is the game's, its arrays fit together and stay as is."""
    track = build(raw_track(LINE), RING.length_m)
    assert track.closed
    assert track.notes == ()
    assert track.length_m == RING.length_m
    assert track.distance_m[0] == 0.0
    assert (np.diff(track.distance_m) > 0.0).all()
    assert track.distance_m[-1] < track.length_m
    assert (track.name, track.layout, track.grip) == ("made_up", "", 1.0)
    assert track.width_m == pytest.approx(11.0)
    for array in (track.line_xz_m, track.left_xz_m, track.heading_rad, track.width_m):
        assert len(array) == len(LINE)
        assert not array.flags.writeable


def test_headings_and_curvature_are_those_of_the_circuit() -> None:
    """Positive turning right; away from where straights and arcs meet they are exact."""
    for turn, sign in ((right, 1.0), (left, -1.0)):
        ring = laid([turn(60.0, 180), straight(100.0), turn(60.0, 180), straight(100.0)])
        track = circuit_track(ring)
        for distance, curvature in ((90.0, sign / 60.0), (230.0, 0.0)):
            found = track.project(*ring.place(distance)[:2])
            assert found.curvature_per_m == pytest.approx(curvature, abs=2e-5)
            wanted = ring.place(distance).heading_rad
            assert math.remainder(found.heading_rad - wanted, math.tau) == pytest.approx(
                0, abs=0.001
            )


@settings(max_examples=30, deadline=None)
@given(loops())
def test_a_loop_turns_once(points: Floats) -> None:
    """Headings are unwrapped, and the curvature adds up to the turning of a lap."""
    track = build(raw_track(points))
    assert np.abs(np.diff(track.heading_rad)).max() < 1.0
    metres = np.diff(np.append(track.distance_m, track.length_m))
    assert abs(float(track.curvature_per_m @ metres)) == pytest.approx(math.tau, rel=0.02)


def test_a_figure_eight_turns_back_what_it_turned() -> None:
    """Its loops turn opposite ways."""
    track = circuit_track(figure_eight())
    assert track.heading_rad.max() == pytest.approx(1.5 * math.pi, abs=0.01)
    assert track.heading_rad[-1] == pytest.approx(0.0, abs=0.1)


def test_points_that_repeat_are_dropped_with_their_values() -> None:
    """A speed stays with its point."""
    twice = np.repeat(wave(), 2, axis=0)
    sides = np.full(len(twice), 4.0)
    speeds = np.arange(len(twice), dtype=np.float64)
    raw = raw_track(twice, side_left_m=sides, side_right_m=sides, speed_m_s=speeds)
    track = build(raw)
    assert len(track.line_xz_m) == len(wave())
    assert track.speed_m_s is not None
    assert (track.speed_m_s == speeds[::2]).all()
    assert track.notes == ("200 points of the line repeat others: dropped.",)


def test_a_lap_recorded_beyond_its_start_is_cut_there() -> None:
    """The last 20 points drive over the first ones again."""
    track = build(raw_track(np.vstack((LINE, LINE[:20] + 0.01))), RING.length_m)
    assert track.closed
    assert len(track.line_xz_m) == len(LINE)
    assert np.abs(np.diff(track.heading_rad)).max() < 0.2


def test_ends_close_together_make_a_circuit() -> None:
    """A gap of 40 m is closed, one of 60 m is not, and a short line is no circuit."""
    assert build(raw_track(LINE[:-19])).closed
    assert not build(raw_track(LINE[:-30])).closed
    assert not build(raw_track(wave()[:20])).closed


def test_two_points_are_a_track() -> None:
    """The shortest one."""
    track = build(raw_track(np.array([[0.0, 0.0], [0.0, 80.0]])))
    assert track.length_m == 80.0
    assert track.project(3.0, 20.0)[:2] == pytest.approx((20.0, 3.0))
    assert (track.curvature_per_m == 0.0).all()


def test_distances_are_stretched_to_the_games_length() -> None:
    """On an open line whichever of the two ways to measure it is nearer."""
    short = build(raw_track(LINE))
    track = build(raw_track(LINE), short.length_m * 1.004)
    assert track.length_m == short.length_m * 1.004
    assert track.distance_m == pytest.approx(short.distance_m * 1.004)
    line = build(raw_track(wave()))
    assert build(raw_track(wave()), line.length_m * 1.002).length_m == pytest.approx(
        line.length_m * 1.002
    )
    back = float(np.hypot(*(wave()[-1] - wave()[0])))
    assert build(raw_track(wave()), line.length_m + back).length_m == pytest.approx(line.length_m)


@pytest.mark.parametrize("length_m", [0.0, -5.0, 900.0, math.nan, math.inf])
def test_a_length_of_another_line_is_passed_over(length_m: float) -> None:
    """And said so."""
    track = build(raw_track(LINE), length_m)
    assert track.length_m == pytest.approx(RING.length_m, rel=0.001)
    assert "The game tells a length" in track.notes[-1]


def test_wild_sides_are_mended() -> None:
    """Single values go; what is really wide or narrow is held within 1 to 30 m."""
    sides = np.full(len(LINE), 6.0)
    sides[[50, 51, 300]] = (39.9, 0.0, math.nan)
    sides[500:540], sides[600:640] = 80.0, 0.2
    track = build(raw_track(LINE, side_left_m=sides))
    left_m = np.hypot(*(track.left_xz_m - track.line_xz_m).T)
    assert left_m[[50, 51, 300]] == pytest.approx(6.0)
    assert left_m[620] == pytest.approx(1.0)
    assert left_m.max() <= 30.0 + 1e-9


@pytest.mark.parametrize("sides", [None, np.zeros(len(LINE)), np.full(len(LINE), math.nan)])
def test_missing_sides_become_five_metres(sides: Floats | None) -> None:
    """With a note for either."""
    track = build(raw_track(LINE, side_left_m=sides, side_right_m=sides))
    assert track.width_m == pytest.approx(10.0)
    assert [note[:22] for note in track.notes] == [
        "The line has no left s",
        "The line has no right ",
    ]


def test_edges_of_their_own_come_before_sides() -> None:
    """Borders lie on the polylines, and the centre between them."""
    raw = raw_track(LINE, edge_left_xz_m=offset_edge(4.0), edge_right_xz_m=offset_edge(-9.0))
    track = build(raw, RING.length_m)
    assert track.width_m == pytest.approx(13.0, abs=0.12)
    found = track.project(*track.place(100.0, 0.0))
    assert (found.left_m, found.right_m) == pytest.approx((4.0, 9.0), abs=0.05)
    assert track.notes == ()


def test_where_an_edge_is_missing_the_side_counts() -> None:
    """A third of the edge was never recorded."""
    edge = offset_edge(4.0)
    track = build(raw_track(LINE, edge_left_xz_m=edge[: 2 * len(edge) // 3]), RING.length_m)
    left_m = np.hypot(*(track.left_xz_m - track.line_xz_m).T)
    assert left_m[100] == pytest.approx(4.0, abs=0.01)
    assert left_m[900] == pytest.approx(5.5, abs=0.01)
    assert "The left edge is not beside" in track.notes[0]


def test_a_line_that_cuts_across_an_edge_has_the_border_under_it() -> None:
    """Not the border of the other side of the country."""
    edge = np.vstack((offset_edge(4.0)[:500], offset_edge(-1.0)[500:]))
    track = build(raw_track(LINE, edge_left_xz_m=edge), RING.length_m)
    left_m = np.hypot(*(track.left_xz_m - track.line_xz_m).T)
    assert left_m[100] == pytest.approx(4.0, abs=0.01)
    assert left_m[900] == 0.0


def test_edges_that_are_swapped_are_passed_over() -> None:
    """What lies right of the line is no left edge."""
    raw = raw_track(LINE, edge_left_xz_m=offset_edge(-3.0), edge_right_xz_m=offset_edge(3.0))
    track = build(raw, RING.length_m)
    assert track.width_m == pytest.approx(11.0)
    assert [note[:34] for note in track.notes] == [
        "The left edge lies left of less th",
        "The right edge lies right of less ",
    ]


def test_an_edge_that_is_none_is_passed_over() -> None:
    """A single point, or values that are not numbers."""
    for edge in (np.zeros((1, 2)), np.full((50, 2), math.nan)):
        track = build(raw_track(LINE, edge_left_xz_m=edge))
        assert track.width_m == pytest.approx(11.0)
        assert "passed over" in track.notes[0]


def test_inside_a_tight_hairpin_the_border_does_not_run_backwards() -> None:
    """A hairpin of 6 m radius on a track 11 m to either side."""
    track = circuit_track(paperclip(6.0), 1.0, half_width_m=11.0)
    ways = np.diff(track.right_xz_m, axis=0)
    forward = np.diff(track.line_xz_m, axis=0)
    assert (np.einsum("ij,ij->i", ways, forward) > -1e-9).all()
    right_m = np.hypot(*(track.right_xz_m - track.line_xz_m).T)
    assert right_m.min() == pytest.approx(0.95 * 6.0, rel=0.02)
    assert right_m.max() == pytest.approx(11.0)
    assert np.hypot(*(track.left_xz_m - track.line_xz_m).T) == pytest.approx(11.0)
    assert "The right border is drawn in" in track.notes[0]


def test_grip_is_that_of_the_road() -> None:
    """The surface ROAD; else the best that is valid track and no pit lane; else 1."""
    kerb, pit = Surface("KERB", 0.93, True, False), Surface("PIT", 0.99, True, True)
    grass, road = Surface("GRASS", 0.6, False, False), Surface("ROAD", 0.97, True, False)
    grips = [
        build(raw_track(wave(), surfaces=surfaces)).grip
        for surfaces in ((kerb, pit, grass, road), (kerb, pit, grass), (pit, grass), ())
    ]
    assert grips == [0.97, 0.93, 1.0, 1.0]


def test_speeds_that_are_no_numbers_are_not_told() -> None:
    """With a note."""
    speeds = np.full(len(LINE), 30.0)
    speeds[7] = math.inf
    track = build(raw_track(LINE, speed_m_s=speeds))
    assert track.speed_m_s is None
    assert "speeds" in track.notes[0]


def test_what_the_readers_noted_stays() -> None:
    """In front of what was found here."""
    raw = raw_track(LINE, side_left_m=None, notes=("No map.ini.",))
    assert build(raw).notes[0] == "No map.ini."


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (raw_track(np.zeros((5, 2))), "too few points"),
        (raw_track(np.zeros((0, 2))), "too few points"),
        (raw_track(np.full((50, 2), math.nan)), "not finite"),
        (raw_track(wave(), side_left_m=np.zeros(7)), "unlike lengths"),
        (RawTrack(name="flat", line_xyz_m=np.zeros((9, 2))), "wrong shape"),
    ],
)
def test_a_line_that_is_none_is_refused(raw: RawTrack, reason: str) -> None:
    """The error names the track, what is wrong with its line, and what to do."""
    with pytest.raises(TrackError) as caught:
        build(raw)
    assert caught.value.reason == reason
    assert caught.value.file == raw.name
    assert caught.value.hint
