"""What a guardian decides: whether its actor left in good order, and how long to try. Pure."""

from __future__ import annotations

import enum

from ac_bridge_protocol.helpers import GrowingWaits

FAREWELL = b"neutral\n"
"""What an actor says that has set its wheel neutral itself."""
READY = b"ready\n"
"""What a guardian says once it has everything that it needs to act."""

EXIT_NOT_NEUTRAL = 1
"""A guardian's status: the wheel is as the actor left it."""
EXIT_USELESS = 2
"""A guardian's status: it could never have taken the wheel, and nor can another one."""

FIRST_WAIT_S = 0.005
"""A device that its dead owner still holds is free within milliseconds, as far as we know."""
LONGEST_WAIT_S = 0.25
PATIENCE_S = 5.0
"""How long after the actor's end a wheel that cannot be had is tried."""
LINGER_S = 0.25
"""How long the wheel is held once it is neutral. Whoever reads an uinput device loses what it has
not read yet when the device goes; the game reads every few milliseconds."""


class Verdict(enum.Enum):
    """What to do now."""

    WATCH = enum.auto()
    """The actor lives."""
    LEAVE = enum.auto()
    """It has set the wheel neutral: there is nothing to do any more."""
    TAKE = enum.auto()
    """It is gone, and nobody has let go of the wheel."""


class Watch:
    """Judges what comes out of the pipe."""

    def __init__(self) -> None:
        self._heard = b""

    def hear(self, data: bytes) -> Verdict:
        """Take what was read, empty at the pipe's end, and return what to do."""
        if not data:
            return Verdict.TAKE
        self._heard = (self._heard + data)[-len(FAREWELL) :]
        return Verdict.LEAVE if self._heard == FAREWELL else Verdict.WATCH


class Patience:
    """Says how long to wait before a wheel that could not be had is tried again.

    Args:
        gone_s: when the actor was found gone, on any clock.
    """

    def __init__(self, gone_s: float) -> None:
        self._until_s = gone_s + PATIENCE_S
        self._waits = GrowingWaits(FIRST_WAIT_S, LONGEST_WAIT_S)

    def after_failure(self, now_s: float) -> float | None:
        """Return how many seconds to wait, None to give up."""
        wait_s = self._waits.next_s()
        return None if now_s + wait_s > self._until_s else wait_s
