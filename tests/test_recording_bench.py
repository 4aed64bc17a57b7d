"""The bench of what recording costs judges rightly: what costs too much is found."""

from __future__ import annotations

import dataclasses
import random
import sys

import pytest

from _recording import turns
from _recording.stream import template
from _recording.switched import Cost
from _recording.turns import TELEMETRY_HZ, Block, add_up, interval, judge

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the bench is for Linux")

SECONDS = 8.0
COST = Cost(
    seconds=SECONDS,
    thread_s=0.4,
    size_bytes=2**20,
    frames=round(TELEMETRY_HZ * SECONDS),
    written={"/telemetry": round(TELEMETRY_HZ * SECONDS), "/wire": 3600},
    dropped=0,
    most_waiting_bytes=100_000,
)


def blocks(slower: float = 1.0, cost: Cost = COST, pairs: int = 20) -> list[Block]:
    """Return blocks by turns, of which the recorded ones have ticks that are so much later."""
    chance = random.Random(1)
    made = []
    for _ in range(pairs):
        for recorded in (False, True):
            errors_s = [chance.expovariate(1e4) for _ in range(480)]
            factor = slower if recorded else 1.0
            made.append(Block([factor * e for e in errors_s], 0, cost if recorded else None))
    return made


def test_no_difference():
    """What costs nothing is within the promise; the interval is around one."""
    found = add_up(blocks(pairs=200))
    assert found.low < 1.0 < found.high
    assert judge(found, quick=False).holds


@pytest.mark.parametrize("slower", [1.3, 2.0])
def test_later_ticks_are_found(slower):
    """Ticks that are later by a third are not within it; a noisy machine is no excuse then."""
    found = add_up(blocks(slower, pairs=100))
    verdict = judge(found, quick=False)
    assert not verdict.holds
    assert found.ratio == pytest.approx(slower, rel=0.15)
    assert "too noisy" not in verdict.measured


def test_noise_is_said():
    """Where the interval reaches into the promise, the sentence says that it may be noise."""
    found = dataclasses.replace(add_up(blocks()), ratio=1.2, low=0.9, high=1.5)
    verdict = judge(found, quick=False)
    assert not verdict.holds
    assert "too noisy to say" in verdict.measured


def test_all_ticks_count():
    """A tail that the blocks' medians do not show is found in the p99 of all ticks."""
    found = dataclasses.replace(add_up(blocks()), ratio=1.0, pooled_ratio=1.4)
    assert not judge(found, quick=False).holds


@pytest.mark.parametrize("quick", [True, False])
@pytest.mark.parametrize(
    "cost",
    [
        dataclasses.replace(COST, dropped=1),
        dataclasses.replace(COST, written={"/telemetry": 100, "/wire": 3600}),
        dataclasses.replace(COST, written={}),
    ],
    ids=["dropped", "frames missing", "nothing"],
)
def test_what_is_not_recorded_costs_nothing(cost, quick):
    """A recording with gaps is no success, however cheap it was."""
    found = dataclasses.replace(add_up(blocks(cost=cost)), ratio=1.0, pooled_ratio=1.0)
    assert not judge(found, quick=quick).holds


def test_too_few_frames():
    """A machine that cannot even sample at the telemetry rate says nothing about the cost."""
    cost = dataclasses.replace(COST, frames=100, written={"/telemetry": 100})
    found = dataclasses.replace(add_up(blocks(cost=cost)), ratio=1.0, pooled_ratio=1.0)
    verdict = judge(found, quick=False)
    assert not verdict.holds
    assert "too busy" in verdict.measured
    assert judge(found, quick=True).holds


def test_quick_judges_no_times():
    """A quick run has too few ticks to say anything about the p99."""
    verdict = judge(add_up(blocks(3.0, pairs=2)), quick=True)
    assert verdict.holds
    assert "not judged" in verdict.measured


def test_missed_ticks_are_counted():
    """Ticks that the actor skipped are in the table."""
    some = [block._replace(missed=2) if block.cost else block for block in blocks(pairs=3)]
    found = add_up(some)
    assert (found.with_recording.missed, found.without.missed) == (6, 0)


def test_figures():
    """Size, records and the thread's share are those of all blocks together."""
    found = add_up(blocks(pairs=4))
    assert found.seconds == 4 * SECONDS
    assert found.mib_a_minute == pytest.approx(7.5)
    assert found.thread_share == pytest.approx(0.05)
    assert found.records == 4 * sum(COST.written.values())


def test_interval_of_pairs():
    """What befalls both of a pair does not widen the interval."""
    chance = random.Random(2)
    machine = [chance.uniform(1.0, 9.0) for _ in range(41)]
    low, high = interval([1.1 * m for m in machine], machine, seed=1)
    assert low == pytest.approx(1.1)
    assert high == pytest.approx(1.1)


def test_the_template_is_the_same_everywhere():
    """Two processes that vary it get the same stream: it has no time of the machine's in it."""
    assert template() == template()


def test_a_block_for_real():
    """An actor is driven with and without a recorder, and nothing is missing from the file."""
    found = add_up(turns.by_turns(1, 0.5, lambda *_: None))
    assert found.dropped == 0
    assert found.frames == found.recorded_frames > 0
    assert found.with_recording.ticks == found.without.ticks == 30
    assert found.thread_share > 0
