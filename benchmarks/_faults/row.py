"""What a row is made of, and what it may use."""

from __future__ import annotations

import contextlib
import dataclasses
import signal
from collections.abc import Callable, Iterator

from _faults.scene import ACTOR, Program, Scene, start_actor
from ac_bridge.clock import SystemClock

QUICK_LIMIT_S = 60
"""A row of a quick run that takes longer has hung: all of them together should not."""


class BrokenPromiseError(Exception):
    """What was to be seen was not, so nothing can be measured; says what happened instead."""


class RowTimeoutError(Exception):
    """A row took longer than it may."""


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """What a row found."""

    measured: str
    """The figures, in a sentence."""
    holds: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """A line of the table."""

    fault: str
    promise: str
    measured: str
    holds: bool


class Bench:
    """What rows share: how much to do, the seed, the scene, and somebody to tell.

    Args:
        stack: closes what is opened here.
        quick: whether a smaller number will do.
        seed: of everything that is drawn.

    Attributes:
        say: told how far a row has come: done, of how many, and what it does.
    """

    def __init__(self, stack: contextlib.ExitStack, *, quick: bool, seed: int = 0) -> None:
        self.quick = quick
        self.seed = seed
        self.say: Callable[[int, int, str], None] = lambda *_: None
        self.clock = SystemClock()
        self._stack = stack
        self._scene: Scene | None = None
        self._actor: Program | None = None

    def pick(self, quick: int, full: int) -> int:
        """Return how often to do something."""
        return quick if self.quick else full

    def scene(self) -> Scene:
        """Return a game and an actor that nobody drives: those of the row before, if they work."""
        if self._scene is None or not self._scene.whole:
            if self._scene is not None:
                self._scene.close()
            self._scene = self._stack.enter_context(Scene())
        self.clock.sleep_until(self._scene.free_s)
        return self._scene

    def start_afresh(self) -> None:
        """End what rows share: one that broke down may have left anything behind."""
        for shared in (self._scene, self._actor):
            if shared is not None:
                shared.close()
        self._scene = self._actor = None

    def actor(self) -> Program:
        """Return an actor with a game of its own, at `ACTOR_HZ`: the same for every row."""
        if self._actor is None:
            self._actor = self._stack.enter_context(start_actor(*ACTOR))
        return self._actor


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """A row before it was run."""

    name: str
    """For ``--only``."""
    fault: str
    promise: str
    run: Callable[[Bench], Verdict]
    """Brings it about and measures."""
    limit_s: int
    """A full run that takes longer has hung."""

    def measure(self, bench: Bench) -> Row:
        """Bring the fault about. Whatever goes wrong on the way is a promise not kept."""
        try:
            with time_limit(QUICK_LIMIT_S if bench.quick else self.limit_s):
                verdict = self.run(bench)
        except Exception as error:  # noqa: BLE001 -- the table says it, and the other rows go on
            bench.start_afresh()
            verdict = Verdict(f"failed: {type(error).__name__}: {error}", holds=False)
        return Row(self.fault, self.promise, verdict.measured, verdict.holds)


@contextlib.contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    """Interrupt what the main thread does if it takes longer.

    Raises:
        RowTimeoutError: it did.
    """

    def interrupt(*_: object) -> None:
        raise RowTimeoutError(f"no end after {seconds} s")

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
