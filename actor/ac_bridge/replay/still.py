"""An event loop in which time stands still until it is moved, and nothing depends on the machine.

What runs in it does the same thing in the same order each time, timeouts included. No socket is
ever waited for: connections are made of `MemoryTransport`s.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import itertools
import math
from collections.abc import Callable
from typing import TypeVarTuple

from ac_bridge.clock import ManualClock
from ac_bridge_protocol.errors import RecordingError

Ts = TypeVarTuple("Ts")

ROUNDS = 100_000
"""Turns of the loop without an end after which something runs in circles."""


class StillClock(ManualClock):
    """A manual clock whose waiters wait in the loop itself, with its timers, in one order."""

    def __init__(self) -> None:
        super().__init__(start_s=1000.0)
        self._awaited: list[float] = []

    async def wait_until(self, deadline: float) -> None:
        """Park until the loop's time has reached ``deadline``."""
        if deadline <= self.now():
            await asyncio.sleep(0)
            return
        loop = asyncio.get_running_loop()
        reached = loop.create_future()
        timer = loop.call_at(deadline, _finish, reached)
        self._awaited.append(deadline)
        try:
            await reached
        finally:
            timer.cancel()
            self._awaited.remove(deadline)

    def due_s(self) -> float:
        """The earliest moment that anything waits for."""
        return min(self._awaited, default=math.inf)


class StillLoop(asyncio.SelectorEventLoop):
    """A loop whose time is a clock's, which only `advance` moves.

    Args:
        clock: whose time it has.
    """

    def __init__(self, clock: StillClock) -> None:
        super().__init__()
        self.still = clock
        self._timers: list[tuple[float, int, asyncio.TimerHandle, Callable[[], object]]] = []
        self._order = itertools.count()
        self._calls = 0

    def time(self) -> float:
        """Seconds of the clock."""
        return self.still.now()

    def call_soon(
        self,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        """Call back in the next turn; counted, so that `settle` knows when nothing is left."""
        self._calls += 1
        return super().call_soon(callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call back once `advance` has come to that moment."""
        handle = asyncio.TimerHandle(when, callback, args, self, context)

        def call() -> None:
            self.call_soon(callback, *args, context=context)

        heapq.heappush(self._timers, (when, next(self._order), handle, call))
        return handle

    async def advance(self, seconds: float) -> None:
        """Go forward, stopping at each moment that something waits for."""
        target_s = self.still.now() + seconds
        await self.settle()
        for _ in range(ROUNDS):
            due_s = self._next_s()
            if due_s > target_s:
                break
            self.still.sleep_until(due_s)
            await self._fire()
        else:
            raise _circling()
        self.still.sleep_until(target_s)

    async def stall(self, seconds: float) -> None:
        """Go forward without letting anything run until the end."""
        self.still.stall(seconds)
        await self.advance(0.0)

    async def settle(self) -> None:
        """Let everything run that can without time going on."""
        quiet = 0
        for _ in range(ROUNDS):
            before = self._calls
            await asyncio.sleep(0)
            quiet = quiet + 1 if self._calls - before == 1 else 0
            if quiet > 1:
                return
        raise _circling()

    def _next_s(self) -> float:
        while self._timers and self._timers[0][2].cancelled():
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else math.inf

    async def _fire(self) -> None:
        """Call back who waits for a moment that has come, one after the other."""
        if self._next_s() <= self.still.now():
            heapq.heappop(self._timers)[3]()
            await self.settle()


class MemoryTransport(asyncio.Transport):
    """The actor's end of a connection that is made of calls.

    Does not model: a network that splits, delays or reorders.

    Args:
        loop: in which it lives.
        address: of the other end.
        on_data: called with what the actor sent.
        on_gone: called when the actor has let go of the connection.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        address: tuple[str, int],
        on_data: Callable[[bytes], None],
        on_gone: Callable[[], None],
    ) -> None:
        super().__init__({"peername": address})
        self._loop = loop
        self._on_data = on_data
        self._on_gone = on_gone
        self._protocol: asyncio.Protocol | None = None
        self._coming = bytearray()
        self._takes = True
        self._buffer = bytearray()
        self._read_there = True
        self._high = 64 * 1024
        self._full = False
        self._closing = False
        self._gone = False

    # --- The actor calls --------------------------------------------------------------------------

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Let another one have it."""
        assert isinstance(protocol, asyncio.Protocol)  # noqa: S101 -- the actor has no other
        self._protocol = protocol

    def is_closing(self) -> bool:
        """Whether it is closed, or about to be."""
        return self._closing

    def close(self) -> None:
        """Close once everything was read at the other end."""
        self._closing = True
        if not self._buffer:
            self._loop.call_soon(self._end, None)

    def abort(self) -> None:
        """Close at once."""
        self._closing = True
        self._buffer.clear()
        self._loop.call_soon(self._end, None)

    def pause_reading(self) -> None:
        """Take nothing for a while."""
        self._takes = False

    def resume_reading(self) -> None:
        """Take what comes."""
        self._takes = True
        if self._coming:
            self._loop.call_soon(self._deliver)

    def is_reading(self) -> bool:
        """Whether it takes what comes."""
        return self._takes and not self._closing

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send."""
        if self._gone or self._protocol is None:
            return
        if self._read_there:
            self._on_data(bytes(data))
            return
        self._buffer += data
        if len(self._buffer) > self._high and not self._full:
            self._full = True
            self._protocol.pause_writing()

    def get_write_buffer_size(self) -> int:
        """Return how much waits to be read at the other end."""
        return len(self._buffer)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Say from how much on the actor is told to wait; it may go on when nothing waits."""
        self._high = high or self._high

    # --- The other end calls ----------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """Send something to the actor."""
        if data and not self._closing:
            self._coming += data
            self._deliver()

    def read(self, reads: bool) -> None:
        """Stop reading, or go on."""
        self._read_there = reads
        if not reads:
            return
        if self._buffer:
            data = bytes(self._buffer)
            self._buffer.clear()
            self._on_data(data)
        if self._closing:
            self._loop.call_soon(self._end, None)
        elif self._full and self._protocol is not None:
            self._full = False
            self._protocol.resume_writing()

    def end_of_file(self) -> None:
        """Say that nothing more comes."""
        if self._protocol is not None and not self._closing and not self._protocol.eof_received():
            self.close()

    def cut(self) -> None:
        """Reset the connection."""
        self._closing = True
        self._buffer.clear()
        self._end(ConnectionResetError())

    # --- Inside -----------------------------------------------------------------------------------

    def _deliver(self) -> None:
        if self._takes and self._coming and not self._closing and self._protocol is not None:
            data = bytes(self._coming)
            self._coming.clear()
            self._protocol.data_received(data)

    def _end(self, error: Exception | None) -> None:
        if self._gone or self._protocol is None:
            return
        self._gone = True
        self._protocol.connection_lost(error)
        self._on_gone()


def _finish(reached: asyncio.Future[None]) -> None:
    if not reached.done():
        reached.set_result(None)


def _circling() -> RecordingError:
    return RecordingError(
        f"The actor did not come to rest within {ROUNDS} turns of its loop.",
        hint="This is a bug of the actor, or of the transcript's checker.",
    )
