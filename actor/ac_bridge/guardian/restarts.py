"""Whether an actor that ended is started again, and when. Pure."""

from __future__ import annotations

import dataclasses
import signal

from ac_bridge_protocol.helpers import GrowingWaits

EXIT_SETTING = 2
"""The status of an actor that says: you must change something."""
EXIT_INTERRUPTED = 130
"""Ctrl+C before the actor could deal with it: what shells expect."""
CONTROL_C_EXIT = 0xC000013A
"""The same on Windows."""
_ASKED = {0, EXIT_INTERRUPTED, CONTROL_C_EXIT} | {
    -int(getattr(signal, name)) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
}

FIRST_WAIT_S = 1.0
"""Longer than a guardian needs for the wheel, which the next actor wants to have."""
LONGEST_WAIT_S = 30.0
HEALTHY_S = 60.0
"""An actor that ran for so long had started well: what ended it is news."""
ATTEMPTS = 10
"""Runs in a row that were not healthy before it is left at that: some three minutes."""


@dataclasses.dataclass(frozen=True, slots=True)
class Again:
    """The actor is to be started again."""

    wait_s: float
    """After this long."""


@dataclasses.dataclass(frozen=True, slots=True)
class Leave:
    """It is not."""

    status: int
    """What to end with."""
    reason: str
    """Why not; empty if it was asked to end."""


class RestartPolicy:
    """Judges each end of an actor. Start one, then ask `after`."""

    def __init__(self) -> None:
        self._waits = GrowingWaits(FIRST_WAIT_S, LONGEST_WAIT_S)
        self._failures = 0
        self._was_healthy = False

    def after(self, status: int, ran_s: float) -> Again | Leave:
        """Return what follows from an end.

        Args:
            status: exit status; below zero the signal that ended it.
            ran_s: how long it ran, in seconds.
        """
        if status in _ASKED:
            return Leave(0 if status == 0 else EXIT_INTERRUPTED, "")
        if ran_s >= HEALTHY_S:
            self._was_healthy = True
            self._failures = 0
            self._waits.start_over()
        self._failures += 1
        if status == EXIT_SETTING and not self._was_healthy:
            return Leave(EXIT_SETTING, "Its settings cannot be used.")
        if self._failures >= ATTEMPTS:
            return Leave(shell_status(status), f"It ended {self._failures} times in a row.")
        return Again(self._waits.next_s())


def shell_status(status: int) -> int:
    """Return a status as shells give it: 128 and the signal's number if a signal ended it."""
    return 128 - status if status < 0 else status


def cause(status: int) -> str:
    """Return what a status says about the end, in words."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
