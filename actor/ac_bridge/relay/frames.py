"""WebSocket frames as a relay needs them: headers checked, payloads passed on without a look. Pure.

Both ends are clients of the relay. What a client sends is masked, and what a client is sent must
not be: that is all the relay changes between them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    apply_mask: Callable[[bytes | memoryview, bytes], bytes]
else:
    try:
        from websockets.speedups import apply_mask
    except ImportError:  # where its wheel was built without a compiler
        from websockets.frames import apply_mask

from ac_bridge_protocol.errors import ErrorCode, FrameError
from ac_bridge_protocol.limits import WEBSOCKET_BYTES
from ac_bridge_protocol.relay import RELAY_MESSAGE_BYTES

FINAL_TEXT, FINAL_CLOSE, FINAL_PING, FINAL_PONG = 0x81, 0x88, 0x89, 0x8A
"""First bytes of whole frames, with the bit that says so (RFC 6455, section 5.2)."""

_FIRST_BYTES = frozenset((0x00, 0x01, 0x02, 0x80, 0x81, 0x82, FINAL_CLOSE, FINAL_PING, FINAL_PONG))
"""Every first byte that a frame may have: no reserved bit, a known opcode, control frames whole."""
_MASKED = 0x80
_SHORT = 125
"""Longest payload whose length stands in the second byte, and longest of a control frame."""
_COPY_BYTES = 2048
"""Payloads up to here are cut out of a read by a copy, which is quicker than a view."""


class Unmasker:
    """Turns what one client sends into what the other may be sent, as it comes.

    Nothing waits for the end of a frame; a header that is not all there yet is all that is kept.

    Attributes:
        closed: whether a close frame went through; after it nothing does.
    """

    __slots__ = ("_closing", "_head", "_left", "_mask", "closed")

    def __init__(self) -> None:
        self._head = b""
        self._left = 0
        self._mask = b""
        self._closing = False
        self.closed = False

    @property
    def between_frames(self) -> bool:
        """Whether all that went out so far are whole frames."""
        return not self._left

    def feed(self, data: bytes) -> bytes:
        """Return what has to be sent for what came in.

        Raises:
            FrameError: not the header of a frame that a client may send.
        """
        if not self._left and not self._head and len(data) > 5:  # the usual case: one whole frame
            first, second = data[0], data[1]
            size = second - _MASKED
            if 0 <= size <= _SHORT and len(data) == size + 6 and first in _FIRST_BYTES:
                if self.closed:
                    return b""
                self.closed = first == FINAL_CLOSE
                return data[:1] + size.to_bytes() + apply_mask(data[6:], data[2:6])
            if (
                second == 0xFE
                and len(data) > 8
                and len(data) - 8 == (data[2] << 8 | data[3])
                and first in (0x81, 0x82)
                and not self.closed
            ):
                if len(data) > _COPY_BYTES:
                    payload: bytes | memoryview = memoryview(data)[8:]
                else:
                    payload = data[8:]
                return b"%c\x7e%b%b" % (first, data[2:4], apply_mask(payload, data[4:8]))
        return self._feed(data)

    def _feed(self, data: bytes) -> bytes:
        """Take any number of frames, beginning and ending anywhere."""
        if self._head:
            data, self._head = self._head + data, b""
        view = memoryview(data)
        out: list[bytes] = []
        at, end = 0, len(data)
        while at < end and not self.closed:
            if not self._left:
                header = read_header(data, at, WEBSOCKET_BYTES)
                if header is None:
                    self._head = data[at:]
                    break
                start, self._left = header
                self._mask = data[start - 4 : start]
                self._closing = data[at] == FINAL_CLOSE
                out.append(bytes((data[at], data[at + 1] - _MASKED)) + data[at + 2 : start - 4])
                at = start
            taken = min(self._left, end - at)
            if taken:
                out.append(apply_mask(view[at : at + taken], self._mask))
                at += taken
                self._left -= taken
                turn = taken % 4
                self._mask = self._mask[turn:] + self._mask[:turn]
            self.closed = self._closing and not self._left
        return b"".join(out)


class WholeFrames:
    """The small frames of a parked connection, one by one, and what is left behind the last.

    The messages of a parked connection are whole frames of a few kilobytes at most; whoever sends
    anything else there is no actor of ours.
    """

    __slots__ = ("_at", "_data")

    def __init__(self) -> None:
        self._data = b""
        self._at = 0

    def feed(self, data: bytes) -> None:
        """Add what came in."""
        self._data = self._data[self._at :] + data
        self._at = 0

    def next(self) -> tuple[int, bytes] | None:
        """Return a frame's first byte and payload; None if there is no whole one.

        Raises:
            FrameError: not a frame that a parked actor may send.
        """
        header = read_header(self._data, self._at, RELAY_MESSAGE_BYTES)
        if header is None or len(self._data) < sum(header):
            return None
        start, size = header
        first = self._data[self._at]
        payload = apply_mask(self._data[start : start + size], self._data[start - 4 : start])
        self._at = start + size
        if first < _MASKED:
            raise _bad("A message to the relay came in pieces.")
        return first, payload

    def rest(self) -> bytes:
        """Return what came behind the last frame, and forget it."""
        rest, self._data, self._at = self._data[self._at :], b"", 0
        return rest


def read_header(data: bytes, at: int, most_bytes: int) -> tuple[int, int] | None:
    """Return where the payload of the frame at ``at`` begins and its length; None if cut short.

    Raises:
        FrameError: not the header of a frame that a client may send; as soon as that can be told.
    """
    if len(data) - at < 2:
        if len(data) > at and data[at] not in _FIRST_BYTES:
            raise _bad(f"A frame cannot begin with {data[at]:#04x}.")
        return None
    first, second = data[at], data[at + 1]
    if first not in _FIRST_BYTES:
        raise _bad(f"A frame cannot begin with {first:#04x}.")
    if second < _MASKED:
        raise _bad("A client's frame was not masked.")
    size = second - _MASKED
    start = at + 6
    if size > _SHORT:
        if first >= FINAL_CLOSE:
            raise _bad("A control frame is too long.")
        start += 2 if size == _SHORT + 1 else 8
        size = int.from_bytes(data[at + 2 : start - 4])
    if len(data) < start:
        return None
    if size > most_bytes:
        raise FrameError(
            ErrorCode.TOO_LARGE, f"A frame of {size} bytes is over the limit of {most_bytes}."
        )
    return start, size


def _bad(message: str) -> FrameError:
    return FrameError(ErrorCode.MALFORMED, message)
