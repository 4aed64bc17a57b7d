"""Turns: work for strangers is done a little at a time, and never when a tick is about due.

Whoever connects, asks or floods costs time on the loop that also drives. One of them costs little;
what counts is all of them together. So everything that anybody but the driver wants goes through
one queue: a little of it is done, then there is a pause, and none is begun shortly before a moment
that something waits for. Nobody's request is lost by that, only later by milliseconds.
"""

from __future__ import annotations

import asyncio
import collections
import math
from collections.abc import Callable

from ac_bridge.clock import Clock

TURN_S = 0.0003
"""No further piece of work is begun once a turn has taken so long, in seconds."""

PAUSE_S = 0.001
"""From one turn to the next, in seconds.

A pause, not only a turn of the loop: a loop that never sleeps lets go of the interpreter for so
short moments that the threads which wait for the next tick do not get it.
"""

CLEAR_S = 0.0015
"""So long before something is due no turn begins, in seconds: a turn's time, and the longest single
piece of work that was seen in it."""


class Turns:
    """A queue of small pieces of work.

    Args:
        clock: the machine's.
        due_in_s: in how many seconds something is due that must not wait; below 0 if it is overdue.
    """

    def __init__(self, clock: Clock, due_in_s: Callable[[], float] = lambda: math.inf) -> None:
        self._clock = clock
        self._due_in_s = due_in_s
        self._queue: collections.deque[Callable[[], None]] = collections.deque()
        self._rested_s = -math.inf
        self._running = False
        self._timer: asyncio.TimerHandle | None = None

    def ask(self, work: Callable[[], None]) -> None:
        """Do something now if it is quiet, else when its turn comes. Must be called in the loop."""
        self._queue.append(work)
        if self._timer is None and not self._running:
            self._take_turn()

    async def wait(self) -> None:
        """Wait for a turn."""
        turn = asyncio.Event()
        self.ask(turn.set)
        await turn.wait()

    def close(self) -> None:
        """Forget what waits."""
        self._queue.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _take_turn(self) -> None:
        self._timer = None
        began_s = self._clock.now()
        wait_s = max(self._rested_s - began_s, self._until_clear_s())
        try:
            if wait_s <= 0:
                wait_s = PAUSE_S
                self._work(began_s)
        finally:
            if self._queue:
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later(wait_s, self._take_turn)

    def _work(self, began_s: float) -> None:
        self._running = True
        try:
            while self._queue:
                self._queue.popleft()()
                if self._clock.now() - began_s >= TURN_S:
                    break
        finally:
            self._running = False
            self._rested_s = self._clock.now() + PAUSE_S

    def _until_clear_s(self) -> float:
        """Return for how long no turn may begin."""
        due_in_s = self._due_in_s()
        return max(due_in_s, 0.0) + PAUSE_S / 2 if due_in_s < CLEAR_S else 0.0
