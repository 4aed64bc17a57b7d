"""Laps, sectors, cuts and texts."""

import pytest

from ac_bridge.standin.laps import STEP_MS, LapTimer, lap_text

LENGTH_M = 900.0


def roll(timer: LapTimer, *positions_m: float, tyres_out: int = 0) -> None:
    """Pass through positions, one a step."""
    for position_m in positions_m:
        timer.step(position_m, tyres_out)


def lap(timer: LapTimer, tyres_out: int = 0) -> None:
    """Drive once around in five steps."""
    roll(timer, 250.0, 310.0, 500.0, 610.0, tyres_out=tyres_out)
    roll(timer, 890.0, 1.0)


@pytest.mark.parametrize(
    ("time_ms", "text"),
    [(0, "-:--:---"), (3, "0:00:003"), (83_148, "1:23:148"), (600_000, "10:00:000")],
)
def test_texts_are_written_as_the_game_writes_them(time_ms: int, text: str) -> None:
    """A colon before the milliseconds, no leading zero on the minutes."""
    assert lap_text(time_ms) == text


def test_a_lap_counts_when_every_line_was_crossed() -> None:
    """Last and best time are there after the first lap; the clock starts anew."""
    timer = LapTimer(LENGTH_M)
    lap(timer)
    assert (timer.completed, timer.last_ms, timer.best_ms) == (1, 6 * STEP_MS, 6 * STEP_MS)
    assert (timer.current_ms, timer.sector, timer.split_ms) == (0, 0, 0)


def test_times_are_zero_until_there_is_a_lap() -> None:
    """Zero means none, as on the page."""
    timer = LapTimer(LENGTH_M)
    roll(timer, 100.0, 200.0)
    assert (timer.last_ms, timer.best_ms, timer.sector_ms) == (0, 0, 0)
    assert timer.current_ms == 2 * STEP_MS


def test_sectors_are_timed_one_by_one() -> None:
    """The last split stays until the next line, also into the next lap."""
    timer = LapTimer(LENGTH_M)
    roll(timer, 250.0, 310.0)
    assert (timer.sector, timer.sector_ms, timer.split_ms) == (1, 6, 6)
    roll(timer, 400.0, 500.0, 610.0)
    assert (timer.sector, timer.sector_ms) == (2, 9)
    roll(timer, 890.0, 1.0)
    assert (timer.sector, timer.sector_ms, timer.split_ms) == (0, 6, 0)


def test_backwards_over_the_line_counts_nothing() -> None:
    """Crossing the line backwards and again forwards is no lap, and the clock goes on."""
    timer = LapTimer(LENGTH_M)
    roll(timer, 899.0, 1.0, 899.0, 1.0)
    assert timer.completed == 0
    assert timer.current_ms == 4 * STEP_MS


def test_a_skipped_sector_line_spoils_the_lap() -> None:
    """A car that comes to the line without a sector line has not driven a lap."""
    timer = LapTimer(LENGTH_M)
    roll(timer, 250.0, 310.0, 890.0, 1.0)
    assert timer.sector == 1
    assert timer.completed == 0


def test_the_best_lap_is_the_fastest() -> None:
    """A slower lap changes the last time only."""
    timer = LapTimer(LENGTH_M)
    lap(timer)
    roll(timer, 2.0, 3.0)
    lap(timer)
    assert (timer.completed, timer.last_ms, timer.best_ms) == (2, 24, 18)


def test_a_cut_lap_is_no_best_lap_with_a_text() -> None:
    """Three tyres out cut the lap: it counts, but only the best time with cuts has it."""
    timer = LapTimer(LENGTH_M)
    lap(timer, tyres_out=3)
    assert (timer.completed, timer.best_ms, timer.best_valid_ms) == (1, 18, 0)
    assert not timer.cut
    lap(timer, tyres_out=2)
    assert timer.best_valid_ms == 18


def test_what_is_shown_stays_when_the_timer_goes_on() -> None:
    """A drawn frame keeps the times of its moment."""
    timer = LapTimer(LENGTH_M)
    lap(timer)
    shown = timer.times()
    lap(timer)
    assert (shown.completed, shown.last_ms, shown.current_ms) == (1, 6 * STEP_MS, 0)
    assert timer.times().completed == 2
