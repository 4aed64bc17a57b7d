"""Masks the secrets that go over the wire, before anything is written. Pure.

Two messages name the secret of a driver's session, and a reset may carry the operator's key.
Whoever reads a recording must not be able to drive by it. Each secret becomes a word that stands
for it throughout the recording, so that it still shows who came back as whom.
"""

from __future__ import annotations

from ac_bridge_protocol.codec import Codec
from ac_bridge_protocol.errors import FrameError
from ac_bridge_protocol.messages import Hello, Message, Reset, Welcome

_MARKS = (
    *(b'session"', b'takeover"', b"\\u"),  # JSON may write any letter as \u and a number
    *(b"\xa7session", b"\xa8takeover", b"\x07session", b"\x08takeover"),  # or a longer head
)
"""The fields' names as either codec may write them: what has none of these needs no closer look."""

_LEARNERS_MARKS = (*_MARKS, b"session", b"takeover", b"secret", b"token")
"""In what learners send, which is short: some get the names wrong, and their quotes."""


class Masks:
    """Replaces secrets in wire frames, each by a word of its own."""

    def __init__(self) -> None:
        self._words: dict[str, str] = {}

    def mask(self, payload: bytes, codec: Codec, *, of_learner: bool = True) -> tuple[bytes, bool]:
        """Return a payload without its secrets, and whether it had any.

        What cannot be read as a message, and still names a field with a secret, is left out whole.

        Args:
            payload: of a WebSocket message.
            codec: of its connection.
            of_learner: whether a learner sent it, not an actor.
        """
        if not any(mark in payload for mark in (_LEARNERS_MARKS if of_learner else _MARKS)):
            return payload, False
        try:
            message = codec.decode(payload, binary=codec.binary)
        except FrameError:
            return b"", True
        masked = self._masked(message)
        encoded = codec.encode(masked)
        # What follows a MessagePack message nobody reads: another one, perhaps, with a secret.
        if masked is message and not (codec.binary and len(encoded) != len(payload)):
            return payload, False
        return encoded, True

    def _masked(self, message: Message) -> Message:
        if isinstance(message, Hello | Welcome) and message.session:
            return message.model_copy(update={"session": self._word("session", message.session)})
        if isinstance(message, Reset) and message.takeover:
            return message.model_copy(update={"takeover": self._word("key", message.takeover)})
        return message

    def _word(self, kind: str, secret: str) -> str:
        """Return the word that stands for a secret."""
        known = self._words
        if secret not in known:
            number = sum(word.startswith(kind) for word in known.values()) + 1
            known[secret] = f"{kind}-{number}"
        return known[secret]
