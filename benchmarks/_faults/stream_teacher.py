"""A learner whose policy acts on the actor: sees to it that there is one, and a run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from _faults.stream_policy import TASK, policy
from _faults.taken import Taken, steps_of
from ac_bridge_client import ActorStream, Batch
from ac_bridge_protocol.edge import PolicyState
from ac_bridge_protocol.errors import LinkTimeoutError

STEPS = 5
"""In a batch: what is driven between two writings of the spool."""
PATIENCE_S = 30.0
SILENCE_S = 3.0
"""When a run is over, nothing more comes after so long."""
LOOK_S = 1.0
"""How long nothing comes before the teacher looks why; as long as an episode takes to begin."""
FAILURES = 1000
"""Of a busy machine's: too slow by half a tick is a policy's failure."""
_IN_PLACE = (PolicyState.READY, PolicyState.ACTIVE)
_FAILED = (PolicyState.REFUSED, PolicyState.ROLLED_BACK)


class Teacher:
    """Teaches one actor.

    Args:
        stream: to it.
        run: what the run is called.
        version: of the first policy.
        seed: of the run.
    """

    def __init__(self, stream: ActorStream, run: str, version: int, seed: int) -> None:
        self._stream = stream
        self._run = run
        self._seed = seed
        self._version = version - 1
        self._driving = False
        self.push()
        self._ask()

    def push(self) -> None:
        """Push another policy."""
        self._version += 1
        self._stream.push_policy(policy(self._stream.env_spec, self._version), self._version)

    @property
    def in_place(self) -> bool:
        """Whether the policy that was pushed last has arrived and is good."""
        return self._state() in _IN_PLACE

    def batches(self) -> Iterator[Batch]:
        """Yield what comes, without end; see to it that something does."""
        while True:
            with contextlib.suppress(LinkTimeoutError):
                for batch in self._stream.batches(STEPS, LOOK_S):
                    yield batch
                    self._look()
            self._look()

    def finish(self, newest: int) -> Iterator[Taken]:
        """End the run and yield what is left of it.

        Args:
            newest: number of the last record that was taken.
        """
        self._stream.stop(timeout_s=PATIENCE_S)
        status = self._stream.stats().actors[0].run
        last = 0 if status is None else status.last
        batches = self._stream.batches(STEPS, SILENCE_S)
        with contextlib.suppress(LinkTimeoutError):  # the last records are episodes' starts
            while newest < last:
                batch = next(batches)
                newest = int(batch.number[-1])
                yield from steps_of(batch)

    def _look(self) -> None:
        """Push another policy for one that failed; have a run driven on that is over."""
        if self._state() in _FAILED:
            self.push()
        status = self._stream.stats().actors[0].run
        if status is None or status.run != self._run:
            return
        if self._driving and not status.driving:
            self._ask()
        self._driving = status.driving

    def _ask(self) -> None:
        self._stream.set_task(TASK, run=self._run, seed=self._seed, failures=FAILURES)

    def _state(self) -> PolicyState | None:
        status = self._stream.stats().actors[0].policy
        return status.state if status is not None and status.version == self._version else None
