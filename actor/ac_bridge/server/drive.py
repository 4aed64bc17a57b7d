"""A driver, from its welcome until it leaves or stays away too long. It outlives its links.

The other end of it is the client's class of the same name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Protocol

from ac_bridge.server.failures import failure_of
from ac_bridge_protocol.errors import ACBridgeError
from ac_bridge_protocol.messages import Failure, Message, ResetResult, StepResult
from ac_bridge_protocol.session import Course
from ac_bridge_protocol.spec import EnvSpec


class DriverLink(Protocol):
    """A connection, as far as a driver's session cares."""

    @property
    def peer(self) -> str:
        """The driver's address, for the log."""

    @property
    def open(self) -> bool:
        """Whether messages can still be sent."""

    def send(self, message: Message) -> None:
        """Send a message, and take its move in the session's course."""

    def supersede(self) -> None:
        """End: the driver goes on through another link."""


@dataclasses.dataclass(eq=False)
class Drive:
    """One driver's session.

    Attributes:
        secret: what it comes back with; whoever knows it is this driver.
        spec: what it was offered.
        course: where it stands, what is in flight, and the last answers.
        link: the connection it speaks through; None while it is away.
        peer: the address of its last link.
        client: what its software calls itself.
        away_since_s: when its link was lost, in seconds of the actor's clock; None while
            it has one.
    """

    secret: str
    spec: EnvSpec
    course: Course
    link: DriverLink | None
    peer: str
    client: str
    away_since_s: float | None = None
    on_answer: Callable[[Drive, Message], None] | None = None
    """Told of each message just before it is sent, or kept."""

    def send(self, message: Message) -> None:
        """Send a message; an answer is kept for a driver who is away, and anything else is lost."""
        if self.on_answer is not None:
            self.on_answer(self, message)
        if self.link is not None and self.link.open:
            self.link.send(message)
        elif isinstance(message, ResetResult | StepResult | Failure):
            self.course.advance(message)

    def fail(self, error: ACBridgeError, request_id: int | None) -> None:
        """Say that a request could not be granted."""
        self.send(failure_of(error, request_id))

    def come_back(self, link: DriverLink) -> None:
        """Go on through another link."""
        self.link, self.peer, self.away_since_s = link, link.peer, None

    def go_away(self, now_s: float) -> None:
        """The link is gone."""
        self.link, self.away_since_s = None, now_s

    def away_for_s(self, now_s: float) -> float:
        """How long it has been away, in seconds."""
        return 0.0 if self.away_since_s is None else now_s - self.away_since_s
