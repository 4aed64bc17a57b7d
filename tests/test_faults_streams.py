"""The rows of the fault bench whose policy is on the actor judge rightly, and hold in small."""

from __future__ import annotations

import dataclasses
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from _faults import stream_cuts, stream_kills
from _faults.row import Bench
from _faults.taken import Checkpoint, Taken, all_steps, newest, save
from _faults.witness import Comparison, Differences, Life, Seen, compare
from ac_bridge_client.stream_stats import ActorStats
from helpers.wire import make_receipt
from links import CutPlan
from links.conversation import Direction, Place, torn
from test_faults import bench

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the fault bench is for Linux")

KILLED = (2, 3)
"""Of the lives below, the first has episodes of so many steps and is killed in the second."""
STOPPED = (4,)
"""And the second has one episode, and is stopped."""
LAST = 2 + sum(KILLED) + 1 + sum(STOPPED)
"""Number of the last record: each episode's start is one, too."""


def seen(moment: int, tick: int, *, over: bool) -> Seen:
    """Return a step as an actor recorded it."""
    return Seen(
        receipt=make_receipt(tick=tick, action_age_s=moment / 64),
        observation=(float(moment),),
        action=(0.5,),
        next_observation=(moment + 1.0,),
        reward=moment / 4,
        terminated=False,
        over=over,
    )


def life(first: int, episodes: Sequence[int], *, killed: bool) -> Life:
    """Return a life with episodes of so many steps; one that was killed has no end of the last."""
    moments = itertools.count(first)
    return Life(
        [
            [
                seen(next(moments), n + 1, over=n + 1 == steps and not (killed and number))
                for n in range(steps)
            ]
            for number, steps in enumerate(episodes)
        ],
        killed,
    )


LIVES = [life(0, KILLED, killed=True), life(10, STOPPED, killed=False)]


def taken_of(lives: Sequence[Life]) -> list[Taken]:
    """Return the same as a learner has it that took everything."""
    steps, number = [], 0
    for one in lives:
        for episode in one.episodes:
            number += 1
            for made in episode:
                number += 1
                steps.append(
                    Taken(
                        number=number,
                        policy=1,
                        episode=1,
                        tick=made.receipt.tick,
                        observation=made.observation,
                        action=made.action,
                        next_observation=made.next_observation,
                        reward=made.reward,
                        terminated=False,
                        truncated=made is episode[-1],
                        receipt=made.receipt,
                    )
                )
    return steps


GOOD = taken_of(LIVES)


def changed(index: int, **values: Any) -> list[Taken]:
    """Return all of it with a step's fields replaced."""
    steps = list(GOOD)
    steps[index] = dataclasses.replace(steps[index], **values)
    return steps


def without(index: int) -> list[Taken]:
    """Return all of it but one step."""
    return [*GOOD[:index], *GOOD[index + 1 :]]


# --- What was taken, and what was recorded --------------------------------------------------------


def test_what_was_recorded_was_taken() -> None:
    """All of it, over a kill."""
    assert compare(GOOD, LIVES, LAST) == Comparison(Differences(), [0], 0)


def test_what_a_kill_takes_with_it() -> None:
    """Steps that were in no spool yet, and their numbers are given to others."""
    before = [*GOOD[:3], dataclasses.replace(GOOD[3], truncated=True)]
    after = [dataclasses.replace(step, number=step.number - 1) for step in GOOD[5:]]
    assert compare(before + after, LIVES, LAST - 1) == Comparison(Differences(), [1], 0)


def test_what_the_recording_of_a_killed_actor_lacks() -> None:
    """What comes after its last step is counted for itself; before that, nobody knows it."""
    first, second = LIVES
    short = Life([first.episodes[0], first.episodes[1][:-1]], killed=True)
    assert compare(GOOD, [short, second], LAST) == Comparison(Differences(), [0], 1)
    hole = Life([first.episodes[0][:1], first.episodes[1]], killed=True)
    assert compare(GOOD, [hole, second], LAST).differences.unknown == 1


@pytest.mark.parametrize(
    ("bad", "found"),
    [
        (without(3), Differences(missing=1, altered=2)),
        (without(8), Differences(missing=1, altered=2)),
        ([*GOOD[:3], GOOD[2], *GOOD[3:]], Differences(twice=1, altered=2)),
        ([*GOOD[:6], GOOD[7], GOOD[6], *GOOD[8:]], Differences(disordered=1, altered=6)),
        (changed(6, action=(0.25,)), Differences(altered=1)),
        (changed(6, observation=(0.25,)), Differences(altered=1)),
        (changed(6, next_observation=(0.25,)), Differences(altered=1)),
        (changed(6, reward=0.1), Differences(altered=1)),
        (changed(6, terminated=True), Differences(altered=1)),
        (changed(6, truncated=True), Differences(altered=1)),
        (changed(1, truncated=False), Differences(altered=1)),
        (changed(6, tick=1), Differences(altered=1)),
        (changed(6, receipt=make_receipt(tick=99)), Differences(missing=1, unknown=1)),
    ],
    ids=[
        "missing before a kill",
        "missing at the end",
        "twice",
        "out of order",
        "another action",
        "another observation",
        "another next observation",
        "another reward",
        "an end that was none",
        "a cut that was none",
        "an end that is not told",
        "another tick",
        "nobody's",
    ],
)
def test_each_difference_is_found(bad: list[Taken], found: Differences) -> None:
    """As what it is; numbers that do not follow each other count as altered."""
    assert compare(bad, LIVES, LAST).differences == found


@pytest.mark.parametrize("last", [LAST - 1, LAST + 1])
def test_the_spool_has_given_no_other_numbers(last: int) -> None:
    """Neither fewer than were taken, nor more than were recorded."""
    assert compare(GOOD, LIVES, last).differences == Differences(altered=1)


# --- Checkpoints ----------------------------------------------------------------------------------


def test_checkpoints(tmp_path: Path) -> None:
    """What was kept is there, as it was; one that was not finished is not."""
    assert newest(tmp_path) == Checkpoint(0, "")
    assert newest(tmp_path).upto == 0
    save(tmp_path, Checkpoint(1, '{"bookmarks": [{"upto": 3}]}', GOOD[:3]))
    save(tmp_path, Checkpoint(2, '{"bookmarks": [{"upto": 9}]}', GOOD[3:]))
    (tmp_path / "checkpoint.new").write_text("{")
    assert (newest(tmp_path).number, newest(tmp_path).upto) == (2, 9)
    assert all_steps(tmp_path) == GOOD


# --- The rows -------------------------------------------------------------------------------------

COUNTS = {place.value: 1 for place in Place} | {"cuts": 5, "abrupt": 2}
STATS = ActorStats("ws://x", True, 5, 12, 3, 0, 0, 0, None, None)


@pytest.mark.parametrize(
    ("differences", "stats", "count", "holds"),
    [
        (Differences(), STATS, 5, True),
        (Differences(missing=1), STATS, 5, False),
        (Differences(), STATS, 6, False),
        (Differences(), dataclasses.replace(STATS, gaps=1), 5, False),
        (Differences(), dataclasses.replace(STATS, unjoined=1), 5, False),
    ],
)
def test_the_row_of_cuts(
    differences: Differences, stats: ActorStats, count: int, holds: bool
) -> None:
    """It holds if nothing differs, and as often was cut as was to be."""
    compared = Comparison(differences, [], 0)
    verdict = stream_cuts.judge(compared, GOOD, COUNTS, stats, CutPlan(count))
    assert verdict.holds is holds


def test_it_is_told_what_was_cut_through() -> None:
    """Records and policies by name, all else by its way."""
    counts = {
        torn(Direction.DOWN, "records"): 3,
        torn(Direction.UP, "policy_chunk"): 2,
        torn(Direction.UP, "hello"): 1,
        torn(Direction.UP, "acknowledge"): 1,
        torn(Direction.DOWN, "pong"): 5,
    }
    told = stream_cuts.torn_of(counts)
    assert told.startswith("3 in the midst of records, 2 of a piece of a policy, 2 ")
    assert ", 5 " in told


def test_it_is_told_how_much_was_driven() -> None:
    """Each episode's start has a number of its own."""
    assert stream_cuts.driven(GOOD) == "9 steps, 3 episodes and 1 policies"
    assert stream_cuts.driven([]) == "0 steps, 0 episodes and 0 policies"


def test_the_row_of_kills() -> None:
    """It holds if nothing differs, and something came of each life that was to be killed."""
    plan = stream_kills.planned(3)
    assert sum(whom in stream_kills.ACTORS for whom in plan) == 3
    assert sum(whom in stream_kills.LEARNERS for whom in plan) == 3
    assert stream_kills.judge(Comparison(Differences(), [0, 2, 5], 0), GOOD, plan).holds
    assert not stream_kills.judge(Comparison(Differences(), [0, 2], 0), GOOD, plan).holds
    assert not stream_kills.judge(Comparison(Differences(twice=1), [0, 2, 5], 0), GOOD, plan).holds


# --- End to end, in small -------------------------------------------------------------------------


def small(row: Any, plan: Any) -> None:
    """Measure a row, which is to hold."""
    with bench() as quick:
        assert isinstance(quick, Bench)
        verdict = row(quick, plan)
    assert verdict.holds, verdict.measured


def test_nothing_is_lost_of_a_stream_that_is_cut() -> None:
    """Every step that the actor recorded comes once."""
    small(stream_cuts.cut_stream, CutPlan(count=8, longest_s=0.3, most_units=20, torn=4))


def test_nothing_is_lost_of_a_stream_whose_ends_are_killed() -> None:
    """Nor twice in the checkpoints."""
    small(stream_kills.kill_each, [stream_kills.GAP, stream_kills.BOTH])
