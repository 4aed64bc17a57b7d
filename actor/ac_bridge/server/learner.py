"""The learner whose policy acts on this actor: there, or not. Pure."""

from __future__ import annotations

from typing import Protocol

from ac_bridge_protocol.errors import ACBridgeError, ErrorCode, RefusedError
from ac_bridge_protocol.messages import Message


class Link(Protocol):
    """A learner's connection, as far as anybody here cares."""

    @property
    def peer(self) -> str:
        """Its address, for the log."""

    @property
    def congested(self) -> bool:
        """Whether it reads more slowly than it is sent to."""

    def send(self, message: Message) -> None:
        """Send a message."""

    def fail(self, error: ACBridgeError, request_id: int | None) -> None:
        """Say that a message could not be granted."""


class Learner:
    """Who is spoken to; nobody, while there is none.

    Attributes:
        link: the connection; None while there is none.
    """

    def __init__(self) -> None:
        self.link: Link | None = None

    def check_room(self) -> None:
        """Check that one may come.

        Raises:
            RefusedError: one is there.
        """
        if self.link is not None:
            raise RefusedError(
                ErrorCode.BUSY,
                f"{self.link.peer} teaches this actor.",
                hint="Wait until it has gone; one that was killed is noticed within seconds.",
            )

    def say(self, message: Message) -> None:
        """Tell it something."""
        if self.link is not None:
            self.link.send(message)

    def fail(self, error: ACBridgeError) -> None:
        """Tell it that a message could not be granted."""
        if self.link is not None:
            self.link.fail(error, None)
