"""A policy on its way to one actor: what to say next, whatever is cut. Pure."""

from __future__ import annotations

import base64

from ac_bridge_protocol.edge import PolicyChunk, PolicyOffer, PolicyState, PolicyStatus
from ac_bridge_protocol.limits import CHUNK_BYTES

_FAILED = (PolicyState.REFUSED, PolicyState.ROLLED_BACK)


class Push:
    """Offers a policy, and sends what the actor says it lacks; on each link anew.

    An actor that was started anew has lost it, and gets it again.

    Args:
        offer: what it is.
        data: its bytes.

    Attributes:
        offer: what it is.
        status: what the actor said of it last; None before it said anything.
    """

    def __init__(self, offer: PolicyOffer, data: bytes) -> None:
        self.offer = offer
        self.status: PolicyStatus | None = None
        self._data = data
        self._offered = False
        self._offset: int | None = None

    @property
    def failed(self) -> bool:
        """Whether it will never act, or never again."""
        return self.status is not None and self.status.state in _FAILED

    @property
    def sending(self) -> bool:
        """Whether there is something to say."""
        return not self.failed and (not self._offered or self._offset is not None)

    def connected(self) -> None:
        """There is another link: nothing was said on it yet."""
        self._offered, self._offset = False, None

    def hear(self, status: PolicyStatus) -> None:
        """Take what the actor says, if it is of this policy."""
        if not self._offered or status.version != self.offer.version:
            return  # of another learner's, perhaps
        self.status = status
        wanted = status.state is PolicyState.WANTED and status.received_bytes < len(self._data)
        self._offset = status.received_bytes if wanted else None

    def next_message(self) -> PolicyOffer | PolicyChunk | None:
        """Return what to say now; None if there is nothing."""
        if not self.sending:
            return None
        if not self._offered:
            self._offered = True
            return self.offer
        assert self._offset is not None  # noqa: S101 -- it is sending
        offset = self._offset
        piece = self._data[offset : offset + CHUNK_BYTES]
        following = offset + len(piece)
        self._offset = following if following < len(self._data) else None
        return PolicyChunk(
            version=self.offer.version, offset=offset, data=base64.b64encode(piece).decode()
        )
