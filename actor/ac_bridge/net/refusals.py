"""Refusals in the log: enough to see what goes on, and never so many that they are all there is."""

from __future__ import annotations

import structlog

from ac_bridge.net.door import Visit
from ac_bridge.net.rate import Bucket, Pace
from ac_bridge_protocol.discovery import printable
from ac_bridge_protocol.errors import RefusedError

log = structlog.get_logger()

LINES_PACE = Pace(per_s=1.0, burst=20)
"""Lines about refusals: a person who sets a learner up sees each; a flood is counted."""

PATH_CHARACTERS = 100
"""Of what was asked for, so much is logged: every path of ours is shorter."""


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
        path = printable(visit.path, PATH_CHARACTERS)  # a stranger wrote it
        log.warning("refused", peer=visit.peer, path=path, reason=error.message, **more)
