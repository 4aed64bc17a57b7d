"""What passes over a proxied WebSocket, and what is under way at a moment. Pure.

A proxy that knows where messages begin and end can cut in the middle of one, or between a request
and its answer, and can say afterwards which it was.
"""

from __future__ import annotations

import enum
from typing import Any

import orjson
import ormsgpack

END_OF_HEAD = b"\r\n\r\n"
TEXT, BINARY = 1, 2
"""Opcodes of the frames that carry our messages."""
REQUESTS = ("step", "reset")
ANSWERS = ("step_result", "reset_result", "failure")


OTHER = "other"
"""What is no message of ours: the handshake, a ping."""


class Direction(enum.StrEnum):
    """Where something goes."""

    UP = "up"
    """From whoever connected: the learner, or an actor that dials a relay."""
    DOWN = "down"
    """To it."""


class Place(enum.StrEnum):
    """What a cut hit."""

    OPENING = "opening"
    """The handshake of a connection, or its being taken up again."""
    REQUEST = "request"
    """A step that the actor had not wholly received."""
    ANSWER = "answer"
    """A step that the actor had, and whose answer the learner had not wholly received."""
    RESET = "reset"
    """A reset that was not answered yet."""
    IDLE = "idle"
    """Nothing was asked."""


def torn(way: Direction, kind: str) -> str:
    """Return under which name it is counted that a cut left a part of a message on its way."""
    return f"torn {way.value} {kind}"


class Units:
    """Cuts one direction of a WebSocket connection into its pieces: the head, then frame by frame.

    Args:
        head: whether the head is still to come.
    """

    def __init__(self, *, head: bool = True) -> None:
        self._data = b""
        self._head = head

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes; return the pieces that are whole now."""
        self._data += data
        units = []
        while length := self._length():
            units.append(self._data[:length])
            self._data = self._data[length:]
        return units

    def _length(self) -> int:
        """Return how long the first piece is; 0 while it is not whole."""
        if self._head:
            end = self._data.find(END_OF_HEAD)
            if end < 0:
                return 0
            self._head = False
            return end + len(END_OF_HEAD)
        start = _payload_start(self._data)
        length = start + _payload_bytes(self._data) if start else 0
        return length if len(self._data) >= length else 0


class Conversation:
    """Which requests of a learner are under way. Outlives a connection, as they do."""

    def __init__(self) -> None:
        self._asked: dict[int, str] = {}
        self._delivered: set[int] = set()

    def asks(self, message: dict[str, Any]) -> None:
        """The learner sent a message, which the proxy has."""
        if message.get("type") == "reset":
            self._asked.clear()  # nobody waits for the steps of the episode before
        if message.get("type") in REQUESTS:
            self._asked[message["id"]] = message["type"]

    def passed(self, message: dict[str, Any]) -> None:
        """A message was passed on wholly."""
        number = message.get("id")
        if number in self._asked and message["type"] in REQUESTS:
            self._delivered.add(number)
        elif number in self._asked and message["type"] in ANSWERS:
            del self._asked[number]
            self._delivered.discard(number)

    def place(self) -> Place:
        """Return what a cut hits now, on a connection that was welcomed."""
        if not self._asked:
            return Place.IDLE
        if "reset" in self._asked.values():
            return Place.RESET
        return Place.ANSWER if self._delivered.issuperset(self._asked) else Place.REQUEST


def message_in(unit: bytes) -> dict[str, Any]:
    """Return the message that a frame carries; empty if it carries none."""
    opcode, start = unit[0] & 0x0F, _payload_start(unit)
    if opcode not in (TEXT, BINARY) or unit.startswith((b"GET ", b"HTTP/")):
        return {}
    payload = unit[start:]
    if unit[1] & 0x80:
        mask = unit[start - 4 : start] * (len(payload) // 4 + 1)
        payload = bytes(a ^ b for a, b in zip(payload, mask, strict=False))
    message = orjson.loads(payload) if opcode == TEXT else ormsgpack.unpackb(payload)
    return message if isinstance(message, dict) else {}


def _payload_start(data: bytes) -> int:
    """Return where a frame's payload starts; 0 while that cannot be told."""
    if len(data) < 2:
        return 0
    start = 2 + {126: 2, 127: 8}.get(data[1] & 0x7F, 0) + (4 if data[1] & 0x80 else 0)
    return start if len(data) >= start else 0


def _payload_bytes(data: bytes) -> int:
    short = data[1] & 0x7F
    if short == 126:
        return int.from_bytes(data[2:4])
    return int.from_bytes(data[2:10]) if short == 127 else short
