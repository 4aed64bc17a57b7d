"""The loop in which time stands still: order, timeouts, and connections made of calls."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from ac_bridge.replay import still
from ac_bridge.replay.still import MemoryTransport, StillClock, StillLoop
from ac_bridge_protocol.errors import RecordingError


def run(main: Callable[[StillLoop], Awaitable[None]]) -> None:
    """Run something in a loop of its own."""
    loop = StillLoop(StillClock())
    try:
        loop.run_until_complete(main(loop))
    finally:
        loop.close()


def test_whoever_waits_is_woken_at_its_own_moment() -> None:
    """Timers and waiters share one line of time, in which the clock stops at each of them."""

    async def main(loop: StillLoop) -> None:
        began_s, woken = loop.time(), []

        async def wait(seconds: float) -> None:
            await loop.still.wait_until(began_s + seconds)
            woken.append(loop.time() - began_s)

        tasks = [asyncio.create_task(wait(seconds)) for seconds in (3.0, 1.0)]
        loop.call_later(2.0, lambda: woken.append(loop.time() - began_s))
        await loop.advance(2.5)
        assert woken == [1.0, 2.0]
        assert loop.still.due_s() == began_s + 3.0
        await loop.advance(0.5)
        assert woken == [1.0, 2.0, 3.0]
        assert all(task.done() for task in tasks)

    run(main)


def test_who_was_cancelled_is_not_woken() -> None:
    """A cancelled timer, and a cancelled waiter, are forgotten."""

    async def main(loop: StillLoop) -> None:
        called: list[int] = []
        loop.call_later(1.0, called.append, 1).cancel()
        waiter = asyncio.create_task(loop.still.wait_until(loop.time() + 1.0))
        await loop.settle()
        waiter.cancel()
        await loop.advance(2.0)
        assert called == []
        assert waiter.cancelled()
        assert loop.still.due_s() == float("inf")

    run(main)


def test_a_busy_machine_is_late() -> None:
    """Nothing runs while the machine is busy; then everything that was due does, late."""

    async def main(loop: StillLoop) -> None:
        began_s = loop.time()
        at: list[float] = []
        loop.call_later(1.0, lambda: at.append(loop.time() - began_s))
        await loop.stall(3.0)
        assert at == [3.0]

    run(main)


def test_circles_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What never comes to rest, at once or by timers of no time, ends in an error."""
    monkeypatch.setattr(still, "ROUNDS", 50)

    async def in_turns(loop: StillLoop) -> None:
        def again() -> None:
            loop.call_soon(again)

        again()
        await loop.settle()

    async def by_timers(loop: StillLoop) -> None:
        def again() -> None:
            loop.call_later(0.0, again)

        again()
        await loop.advance(1.0)

    for main in (in_turns, by_timers):
        with pytest.raises(RecordingError, match="did not come to rest"):
            run(main)


class Taking(asyncio.Protocol):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def data_received(self, data: bytes) -> None:
        """Some bytes."""
        self.told.append(data)

    def eof_received(self) -> None:
        """No more bytes."""
        self.told.append("eof")

    def pause_writing(self) -> None:
        """The reader is slow."""
        self.told.append("pause")

    def resume_writing(self) -> None:
        """The reader has caught up."""
        self.told.append("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self.told.append(("lost", type(exc).__name__))


def connected(loop: StillLoop) -> tuple[MemoryTransport, Taking, list[object]]:
    """Return both ends of a connection: the actor's with its protocol, and what the other hears."""
    heard: list[object] = []
    transport = MemoryTransport(loop, ("h", 1), heard.append, lambda: heard.append("gone"))
    protocol = Taking()
    transport.set_protocol(protocol)
    return transport, protocol, heard


def test_bytes_wait_for_who_does_not_take_them() -> None:
    """While the actor reads nothing what comes waits; it comes in one piece when it reads on."""

    async def main(loop: StillLoop) -> None:
        transport, protocol, _ = connected(loop)
        transport.pause_reading()
        transport.feed(b"a")
        transport.feed(b"b")
        assert protocol.told == []
        transport.resume_reading()
        await loop.settle()
        assert protocol.told == [b"ab"]

    run(main)


def test_a_reader_that_stops_fills_the_buffer() -> None:
    """Beyond the high water the actor is told to wait, until the reader has taken all of it."""

    async def main(loop: StillLoop) -> None:
        transport, protocol, heard = connected(loop)
        transport.set_write_buffer_limits(high=3)
        transport.read(False)
        transport.write(b"123")
        assert protocol.told == []
        transport.write(b"4")
        assert protocol.told == ["pause"]
        assert transport.get_write_buffer_size() == 4
        transport.read(True)
        assert (heard, protocol.told) == ([b"1234"], ["pause", "resume"])

    run(main)


def test_closing_waits_for_the_reader_and_aborting_does_not() -> None:
    """What was written before a close arrives; what was written before an abort does not."""

    async def main(loop: StillLoop) -> None:
        transport, protocol, heard = connected(loop)
        transport.read(False)
        transport.write(b"bye")
        transport.close()
        await loop.settle()
        assert heard == []
        transport.read(True)
        await loop.settle()
        assert (heard, protocol.told) == ([b"bye", "gone"], [("lost", "NoneType")])

        transport, protocol, heard = connected(loop)
        transport.read(False)
        transport.write(b"bye")
        transport.abort()
        await loop.settle()
        assert (heard, protocol.told) == (["gone"], [("lost", "NoneType")])

    run(main)


def test_the_other_end_cuts_or_ends() -> None:
    """A cut is an error to the actor, and comes once; the end of a file is not one."""

    async def main(loop: StillLoop) -> None:
        transport, protocol, heard = connected(loop)
        transport.cut()
        transport.cut()
        assert protocol.told == [("lost", "ConnectionResetError")]

        transport, protocol, heard = connected(loop)
        transport.end_of_file()
        await loop.settle()
        assert protocol.told == ["eof", ("lost", "NoneType")]
        assert heard == ["gone"]

    run(main)
