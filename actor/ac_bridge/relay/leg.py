"""A connection on which an actor waits for a learner. A thin shell, and a cheap one.

No task, no timer, no thread: a relay has a thousand of these that say next to nothing.
"""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

import structlog
from websockets.frames import CloseCode, Frame, Opcode

from ac_bridge.clock import Clock
from ac_bridge.net.door import Place
from ac_bridge.net.rate import Bucket, Pace
from ac_bridge.net.tcp import end_if_not_taken, keep_alive
from ac_bridge.relay.berths import Leg
from ac_bridge.relay.frames import FINAL_CLOSE, FINAL_PING, FINAL_PONG, FINAL_TEXT, WholeFrames
from ac_bridge.relay.pipe import close_frame
from ac_bridge_protocol.errors import ErrorCode, FrameError
from ac_bridge_protocol.relay import (
    RELAY_MESSAGE_BYTES,
    Declined,
    Paired,
    Park,
    Parked,
    RelayMessage,
    Taken,
    decode,
    encode,
)

log = structlog.get_logger()

UNREAD_BYTES = 4 * RELAY_MESSAGE_BYTES
"""Bytes that may wait for a parked actor: it is sent a few hundred at a time, and reads them."""

PARKED_PACE = Pace(per_s=4.0, burst=40)
"""Frames of a parked actor: a ping every 15 s, an answer for each learner, and new tokens."""


class Quay(Protocol):
    """What a parked connection needs of the relay."""

    clock: Clock

    def parked(self, leg: Leg, park: Park) -> None:
        """The actor parks, or has other tokens."""

    def taken(self, leg: Leg) -> None:
        """The actor takes the learner that it was told of; the connection can be handed over."""

    def declined(self, leg: Leg, declined: Declined) -> None:
        """It does not."""

    def heard(self, leg: Leg) -> None:
        """It is alive."""

    def left(self, line: ParkedLine) -> None:
        """The connection is gone."""


class ParkedLine(asyncio.Protocol):
    """One parked connection.

    Args:
        quay: the relay.
        place: of the connection; given back when it is gone, unless it was handed over.
        peer: its address, for the log.

    Attributes:
        leg: what is known of it; set before it is connected.
    """

    leg: Leg

    def __init__(self, quay: Quay, place: Place, peer: str) -> None:
        self._quay = quay
        self._frames = WholeFrames()
        self._bucket = Bucket(PARKED_PACE, quay.clock.now())
        self._transport: asyncio.Transport | None = None
        self.place = place
        self.peer = peer

    # --- The transport calls ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over a connection that is open already."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=UNREAD_BYTES)
        keep_alive(transport)
        end_if_not_taken(transport)

    def data_received(self, data: bytes) -> None:
        """Bytes from the actor."""
        self._frames.feed(data)
        try:
            # Once the connection is handed over, what follows is none of ours.
            while self._open and (frame := self._frames.next()) is not None:
                self._take(*frame)
        except FrameError as error:
            log.warning("bad message of an actor", name=self.leg.name, error=error.message)
            self.close(CloseCode.POLICY_VIOLATION, error.message)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._transport = None
        self.place.leave()
        self._quay.left(self)

    def pause_writing(self) -> None:
        """It does not read: no actor of ours does that while it is parked."""
        self.abort()

    # --- The relay calls --------------------------------------------------------------------------

    def ask(self, paired: Paired) -> None:
        """Tell the actor that a learner is there."""
        self._say(paired)

    def welcome(self) -> None:
        """Tell the actor that it is parked."""
        self._say(Parked())

    def close(self, code: int, reason: str) -> None:
        """Say why, and close; whoever does not read that in time is dropped by the kernel."""
        if self._transport is not None and self._open:
            self._transport.write(close_frame(code, reason))
            self._transport.close()

    def abort(self) -> None:
        """Drop the connection."""
        if self._transport is not None:
            self._transport.abort()

    def hand_over(self, heir: asyncio.Protocol) -> bytes:
        """Let another have the connection; return what it has to be given first."""
        assert self._transport is not None  # noqa: S101 -- only an open one has said anything
        transport, self._transport = self._transport, None
        transport.set_protocol(heir)
        heir.connection_made(transport)
        return self._frames.rest()

    # --- Inside -----------------------------------------------------------------------------------

    @property
    def _open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def _take(self, first: int, payload: bytes) -> None:
        if not self._bucket.take(self._quay.clock.now()):
            raise FrameError(ErrorCode.TOO_MANY, "Too many messages came in that time.")
        self._quay.heard(self.leg)
        if first == FINAL_PING:
            self._write(Opcode.PONG, payload)
        elif first == FINAL_CLOSE:
            self._write(Opcode.CLOSE, payload)
            if self._transport is not None:
                self._transport.close()
        elif first == FINAL_TEXT:
            self._act_on(decode(payload))
        elif first != FINAL_PONG:
            raise FrameError(ErrorCode.WRONG_CODEC, "Messages to the relay are text.")

    def _act_on(self, message: RelayMessage) -> None:
        match message:
            case Park():
                self._quay.parked(self.leg, message)
            case Taken():
                self._quay.taken(self.leg)
            case Declined():
                self._quay.declined(self.leg, message)
            case _:
                raise FrameError(ErrorCode.ILLEGAL, f"An actor says no {message.type!r}.")

    def _say(self, message: RelayMessage) -> None:
        self._write(Opcode.TEXT, encode(message))

    def _write(self, opcode: Opcode, payload: bytes) -> None:
        if self._transport is not None and self._open:
            self._transport.write(Frame(opcode, payload).serialize(mask=False))
