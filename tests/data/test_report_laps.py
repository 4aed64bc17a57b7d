"""The lap table and the traces of laps, on a circle where every figure is known."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from ac_bridge.data import report_laps
from ac_bridge.data.laps import Cut, laps
from ac_bridge.data.report_laps import LAP_POINTS, LapRows, best_two, lap_rows, thinned
from ac_bridge.data.report_reading import FRAME_COLUMNS, Gathered
from ac_bridge_protocol.frame import TelemetryFrame
from ac_bridge_recording.topics import Topic
from helpers.circles import LENGTH_M, circle_laps

SPEEDS = (25.0, 30.0, 20.0)
"""Of three laps, in m/s: of 24, 20 and 30 s."""


def rows_of(
    frames: Sequence[TelemetryFrame],
    *,
    length_m: float = LENGTH_M,
    episodes: Sequence[int] | None = None,
) -> LapRows:
    """Return the lap table of some frames."""
    gathered = Gathered({}, Topic.TELEMETRY, statics={"track_length_m": length_m})
    for number, frame in enumerate(frames):
        for name in FRAME_COLUMNS:
            gathered.frames[name].append(getattr(frame, name))
        gathered.frames["x"].append(frame.position[0])
        gathered.frames["z"].append(frame.position[2])
        gathered.frames["damage"].append(max(frame.car_damage))
        gathered.frames["episode"].append(-1 if episodes is None else episodes[number])
    gathered.laps = laps(frame.__dict__ for frame in frames)
    return lap_rows(gathered)


def trace_of(found: LapRows, number: int) -> dict[str, Any]:
    """Return the trace of a row."""
    trace = found.rows[number].trace
    assert trace is not None
    return trace


def test_times_and_speeds() -> None:
    """Each lap has the game's time, and its own highest and lowest speed."""
    found = rows_of(circle_laps(SPEEDS))
    timed = [row for row in found.rows if row.timed]
    assert [row.lap.time_ms for row in timed] == [24_000, 20_000, 30_000]
    assert [row.top_kmh for row in timed] == pytest.approx([108.0, 108.0, 108.0], abs=36.1)
    assert timed[0].least_kmh == pytest.approx(90.0)
    assert [row.travelled_m for row in timed] == pytest.approx([LENGTH_M] * 3, rel=0.01)
    assert found.left_out == 1  # a few metres after the last line
    assert found.along_track


@pytest.mark.parametrize("hz", [10.0, 50.0, 333.0])
def test_two_laps_differ_by_their_times_at_the_end(hz: float) -> None:
    """And evenly before: at half the distance by half of it, at any rate of recording."""
    found = rows_of(circle_laps(SPEEDS, hz))
    slow, fast = trace_of(found, 2), trace_of(found, 1)
    for share in (0.1, 0.5, 0.9):
        times = [np.interp(share * LENGTH_M, one["d"], one["t"]) for one in (slow, fast)]
        assert times[0] - times[1] == pytest.approx(10.0 * share, abs=0.01)


def test_a_lap_spans_the_track() -> None:
    """From the line to the line, rising, with time rising too."""
    trace = trace_of(rows_of(circle_laps(SPEEDS)), 1)
    assert 0.0 <= trace["d"][0] < 1.0
    assert LENGTH_M - 1.0 < trace["d"][-1] < LENGTH_M + 1.0
    for name in ("d", "t"):
        assert all(a <= b for a, b in itertools.pairwise(trace[name]))
    assert {len(column) for column in trace.values()} == {len(trace["d"])}
    assert set(trace["gear"]) == {2}  # the page's 3: 1 is neutral


def test_a_line_that_is_not_where_progress_begins() -> None:
    """The game does not promise that: distance is counted from where laps begin."""
    frames = [
        frame.model_copy(update={"normalized_position": (frame.normalized_position + 0.97) % 1.0})
        for frame in circle_laps(SPEEDS)
    ]
    found = rows_of(frames)
    for number in range(3):
        trace = trace_of(found, number)
        assert trace["d"][0] == pytest.approx(0.0, abs=1.0)
        assert trace["d"][-1] == pytest.approx(LENGTH_M, abs=1.0)


def test_progress_that_is_unknown_for_a_moment() -> None:
    """It is -1 after a teleport: in between, the trace goes on in a straight line."""
    frames = circle_laps([25.0])
    for number in (200, 201, 202):
        frames[number] = frames[number].model_copy(update={"normalized_position": -1.0})
    trace = trace_of(rows_of(frames), 0)
    assert min(trace["d"]) >= 0.0
    assert max(np.diff(trace["d"])) < 1.0


@pytest.mark.parametrize("how", ["no length", "no progress"])
def test_without_progress_distance_is_what_the_car_travelled(how: str) -> None:
    """A recording without statics, or a game that does not tell, has laps to compare too."""
    frames = circle_laps(SPEEDS)
    if how == "no progress":
        frames = [one.model_copy(update={"normalized_position": -1.0}) for one in frames]
    found = rows_of(frames, length_m=0.0 if how == "no length" else LENGTH_M)
    assert not found.along_track
    assert trace_of(found, 1)["d"][-1] == pytest.approx(LENGTH_M, rel=0.01)


def test_a_lap_that_was_recorded_from_its_middle() -> None:
    """Has the lap clock's time and the track's distance, so that it can be compared."""
    frames = circle_laps([20.0, 25.0])
    trace = trace_of(rows_of(frames[500:]), 0)  # 10 s, 200 m
    assert trace["d"][0] == pytest.approx(200.0, abs=0.5)
    assert trace["t"][0] == pytest.approx(10.0, abs=0.01)


def test_a_lap_clock_that_is_not_set_to_zero_at_the_line() -> None:
    """As in some sessions of the game: time is counted from the line then."""
    frames = circle_laps(SPEEDS)
    clock = [
        one.model_copy(update={"current_time": round((one.t_wall - frames[0].t_wall) * 1000)})
        for one in frames
    ]
    trace = trace_of(rows_of(clock), 1)
    assert trace["t"][0] == pytest.approx(0.0, abs=0.03)
    assert trace["t"][-1] == pytest.approx(20.0, abs=0.03)


def test_tyres_gears_and_damage() -> None:
    """Counted within the lap: how long off, changes without neutral, what an impact added."""
    frames = circle_laps([25.0])
    for number, frame in enumerate(frames):
        update: dict[str, Any] = {"gear": 3}
        if 100 <= number < 150:
            update["tyres_out"] = 2
        if number >= 300:
            update["gear"] = 1 if number < 310 else 4
        if number >= 400:
            update["gear"] = 3
        update["car_damage"] = (0.0, 0.0, 12.5 if number >= 600 else 4.5, 0.0, 0.0)
        frames[number] = frame.model_copy(update=update)
    row = rows_of(frames).rows[0]
    assert (row.tyres_out, row.gear_changes, row.damage_kmh) == (2, 2, 8.0)
    assert row.out_s == pytest.approx(1.0, abs=0.01)


def test_the_episode_is_the_one_of_most_frames() -> None:
    """A lap begins before its episode is announced; one outside of all has none."""
    frames = circle_laps([25.0, 30.0])
    episodes = [-1] * 20 + [7] * (1200 - 20) + [-1] * (len(frames) - 1200)
    first, second = rows_of(frames, episodes=episodes).rows[:2]
    assert (first.episode, second.episode) == (7, None)


def test_unfinished_laps_are_there_with_their_end() -> None:
    """And a car that was only put somewhere is not."""
    driven = circle_laps([25.0])[:400]
    again = [
        one.model_copy(update={"t_wall": one.t_wall + 9.0, "packet_id": one.packet_id + 3000})
        for one in circle_laps([20.0])[:600]
    ]
    stood = [driven[0].model_copy(update={"t_wall": 1100.0 + n / 50.0}) for n in range(50)]
    found = rows_of([*driven, *again, *stood])
    assert [row.lap.cut for row in found.rows][:1] == [Cut.RESTART]
    assert [row.timed for row in found.rows] == [False, False]
    assert found.left_out == 1


def test_the_best_two() -> None:
    """Valid laps first, then by time; with a single one it is compared with itself."""
    assert best_two(rows_of(circle_laps(SPEEDS)).rows) == (1, 0)
    frames = [
        one.model_copy(update={"is_valid_lap": one.completed_laps != 1})
        for one in circle_laps(SPEEDS)
    ]
    assert best_two(rows_of(frames).rows) == (0, 2)
    assert best_two(rows_of(circle_laps([20.0])).rows) == (0, 0)


def test_no_frames_no_rows() -> None:
    """And one frame is not a lap."""
    assert rows_of([]).rows == []
    assert rows_of(circle_laps([20.0])[:1]).rows == []


def test_many_points_are_thinned() -> None:
    """A lap at 333 Hz keeps as many as a screen can show, evenly over the distance."""
    found = rows_of(circle_laps([10.0], hz=333.0))
    trace = trace_of(found, 0)
    assert found.points == LAP_POINTS
    assert 0.95 * LAP_POINTS < len(trace["d"]) <= LAP_POINTS + 1
    assert max(np.diff(trace["d"])) < 3.0 * LENGTH_M / LAP_POINTS


def test_many_laps_have_fewer_points_and_the_worst_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page stays small; all laps are in the table."""
    monkeypatch.setattr(report_laps, "ALL_POINTS", 900)
    monkeypatch.setattr(report_laps, "MOST_TRACES", 3)
    found = rows_of(circle_laps([30.0, 20.0, 40.0, 25.0]))
    assert [row.trace is None for row in found.rows] == [False, True, False, False]
    assert all(len(row.trace["d"]) <= 302 for row in found.rows if row.trace)


def test_thinning_leaves_out_standing_and_going_backwards() -> None:
    """The first frame that reaches each distance stays; the first and the last always do."""
    distance = np.array([0.0, 0.0, 0.0, 5.0, 10.0, 8.0, 6.0, 9.0, 15.0, 20.0, 19.0])
    assert thinned(distance, 5).tolist() == [0, 3, 4, 8, 9, 10]
    assert thinned(distance[:2], 5).tolist() == [0, 1]
    assert thinned(np.zeros(4), 5).tolist() == [0, 3]
