"""Actors and learners reduced to their connections: as light as they can be. A thin shell.

They speak the real protocol of a parked connection, and steps of the real size; nobody thinks.
"""

from __future__ import annotations

import asyncio
import collections
from typing import Protocol, cast

from _relay.messages import BINARY, CLOSE, PONG, TEXT, Numbered, client_frame, next_frame
from ac_bridge.clock import Clock
from ac_bridge_protocol import relay


class Counts:
    """What a crowd has seen since it was last asked.

    Attributes:
        sent: steps of learners.
        round_trip_s: of each that was answered.
        out_of_order: answers that were not to the oldest step that waited.
        mismatched: messages that were not what was sent, either way.
        lost_lines: connections that ended, and nobody of the crowd had ended them.
        pongs: of parked connections.
    """

    def __init__(self) -> None:
        self.sent = self.out_of_order = self.mismatched = self.lost_lines = self.pongs = 0
        self.round_trip_s: list[float] = []


class Scenery(Protocol):
    """What a connection needs of the crowd."""

    clock: Clock
    counts: Counts
    request: Numbered
    answer: Numbered

    def taken(self, name: str) -> None:
        """A parked connection has become a learner's: the actor parks the next one."""


class Line(asyncio.Protocol):
    """A connection: an HTTP head, then frames.

    Args:
        crowd: whose it is.

    Attributes:
        opened: done with the first line of the HTTP head once it is there, or with nothing.
        ended: done once the connection is gone.
        ending: whether it may end now.
    """

    def __init__(self, crowd: Scenery) -> None:
        self.crowd = crowd
        self._data = b""
        self._head = True
        self.transport: asyncio.Transport | None = None
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[str] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()
        self.ending = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take whatever is whole."""
        if self._data:
            data = self._data + data
        at = 0
        if self._head:
            at = data.find(b"\r\n\r\n") + 4
            if at == 3:
                self._data = data
                return
            self._head = False
            self.said_head(data[:at].partition(b"\r\n")[0].decode())
        while (found := next_frame(data, at)) is not None:
            first, payload, at = found
            self.heard(first, payload)
        self._data = data[at:]

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self.transport = None
        if not self.opened.done():
            self.opened.set_result("")
        if not self.ending:
            self.crowd.counts.lost_lines += 1
        self.ended.set_result(None)

    def said_head(self, line: str) -> None:
        """The other side has answered the request."""
        self.opened.set_result(line)

    def heard(self, first: int, payload: bytes) -> None:
        """A frame is there."""
        raise NotImplementedError

    def write(self, data: bytes) -> None:
        """Send, as long as there is anybody."""
        if self.transport is not None:
            self.transport.write(data)

    def abort(self) -> None:
        """End it at once."""
        self.ending = True
        if self.transport is not None:
            self.transport.abort()


class ParkedActor(Line):
    """An actor's connection: parked, then with a learner whom it answers.

    Args:
        crowd: whose it is.
        name: that it parks under.

    Attributes:
        parked: done once the relay has said so.
        with_learner: whether a learner has it.
    """

    def __init__(self, crowd: Scenery, name: str) -> None:
        super().__init__(crowd)
        self.name = name
        self.parked: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.with_learner = False

    def heard(self, first: int, payload: bytes) -> None:
        """Answer steps, or the relay."""
        if first == BINARY:
            number = self.crowd.request.number_in(payload)
            if number is None:
                self.crowd.counts.mismatched += 1
            else:
                self.write(self.crowd.answer.by_client(number))
        elif first == TEXT and not self.with_learner:
            self._heard_relay(relay.decode(payload))
        elif first == PONG:
            self.crowd.counts.pongs += 1
        elif first == CLOSE:
            self.ending = True
            self.write(client_frame(CLOSE, payload))

    def connection_lost(self, exc: Exception | None) -> None:
        """A learner may go as it likes; a parked connection may not be lost."""
        self.ending = self.ending or self.with_learner
        if not self.parked.done():
            self.parked.cancel()
        super().connection_lost(exc)

    def _heard_relay(self, message: relay.RelayMessage) -> None:
        if isinstance(message, relay.Parked):
            self.parked.set_result(None)
        elif isinstance(message, relay.Paired):
            self.with_learner = True
            self.write(client_frame(TEXT, relay.encode(relay.Taken())))
            self.crowd.taken(self.name)


class DirectActor(Line):
    """An actor's end of a connection that a learner has made."""

    def said_head(self, line: str) -> None:
        """Open the WebSocket, whatever was asked for."""
        self.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")

    def heard(self, first: int, payload: bytes) -> None:
        """Answer steps."""
        number = self.crowd.request.number_in(payload)
        if first == BINARY and number is not None:
            self.write(self.crowd.answer.by_server(number))

    def connection_lost(self, exc: Exception | None) -> None:
        """The learner has ended it."""
        self.ending = True
        super().connection_lost(exc)


class Learner(Line):
    """A learner: steps, and looks whether each answer is to the step that waits for it."""

    def __init__(self, crowd: Scenery) -> None:
        super().__init__(crowd)
        self._waiting: collections.deque[tuple[int, float]] = collections.deque()
        self._number = 0

    @property
    def waits(self) -> int:
        """Steps that were not answered yet."""
        return len(self._waiting)

    def step(self) -> None:
        """Send a step."""
        self._number += 1
        self._waiting.append((self._number, self.crowd.clock.now()))
        self.crowd.counts.sent += 1
        self.write(self.crowd.request.by_client(self._number))

    def leave(self) -> None:
        """Say good-bye."""
        self.ending = True
        self.write(client_frame(CLOSE, b"\x03\xe8"))

    def heard(self, first: int, payload: bytes) -> None:
        """Judge an answer."""
        if first != BINARY:
            return
        now_s = self.crowd.clock.now()
        counts = self.crowd.counts
        number = self.crowd.answer.number_in(payload)
        if not self._waiting or number is None:
            counts.mismatched += 1
        elif number == self._waiting[0][0]:
            counts.round_trip_s.append(now_s - self._waiting.popleft()[1])
        elif any(number == waiting for waiting, _ in self._waiting):
            counts.out_of_order += 1
        else:
            counts.mismatched += 1
