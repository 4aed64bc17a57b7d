"""How long to try to connect to an actor that says no, or nothing. Pure."""

from __future__ import annotations

import math

from ac_bridge_protocol.errors import ErrorCode, LinkError, RefusedError

BUSY_S = 30.0
"""How long an actor may say that it has a learner already, in seconds: the dead link of a machine
that lost power is noticed there within eleven."""

_TAKEN = (ErrorCode.BUSY, ErrorCode.FULL)
_PASSING = (ErrorCode.NO_SUCH_ACTOR, ErrorCode.SHUTTING_DOWN, ErrorCode.TOO_MANY)


class Patience:
    """Judges attempts that failed, one after the other.

    Args:
        first_s: how long an actor that was never reached is tried, in seconds.
        known: whether it was reached before: then it is tried for ever.
        now_s: when the first attempt begins.
    """

    def __init__(self, first_s: float, *, known: bool, now_s: float) -> None:
        self._absent_s = math.inf if known else first_s
        self._taken = False
        self._since_s = now_s

    def is_over(self, error: LinkError, now_s: float) -> bool:
        """Whether an attempt that failed was the last."""
        code = error.code if isinstance(error, RefusedError) else None
        if code is not None and code not in _TAKEN + _PASSING:
            return True
        taken = code in _TAKEN
        if taken is not self._taken:
            self._taken, self._since_s = taken, now_s
        return now_s - self._since_s >= (BUSY_S if taken else self._absent_s)
