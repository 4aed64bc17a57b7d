"""The policy drives on the actor; the actor is killed again and again, and so is the learner."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

from _faults.row import Bench, BrokenPromiseError, Verdict
from _faults.scene import port_of
from _faults.stream_actor import recorded_in, spool_last, start_recorded
from _faults.stream_cuts import driven
from _faults.stream_policy import HZ, TASK
from _faults.taken import Taken, all_steps, newest
from _faults.witness import Comparison, Differences, compare, read_life
from links.quality import seeded
from links.servant import Servant

SOON_S = 0.6
"""From the first thing that comes to the kill, at most, at random."""
DOWN_S = 0.3
"""From the kill to the next start, at most, at random."""
PATIENCE_S = 60.0
POLL_S = 0.03
ACTOR = "actor"
LEARNER = "learner"
GAP = "learner before a commit"
BOTH = "both"
ACTORS, LEARNERS = (ACTOR, BOTH), (LEARNER, GAP, BOTH)


class Couple(contextlib.ExitStack):
    """An actor and a learner that are started anew as often as they are killed. A context manager.

    Args:
        folder: for all that both of them keep.
        bench: has the clock and the seed.
    """

    def __init__(self, folder: Path, bench: Bench) -> None:
        super().__init__()
        self.folder = folder
        self.kept = folder / "checkpoints"
        self.kept.mkdir()
        self._bench = bench
        self._draws = seeded(bench.seed, "kills")
        self.lives = self._learners = self._after = 0
        self._actor = self.enter_context(start_recorded(folder, 0))
        self._port = port_of(self._actor)
        self._learner = self._new_learner()

    def kill(self, whom: str) -> None:
        """Kill one of them, or both, at some moment, once something has come; start it again."""
        self._wait_for_more()
        if whom == GAP:
            self._learner.ask(PATIENCE_S, gap=True)
        else:
            self._pause(SOON_S)
        if whom in ACTORS:
            self._actor.kill()
        if whom in LEARNERS:
            self._learner.kill()
        self._after = newest(self.kept).upto
        self._pause(DOWN_S)
        if whom in ACTORS:
            # A start is first in the spool, and then there is to be more.
            self._after = spool_last(self.folder) + 1
            self.lives += 1
            self._actor = self.enter_context(start_recorded(self.folder, self.lives, self._port))
        if whom in LEARNERS:
            self._learner = self._new_learner()

    def finish(self) -> int:
        """End everything in good order; return the last number that the spool has given."""
        self._wait_for_more()
        last: int = self._learner.ask(PATIENCE_S, finish=True)["last"]
        self._learner.close()
        self._actor.close()
        return last

    def _new_learner(self) -> Servant:
        self._learners += 1
        # Policies' versions rise, and each learner may need several on a busy machine.
        version, seed = 1000 * self._learners, self._bench.seed
        what = (f"ws://127.0.0.1:{self._port}", str(self.kept), str(version), str(seed))
        return self.enter_context(Servant("_faults.stream_learner", *what))

    def _wait_for_more(self) -> None:
        """Wait until something has come of what was driven since the last kill.

        Raises:
            BrokenPromiseError: nothing comes.
        """
        clock = self._bench.clock
        end_s = clock.now() + PATIENCE_S
        while newest(self.kept).upto <= self._after:
            if clock.now() > end_s or self._learner.process.poll() is not None:
                raise BrokenPromiseError(f"nothing comes to the learner after {self.lives} kills")
            clock.sleep_until(clock.now() + POLL_S)

    def _pause(self, longest_s: float) -> None:
        clock = self._bench.clock
        clock.sleep_until(clock.now() + self._draws.uniform(0.0, longest_s))


def run(bench: Bench) -> Verdict:
    """Kill both often, in an order drawn from the seed."""
    plan = planned(bench.pick(2, 50))
    seeded(bench.seed, "order").shuffle(plan)
    return kill_each(bench, plan)


def kill_each(bench: Bench, plan: Sequence[str]) -> Verdict:
    """Kill whom a plan names, one after the other; compare the checkpoints with the recordings."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Couple(folder, bench) as couple:
            for number, whom in enumerate(plan):
                bench.say(number, len(plan), f"{whom} killed")
                couple.kill(whom)
            last = couple.finish()
        lives = [
            read_life(recorded_in(folder, life), TASK, killed=life < couple.lives)
            for life in range(couple.lives + 1)
        ]
        taken = all_steps(couple.kept)
    return judge(compare(taken, lives, last), taken, plan)


def planned(times: int) -> list[str]:
    """Return what is killed so that each is killed so often: in half of the cases both at once."""
    both = times // 2
    alone = times - both
    return [BOTH] * both + [ACTOR] * alone + [LEARNER] * (alone // 2) + [GAP] * (alone - alone // 2)


def judge(comparison: Comparison, taken: list[Taken], plan: Sequence[str]) -> Verdict:
    """Say what became of every step."""
    actors, learners = (sum(whom in them for whom in plan) for them in (ACTORS, LEARNERS))
    lost = comparison.lost
    measured = (
        f"{actors} x actor and {learners} x learner killed, {plan.count(BOTH)} x both at once, "
        f"{plan.count(GAP)} x the learner between a checkpoint and its `commit`, in "
        f"{driven(taken)}: {comparison.differences}; the last steps before a kill that the actors "
        f"recorded and no spool had yet: {sum(lost)} in all, at most {max(lost, default=0)} with "
        f"one ({max(lost, default=0) / HZ:.2f} s)"
    )
    if comparison.too_new:
        measured += f"; {comparison.too_new} steps came that are newer than the recording's end"
    return Verdict(measured, comparison.differences == Differences() and len(lost) == actors)
