"""What became of a drive, in figures."""

from __future__ import annotations

import math

import pytest

from ac_bridge_client.stats import KEPT, Tally
from helpers.wire import make_receipt


def test_counts_and_spreads() -> None:
    """Every step's receipt is in the figures."""
    tally = Tally(episodes=2, reconnects=3, requests_repeated=4, stale_answers=5)
    for number in range(100):
        late = number < 25
        receipt = make_receipt(
            late=late,
            ticks_held=2 * late,
            ticks_eased=int(late),
            ticks_planned=1,
            ticks_missed=3,
            action_age_s=0.001 * (number + 1),
        )
        tally.count(receipt, 0.002 * (number + 1))
    tally.round_trips_s.extend([0.01, 0.03, 0.02])
    stats = tally.stats(-1.5, 0.005)
    assert (stats.steps, stats.episodes, stats.late, stats.late_share) == (100, 2, 25, 0.25)
    assert (stats.ticks_held, stats.ticks_eased) == (50, 25)
    assert (stats.ticks_planned, stats.ticks_missed) == (100, 300)
    assert (stats.reconnects, stats.requests_repeated, stats.stale_answers) == (3, 4, 5)
    assert (stats.action_age_s.p50, stats.action_age_s.p99) == pytest.approx((0.05, 0.099))
    assert stats.observation_age_s.p50 == pytest.approx(0.1)
    assert (stats.round_trip_s.least, stats.round_trip_s.p50) == (0.01, 0.02)
    assert (stats.clock_offset_s, stats.clock_offset_error_s) == (-1.5, 0.005)


def test_as_a_table() -> None:
    """One row each, aligned, with units; the summary is one paragraph of the same."""
    tally = Tally()
    tally.count(make_receipt(late=True, action_age_s=0.05), 0.012)
    stats = tally.stats(0.25, 0.001)
    rows = str(stats).splitlines()
    assert any(row.startswith("late actions") and row.endswith("1 (100.00%)") for row in rows)
    assert any(row.startswith("action age") and "50.0 ms" in row for row in rows)
    assert any(
        row.startswith("clock offset") and "+0.250000 s, to within 1.0 ms" in row for row in rows
    )
    assert len({len(row) - len(row.split("  ")[-1].lstrip()) for row in rows}) == 1, "aligned"
    assert "\n" not in stats.summary()
    assert "1 actions late" in stats.summary()


def test_of_nothing() -> None:
    """Nothing measured is a dash, and no number pretends otherwise."""
    stats = Tally().stats(None, None)
    assert stats.late_share == 0.0
    assert math.isnan(stats.round_trip_s.p99)
    assert math.isnan(stats.clock_offset_s)
    assert "-, -" in str(stats)
    assert "nan" not in str(stats) + stats.summary()


def test_an_unknown_age_is_not_counted() -> None:
    """A step whose observation's age nobody knows counts for everything else."""
    tally = Tally()
    tally.count(make_receipt(), None)
    stats = tally.stats(None, None)
    assert stats.steps == 1
    assert math.isnan(stats.observation_age_s.p50)


def test_memory_is_bounded() -> None:
    """A drive of any length keeps so many values and no more."""
    tally = Tally()
    for _ in range(KEPT + 100):
        tally.count(make_receipt(), 0.1)
    assert len(tally.action_ages_s) == len(tally.observation_ages_s) == KEPT
    assert tally.stats(None, None).steps == KEPT + 100
