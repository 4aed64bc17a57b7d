"""How often something may happen: a bucket that fills as time goes on. Pure."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Pace:
    """What is allowed.

    Attributes:
        per_s: as often in a second, in the long run.
        burst: as often at once.
    """

    per_s: float
    burst: int


class Bucket:
    """Counts against a pace.

    Args:
        pace: what is allowed.
        now_s: in seconds of any clock.
    """

    def __init__(self, pace: Pace, now_s: float) -> None:
        self._pace = pace
        self._left = float(pace.burst)
        self._counted_s = now_s

    def take(self, now_s: float) -> bool:
        """Count one; return whether it was allowed."""
        pace = self._pace
        self._left = min(self._left + (now_s - self._counted_s) * pace.per_s, float(pace.burst))
        self._counted_s = now_s
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
