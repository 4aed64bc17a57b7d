"""What the actor's clock says in the learner's: offsets from pings. Pure.

A ping that left at `t_sent` and whose answer was back at `t_back` (learner's clock) was at the
actor from `t_received` to `t_answered` (actor's clock). How the time on the way was shared between
there and back nobody knows; so the offset is known to half of it, and the quickest round trip of
late knows it best. Old ones age out, and lose worth before they do: clocks drift.
"""

from __future__ import annotations

import collections
import dataclasses

WINDOW_S = 30.0
"""How long a round trip counts, in seconds of the learner's clock."""

KEPT = 128
"""Most round trips that count at once."""

DRIFT = 1e-4
"""How much two clocks may gain on each other: twice what the worst quartz is sold with."""


@dataclasses.dataclass(frozen=True, slots=True)
class _RoundTrip:
    sent_s: float
    back_s: float
    took_s: float
    offset_s: float


class ClockFilter:
    """Finds the offset between two clocks from the quickest of the recent round trips.

    Args:
        window_s: how long a round trip counts, in seconds.
    """

    def __init__(self, window_s: float = WINDOW_S) -> None:
        self._window_s = window_s
        self._kept: collections.deque[_RoundTrip] = collections.deque(maxlen=KEPT)
        self._best: _RoundTrip | None = None

    def add(self, t_sent: float, t_received: float, t_answered: float, t_back: float) -> float:
        """Take one round trip and return how long it was on the way, in seconds.

        Args:
            t_sent: when the ping left, by the learner's clock.
            t_received: when it came in, by the actor's.
            t_answered: when the answer left, by the actor's.
            t_back: when that came in, by the learner's.
        """
        took_s = max((t_back - t_sent) - (t_answered - t_received), 0.0)
        offset_s = ((t_received - t_sent) + (t_answered - t_back)) / 2
        self._kept.append(_RoundTrip(t_sent, t_back, took_s, offset_s))
        while self._kept[0].back_s < t_back - self._window_s:
            self._kept.popleft()
        self._best = min(self._kept, key=self._error_s)
        return took_s

    @property
    def offset_s(self) -> float | None:
        """Actor's clock less learner's, in seconds; None before the first round trip."""
        return None if self._best is None else self._best.offset_s

    @property
    def error_s(self) -> float | None:
        """How far off `offset_s` may be, in seconds; None before the first round trip.

        Half the round trip that it is from, and the drift since then.
        """
        return None if self._best is None else self._error_s(self._best)

    def to_learner(self, actor_s: float) -> float | None:
        """Return a moment of the actor's clock in the learner's; None before any round trip."""
        return None if self._best is None else actor_s - self._best.offset_s

    def _error_s(self, trip: _RoundTrip) -> float:
        return trip.took_s / 2 + DRIFT * (self._kept[-1].back_s - trip.sent_s)
