"""Cutting frames into laps."""

from __future__ import annotations

from typing import Any

import pytest

from ac_bridge.data.laps import Cut, Cutter, laps
from ac_bridge_protocol.frame import GameState
from helpers.frames import FRAME_VALUES

HZ = 10


def driven(*changes: dict[str, Any]) -> list[dict[str, Any]]:
    """Return frames a tenth of a second apart; what a change says stays so."""
    frames: list[dict[str, Any]] = []
    values = FRAME_VALUES | {"current_sector_index": 0, "completed_laps": 0}
    for number, change in enumerate(changes):
        moved = {
            "t_wall": 1000.0 + number / HZ,
            "packet_id": 1000 + number * 33,
            "position": (2.0 * number, 0.0, 0.0),
            "current_time": values["current_time"] + 100,
        }
        values = values | moved | change
        frames.append(values)
    return frames


def over_the_line(lap: int, time_ms: int) -> dict[str, Any]:
    """Return what the game writes when a lap is done."""
    return {"completed_laps": lap, "current_time": 20, "last_time": time_ms}


def test_a_lap_is_from_line_to_line() -> None:
    """Its last frame is the next one's first, and its time is the game's."""
    frames = driven(*[{}] * 5, over_the_line(1, 91_000), *[{}] * 9, over_the_line(2, 90_500))
    frames += driven(*[{}] * 15, over_the_line(2, 90_500), *[{}] * 9)[16:]
    out, full, rest = laps(frames)
    assert (out.first, out.last, out.cut, out.from_line) == (0, 5, Cut.LINE, False)
    assert (full.first, full.last, full.number, full.from_line) == (5, 15, 2, True)
    assert (full.time_ms, full.cut) == (90_500, Cut.LINE)
    assert (rest.first, rest.time_ms, rest.cut) == (15, None, Cut.END)


def test_a_lap_time_that_is_written_a_moment_later_is_its_time() -> None:
    """The counter, the clock and the time do not change in the same instant."""
    frames = driven(
        {"last_time": 88_000},
        {},
        {"current_time": 20},
        {"completed_laps": 1},
        {"last_time": 91_000},
        *[{}] * 8,
    )
    first, second = laps(frames)
    assert (first.last, first.number, first.time_ms) == (2, 1, 91_000)
    assert (second.first, second.number, second.cut) == (2, 2, Cut.END)


def test_a_crossing_that_is_not_counted_ends_a_lap_without_a_time() -> None:
    """In a hotlap session invalid laps are not counted; the clock begins anew all the same."""
    first, second = laps(driven({}, {}, {"current_time": 20}, *[{}] * 12))
    assert (first.cut, first.time_ms, second.from_line) == (Cut.LINE, None, True)


def test_a_slow_out_lap_ends_at_the_line() -> None:
    """Not at a restart, though its crossing is not counted; what follows is a lap from the line."""
    out = {"speed_kmh": 15.0, "normalized_position": 0.999}
    over = {"current_time": 20, "normalized_position": 0.001}
    first, second = laps(driven(out, {}, over, *[{}] * 12))
    assert (first.cut, first.time_ms, second.from_line) == (Cut.LINE, None, True)


@pytest.mark.parametrize(
    ("change", "cut"),
    [
        ({"packet_id": 3}, Cut.RESTART),
        ({"completed_laps": -1}, Cut.RESTART),
        ({"t_wall": 5.0}, Cut.RESTART),
        ({"current_time": 0, "speed_kmh": 0.0}, Cut.RESTART),
        ({"current_time": 0, "position": (900.0, 0.0, 0.0)}, Cut.RESTART),
        ({"position": (900.0, 0.0, 0.0)}, Cut.TELEPORT),
        ({"t_wall": 1900.0}, Cut.GAP),
    ],
)
def test_what_is_not_one_drive_is_cut(change: dict[str, Any], cut: Cut) -> None:
    """The frame after the cut begins something else."""
    first, second = laps(driven({}, {}, change))
    assert (first.last, first.cut) == (1, cut)
    assert (second.first, second.last, second.from_line) == (2, 2, False)


def test_frames_of_a_game_that_is_not_live_are_of_no_lap() -> None:
    """A pause ends a stretch, and what follows is another one."""
    frames = driven({}, {}, {"state": GameState.PAUSED}, {}, {"state": GameState.LIVE}, {})
    first, second = laps(frames)
    assert (first.last, first.cut) == (1, Cut.NOT_LIVE)
    assert (second.first, second.last) == (4, 5)


def test_a_cut_makes_a_lap_invalid_for_good() -> None:
    """Even if the game should forget it."""
    first, second = laps(
        driven({}, {"is_valid_lap": False}, {"is_valid_lap": True}, over_the_line(1, 9_000), {})
    )
    assert (first.valid, second.valid) == (False, True)


def test_sectors_add_up_to_the_lap() -> None:
    """The last one is what the others leave of the lap's time."""
    frames = driven(
        over_the_line(0, 0) | {"last_sector_time": 31_000},
        {},
        {"current_sector_index": 1},
        {"last_sector_time": 30_000},
        {"current_sector_index": 2, "last_sector_time": 29_000},
        {},
        over_the_line(1, 90_000) | {"current_sector_index": 0, "last_sector_time": 31_000},
        *[{}] * 8,
    )
    first, second = laps(frames)
    assert first.sectors_ms == (30_000, 29_000, 31_000)
    assert second.sectors_ms == ()


def test_frames_of_a_recording_do_for_it_as_they_are() -> None:
    """The state is text there, and a position a list."""
    frames = driven({}, {}, {"position": [900.0, 0.0, 0.0], "state": "live"})
    cutter = Cutter()
    assert [cutter.see(frame) for frame in frames] == [None, None, Cut.TELEPORT]


def test_nothing_has_no_laps() -> None:
    """Not even an empty one."""
    assert laps([]) == []
