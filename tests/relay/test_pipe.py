"""Two connections joined over real sockets: order, backpressure, and how one end ends both."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs
from websockets.frames import Close, Frame, Opcode

from ac_bridge.net.door import Place
from ac_bridge.net.gate import Gate
from ac_bridge.relay.pipe import CLOSE_S, PIPE_BYTES, End, Pipe, close_frame

READ_BYTES = 256 * 1024
"""Most that an event loop reads at once."""
SMALL_BUFFER_BYTES = 16 * 1024
BYE = Frame(Opcode.CLOSE, Close(1000, "bye").serialize())


class _Side:
    """What a client of the relay holds: the other end of a connection."""

    def __init__(self, one: socket.socket, end: End) -> None:
        self.socket = one
        self.end = end

    async def send(self, *frames: Frame) -> None:
        data = b"".join(frame.serialize(mask=True) for frame in frames)
        await self.send_bytes(data)

    async def send_bytes(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.socket, data)

    async def receive(self, size: int) -> bytes:
        """Return just so many bytes."""
        data = b""
        while len(data) < size:
            more = await self._receive(size - len(data))
            assert more, "the connection ended"
            data += more
        return data

    async def drain(self) -> bytes:
        """Return everything until the connection ends, in whatever way."""
        data = b""
        try:
            while more := await self._receive(READ_BYTES):
                data += more
        except ConnectionError:
            pass
        return data

    async def _receive(self, size: int) -> bytes:
        async with asyncio.timeout(10):
            return await asyncio.get_running_loop().sock_recv(self.socket, size)

    def reset(self) -> None:
        """Vanish, as a program does that is killed."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class _Joined:
    """A pipe and what is at its ends."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.gone = 0
        for _ in range(2):
            assert self.gate.arrive("127.0.0.1")
        places = [Place(self.gate, "127.0.0.1") for _ in range(2)]
        self.pipe = Pipe(places[0], places[1], drives=True, on_gone=self._on_gone)
        self.learner: _Side
        self.actor: _Side

    def _on_gone(self, pipe: Pipe) -> None:
        assert pipe is self.pipe
        self.gone += 1

    async def end(self) -> None:
        """Wait until both connections are gone."""
        await _until(lambda: self.gone > 0)
        assert self.gone == 1
        assert self.gate.open == 0


async def _until(condition: Callable[[], bool]) -> None:
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never came to that")


async def _connect(end: End) -> _Side:
    """Connect a socket to a pipe's end over the loopback, with small buffers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)
        outer = socket.socket()
        outer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)
        outer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER_BYTES)
        outer.connect(listener.getsockname())
        inner, _ = listener.accept()
    outer.setblocking(False)
    inner.setblocking(False)
    inner.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER_BYTES)
    await asyncio.get_running_loop().connect_accepted_socket(lambda: end, inner)
    return _Side(outer, end)


@asynccontextmanager
async def _joined() -> AsyncIterator[_Joined]:
    joined = _Joined()
    joined.learner = await _connect(joined.pipe.learner)
    joined.actor = await _connect(joined.pipe.actor)
    try:
        yield joined
    finally:
        joined.pipe.abort()
        joined.learner.socket.close()
        joined.actor.socket.close()
        await joined.end()


def _run(test: Callable[[_Joined], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        async with _joined() as joined:
            await test(joined)

    with capture_logs():
        asyncio.run(main())


def test_both_ways_in_order() -> None:
    """What one says the other hears, unmasked, in order, large and small, both ways at once."""

    async def test(joined: _Joined) -> None:
        frames = [Frame(Opcode.BINARY, bytes([n % 256]) * (n * 37 % 5000)) for n in range(300)]
        expected = b"".join(frame.serialize(mask=False) for frame in frames)
        sides = joined.learner, joined.actor
        async with asyncio.TaskGroup() as tasks:
            for side in sides:
                tasks.create_task(side.send(*frames))
            heard = [tasks.create_task(side.receive(len(expected))) for side in sides]
        assert [task.result() for task in heard] == [expected, expected]

    _run(test)


def test_control_frames_pass() -> None:
    """Pings and pongs are the ends' own affair."""

    async def test(joined: _Joined) -> None:
        for opcode in (Opcode.PING, Opcode.PONG):
            frame = Frame(opcode, b"42")
            await joined.learner.send(frame)
            expected = frame.serialize(mask=False)
            assert await joined.actor.receive(len(expected)) == expected

    _run(test)


@pytest.mark.parametrize("reader", ["learner", "actor"])
def test_slow_reader_slows_the_writer(reader: str) -> None:
    """Whoever does not read makes the other's writes stop; nothing piles up, nothing is lost."""

    async def test(joined: _Joined) -> None:
        slow, writer = joined.learner, joined.actor
        if reader == "actor":
            slow, writer = writer, slow
        frame = Frame(Opcode.BINARY, bytes(range(256)) * 4)
        data = frame.serialize(mask=True)
        stream = data * 20_000  # 20 MB
        sent = stalled = 0
        while stalled < 40:
            try:
                sent += writer.socket.send(stream[sent : sent + READ_BYTES])
                stalled = 0
            except BlockingIOError:
                stalled += 1
                await asyncio.sleep(0.005)
            transport = slow.end.open_transport
            assert transport is not None
            assert transport.get_write_buffer_size() <= PIPE_BYTES + READ_BYTES
        assert sent < len(stream) // 10
        # It goes on where it stopped. What was begun is ended, so that whole frames are compared.
        whole = -(-sent // len(data)) * len(data)
        expected = frame.serialize(mask=False) * (whole // len(data))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(writer.send_bytes(stream[sent:whole]))
            heard = tasks.create_task(slow.receive(len(expected)))
        assert heard.result() == expected
        # And the other way was never held up.
        await slow.send(frame)
        assert len(await writer.receive(len(data) - 4)) == len(data) - 4

    _run(test)


@pytest.mark.parametrize("lost", ["learner", "actor"])
@pytest.mark.parametrize("how", ["reset", "eof"])
def test_lost_end_is_lost_for_the_other(lost: str, how: str) -> None:
    """A connection that is cut, or ends without a good-bye, ends the other without one."""

    async def test(joined: _Joined) -> None:
        one, other = joined.learner, joined.actor
        if lost == "actor":
            one, other = other, one
        hello = Frame(Opcode.TEXT, b"hello")
        await one.send(hello)
        assert await other.receive(len(b"hello") + 2) == hello.serialize(mask=False)
        if how == "reset":
            one.reset()
        else:
            one.socket.shutdown(socket.SHUT_WR)
        assert await other.drain() == b""
        await joined.end()

    _run(test)


def test_lost_in_the_middle_of_a_frame() -> None:
    """Half a frame is passed on; that it was cut off there shows."""

    async def test(joined: _Joined) -> None:
        frame = Frame(Opcode.BINARY, b"x" * 1000)
        await joined.learner.send_bytes(frame.serialize(mask=True)[:508])
        assert await joined.actor.receive(504) == frame.serialize(mask=False)[:504]
        joined.learner.reset()
        assert await joined.actor.drain() == b""

    _run(test)


@pytest.mark.parametrize("first", ["learner", "actor"])
def test_good_bye(first: str) -> None:
    """A close frame goes through, and so does its answer; then both connections are closed."""

    async def test(joined: _Joined) -> None:
        one, other = joined.learner, joined.actor
        if first == "actor":
            one, other = other, one
        expected = BYE.serialize(mask=False)
        await one.send(BYE)
        assert await other.receive(len(expected)) == expected
        last = Frame(Opcode.TEXT, b"what was on its way")
        await other.send(last, BYE)
        assert await one.drain() == last.serialize(mask=False) + expected
        assert await other.drain() == b""
        await joined.end()

    _run(test)


def test_good_bye_and_gone() -> None:
    """Who says much, says good-bye and is gone has said all of it."""

    async def test(joined: _Joined) -> None:
        frames = [Frame(Opcode.BINARY, bytes([n]) * 1000) for n in range(200)]

        async def leave() -> None:
            await joined.learner.send(*frames, BYE)
            joined.learner.socket.shutdown(socket.SHUT_WR)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(leave())
            heard = tasks.create_task(joined.actor.drain())
        assert heard.result() == b"".join(frame.serialize(mask=False) for frame in [*frames, BYE])
        await joined.end()

    _run(test)


def test_good_bye_without_an_answer() -> None:
    """A pipe that is ending and does not end is ended, at its time and not before."""

    async def test(joined: _Joined) -> None:
        joined.pipe.look_after(0.0)
        joined.pipe.look_after(1e6)  # as long as nobody says good-bye it may be silent
        await joined.learner.send(BYE)
        await joined.actor.receive(len(BYE.serialize(mask=False)))
        joined.pipe.look_after(1e6)
        joined.pipe.look_after(1e6 + CLOSE_S - 0.1)
        assert joined.gone == 0
        joined.pipe.look_after(1e6 + CLOSE_S)
        await joined.end()

    _run(test)


def test_good_bye_to_one_who_does_not_read() -> None:
    """What cannot be flushed does not keep a pipe for ever."""

    async def test(joined: _Joined) -> None:
        transport = joined.actor.end.open_transport
        assert transport is not None
        while transport.get_write_buffer_size() < SMALL_BUFFER_BYTES:  # the kernel takes no more
            await joined.learner.send(Frame(Opcode.BINARY, b"x" * 4000))
            await asyncio.sleep(0.005)
        await joined.learner.send(BYE)
        joined.learner.socket.shutdown(socket.SHUT_WR)
        await _until(lambda: joined.learner.end.open_transport is None)
        assert joined.gone == 0
        joined.pipe.look_after(0.0)
        joined.pipe.look_after(CLOSE_S)
        await joined.end()

    _run(test)


@pytest.mark.parametrize(
    ("data", "code"), [(b"\x82\x05hello", 1002), (b"\x82\xff" + b"\xff" * 12, 1009)]
)
def test_bad_frame(data: bytes, code: int) -> None:
    """Who breaks the rules is told; the other has lost its link."""

    async def test(joined: _Joined) -> None:
        await joined.learner.send_bytes(data)
        said = await joined.learner.drain()
        assert said[0] == 0x88
        assert Close.parse(said[2:]).code == code
        assert await joined.actor.drain() == b""
        await joined.end()

    _run(test)


def test_bad_frame_while_it_is_being_told_something() -> None:
    """In the middle of a frame nothing of our own is said."""

    async def test(joined: _Joined) -> None:
        half = Frame(Opcode.BINARY, b"x" * 1000).serialize(mask=True)[:508]
        await joined.actor.send_bytes(half)
        assert len(await joined.learner.receive(504)) == 504
        await joined.learner.send_bytes(b"\x82\x05hello")
        assert await joined.learner.drain() == b""
        await joined.end()

    _run(test)


def test_ended_by_the_relay() -> None:
    """The relay cannot speak for either end: for both the link is lost."""

    async def test(joined: _Joined) -> None:
        joined.pipe.close(4001, "displaced")
        assert await joined.learner.drain() == b""
        assert await joined.actor.drain() == b""
        await joined.end()

    _run(test)


def test_close_frame_is_cut() -> None:
    """A reason that is too long for a close frame is cut between characters."""
    data = close_frame(1002, "ä" * 200)
    close = Close.parse(data[2:])
    assert close.code == 1002
    assert set(close.reason) == {"ä"}
    assert 50 < len(close.reason) <= 60
