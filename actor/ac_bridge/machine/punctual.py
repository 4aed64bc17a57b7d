"""Asking the operating system to be on time, and giving back what it granted.

A system saves power by waking programs late, those without a window above all. `Punctuality` asks
it not to do that to this process: on Windows for a 1 ms timer period, for no power throttling and
for a priority one class up; on Linux for timers without slack. Whatever is refused is a warning and
a `Grant` that says so, never an error: the actor drives without it, only less evenly.
"""

from __future__ import annotations

import abc
import ctypes
import dataclasses
import os
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import structlog

log = structlog.get_logger()

PR_SET_TIMERSLACK, PR_GET_TIMERSLACK = 29, 30
LEAST_SLACK_NS = 1
"""The least that Linux takes; 0 would mean the default, which is 50 us."""


@dataclasses.dataclass(frozen=True, slots=True)
class Grant:
    """What became of one request to the operating system."""

    name: str
    """What it is about, in one or two words."""
    ok: bool
    """Whether it was granted."""
    detail: str
    """What holds now, or why it was refused."""


class Measure(abc.ABC):
    """One thing to ask of the operating system, and to give back."""

    name: str

    @abc.abstractmethod
    def take(self) -> str:
        """Ask for it, and return what holds now.

        Raises:
            OSError: the system refuses, or does not know it.
        """

    @abc.abstractmethod
    def give_back(self) -> None:
        """Undo `take`.

        Raises:
            OSError: the system refuses that.
        """


class TimerSlack(Measure):
    """Linux: timers of this thread, and of those it starts from now on, go off when they are due.

    Otherwise the kernel may gather wakings within 50 us of each other. To be given back in the
    thread that took it.
    """

    name = "timer slack"

    def __init__(self) -> None:
        self._before_ns = 0

    def take(self) -> str:
        """Set the least slack."""
        self._before_ns = timer_slack_ns()
        _prctl(PR_SET_TIMERSLACK, LEAST_SLACK_NS)
        return f"{timer_slack_ns()} ns instead of {self._before_ns} ns"

    def give_back(self) -> None:
        """Set the slack that was."""
        _prctl(PR_SET_TIMERSLACK, self._before_ns)


def timer_slack_ns() -> int:
    """Return the calling thread's timer slack in nanoseconds. Linux only.

    Raises:
        OSError: the system does not tell.
    """
    return _prctl(PR_GET_TIMERSLACK, 0)


def _prctl(option: int, argument: int) -> int:
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl.argtypes = (ctypes.c_int, *(ctypes.c_ulong,) * 4)
    prctl.restype = ctypes.c_int
    result = int(prctl(option, argument, 0, 0, 0))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def measures_here(*, raise_priority: bool = True) -> Sequence[Measure]:
    """Return what can be asked of this operating system.

    Args:
        raise_priority: whether the priority may be raised, where that takes no special rights.
    """
    if sys.platform == "win32":
        from ac_bridge.machine.punctual_windows import windows_measures

        return windows_measures(raise_priority=raise_priority)
    return (TimerSlack(),) if sys.platform == "linux" else ()


class Punctuality:
    """Asks for punctuality while it is entered.

    Enter it before the threads and loops that shall be punctual are started, and leave it in the
    same thread.

    Args:
        raise_priority: whether the priority may be raised one class; Windows only.
        measures: what to ask for, instead of what suits this operating system.
    """

    def __init__(
        self, *, raise_priority: bool = True, measures: Sequence[Measure] | None = None
    ) -> None:
        self._raise_priority = raise_priority
        self._measures = measures
        self._taken: list[Measure] = []
        self.granted: tuple[Grant, ...] = ()
        """What was granted and what was not, once entered."""

    def __enter__(self) -> Self:
        measures = self._measures
        if measures is None:
            measures = measures_here(raise_priority=self._raise_priority)
        self.granted = tuple(self._ask(measure) for measure in measures)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        while self._taken:
            measure = self._taken.pop()
            try:
                measure.give_back()
            except OSError as problem:
                log.warning("punctuality_not_given_back", what=measure.name, why=_why(problem))

    def _ask(self, measure: Measure) -> Grant:
        try:
            detail = measure.take()
        except OSError as problem:
            log.warning("punctuality_refused", what=measure.name, why=_why(problem))
            return Grant(measure.name, ok=False, detail=_why(problem))
        self._taken.append(measure)
        return Grant(measure.name, ok=True, detail=detail)


def _why(problem: OSError) -> str:
    return problem.strerror or str(problem) or type(problem).__name__
