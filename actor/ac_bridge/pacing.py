"""Ticks on an absolute schedule: `t0 + k * dt`, whatever happens in between.

`Pacer` is the arithmetic, `Ticker` waits with a clock, `TickStats` keeps how punctual it was. A
tick that is too late is skipped and counted, never made up: after a stall the next tick is the
next one of the schedule, so there is no burst and no drift.
"""

from __future__ import annotations

import collections
import dataclasses
import math
from collections.abc import AsyncIterator, Iterator

from ac_bridge.clock import Clock, SystemClock
from ac_bridge_protocol.errors import SettingError

LATE_SHARE = 0.5
"""A tick late by less than half its period is still run, a later one is skipped; so two ticks are
never closer together than half a period."""

KEPT_ERRORS = 100_000
"""Tick errors kept for percentiles: the last half hour at 60 Hz, in less than a megabyte."""


@dataclasses.dataclass(frozen=True, slots=True)
class Tick:
    """One tick of a schedule."""

    index: int
    """Number on the schedule; tick 0 is the schedule's start and is never waited for."""
    at_s: float
    """When it is due, in seconds of the clock."""
    missed: int
    """Ticks before this one that were skipped because they had passed."""


class Pacer:
    """The arithmetic of a schedule. Knows no clock.

    Args:
        hz: ticks a second.
        start_s: when tick 0 was, in seconds of whatever clock.
    """

    def __init__(self, hz: float, start_s: float) -> None:
        if not (math.isfinite(hz) and hz > 0):
            raise SettingError(f"A rate must be above 0 Hz, not {hz:g}.", setting="hz")
        self.period_s = 1.0 / hz
        self._hz = hz
        self._start_s = start_s
        self._reached = 0

    def at(self, index: int) -> float:
        """Return when tick ``index`` is due. Divided, not added up: no rounding accumulates."""
        return self._start_s + index / self._hz

    def next(self, now_s: float) -> Tick:
        """Return the next tick to wait for: the one after the last reached, unless overtaken."""
        following = self._reached + 1
        index = max(following, self._oldest_in_time(now_s))
        return Tick(index, self.at(index), index - following)

    def reach(self, tick: Tick, now_s: float) -> bool:
        """Take a tick that was waited for.

        Returns:
            False if it was overtaken while waiting, as by a stall: then wait for the `next` one,
            which counts it as missed.
        """
        if tick.index < self._oldest_in_time(now_s):
            return False
        self._reached = tick.index
        return True

    def _oldest_in_time(self, now_s: float) -> int:
        # One formula for `next` and `reach`: were they to round differently, a tick could be
        # waited for and overtaken for ever.
        return math.ceil((now_s - self._start_s) * self._hz - LATE_SHARE)


class TickStats:
    """How punctual ticks were."""

    def __init__(self) -> None:
        self.ticks = 0
        self.missed = 0
        self._errors_s: collections.deque[float] = collections.deque(maxlen=KEPT_ERRORS)

    def record(self, tick: Tick, now_s: float) -> None:
        """Keep one tick that was reached at ``now_s``."""
        self.ticks += 1
        self.missed += tick.missed
        self._errors_s.append(now_s - tick.at_s)

    def error_s(self, share: float) -> float:
        """Return the tick error that ``share`` (0..1) of the ticks did not exceed, in seconds."""
        return percentile(self._errors_s, share)

    def summary(self) -> dict[str, float]:
        """Return counts, and the tick error in microseconds: p50, p99 and max."""
        return {
            "ticks": self.ticks,
            "missed": self.missed,
            "p50_us": self.error_s(0.5) * 1e6,
            "p99_us": self.error_s(0.99) * 1e6,
            "max_us": self.error_s(1.0) * 1e6,
        }


def percentile(values: collections.abc.Iterable[float], share: float) -> float:
    """Return the smallest value that ``share`` (0..1) of ``values`` do not exceed; 0 of none."""
    ordered = sorted(values)
    if not ordered:
        return 0.0
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


class Ticker:
    """Waits for the ticks of a schedule that starts when it is made.

    The first tick is a whole period away, as every other. Iterate it, blocking or in an event
    loop:

        for tick in Ticker(hz=10): ...
        async for tick in Ticker(hz=10): ...

    Args:
        hz: ticks a second.
        clock: the machine's own unless given.
    """

    def __init__(self, hz: float, clock: Clock | None = None) -> None:
        self.clock = clock or SystemClock()
        self.stats = TickStats()
        self._pacer = Pacer(hz, self.clock.now())

    def wait(self) -> Tick:
        """Block until the next tick."""
        while True:
            tick = self._pacer.next(self.clock.now())
            self.clock.sleep_until(tick.at_s)
            if self._reach(tick):
                return tick

    async def wait_async(self) -> Tick:
        """Let the event loop run until the next tick."""
        while True:
            tick = self._pacer.next(self.clock.now())
            await self.clock.wait_until(tick.at_s)
            if self._reach(tick):
                return tick

    def _reach(self, tick: Tick) -> bool:
        now_s = self.clock.now()
        if not self._pacer.reach(tick, now_s):
            return False
        self.stats.record(tick, now_s)
        return True

    def __iter__(self) -> Iterator[Tick]:
        while True:
            yield self.wait()

    async def __aiter__(self) -> AsyncIterator[Tick]:
        while True:
            yield await self.wait_async()
