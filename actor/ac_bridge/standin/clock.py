"""The clock of a game in lockstep: it stands still until somebody waits on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ac_bridge.clock import Clock

WALL_EPOCH_S = 1_577_836_800.0
"""2020-01-01 UTC: what a lockstep game calls its start, so that runs repeat to the bit."""


class LockstepClock(Clock):
    """Game time. Waiting for a moment makes the game live until that moment, at once.

    There is one time line: whoever waits moves it for everybody.
    """

    def __init__(self, live_until: Callable[[float], None]) -> None:
        """Make a clock at zero.

        Args:
            live_until: runs the game until a moment, in seconds.
        """
        self._now = 0.0
        self._live_until = live_until

    def now(self) -> float:
        """Seconds of game time since the launch."""
        return self._now

    def wall(self) -> float:
        """Seconds since 1970-01-01 UTC, had the game been launched at `WALL_EPOCH_S`."""
        return WALL_EPOCH_S + self._now

    def sleep_until(self, deadline: float) -> None:
        """Run the game until ``deadline``."""
        if deadline > self._now:
            self._live_until(deadline)
            self._now = deadline

    async def wait_until(self, deadline: float) -> None:
        """Run the game until ``deadline``, then let the other tasks have a turn."""
        self.sleep_until(deadline)
        await asyncio.sleep(0)

    def restart(self) -> None:
        """Go back to zero: a new process."""
        self._now = 0.0
