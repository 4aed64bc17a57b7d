"""What a link is good for."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ac_bridge_client.recommend import (
    FAR_S,
    RESERVE_S,
    TIMEOUT_S,
    LinkFigures,
    figures_of,
    ms,
    percentiles,
    recommend,
    ticks_needed,
)
from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.limits import DELAY_TICKS
from ac_bridge_protocol.spec import Mode

TRIPS = st.lists(st.floats(0.0, 5.0), min_size=1, max_size=200)
RATES = st.floats(1.0, 100.0)


def link(p50_s: float, p99_s: float | None = None, worst_s: float | None = None) -> LinkFigures:
    """Return figures of a link; a steady one unless told otherwise."""
    p99_s = p50_s if p99_s is None else p99_s
    return LinkFigures(100, p50_s, p50_s, p99_s, worst_s or p99_s, 0.0, 0)


@pytest.mark.parametrize(
    ("figures", "hz", "mode", "ticks"),
    [
        (link(0.001), 20, Mode.LATEST, 0),
        (link(0.001, 0.0124), 20, Mode.LATEST, 0),
        (link(0.001, 0.0126), 20, Mode.FIXED_DELAY, 1),  # near: what was measured, and the reserve
        (link(0.001, 0.0126, 0.046), 20, Mode.FIXED_DELAY, 2),
        (link(0.040, 0.060), 20, Mode.FIXED_DELAY, 7),  # far: 2 x 40 + 240 + 5 = 325 ms
        (link(0.040, 0.060, 0.360), 20, Mode.FIXED_DELAY, 8),  # the worst counts
        (link(0.040), 5, Mode.LATEST, 0),
    ],
)
def test_rule(figures: LinkFigures, hz: float, mode: Mode, ticks: int) -> None:
    """`latest` below a quarter of the period; else ticks of the worst, or of a loss far away."""
    found = recommend(figures, hz)
    assert (found.mode, found.delay_ticks, found.control_hz, found.holds) == (mode, ticks, hz, True)


def test_a_link_that_cannot_hold_the_rate() -> None:
    """Says so, and which rate it can hold: at that one it is all right."""
    found = recommend(link(0.3), 100)
    assert not found.holds
    assert "cannot hold 100" in found.why
    assert f"{found.control_hz:g} Hz" in found.why
    again = recommend(link(0.3), found.control_hz)
    assert (again.holds, again.delay_ticks) == (True, found.delay_ticks)
    assert recommend(link(0.3), found.control_hz * 1.05).holds is False


@given(TRIPS, RATES)
def test_the_delay_covers_every_round_trip(trips_s: list[float], hz: float) -> None:
    """No measured round trip is longer than the delay, and one tick less would not do."""
    figures = figures_of(trips_s)
    ticks = ticks_needed(figures, hz)
    timeout_s = 2 * figures.p50_s + TIMEOUT_S if figures.p50_s >= FAR_S else 0.0
    needed_s = max(figures.worst_s, timeout_s) + RESERVE_S
    assert ticks / hz >= needed_s - 1e-9
    assert (ticks - 1) / hz < needed_s + 1e-9


@given(TRIPS, RATES)
def test_a_recommendation_is_one_that_can_be_asked_for(trips_s: list[float], hz: float) -> None:
    """Mode and delay go together, and `latest` up to its highest rate."""
    figures = figures_of(trips_s)
    found = recommend(figures, hz)
    assert (found.delay_ticks > 0) is (found.mode is Mode.FIXED_DELAY)
    assert found.delay_ticks <= DELAY_TICKS
    assert found.control_hz <= hz
    assert (found.mode is Mode.LATEST) is (figures.p99_s < 0.25 / hz)
    assert recommend(figures, found.latest_hz * 0.99).mode is Mode.LATEST


def test_what_to_write() -> None:
    """The arguments are Python."""
    assert recommend(link(0.001), 20).arguments() == 'mode="latest"'
    assert recommend(link(0.04), 20).arguments() == 'mode="fixed_delay", delay_ticks=7'


def test_figures() -> None:
    """Counts, percentiles, jitter, and the round trips that look like a loss."""
    figures = figures_of([0.04, 0.05, 0.04, 0.13, 0.04])
    assert (figures.round_trips, figures.least_s, figures.p50_s) == (5, 0.04, 0.04)
    assert (figures.p99_s, figures.worst_s, figures.outliers) == (0.13, 0.13, 1)
    assert figures.jitter_s == pytest.approx((0.01 + 0.01 + 0.09 + 0.09) / 4)


def test_nothing_was_measured() -> None:
    """No figures of nothing."""
    with pytest.raises(SettingError, match="longer"):
        figures_of([])


def test_percentiles_are_values_that_occurred() -> None:
    """The smallest that the share does not exceed."""
    values = [float(value) for value in range(1, 101)]
    random.Random(1).shuffle(values)
    assert percentiles(values, 0.5, 0.99, 1.0) == [50.0, 99.0, 100.0]
    assert percentiles([3.0], 0.99) == [3.0]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.000_21, "0.21 ms"), (0.0421, "42.1 ms"), (1.5, "1500 ms")]
)
def test_times_as_people_read_them(seconds: float, text: str) -> None:
    """Three figures are enough."""
    assert ms(seconds) == text
