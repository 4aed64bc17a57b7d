"""One hostile connection: sends any bytes, and says in a few words what the actor answered."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from typing import Any, Self

import orjson
import ormsgpack

from _abuse import hostile
from _abuse.hostile import CLOSE, PONG, TEXT
from ac_bridge_protocol.codec import Codec

PATIENCE_S = 15.0
"""For an answer: longer than any deadline of the actor, on a machine that is being attacked."""
LINGER = struct.pack("ii", 1, 0)
"""Closing with this resets the connection: the attacker keeps nothing of it either."""
NO_PORT_YET = 24
"""IP_BIND_ADDRESS_NO_PORT of Linux: a port is chosen when it is known where to."""
SILENCE = "silence"
STREAM = ("telemetry", "event", "ping")
"""What comes to whoever listens, and answers nothing."""


class Peer:
    """A connection. A context manager: it resets the connection.

    Args:
        to: address and port of the actor.
        source: the address that it comes from.
        receive_bytes: of its receive buffer; None leaves it as it is.
    """

    def __init__(
        self, to: tuple[str, int], source: str, *, receive_bytes: int | None = None
    ) -> None:
        self._to, self._source = to, source
        self._socket = socket.socket()
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_bytes is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self._data = b""
        self.head = b""

    async def connect(self) -> str:
        """Connect; return what is wrong, or nothing."""
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.IPPROTO_IP, NO_PORT_YET, 1)
        try:
            self._socket.bind((self._source, 0))
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.get_running_loop().sock_connect(self._socket, self._to)
        except TimeoutError:
            return SILENCE
        except OSError:
            return "reset"
        return ""

    async def send(self, data: bytes) -> bool:
        """Send bytes; return whether there was still somebody."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.get_running_loop().sock_sendall(self._socket, data)
        except OSError:  # a timeout is one, too
            return False
        return True

    async def ask(self, data: bytes, patience_s: float = PATIENCE_S) -> str:
        """Send bytes and return the answer: what was said before a reset counts."""
        await self.send(data)
        return await self.answer(patience_s)

    async def open(
        self, rng: random.Random, codec: Codec, *more: str, token: str = "", welcome: bool = True
    ) -> str:
        """Open a WebSocket, and be welcomed as a spectator; return what is wrong, or nothing."""
        if wrong := await self.connect():
            return wrong
        said = await self.ask(hostile.request(rng, codec, *more, token=token))
        if said != "HTTP 101":
            return said
        if not welcome:
            return ""
        said = await self.ask(hostile.hello(codec))
        return "" if said == "welcome" else said

    async def answer(self, patience_s: float = PATIENCE_S) -> str:
        """Return what the actor says next, in a few words; the stream of frames is skipped."""
        try:
            async with asyncio.timeout(patience_s):
                while True:
                    said = self._take()
                    if said and said not in STREAM:
                        return said
                    if not said and not await self._read():
                        return "closed"
        except TimeoutError:
            return SILENCE
        except OSError:
            return "reset"

    async def _read(self) -> bool:
        data = await asyncio.get_running_loop().sock_recv(self._socket, 1 << 16)
        self._data += data
        return bool(data)

    def _take(self) -> str:
        """Return what the bytes so far say, and take them; nothing if they are not enough."""
        if self._data.startswith(b"HTTP/"):
            return self._take_response()
        if len(self._data) < 2:
            return ""
        start = {126: 4, 127: 10}.get(self._data[1] & 0x7F, 2)
        size = self._data[1] & 0x7F if start == 2 else int.from_bytes(self._data[2:start])
        if len(self._data) < start + size:
            return ""
        opcode, payload = self._data[0] & 0x0F, self._data[start : start + size]
        self._data = self._data[start + size :]
        if opcode == CLOSE:
            return f"close {int.from_bytes(payload[:2]) or ''}".strip()
        if opcode == PONG:
            return "pong frame"
        return _name_of(orjson.loads(payload) if opcode == TEXT else ormsgpack.unpackb(payload))

    def _take_response(self) -> str:
        head, end, body = self._data.partition(b"\r\n\r\n")
        if not end:
            return ""
        status = head.split(b" ", 2)[1].decode()
        if status == "101":
            self.head, self._data = head, body
            return "HTTP 101"
        size = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length:")),
            0,
        )
        if len(body) < size:
            return ""
        self._data = body[size:]
        try:
            return f"HTTP {status} {orjson.loads(body[:size])['code']}"
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return f"HTTP {status}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def _name_of(message: dict[str, Any]) -> str:
    """Return what a message is, and for an error its code."""
    return f"{message['type']} {message['code']}" if "code" in message else str(message["type"])
