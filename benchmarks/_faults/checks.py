"""What must be true of a list of steps, each told as a count of what is wrong with it. Pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from _faults.record import StepRecord

FLOAT32 = 1e-6
"""Actions are float32 on their way."""
CLOSEST_SHARE = 0.5
"""Of a period: two ticks that follow each other are never nearer than this."""
CLOCKS_S = 0.0002
"""Two readings of two clocks, a tick's moment and a frame's, lie this far apart at most, usually.
A tick off its schedule would be off by many times this."""


class Losses(NamedTuple):
    """What a bad link did to a drive; all zero if it kept its promise."""

    lost: int = 0
    """Actions that the wheel never had: another one was sent in their step."""
    twice: int = 0
    """Actions that the actor counted and nobody asked for: a request that was taken twice."""
    mismatched: int = 0
    """Answers that belong to another step: an action's number or a tick that was there before."""
    ended: int = 0
    """Episodes that ended, or began, without being asked to."""

    def __str__(self) -> str:
        return (
            f"{self.lost} lost, {self.twice} applied twice, {self.mismatched} mismatched, "
            f"{self.ended} episodes ended"
        )


def losses(records: Sequence[StepRecord], *, delayed: bool = False) -> Losses:
    """Return what is wrong with steps of coded actions: every action has to be seen, once.

    Args:
        records: of whole episodes.
        delayed: whether each action was for one tick alone, as in mode `fixed_delay`: one that the
            link brought too late for it, and whose receipt says so, is late and not lost. Late
            steps may be answered together, by the present tick.
    """
    lost = sum(not as_asked(step) and not (delayed and step.late) for step in records)
    ended = sum(bool(step.end_reason) for step in records)
    twice = mismatched = 0
    for _, steps in itertools.groupby(records, key=lambda step: step.episode):
        expected, newest_tick = 0, 0
        for step in steps:
            twice += max(0, step.action_id - expected)
            old_tick = step.tick < newest_tick if delayed else step.tick <= newest_tick
            mismatched += step.action_id < expected or old_tick
            expected = max(expected, step.action_id) + 1
            newest_tick = max(newest_tick, step.tick)
    episodes = [number for number, _ in itertools.groupby(step.episode for step in records)]
    # A reset that was taken twice began an episode that nobody saw.
    ended += sum(later != earlier + 1 for earlier, later in itertools.pairwise(episodes))
    return Losses(lost, twice, mismatched, ended)


def as_asked(step: StepRecord) -> bool:
    """Whether the wheel had the step's own action."""
    pairs = zip(step.asked, step.sent, strict=True)
    return all(math.isclose(asked, sent, abs_tol=FLOAT32) for asked, sent in pairs)


class Schedule(NamedTuple):
    """How ticks lie."""

    ticks: int
    """From the first to the last."""
    missed: int
    """Skipped, as the receipts say."""
    unaccounted: int
    """Ticks that passed and that no receipt speaks of."""
    closest_share: float
    """The shortest time between two ticks that follow each other, in periods."""
    furthest_off_s: float
    """How far the furthest tick was from ``t0 + k * dt``, its own reported lateness taken off."""
    drift_s: float
    """The same for the last one."""

    @property
    def kept(self) -> bool:
        """Whether nothing came in a burst, nothing went uncounted, and all kept to the schedule."""
        return (
            self.unaccounted == 0
            and self.closest_share >= CLOSEST_SHARE - CLOCKS_S
            and abs(self.drift_s) <= 5 * CLOCKS_S
        )


def schedule(records: Sequence[StepRecord], hz: float) -> Schedule:
    """Return how the ticks of one episode's steps lie, the first one's moment being right."""
    unaccounted = 0
    gaps = [math.inf]
    for earlier, later in itertools.pairwise(records):
        passed = later.tick - earlier.tick
        spoken_of = 1 + later.ticks_held + later.ticks_planned + later.ticks_missed
        unaccounted += abs(passed - spoken_of)
        gaps.append((later.sampled_s - earlier.sampled_s) * hz)
    moments = [step.sampled_s - step.tick_error_s - step.tick / hz for step in records]
    start_s = median(moments[: max(1, len(moments) // 10)])
    off = [moment - start_s for moment in moments]
    return Schedule(
        ticks=records[-1].tick - records[0].tick,
        missed=sum(step.ticks_missed for step in records[1:]),
        unaccounted=unaccounted,
        closest_share=min(gaps),
        furthest_off_s=max(off, key=abs),
        drift_s=median(off[-max(1, len(off) // 10) :]),
    )


LET_GO = (0.0, 0.0, 0.0)
"""What a receipt says was sent where the actor let go of the wheel, as while the game stalls."""


class Timeliness(NamedTuple):
    """Which actions were applied at the tick they were asked for."""

    steps: int
    in_time: int
    reported: int
    """Not in time, and their receipts say so: late, or let go of in their period."""
    silent: int
    """Not in time, and their receipts do not."""

    @property
    def share(self) -> float:
        """Of the steps that were in time."""
        return self.in_time / self.steps if self.steps else 0.0


def timeliness(records: Iterable[StepRecord]) -> Timeliness:
    """Return how many actions were applied in time; what was sent has to bear the receipt out."""
    steps = in_time = reported = silent = 0
    for step in records:
        steps += 1
        if step.late or (step.sent == LET_GO and step.asked != LET_GO):
            reported += 1
        elif step.tick_applied == step.tick_asked and as_asked(step):
            in_time += 1
        else:
            silent += 1
    return Timeliness(steps, in_time, reported, silent)


def median(values: Iterable[float]) -> float:
    """Return the middle one of some values, the lower of two."""
    ordered = sorted(values)
    return ordered[(len(ordered) - 1) // 2]
