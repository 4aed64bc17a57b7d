"""A policy that is on its way: chunks in, all of its bytes out. Pure.

Nothing is done to all of it at once: that would take longer than a tick may wait.
"""

from __future__ import annotations

import base64
import hashlib

from ac_bridge_protocol.edge import PolicyChunk, PolicyOffer, PolicyRefusal
from ac_bridge_protocol.errors import PolicyRefusedError


class Arrival:
    """Puts one policy together.

    Args:
        offer: what is to come.

    Attributes:
        offer: what is to come.
    """

    def __init__(self, offer: PolicyOffer) -> None:
        self.offer = offer
        self._data = bytearray()
        self._sha256 = hashlib.sha256()

    @property
    def received_bytes(self) -> int:
        """So many are there."""
        return len(self._data)

    def add(self, chunk: PolicyChunk) -> bytearray | None:
        """Take a chunk; return the policy once it is whole.

        A chunk that was here before, or does not follow what is, is passed over: its sender is told
        how far this has come, and goes on from there.

        Raises:
            PolicyRefusedError: more came than was offered, or something else.
        """
        if chunk.version != self.offer.version or chunk.offset != len(self._data):
            return None
        try:
            piece = base64.b64decode(chunk.data, validate=True)
        except ValueError as error:
            raise PolicyRefusedError(
                PolicyRefusal.WRONG_HASH,
                f"The bytes from {chunk.offset} on are no base64: {error}.",
                hint="Push it again.",
            ) from None
        self._data += piece
        self._sha256.update(piece)
        if len(self._data) > self.offer.size_bytes:
            raise PolicyRefusedError(
                PolicyRefusal.TOO_LARGE,
                f"{len(self._data)} bytes came of a policy of {self.offer.size_bytes}.",
                hint="Offer as many as there are.",
            )
        if len(self._data) < self.offer.size_bytes:
            return None
        found = self._sha256.hexdigest()
        if found != self.offer.sha256:
            raise PolicyRefusedError(
                PolicyRefusal.WRONG_HASH,
                f"What came has the SHA-256 {found}, and was offered as {self.offer.sha256}.",
                hint="Push it again.",
            )
        return self._data
