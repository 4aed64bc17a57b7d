"""What a learner asked for and never got an answer to, from recorded wire frames. Pure.

In mode `fixed_delay` k actions are under way when an episode ends. No step tells of them, but the
observations that the learner saw do, and so does the wire.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from ac_bridge_protocol.codec import CODECS
from ac_bridge_protocol.errors import FrameError
from ac_bridge_protocol.messages import Message, Reset, Step
from ac_bridge_recording.topics import Way

Action = tuple[float, ...]


class AskedActions:
    """Remembers the actions of an episode by their number, as far as the wire tells."""

    def __init__(self) -> None:
        self._asked: dict[int, Action] = {}
        self._next_first_id = self._first_id = 0

    def see(self, wire: Mapping[str, Any]) -> None:
        """Take a recorded wire frame, as plain JSON."""
        message = _message(wire) if wire.get("way") == Way.TO_ACTOR else None
        if isinstance(message, Reset):
            self._next_first_id = message.id + 1
        elif isinstance(message, Step):
            self._asked[message.id] = message.action

    def begin(self) -> None:
        """Another episode begins: that of the last reset."""
        self._first_id = self._next_first_id
        self._asked = {one: asked for one, asked in self._asked.items() if one >= self._first_id}

    def after(self, answered: int, action: Action, count: int) -> list[Action]:
        """Return the actions that were asked for after one, as far as they are known.

        Args:
            answered: number of the last action that was answered.
            action: what it asked for, to see whether the wire's frames are of the same drive.
            count: how many to return at most.
        """
        if self._asked.get(self._first_id + answered, action) != action:
            return []
        found: list[Action] = []
        for number in range(answered + 1, answered + 1 + count):
            asked = self._asked.get(self._first_id + number)
            if asked is None:
                break
            found.append(asked)
        return found


def _message(wire: Mapping[str, Any]) -> Message | None:
    """Return the message; None if it is none, as whatever a stranger sent."""
    codec = CODECS.get(str(wire.get("subprotocol")))
    if codec is None:
        return None
    try:
        text = wire.get("text")
        data = base64.b64decode(wire["data"]) if text is None else str(text).encode()
        return codec.decode(data, binary=codec.binary)
    except (FrameError, KeyError, TypeError, ValueError):
        return None
