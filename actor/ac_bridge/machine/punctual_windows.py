"""What can be asked of Windows: a finer timer, no power throttling, a higher priority.

The measures decide, over a small set of calls; only `SystemCalls` touches Windows. So everything
but those calls is the same code on any machine.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Sequence
from ctypes import wintypes
from typing import Any, Protocol

from ac_bridge.machine.punctual import Measure

TIMER_PERIOD_MS = 1
EXECUTION_SPEED, IGNORE_TIMER_RESOLUTION = 0x1, 0x4
"""What power throttling does to a process in the background: slow it, and ignore the timer period
that it asked for. The second is known to Windows 11 only."""
IDLE, BELOW_NORMAL, NORMAL, ABOVE_NORMAL = 0x40, 0x4000, 0x20, 0x8000
"""Priority classes, as Windows numbers them."""
POWER_THROTTLING = 4
"""The information class ProcessPowerThrottling."""


class WindowsCalls(Protocol):
    """The calls to Windows that the measures need. Each raises OSError when it is refused."""

    def begin_period(self, period_ms: int) -> None:
        """Ask for timers as fine as this."""

    def end_period(self, period_ms: int) -> None:
        """Take that back."""

    def control_throttling(self, kinds: int) -> None:
        """Keep these kinds of power throttling off; leave the others to the system."""

    def priority(self) -> int:
        """Return this process' priority class."""

    def set_priority(self, priority: int) -> None:
        """Change it."""


class TimerPeriod(Measure):
    """Timers and waits that end within a millisecond, instead of 15.6 ms."""

    name = "timer period"

    def __init__(self, calls: WindowsCalls) -> None:
        self._calls = calls

    def take(self) -> str:
        """Ask for 1 ms."""
        self._calls.begin_period(TIMER_PERIOD_MS)
        return f"{TIMER_PERIOD_MS} ms"

    def give_back(self) -> None:
        """Leave it to the others again."""
        self._calls.end_period(TIMER_PERIOD_MS)


class NoThrottling(Measure):
    """Full speed, and timers as asked for, for a process without a window in the foreground."""

    name = "power throttling"

    def __init__(self, calls: WindowsCalls) -> None:
        self._calls = calls

    def take(self) -> str:
        """Opt out of both kinds, or of the first where the system knows no second."""
        try:
            self._calls.control_throttling(EXECUTION_SPEED | IGNORE_TIMER_RESOLUTION)
        except OSError:
            self._calls.control_throttling(EXECUTION_SPEED)
            return "off; this Windows does not know the timers' part of it"
        return "off"

    def give_back(self) -> None:
        """Let the system decide."""
        self._calls.control_throttling(0)


class HigherPriority(Measure):
    """One priority class above the game's, so that a busy game does not delay the ticks."""

    name = "priority"

    def __init__(self, calls: WindowsCalls) -> None:
        self._calls = calls
        self._before = NORMAL

    def take(self) -> str:
        """Raise it to above normal, unless somebody has raised it as far or further."""
        self._before = self._calls.priority()
        if self._before not in (IDLE, BELOW_NORMAL, NORMAL):
            return "above normal already"
        self._calls.set_priority(ABOVE_NORMAL)
        return "above normal"

    def give_back(self) -> None:
        """Return to what it was."""
        self._calls.set_priority(self._before)


def windows_measures(
    calls: WindowsCalls | None = None, *, raise_priority: bool
) -> Sequence[Measure]:
    """Return what to ask of Windows.

    Args:
        calls: the way to Windows; the real one unless given.
        raise_priority: whether the priority is part of it.
    """
    calls = calls or SystemCalls()
    measures: list[Measure] = [TimerPeriod(calls), NoThrottling(calls)]
    if raise_priority:
        measures.append(HigherPriority(calls))
    return measures


class _ThrottlingState(ctypes.Structure):
    """PROCESS_POWER_THROTTLING_STATE."""

    _fields_ = (
        ("Version", wintypes.ULONG),
        ("ControlMask", wintypes.ULONG),
        ("StateMask", wintypes.ULONG),
    )


class SystemCalls(WindowsCalls):
    """The calls to this Windows, through ctypes. An old one may lack some: that is an OSError."""

    def begin_period(self, period_ms: int) -> None:
        """See timeBeginPeriod."""
        _period("timeBeginPeriod", period_ms)

    def end_period(self, period_ms: int) -> None:
        """See timeEndPeriod."""
        _period("timeEndPeriod", period_ms)

    def control_throttling(self, kinds: int) -> None:
        """See SetProcessInformation."""
        state = _ThrottlingState(1, kinds, 0)
        types = (wintypes.HANDLE, ctypes.c_int, wintypes.LPVOID, wintypes.DWORD)
        set_information = _function("kernel32", "SetProcessInformation", types, wintypes.BOOL)
        size = ctypes.sizeof(state)
        _check(set_information(_this_process(), POWER_THROTTLING, ctypes.byref(state), size))

    def priority(self) -> int:
        """See GetPriorityClass."""
        get = _function("kernel32", "GetPriorityClass", (wintypes.HANDLE,), wintypes.DWORD)
        return int(_check(get(_this_process())))

    def set_priority(self, priority: int) -> None:
        """See SetPriorityClass."""
        types = (wintypes.HANDLE, wintypes.DWORD)
        set_class = _function("kernel32", "SetPriorityClass", types, wintypes.BOOL)
        _check(set_class(_this_process(), priority))


def _period(function: str, period_ms: int) -> None:
    result = _function("winmm", function, (wintypes.UINT,), wintypes.UINT)(period_ms)
    if result != 0:
        raise OSError(f"{function}({period_ms}) returned {result}")


def _this_process() -> Any:
    return _function("kernel32", "GetCurrentProcess", (), wintypes.HANDLE)()


def _function(library: str, name: str, types: tuple[Any, ...], result: Any) -> Callable[..., Any]:
    """Return a function of Windows with its types declared."""
    if sys.platform != "win32":
        raise OSError(f"no {library} on {sys.platform}")
    try:
        found = getattr(ctypes.WinDLL(library, use_last_error=True), name)
    except AttributeError:
        raise OSError(f"this Windows has no {name}") from None
    found.argtypes, found.restype = types, result
    return found


def _check(result: int) -> int:
    """Return a result that is not zero; zero is a refusal."""
    if sys.platform == "win32" and result == 0:
        raise ctypes.WinError(ctypes.get_last_error())
    return result
