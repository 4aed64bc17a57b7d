"""Refusals in the log: enough to see what goes on, and never so many that they are all there is."""

from __future__ import annotations

import structlog

from ac_bridge.net.door import Visit
from ac_bridge.net.rate import Bucket, Pace
from ac_bridge_protocol.errors import RefusedError

log = structlog.get_logger()

LINES_PACE = Pace(per_s=1.0, burst=20)
"""Lines about refusals: a person who sets a learner up sees each; a flood is counted."""


class Refusals:
    """Logs who was refused, and why.

    Args:
        now_s: in seconds of the clock that `note` is told the time of.
    """

    def __init__(self, now_s: float) -> None:
        self._bucket = Bucket(LINES_PACE, now_s)
        self._unsaid = 0

    def note(self, visit: Visit, error: RefusedError, now_s: float) -> None:
        """Somebody was refused."""
        if not self._bucket.take(now_s):
            self._unsaid += 1
            return
        unsaid, self._unsaid = self._unsaid, 0
        more = {"and_before": unsaid} if unsaid else {}
        log.warning("refused", peer=visit.peer, path=visit.path[:100], reason=error.message, **more)
