"""Checks of the computer itself: Python, its event loop, its timers, the port."""

from __future__ import annotations

import errno
import importlib
import platform
import socket
import statistics
import sys
from collections.abc import Iterator

from ac_bridge.clock import Clock
from ac_bridge.machine.findings import Finding, error, ok, warning
from ac_bridge.machine.punctual import Grant, Punctuality
from ac_bridge.settings import ActorSettings

OLDEST_PYTHON = (3, 11)
"""What the package is made for; on Windows, sleeping got precise with it."""
LOOP = "winloop" if sys.platform == "win32" else "uvloop"
"""The fast event loop of this platform."""

WAIT_S = 0.001
WAITS = 200
"""How timers are measured: this many waits of that long."""
MAX_MEDIAN_LATE_S = 0.0005
"""A timer later than this in the middle of all cases would show in the tick error."""


def check_python() -> Iterator[Finding]:
    """Look at the interpreter."""
    version, bits = platform.python_version(), platform.architecture()[0]
    if sys.version_info < OLDEST_PYTHON:
        yield error(
            "python",
            f"This is Python {version}, which is too old.",
            "Install Python 3.11 or later.",
        )
    elif sys.maxsize < 2**32:
        yield warning(
            "python",
            f"This is a {bits} Python {version}.",
            "Install the 64-bit one: it is what ac-bridge is tested with.",
        )
    else:
        yield ok("python", f"Python {version}, {bits}.")


def check_loop() -> Iterator[Finding]:
    """Look at the event loop."""
    try:
        loop = importlib.import_module(LOOP)
    except ImportError as problem:
        yield warning(
            "event loop",
            f"{LOOP} cannot be imported ({problem}): asyncio's own, slower loop is used.",
            f"pip install {LOOP}",
        )
    else:
        yield ok("event loop", f"{LOOP} {getattr(loop, '__version__', '')}".rstrip() + ".")


def check_timers(clock: Clock, *, raise_priority: bool) -> Iterator[Finding]:
    """Measure how late the machine wakes us, with what the actor asks the system for.

    Args:
        clock: to wait by.
        raise_priority: whether the actor would ask for a higher priority.
    """
    with Punctuality(raise_priority=raise_priority) as punctuality:
        yield from punctuality_findings(punctuality.granted)
        late_s = measure_lateness(clock)
    yield timer_finding(late_s)


def measure_lateness(clock: Clock) -> list[float]:
    """Wait `WAITS` times for `WAIT_S` and return how late each wait ended, in seconds."""
    late_s = []
    for _ in range(WAITS):
        deadline = clock.now() + WAIT_S
        clock.sleep_until(deadline)
        late_s.append(clock.now() - deadline)
    return late_s


def timer_finding(late_s: list[float]) -> Finding:
    """Judge the measured lateness of waits, in seconds. Pure."""
    median_s, worst_s = statistics.median(late_s), max(late_s)
    measured = (
        f"{len(late_s)} waits of {WAIT_S * 1e3:g} ms were {median_s * 1e6:.0f} us late in the "
        f"median, {worst_s * 1e6:.0f} us at worst"
    )
    if median_s > MAX_MEDIAN_LATE_S:
        return warning(
            "timers",
            f"{measured}; ticks will be late by as much.",
            "Close what keeps the processor busy, choose the best-performance power mode, and "
            "measure again.",
        )
    return ok("timers", f"{measured}.")


def punctuality_findings(granted: tuple[Grant, ...]) -> Iterator[Finding]:
    """Say what the system granted of what the actor asks for. Pure."""
    for grant in granted:
        if grant.ok:
            yield ok("punctuality", f"{grant.name}: {grant.detail}")
        else:
            yield warning(
                "punctuality",
                f"{grant.name} was not granted: {grant.detail}",
                "The actor works without; if the timers below are late, this is why.",
            )


def check_port(settings: ActorSettings) -> Iterator[Finding]:
    """Look whether the actor could listen where it is set to."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        socket.create_server((settings.host, settings.port), family=family).close()
    except OSError as problem:
        reason = "it is taken" if problem.errno == errno.EADDRINUSE else str(problem.strerror)
        yield warning(
            "port",
            f"The actor cannot listen on {settings.listen}: {reason}.",
            "If that is not an actor of yours, choose another: --listen 127.0.0.1:8766.",
        )
    else:
        yield ok("port", f"{settings.listen} is free.")
