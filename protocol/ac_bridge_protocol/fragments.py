"""Joins the fragments of a WebSocket message. Pure; both ends of the wire use it."""

from __future__ import annotations

import dataclasses

CONTINUATION, TEXT, BINARY = 0, 1, 2
"""Opcodes of data frames (RFC 6455, section 11.8); every other frame is none of our business."""


@dataclasses.dataclass(slots=True)
class Fragments:
    """The message that is coming in. Its size is bounded by the WebSocket layer below."""

    _parts: list[bytes] = dataclasses.field(default_factory=list)
    _binary: bool = False

    def add(self, opcode: int, data: bytes, *, final: bool) -> tuple[bytes, bool] | None:
        """Take one frame; return a whole message as (payload, binary), or None if there is none."""
        if opcode not in (CONTINUATION, TEXT, BINARY):
            return None
        if opcode != CONTINUATION:
            self._binary = opcode == BINARY
            if final:
                return data, self._binary
        if data:  # empty ones have no end that any limit on size would set
            self._parts.append(data)
        if not final:
            return None
        whole = b"".join(self._parts)
        self._parts.clear()
        return whole, self._binary
