"""The policy drives on the actor; the actor is killed again and again, and so is the learner."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

from _faults.row import Bench, BrokenPromiseError, Verdict
from _faults.scene import port_of
from _faults.stream_cuts import driven
from _faults.stream_policy import HZ, TASK, recorded_in, start_recorded
from _faults.taken import Taken, all_steps, count, is_kept
from _faults.witness import Comparison, Differences, compare, read_life
from links.quality import seeded
from links.servant import Servant

SOON_S = 1.0
"""From the first thing that comes to the kill, at most, at random."""
DOWN_S = 0.3
"""From the kill to the next start, at most, at random."""
PATIENCE_S = 60.0
POLL_S = 0.01
ACTOR, LEARNER, GAP = "actor", "learner", "learner that has not committed"


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
        self.lives = self._learners = 0
        self._actor = self.enter_context(start_recorded(folder, 0))
        self._port = port_of(self._actor)
        self._learner = self._new_learner()

    def kill(self, whom: str) -> None:
        """Kill one of them at some moment, once something has come; start it again."""
        self._wait_for_more()
        if whom == GAP:
            self._learner.ask(PATIENCE_S, gap=True)
        else:
            self._pause(SOON_S)
        if whom == ACTOR:
            self._actor.kill()
            self._pause(DOWN_S)
            self.lives += 1
            self._actor = self.enter_context(start_recorded(self.folder, self.lives, self._port))
        else:
            self._learner.kill()
            self._pause(DOWN_S)
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
        """Wait for the next checkpoint.

        Raises:
            BrokenPromiseError: there is none.
        """
        clock = self._bench.clock
        following, end_s = count(self.kept) + 1, clock.now() + PATIENCE_S
        while not is_kept(self.kept, following):
            if clock.now() > end_s or self._learner.process.poll() is not None:
                raise BrokenPromiseError(f"nothing comes to the learner after {self.lives} kills")
            clock.sleep_until(clock.now() + POLL_S)

    def _pause(self, longest_s: float) -> None:
        clock = self._bench.clock
        clock.sleep_until(clock.now() + self._draws.uniform(0.0, longest_s))


def run(bench: Bench) -> Verdict:
    """Kill both, in an order drawn from the seed; compare the checkpoints with the recordings."""
    times = bench.pick(3, 50)
    plan = [ACTOR] * times + [LEARNER] * (times - times // 2) + [GAP] * (times // 2)
    seeded(bench.seed, "order").shuffle(plan)
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


def judge(comparison: Comparison, taken: list[Taken], plan: Sequence[str]) -> Verdict:
    """Say what became of every step."""
    actors, lost = plan.count(ACTOR), comparison.lost
    measured = (
        f"{actors} x actor and {len(plan) - actors} x learner killed ({plan.count(GAP)} of them "
        f"between a checkpoint and its `commit`) in {driven(taken)}: {comparison.differences}; "
        f"of what the actors recorded before they were killed, the last {sum(lost)} steps were in "
        f"no spool yet (at most {max(lost, default=0)} with one, {max(lost, default=0) / HZ:.2f} "
        f"s), and {comparison.too_new} that came are newer than the recording"
    )
    return Verdict(measured, comparison.differences == Differences() and len(lost) == actors)
