"""Time. The only module of the actor that imports `time`; everything else takes a `Clock`.

Three clocks: [`SystemClock`][] for the real world, [`ManualClock`][] for tests, and the stand-in
game's own clock, whose waiting runs physics (`ac_bridge.standin`).
"""

from __future__ import annotations

import abc
import asyncio
import contextlib
import heapq
import itertools
import math
import queue
import threading
import time  # noqa: TID251 -- the one place

SLEEP_SLICE_S = 0.2
"""The longest single sleep of a metronome thread: `close` never waits longer than this for it."""


class Clock(abc.ABC):
    """Where now is, and how to wait for a later moment.

    `now` is in seconds from an arbitrary start and never goes back (a lockstep game that is
    relaunched from a seed is the documented exception). Waiting for a moment that has passed
    returns at once.
    """

    @abc.abstractmethod
    def now(self) -> float:
        """Seconds since this clock's start."""

    @abc.abstractmethod
    def wall(self) -> float:
        """Seconds since 1970-01-01 UTC at this moment, as this clock tells it."""

    @abc.abstractmethod
    def sleep_until(self, deadline: float) -> None:
        """Block the calling thread until `now() >= deadline`."""

    @abc.abstractmethod
    async def wait_until(self, deadline: float) -> None:
        """Let the event loop go on until `now() >= deadline`. Cancelling loses nothing."""

    def due_s(self) -> float:
        """The earliest moment that anything in an event loop waits for; infinity if nothing does.

        It may have passed already, if the loop has not got round to it yet.
        """
        return math.inf

    def close(self) -> None:  # noqa: B027 -- most clocks hold nothing
        """Release what waiting needed (a thread, perhaps)."""


class SystemClock(Clock):
    """The machine's clock.

    `wait_until` never uses the loop's own timers: those are rounded to whole milliseconds, and on
    Windows to 15.6 ms. A metronome thread sleeps with `time.sleep` and wakes the loop instead.
    """

    def __init__(self) -> None:
        self._idle: list[_Metronome] = []
        self._all: list[_Metronome] = []

    def now(self) -> float:
        """Seconds since this clock's start."""
        return time.perf_counter()

    def wall(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        return time.time()

    def sleep_until(self, deadline: float) -> None:
        """Block the calling thread until `deadline`."""
        while (wait_s := deadline - time.perf_counter()) > 0:
            time.sleep(wait_s)

    async def wait_until(self, deadline: float) -> None:
        """Let the event loop go on until `deadline`."""
        if deadline <= time.perf_counter():
            await asyncio.sleep(0)  # whoever is late must still let the others run
            return
        metronome = self._idle.pop() if self._idle else self._new_metronome()
        await metronome.wait_until(deadline)

    def due_s(self) -> float:
        """The earliest moment that anything waits for."""
        return min((metronome.deadline for metronome in self._all), default=math.inf)

    def close(self) -> None:
        """End the metronome threads."""
        for metronome in self._all:
            metronome.close()
        self._all.clear()
        self._idle.clear()

    def _new_metronome(self) -> _Metronome:
        metronome = _Metronome(self, self._idle)
        self._all.append(metronome)
        return metronome


class _Metronome:
    """A thread that sleeps for one waiter of an event loop at a time.

    It goes back to ``idle`` by itself once it is awake: a waiter that was cancelled leaves it
    asleep for up to a slice, and the next waiter must not wait for that.

    Attributes:
        deadline: what its waiter waits for; infinity while it has none.
    """

    def __init__(self, clock: Clock, idle: list[_Metronome]) -> None:
        self._clock = clock
        self._idle = idle
        self._requests: queue.SimpleQueue[tuple[float, asyncio.Future[None]] | None] = (
            queue.SimpleQueue()
        )
        self._closing = False
        self.deadline = math.inf
        self._thread = threading.Thread(target=self._run, name="ac-bridge-metronome", daemon=True)
        self._thread.start()

    async def wait_until(self, deadline: float) -> None:
        future = asyncio.get_running_loop().create_future()
        self._requests.put((deadline, future))
        self.deadline = deadline
        try:
            await future
        finally:
            if self.deadline == deadline:  # else somebody else waits by now
                self.deadline = math.inf

    def close(self) -> None:
        self._closing = True
        self._requests.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (request := self._requests.get()) is not None:
            deadline, future = request
            while not self._closing and not future.done() and self._clock.now() < deadline:
                self._clock.sleep_until(min(deadline, self._clock.now() + SLEEP_SLICE_S))
            self._idle.append(self)
            with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits any more
                future.get_loop().call_soon_threadsafe(_finish, future)


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class ManualClock(Clock):
    """A clock that stands still until a test moves it.

    A blocking `sleep_until` jumps straight to its deadline: the sleeper is taken to be the only one
    with anything to do. Tasks in `wait_until` stay parked until `advance` passes their deadline.
    Does not model: a machine that is late. Call `advance` further than asked to play that part.
    """

    def __init__(self, start_s: float = 0.0, wall_s: float = 1_000_000_000.0) -> None:
        self._now = start_s
        self._wall_offset = wall_s - start_s
        self._order = itertools.count()
        self._parked: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> float:
        """Seconds since this clock's start."""
        return self._now

    def wall(self) -> float:
        """Seconds since 1970-01-01 UTC, in step with `now`."""
        return self._now + self._wall_offset

    def sleep_until(self, deadline: float) -> None:
        """Jump to `deadline`, waking nobody."""
        self._now = max(self._now, deadline)

    async def wait_until(self, deadline: float) -> None:
        """Park until `advance` reaches `deadline`."""
        if deadline <= self._now:
            await asyncio.sleep(0)
            return
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._parked, (deadline, next(self._order), future))
        await future

    async def advance(self, seconds: float) -> None:
        """Go forward, stopping at each parked deadline so that its task runs at its own time."""
        target = self._now + seconds
        await settle()
        while self._parked and self._parked[0][0] <= target:
            deadline, _, future = heapq.heappop(self._parked)
            self._now = max(self._now, deadline)
            _finish(future)
            await settle()
        self._now = max(self._now, target)

    def stall(self, seconds: float) -> None:
        """Go forward without letting anything run, as a machine does that was suspended."""
        self._now += seconds


async def settle(turns: int = 20) -> None:
    """Give every task that is ready `turns` chances to run."""
    for _ in range(turns):
        await asyncio.sleep(0)
