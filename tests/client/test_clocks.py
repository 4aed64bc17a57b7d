"""The offset between two clocks: always within its bound, whatever the link does."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ac_bridge_client.clocks import KEPT, ClockFilter

ROUNDING_S = 1e-6


class Ping(NamedTuple):
    """One ping: when it leaves, how long there, at the actor, and back; in seconds."""

    gap_s: float
    there_s: float
    held_s: float
    back_s: float


DELAYS = st.floats(0.0, 2.0)
PINGS = st.lists(st.builds(Ping, st.floats(0.0, 20.0), DELAYS, DELAYS, DELAYS), min_size=1)
OFFSETS = st.floats(-1e6, 1e6)


def feed(clock: ClockFilter, pings: list[Ping], offset_s: float, gained: float = 0.0) -> float:
    """Make round trips to a clock that is ahead by an offset, and gains; return the last offset."""

    def theirs(now_s: float) -> float:
        return now_s * (1.0 + gained) + offset_s

    now_s = 0.0
    for ping in pings:
        sent_s = now_s = now_s + ping.gap_s
        received = theirs(sent_s + ping.there_s)
        answered = theirs(sent_s + ping.there_s + ping.held_s)
        now_s = sent_s + ping.there_s + ping.held_s + ping.back_s
        clock.add(sent_s, received, answered, now_s)
    return theirs(now_s) - now_s


def check(clock: ClockFilter, offset_s: float) -> None:
    assert clock.offset_s is not None
    assert clock.error_s is not None
    assert abs(clock.offset_s - offset_s) <= clock.error_s + ROUNDING_S


@given(PINGS, OFFSETS)
def test_the_true_offset_is_within_the_bound(pings: list[Ping], offset_s: float) -> None:
    """However long there and back take, and however unlike each other."""
    clock = ClockFilter()
    feed(clock, pings, offset_s)
    check(clock, offset_s)


@given(PINGS, OFFSETS, st.floats(-5e-5, 5e-5))
def test_also_while_the_clocks_drift(pings: list[Ping], offset_s: float, gained: float) -> None:
    """At the rate of the worst quartz."""
    clock = ClockFilter()
    check(clock, feed(clock, pings, offset_s, gained))


@given(OFFSETS, st.lists(DELAYS, min_size=1))
def test_equal_ways_give_the_offset_itself(offset_s: float, delays: list[float]) -> None:
    """If there takes as long as back, there is no error at all."""
    clock = ClockFilter()
    feed(clock, [Ping(0.1, delay, 0.01, delay) for delay in delays], offset_s)
    assert clock.offset_s == pytest.approx(offset_s, abs=ROUNDING_S)


def test_the_quickest_round_trip_decides() -> None:
    """Slow ones before and after it change nothing; the bound is half of it, and a little age."""
    clock = ClockFilter()
    feed(clock, [Ping(1, 0.5, 0, 0.1), Ping(1, 0.001, 0, 0.003), Ping(1, 0.1, 0, 0.7)], 5.0)
    assert clock.offset_s == pytest.approx(4.999)
    assert clock.error_s == pytest.approx(0.002, abs=0.001)
    check(clock, 5.0)


def test_old_round_trips_age_out() -> None:
    """A clock that was set anew is followed once its old round trips are too old to count."""
    clock = ClockFilter(window_s=10.0)
    clock.add(0.0, 100.0, 100.0, 0.001)
    for second in range(1, 15):
        clock.add(second, second + 50.0, second + 50.0, second + 0.1)
    assert clock.offset_s == pytest.approx(50.0, abs=0.06)


def test_memory_is_bounded() -> None:
    """Pings at any rate keep no more than so many round trips."""
    clock = ClockFilter(window_s=1e9)
    for number in range(10 * KEPT):
        clock.add(number, number, number, number + 0.5)
    assert len(clock._kept) == KEPT


def test_a_moment_of_theirs_in_ours() -> None:
    """Actor's clock less offset; nothing before anything is known."""
    clock = ClockFilter()
    assert (clock.offset_s, clock.error_s, clock.to_learner(3.0)) == (None, None, None)
    assert clock.add(1.0, 11.05, 11.06, 1.11) == pytest.approx(0.1)
    assert clock.to_learner(13.0) == pytest.approx(3.0)


def test_no_round_trip_takes_less_than_no_time() -> None:
    """An actor that claims to have held a ping for longer than it was away is not believed."""
    assert ClockFilter().add(1.0, 5.0, 9.0, 1.5) == 0.0
