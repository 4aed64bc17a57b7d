"""A learner's connection joined to an actor's: what one says, the other hears. A thin shell.

Nothing is decoded, delayed or queued beyond the transports' own buffers: whoever is slow slows down
whoever sends. An end that is lost loses the other, as a cable would: the actor must be able to tell
a lost link, after which the learner may come back, from a good-bye.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import structlog
from websockets.frames import Close, CloseCode, Frame, Opcode

from ac_bridge.net.door import Place
from ac_bridge.net.tcp import end_if_not_taken, keep_alive
from ac_bridge.relay.frames import Unmasker
from ac_bridge_protocol.errors import ErrorCode, FrameError

log = structlog.get_logger()

PIPE_BYTES = 64 * 1024
"""Bytes that may wait for a slow reader before nothing more is read for it: as many as an actor
lets wait. One read of up to 256 kB may come on top."""

CLOSE_S = 10.0
"""How long a pipe may take to end once somebody said good-bye, in seconds: the longest that
WebSocket libraries wait for the answer."""


class End(asyncio.Protocol):
    """One of a pipe's two ends.

    Args:
        pipe: whose end it is.
        place: of its connection, given back when that is gone.
        urgent: whether what is sent has to be taken soon, or the connection counts as dead.
    """

    def __init__(self, pipe: Pipe, place: Place, *, urgent: bool) -> None:
        self._pipe = pipe
        self._place = place
        self._urgent = urgent
        self._transport: asyncio.Transport | None = None
        self.unmasker = Unmasker()
        self.other: End = self
        self.gone = False

    # --- The transport calls ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over a connection that is open already."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=PIPE_BYTES)
        keep_alive(transport)
        if self._urgent:
            end_if_not_taken(transport)

    def data_received(self, data: bytes) -> None:
        """Pass on what came in."""
        try:
            passed = self.unmasker.feed(data)
        except FrameError as error:
            self._pipe.broken(self, error)
            return
        if passed:
            self.other.write(passed)
        if self.unmasker.closed:
            self._pipe.said_goodbye()

    def eof_received(self) -> None:
        """It sends no more."""
        self._pipe.lost(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self.gone = True
        self._transport = None  # what TLS holds is large: not until the collector comes by
        self._place.leave()
        self._pipe.lost(self)

    def pause_writing(self) -> None:
        """It reads too slowly: read no more from the other."""
        other = self.other.open_transport
        if other is not None:
            other.pause_reading()

    def resume_writing(self) -> None:
        """It caught up."""
        other = self.other.open_transport
        if other is not None:
            other.resume_reading()

    # --- The pipe calls ---------------------------------------------------------------------------

    @property
    def open_transport(self) -> asyncio.Transport | None:
        """Its connection, unless that is closing or was never made."""
        transport = self._transport
        return None if transport is None or transport.is_closing() else transport

    def write(self, data: bytes) -> None:
        """Send; does nothing once the connection is closing."""
        transport = self.open_transport
        if transport is not None:
            transport.write(data)

    def close(self) -> None:
        """Close once everything was sent."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Drop the connection."""
        if self._transport is not None:
            self._transport.abort()

    def tell_off(self, error: FrameError) -> None:
        """Close with the reason, if that can be said: not in the middle of a frame."""
        if not self.other.unmasker.between_frames or self.other.unmasker.closed:
            self.abort()
            return
        large = error.code is ErrorCode.TOO_LARGE
        code = CloseCode.MESSAGE_TOO_BIG if large else CloseCode.PROTOCOL_ERROR
        self.write(close_frame(code, error.message))
        self.close()


class Pipe:
    """Two ends, joined.

    Args:
        learner: place of the learner's connection.
        actor: place of the actor's.
        drives: whether the learner may drive.
        on_gone: called once both connections are gone.
    """

    def __init__(
        self, learner: Place, actor: Place, *, drives: bool, on_gone: Callable[[Pipe], None]
    ) -> None:
        # A spectator may stop reading for as long as it likes: it costs only its own frames.
        self.learner = End(self, learner, urgent=drives)
        self.actor = End(self, actor, urgent=True)
        self.learner.other, self.actor.other = self.actor, self.learner
        self._on_gone = on_gone
        self._ending = False
        self._due_s = float("inf")

    def said_goodbye(self) -> None:
        """One end has closed in order; once the other has answered, both connections are closed."""
        self._ending = True
        if self.learner.unmasker.closed and self.actor.unmasker.closed:
            self.learner.close()
            self.actor.close()

    def lost(self, end: End) -> None:
        """One end is gone, or sends no more."""
        self._ending = True
        if end.unmasker.closed or end.other.unmasker.closed:
            end.close()
            end.other.close()
        else:
            self.abort()
        if end.gone and end.other.gone:
            self._on_gone(self)

    def broken(self, end: End, error: FrameError) -> None:
        """One end breaks the rules of WebSocket."""
        log.warning("bad frame", error=error.message)
        self._ending = True
        end.other.abort()
        end.tell_off(error)

    def close(self, code: int, reason: str) -> None:
        """End it because the relay has to: neither end has said good-bye, so both are lost."""
        log.info("conversation ended by the relay", reason=reason, code=code)
        self.abort()

    def abort(self) -> None:
        """Drop both ends, and what was not yet sent."""
        self.learner.abort()
        self.actor.abort()

    def look_after(self, now_s: float) -> None:
        """See that a pipe which is ending does end: whoever does not read cannot delay it."""
        if self._ending:
            self._due_s = min(self._due_s, now_s + CLOSE_S)
        if now_s >= self._due_s:
            self.abort()


def close_frame(code: int, reason: str) -> bytes:
    """Return a close frame as a server sends it; of a long reason as much as fits."""
    return Frame(
        Opcode.CLOSE, Close(code, reason.encode()[:120].decode(errors="ignore")).serialize()
    ).serialize(mask=False)
