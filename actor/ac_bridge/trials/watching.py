"""Looking at a game at a rate, for as long as somebody wants."""

from __future__ import annotations

import collections
from collections.abc import Iterator
from typing import NamedTuple

from ac_bridge.game import Game
from ac_bridge.pacing import Ticker, TickStats, percentile
from ac_bridge.trials.bench import Bench, Look
from ac_bridge_protocol.errors import GameError

RECENT = 1000
"""Looks whose punctuality is shown while they go on."""


class Reading(NamedTuple):
    """How the reading itself goes."""

    hz: float
    """Looks a second that were asked for."""
    achieved_hz: float
    missed: int
    """Ticks that were skipped because they had passed."""
    error_p50_s: float
    """The tick error that half of the `RECENT` looks did not exceed."""
    error_p99_s: float
    torn_reads: int


class Watch:
    """Looks at a game on an absolute schedule, whether or not it is there.

    Args:
        game: what to look at; stays the caller's to close.
        hz: looks a second.

    Attributes:
        last: the newest look; None before the first.
        live: how many looks found the game live.
    """

    def __init__(self, game: Game, hz: float) -> None:
        self.hz = hz
        self.last: Look | None = None
        self.live = 0
        self._bench = Bench(game)
        self._ticker = Ticker(hz, game.clock)
        self._began_s = game.clock.now()
        self._recent_s: collections.deque[float] = collections.deque(maxlen=RECENT)

    @property
    def stats(self) -> TickStats:
        """How punctual the looks were."""
        return self._ticker.stats

    @property
    def torn_reads(self) -> int:
        """Copies thrown away because the game wrote while they were made."""
        return self._bench.reader.torn_reads

    @property
    def achieved_hz(self) -> float:
        """Looks a second since the beginning; 0 before the first."""
        elapsed_s = self._bench.clock.now() - self._began_s
        return self.stats.ticks / elapsed_s if elapsed_s > 0 else 0.0

    def reading(self) -> Reading:
        """Return how the reading goes at this moment."""
        return Reading(
            hz=self.hz,
            achieved_hz=self.achieved_hz,
            missed=self.stats.missed,
            error_p50_s=percentile(self._recent_s, 0.5),
            error_p99_s=percentile(self._recent_s, 0.99),
            torn_reads=self.torn_reads,
        )

    def looks(self, duration_s: float | None = None) -> Iterator[Look]:
        """Look at each tick, for ``duration_s`` or for ever."""
        self._bench.look()  # a single look cannot tell a running game from a dead one's pages
        self._bench.set_rate(self.hz)
        for tick in self._ticker:
            self._recent_s.append(self._bench.clock.now() - tick.at_s)
            self.last = look = self._bench.look()
            self.live += look.live
            yield look
            if duration_s is not None and tick.index >= duration_s * self.hz - 1e-9:
                return

    def require_live(self) -> None:
        """Make sure that the game was seen live at least once.

        Raises:
            GameError: it never was; says how it looked at the end.
        """
        if self.live:
            return
        if self.last is None:
            raise GameError("The game was not looked at once.", hint="Watch for longer.")
        raise self.last.error()
