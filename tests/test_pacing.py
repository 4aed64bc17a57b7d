"""Ticks on an absolute schedule: no drift, no burst, and every missed one counted."""

from __future__ import annotations

import asyncio
import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ac_bridge.clock import ManualClock, settle
from ac_bridge.pacing import KEPT_ERRORS, LATE_SHARE, Pacer, Tick, Ticker, TickStats, percentile
from ac_bridge_protocol.errors import SettingError

HZ = st.floats(0.5, 1000.0)


# --- The arithmetic -------------------------------------------------------------------------------


def reached(pacer: Pacer, now_s: float) -> Tick:
    """Take the next tick, having waited for it without delay."""
    tick = pacer.next(now_s)
    assert pacer.reach(tick, max(now_s, tick.at_s))
    return tick


def test_the_first_tick_is_a_whole_period_away() -> None:
    """Tick 0 is the schedule's start, and is never waited for."""
    pacer = Pacer(hz=10.0, start_s=100.0)
    assert pacer.at(0) == 100.0
    tick = pacer.next(100.0)
    assert (tick.index, tick.at_s, tick.missed) == (1, 100.1, 0)


def test_looking_at_the_next_tick_does_not_take_it() -> None:
    """A wait that was cancelled loses nothing: the tick is the next one still."""
    pacer = Pacer(hz=10.0, start_s=0.0)
    assert pacer.next(0.0) == pacer.next(0.05)
    reached(pacer, 0.05)
    assert pacer.next(0.1).index == 2


@given(hz=HZ, start_s=st.floats(0.0, 1e6))
@settings(max_examples=10)
def test_ten_thousand_ticks_do_not_drift(hz: float, start_s: float) -> None:
    """The last one lies where the schedule puts it, to within the rounding of one division."""
    pacer = Pacer(hz, start_s)
    now = start_s
    for k in range(1, 10_001):
        tick = reached(pacer, now)
        assert (tick.index, tick.missed) == (k, 0)
        now = tick.at_s
    assert now == start_s + 10_000 / hz


@pytest.mark.parametrize(("late", "index"), [(0.0, 3), (0.5, 3), (0.9, 3), (1.1, 4)])
def test_a_late_tick_is_still_run_within_its_share(late: float, index: int) -> None:
    """Of a period; beyond it the tick is skipped and counted."""
    pacer = Pacer(hz=8.0, start_s=0.0)
    reached(pacer, 0.0)
    reached(pacer, 0.125)
    tick = pacer.next((3 + late * LATE_SHARE) / 8.0)
    assert (tick.index, tick.missed) == (index, index - 3)


def test_a_tick_overtaken_while_it_was_waited_for_is_skipped() -> None:
    """The next one counts it as missed; within its share of lateness it is still run."""
    pacer = Pacer(hz=8.0, start_s=0.0)
    overtaken_s = 0.125 + 1.1 * LATE_SHARE / 8.0
    assert not pacer.reach(pacer.next(0.0), overtaken_s)
    following = pacer.next(overtaken_s)
    assert (following.index, following.missed) == (2, 1)
    assert pacer.reach(following, 0.25 + 0.9 * LATE_SHARE / 8.0)


def test_after_a_stall_the_next_tick_is_on_the_schedule() -> None:
    """What passed is skipped, counted, and not made up for."""
    pacer = Pacer(hz=10.0, start_s=0.0)
    tick = reached(pacer, 1.27)
    assert (tick.index, tick.missed, tick.at_s) == (13, 12, 1.3)
    following = reached(pacer, tick.at_s)
    assert (following.index, following.missed) == (14, 0)


@given(
    hz=HZ,
    stalls=st.lists(st.tuples(st.floats(0.0, 10.0), st.floats(0.0, 3.0)), max_size=60),
)
def test_no_stall_makes_a_burst(hz: float, stalls: list[tuple[float, float]]) -> None:
    """Stalls before and during waits: none is lost, and ticks keep their distance."""
    pacer = Pacer(hz, start_s=0.0)
    now, last_run, last_index = 0.0, 0.0, 0
    for before, during in stalls:
        now += before / hz
        tick = pacer.next(now)
        assert tick.index == last_index + 1 + tick.missed
        assert tick.at_s == pacer.at(tick.index)
        now = max(now, tick.at_s) + during / hz  # waited for, and perhaps overtaken
        if not pacer.reach(tick, now):
            continue
        assert now - tick.at_s <= (LATE_SHARE + 1e-6) / hz
        assert now - last_run >= (1 - LATE_SHARE - 1e-6) / hz
        last_run, last_index = now, tick.index


@pytest.mark.parametrize("hz", [0.0, -1.0, math.inf, -math.inf, math.nan])
def test_a_rate_must_be_one(hz: float) -> None:
    """Above zero and finite."""
    with pytest.raises(SettingError, match="above 0") as caught:
        Pacer(hz, 0.0)
    assert caught.value.setting == "hz"


# --- The ticker -----------------------------------------------------------------------------------


def test_a_blocking_ticker_keeps_the_grid() -> None:
    """Ten thousand ticks at 60 Hz, with random work in between, end where they must."""
    clock = ManualClock(start_s=50.0)
    ticker = Ticker(hz=60.0, clock=clock)
    for k in range(1, 10_001):
        tick = ticker.wait()
        assert tick.index == k
        assert clock.now() == tick.at_s == 50.0 + k / 60.0
        clock.stall((k * 7919 % 900) / 1000.0 / 60.0)  # up to nine tenths of a period of work
    assert ticker.stats.summary() == {
        "ticks": 10_000,
        "missed": 0,
        "p50_us": 0.0,
        "p99_us": 0.0,
        "max_us": 0.0,
    }


@given(stalls=st.lists(st.one_of(st.just(0.0), st.floats(0.0, 50.0)), min_size=1, max_size=100))
def test_random_stalls_are_skipped_and_counted(stalls: list[float]) -> None:
    """After any stall the next tick is on the grid; run and missed ones add up to the schedule."""
    clock = ManualClock()
    ticker = Ticker(hz=10.0, clock=clock)
    run = 0
    for stall in stalls:
        clock.stall(stall / 10.0)
        tick = ticker.wait()
        run += 1
        assert tick.at_s == tick.index / 10.0
        assert tick.at_s <= clock.now() <= tick.at_s + 0.1 * LATE_SHARE + 1e-9
        assert tick.index == run + ticker.stats.missed
    assert ticker.stats.ticks == run


def test_iterating_is_waiting() -> None:
    """A ticker is an endless iterator of its ticks."""
    clock = ManualClock()
    ticks = list(itertools.islice(Ticker(hz=4.0, clock=clock), 3))
    assert [(t.index, t.at_s) for t in ticks] == [(1, 0.25), (2, 0.5), (3, 0.75)]
    assert clock.now() == 0.75


def test_an_event_loop_iterates_too() -> None:
    """Each tick comes when the clock gets there, and not before."""

    async def main() -> list[tuple[int, float]]:
        clock = ManualClock()
        seen: list[tuple[int, float]] = []

        async def drive() -> None:
            async for tick in Ticker(hz=4.0, clock=clock):
                seen.append((tick.index, clock.now()))  # noqa: PERF401 -- read on the way

        task = asyncio.ensure_future(drive())
        await clock.advance(0.24)
        assert seen == []
        await clock.advance(0.5)
        assert seen == [(1, 0.25), (2, 0.5)]
        clock.stall(1.0)
        await clock.advance(0.0)
        assert len(seen) == 2, "tick 3 was overtaken at 0.75 and is not made up for"
        await clock.advance(0.3)
        task.cancel()
        await settle()
        return seen

    seen = asyncio.run(main())
    assert seen == [(1, 0.25), (2, 0.5), (7, 1.75), (8, 2.0)]


def test_an_async_ticker_keeps_the_grid() -> None:
    """Ten thousand ticks in an event loop, with a stall of five and a half now and then."""

    async def main() -> tuple[int, int, float]:
        clock = ManualClock()
        ticker = Ticker(hz=50.0, clock=clock)
        index = 0
        while index < 10_000:
            waiting = asyncio.ensure_future(ticker.wait_async())
            await asyncio.sleep(0)
            await clock.advance((index + 1) / 50.0 - clock.now() + 1e-9)
            if not waiting.done():
                await clock.advance(0.02)
            tick = await waiting
            assert clock.now() - tick.at_s < 0.021
            index = tick.index
            if index % 1000 == 0:
                clock.stall(0.11)
        return index, ticker.stats.missed, ticker.stats.error_s(1.0)

    index, missed, worst_s = asyncio.run(main())
    assert index == 10_000
    assert missed == 9 * 5
    assert worst_s < 1e-9


def test_a_cancelled_wait_loses_no_tick() -> None:
    """The next wait gets the tick that the cancelled one was waiting for."""

    async def main() -> tuple[int, int]:
        clock = ManualClock()
        ticker = Ticker(hz=4.0, clock=clock)
        waiting = asyncio.ensure_future(ticker.wait_async())
        await clock.advance(0.125)
        waiting.cancel()
        again = asyncio.ensure_future(ticker.wait_async())
        await clock.advance(0.125)
        return (await again).index, ticker.stats.missed

    assert asyncio.run(main()) == (1, 0)


# --- Statistics -----------------------------------------------------------------------------------


def test_statistics_tell_how_late_ticks_were() -> None:
    """Counts, and percentiles of the error in microseconds."""
    stats = TickStats()
    pacer = Pacer(hz=1.0, start_s=0.0)
    for k in range(1, 101):
        tick = reached(pacer, float(k - 1))
        stats.record(tick, tick.at_s + k / 1024)
    assert stats.error_s(0.5) == 50 / 1024
    assert stats.summary() == {
        "ticks": 100,
        "missed": 0,
        "p50_us": pytest.approx(50e6 / 1024),
        "p99_us": pytest.approx(99e6 / 1024),
        "max_us": pytest.approx(100e6 / 1024),
    }


def test_statistics_of_nothing_are_zero() -> None:
    """Before the first tick."""
    assert set(TickStats().summary().values()) == {0}


def test_statistics_are_bounded() -> None:
    """Counts go on, but only so many errors are kept."""
    stats = TickStats()
    tick = Pacer(hz=1.0, start_s=0.0).next(0.0)
    for _ in range(KEPT_ERRORS + 10):
        stats.record(tick, 1.0)
    assert stats.ticks == KEPT_ERRORS + 10
    assert len(stats._errors_s) == KEPT_ERRORS


@given(values=st.lists(st.floats(-1e6, 1e6), min_size=1), share=st.floats(0.0, 1.0))
def test_a_percentile_is_one_of_the_values(values: list[float], share: float) -> None:
    """At least that share does not exceed it, and no smaller value would do."""
    found = percentile(values, share)
    assert found in values
    assert sum(v <= found for v in values) >= share * len(values) - 1e-9
    smaller = [v for v in values if v < found]
    assert len(smaller) < max(share * len(values), 1) + 1e-9
    assert percentile(values, 1.0) == max(values)


@pytest.mark.parametrize("hz", [3.0, 7.0, 13.0, 60.0, 333.0])
def test_a_tick_on_the_edge_of_being_late_is_not_waited_for_twice(hz: float) -> None:
    """What `next` gives at a moment, `reach` accepts at the same moment, rounding or not."""
    start_s = 0.1
    for k in range(1, 3000):
        now_s = start_s + (k + LATE_SHARE) / hz
        for moment in (now_s, math.nextafter(now_s, 0.0), math.nextafter(now_s, 1e9)):
            pacer = Pacer(hz, start_s)
            assert pacer.reach(pacer.next(moment), moment)
