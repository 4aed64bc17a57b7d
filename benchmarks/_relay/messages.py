"""The bytes that are sent: a step and its answer as large as real ones, prepared once. Pure.

Each message has a number in front; the rest is always the same, and compared whenever one comes in.
"""

from __future__ import annotations

from typing import Any

from ac_bridge.relay.frames import apply_mask
from ac_bridge_protocol.codec import MSGPACK
from ac_bridge_protocol.messages import Step, StepResult

BINARY, TEXT, CLOSE, PING, PONG = 0x82, 0x81, 0x88, 0x89, 0x8A
"""First bytes of whole frames."""

NUMBER_BYTES = 8
"""Before the rest of a message: two masks long, so that the rest begins with a mask of its own."""

_MASK = b"\x37\xfa\x21\x3d"
_NUMBER_MASK = int.from_bytes(_MASK * 2)


class Numbered:
    """Messages that differ in their number only.

    Args:
        rest: what they have in common.

    Attributes:
        bytes: of a frame that a server sends.
    """

    def __init__(self, rest: bytes) -> None:
        self._rest = rest
        self._masked_rest = apply_mask(rest, _MASK)
        self._head = _head(BINARY, NUMBER_BYTES + len(rest), masked=False)
        self._masked_head = _head(BINARY, NUMBER_BYTES + len(rest), masked=True) + _MASK
        self.bytes = len(self._head) + NUMBER_BYTES + len(rest)

    def by_client(self, number: int) -> bytes:
        """Return a frame as a client sends it."""
        said = (number ^ _NUMBER_MASK).to_bytes(NUMBER_BYTES)
        return self._masked_head + said + self._masked_rest

    def by_server(self, number: int) -> bytes:
        """Return a frame as a server sends it."""
        return self._head + number.to_bytes(NUMBER_BYTES) + self._rest

    def number_in(self, payload: bytes) -> int | None:
        """Return the number of a message; None if it is not one of these, byte for byte."""
        if payload[NUMBER_BYTES:] != self._rest:
            return None
        return int.from_bytes(payload[:NUMBER_BYTES])


def client_frame(first: int, payload: bytes) -> bytes:
    """Return a frame as a client sends it."""
    return _head(first, len(payload), masked=True) + _MASK + apply_mask(payload, _MASK)


def next_frame(data: bytes, at: int) -> tuple[int, bytes, int] | None:
    """Return first byte and payload of the frame at ``at``, and its end; None if it is cut short.

    Frames of 64 kB and more are none of ours.
    """
    if len(data) < at + 2:
        return None
    first, size = data[at], data[at + 1] & 0x7F
    start = at + 2
    if size == 126:
        start += 2
        size = int.from_bytes(data[at + 2 : start])
    if not data[at + 1] & 0x80:
        end = start + size
        return (first, data[start:end], end) if len(data) >= end else None
    end = start + 4 + size
    if len(data) < end:
        return None
    return first, apply_mask(data[start + 4 : end], data[start : start + 4]), end


def upgrade(path: str, subprotocol: str, token: str) -> bytes:
    """Return the request that opens a WebSocket. What is answered to its key nobody looks at."""
    lines = (
        f"GET {path} HTTP/1.1",
        "Host: localhost",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Protocol: {subprotocol}",
        *([f"Authorization: Bearer {token}"] if token else []),
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def samples() -> tuple[bytes, bytes]:
    """Return a step as a learner sends it, and what the stand-in's actor answers."""
    from ac_bridge.local import ACBridgeLocal, RealTimeStepper

    action = (0.1, 0.6, 0.0)
    with ACBridgeLocal(game="standin", controller="standin", lockstep=True) as bridge:
        stepper = RealTimeStepper(bridge)
        stepper.reset()
        observation, info = stepper.step(action)
        known: dict[str, Any] = {"frame": bridge.latest_frame(), "receipt": info["receipt"]}
    values = tuple(map(float, observation))
    step = Step(id=1000, action=action, tick=1000, plan=(action,))
    return MSGPACK.encode(step), MSGPACK.encode(
        StepResult(id=1000, observation=values, t_sent=1000.0, **known)
    )


def _head(first: int, size: int, *, masked: bool) -> bytes:
    bit = 0x80 if masked else 0
    if size < 126:
        return bytes((first, size | bit))
    return bytes((first, 126 | bit)) + size.to_bytes(2)
