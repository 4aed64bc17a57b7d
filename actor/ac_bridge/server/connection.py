"""One open WebSocket: bytes in, messages to the actor; messages out, bytes. A thin shell.

Whether it came through the door or was dialled to a relay makes no difference here. An
`asyncio.Protocol` around websockets' Sans-I/O core, so that a step is answered within the very
callback that received it: no task, no queue, no hand-over. Of a peer that sends much at once, a
bite is taken at a time: ticks and everybody else come in between. The transport's buffer is the
outbox; answers always go in, telemetry only while the reader keeps up.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Protocol as Interface
from typing import cast

import structlog
from websockets.frames import CloseCode, Frame
from websockets.protocol import Protocol as WebSocket
from websockets.protocol import Side, State

from ac_bridge.clock import Clock
from ac_bridge.net.door import let_go
from ac_bridge.net.rate import Bucket, Pace
from ac_bridge.net.tcp import end_if_not_taken, keep_alive
from ac_bridge.net.tokens import Grant
from ac_bridge.net.turns import Turns
from ac_bridge.server.broadcast import Broadcast
from ac_bridge.server.drive import Drive
from ac_bridge.server.failures import cut, failure_of
from ac_bridge.server.recording import Tap
from ac_bridge_protocol.codec import Codec
from ac_bridge_protocol.errors import (
    ACBridgeError,
    ErrorCode,
    FrameError,
    RefusedError,
    RemoteProtocolError,
)
from ac_bridge_protocol.fragments import Fragments
from ac_bridge_protocol.limits import (
    BITE_BYTES,
    HEARTBEAT_S,
    OUTBOX_BYTES,
    STRANGERS_BITE_BYTES,
    WRITE_BUFFER_BYTES,
)
from ac_bridge_protocol.messages import Message, Ping, Refusal, Role
from ac_bridge_protocol.session import ActorSession, Course, Repeat, SessionState, Stale
from ac_bridge_recording.topics import Way

log = structlog.get_logger()


CLOSE_S = 1.0
"""How long a connection that we close may take to hang up, in seconds."""


STRANGERS_PACE = Pace(per_s=10.0, burst=20)
"""Messages of a client that was not welcomed yet: it has one to send."""

SPECTATORS_PACE = Pace(per_s=50.0, burst=100)
"""Of a spectator: a heartbeat's answer every other second, and a program that changes its
subscription with every movement of a slider."""

DRIVERS_PACE = Pace(per_s=1000.0, burst=1000)
"""Of a driver in real time: a hundred ticks a second are the most, each with a ping. Five times
that, and at once whatever a link that comes back may bring."""

LOCKSTEP_PACE = Pace(per_s=50_000.0, burst=50_000)
"""Of a driver in lockstep: it goes as fast as it can, and waits for each answer."""


@dataclasses.dataclass(frozen=True, slots=True)
class Caller:
    """Who is at the other end.

    Attributes:
        peer: its address, for the log.
        codec: in which it speaks.
        grants: what it may do.
        digest: of the token that it showed; empty where none was asked for.
    """

    peer: str
    codec: Codec
    grants: frozenset[Grant]
    digest: str = ""


class Host(Interface):
    """What a connection needs of the actor behind it."""

    clock: Clock
    connections: set[Connection]
    drivers_pace: Pace

    def tap(self, codec: Codec) -> Tap | None:
        """Return what takes the messages of a new connection, to record them; None for nothing."""

    def drives(self, connection: Connection) -> bool:
        """Whether a client has the car: what it sends waits for nobody."""

    def turns_of(self, connection: Connection) -> Turns:
        """Return in whose turns the bytes of a client are read."""

    def handle(self, connection: Connection, message: Message) -> None:
        """Act on a message that the session allows."""

    def caught_up(self, connection: Connection) -> None:
        """A client that was behind with reading takes more again."""

    def left(self, connection: Connection, *, for_good: bool) -> None:
        """The connection is gone; ``for_good`` if it was closed, not lost."""


class Connection(asyncio.Protocol):
    """One client of the actor.

    Args:
        host: the actor.
        caller: who it is.
        websocket: open, or about to be; its bytes have all been sent.
        on_lost: called when the connection is gone.

    Attributes:
        caller: who it is.
        drive: the driver's session that it carries; None for anybody else.
        gone: done once the connection is lost; None before it was made.
    """

    def __init__(
        self,
        host: Host,
        caller: Caller,
        websocket: WebSocket,
        on_lost: Callable[[], None],
    ) -> None:
        self._host = host
        self._ws = websocket
        self._on_lost = on_lost
        self._fragments = Fragments()
        self._tap = host.tap(caller.codec)
        self._transport: asyncio.Transport | None = None
        now_s = host.clock.now()
        self._session: ActorSession | None = ActorSession(caller.codec, now_s)
        self._bucket = Bucket(STRANGERS_PACE, now_s)
        self._masks = websocket.side is Side.CLIENT
        self._deadline: asyncio.TimerHandle | None = None
        self._congested = False
        self._untaken = bytearray()
        self._waits_for_turn = False
        self._newest: Broadcast | None = None
        self._dropped = 0
        self._unheard_bytes = 0  # sent since the peer last said anything
        self._last_sent_s = 0.0
        self._pings = 0
        self._bad_messages = 0
        self._role: Role | None = None
        self.caller = caller
        self.drive: Drive | None = None
        self.gone: asyncio.Future[None] | None = None

    @property
    def peer(self) -> str:
        """The client's address, for the log."""
        return self.caller.peer

    # --- The transport calls ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Open: wait for a hello, but not for ever."""
        transport = cast("asyncio.Transport", transport)  # uvloop's is one, without saying so
        self._transport = transport
        keep_alive(transport)
        self.gone = asyncio.get_running_loop().create_future()
        transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        self._host.connections.add(self)
        self._watch_deadline()

    def data_received(self, data: bytes) -> None:
        """Bytes from the peer."""
        if len(data) <= BITE_BYTES and not self._untaken and self._host.drives(self):
            self._read(data)
            return
        self._untaken += data
        self._ask_for_turn()

    def eof_received(self) -> None:
        """The peer sends no more. What it sent was taken: until then nothing more is read."""
        self._ws.receive_eof()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, for whatever reason."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._untaken.clear()
        self._host.connections.discard(self)
        self._on_lost()
        if self._bad_messages > 1:
            log.warning("bad messages", peer=self.peer, count=self._bad_messages)
        # A close frame ends for good: the peer's own, or ours to one that breaks WebSocket's rules.
        # Whoever was cut off, half open or killed sent none, and got none.
        self._host.left(self, for_good=self._ws.close_sent is not None)
        let_go(self._ws)
        if self.gone is not None and not self.gone.done():
            self.gone.set_result(None)

    def pause_writing(self) -> None:
        """The reader is slow: telemetry is latest-wins now, and nothing more is asked of us."""
        self._congested = True
        if self._deaf and self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """The reader caught up: give it the newest frame."""
        self._congested = False
        self._read_on()
        self._offer_newest()
        self._host.caught_up(self)

    # --- The actor calls --------------------------------------------------------------------------

    @property
    def role(self) -> Role | None:
        """What it was welcomed as; None before."""
        return self._role

    @role.setter
    def role(self, role: Role) -> None:
        self._role = role
        watches = role is Role.SPECTATOR
        pace = SPECTATORS_PACE if watches else self._host.drivers_pace
        self._bucket = Bucket(pace, self._host.clock.now())
        if not watches and self._transport is not None:
            end_if_not_taken(self._transport)  # its session is waiting

    @property
    def open(self) -> bool:
        """Whether messages can still be sent."""
        return self._ws.state is State.OPEN and self._transport is not None

    @property
    def congested(self) -> bool:
        """Whether the reader is behind."""
        return self._congested

    def send(self, message: Message) -> None:
        """Send a message that must arrive. Does nothing once the connection is closing."""
        if not self.open or self._session is None:
            return
        self._put(self._session.send(message), binary=self._session.codec.binary)

    def offer(self, frame: Broadcast) -> None:
        """Send a frame unless the reader is behind; then keep only the newest, and count."""
        if self._congested or self._full:
            self._dropped += self._newest is not None
            self._newest = frame
        elif self.open and self._session is not None and self._transport is not None:
            data = frame.encoded(self._session.codec, self._dropped, mask=self._masks)
            self._last_sent_s = self._host.clock.now()
            self._unheard_bytes += len(data)
            if self._tap is not None:
                self._tap(Way.TO_LEARNER, frame.payload(self._session.codec, self._dropped))
            self._transport.write(data)

    def forget_stream(self) -> None:
        """A stream of frames begins anew, or ends."""
        self._newest = None
        self._dropped = 0

    def beat(self, now_s: float) -> None:
        """Say something if nothing was said for long: a peer that waits can tell that we live."""
        if (
            self._role is not None
            and not self._congested
            and now_s - self._last_sent_s > HEARTBEAT_S
        ):
            self._pings += 1
            self.send(Ping(id=self._pings, t_sent=now_s))

    @property
    def course(self) -> Course | None:
        """The course of the session on this connection."""
        return self._session.course if self._session is not None else None

    def resume(self, course: Course) -> None:
        """Let the welcome that is sent next go on with a course."""
        if self._session is not None:
            self._session.resume(course)

    def supersede(self) -> None:
        """Drop the connection: its driver goes on through another one."""
        self.drive = self._session = None
        self.abort()

    def fail(self, error: ACBridgeError, request_id: int | None) -> None:
        """Tell the peer that its message could not be granted."""
        self.send(failure_of(error, request_id))

    def refuse(self, error: ACBridgeError) -> None:
        """Refuse the handshake and close."""
        code = error.code or ErrorCode.ILLEGAL
        self.send(Refusal(code=code, message=cut(error.message), hint=cut(error.hint)))
        self._hang_up(code)

    def send_away(self, error: RefusedError) -> None:
        """Say why this cannot go on, however far it has come, and close."""
        if self._role is None:
            self.refuse(error)
        else:
            self.fail(error, None)
            self._hang_up(error.code or ErrorCode.ILLEGAL)

    def _hang_up(self, code: ErrorCode) -> None:
        """Close for a reason that the peer has been told."""
        self.close(CloseCode.POLICY_VIOLATION, code.value)
        # Whoever was told and does not hang up must not keep its place.
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = asyncio.get_running_loop().call_later(CLOSE_S, self.abort)

    def close(self, code: CloseCode = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None:
        """Close in good order; what was sent before still goes out."""
        if self._ws.state is State.OPEN:
            self._ws.send_close(code, reason)
            self._flush()
        elif self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Drop the connection, and what was not yet sent."""
        if self._transport is not None:
            self._transport.abort()

    # --- Inside -----------------------------------------------------------------------------------

    @property
    def _full(self) -> bool:
        """Whether a driver was sent as many frames as it gets without a word of its own.

        One that computes for a minute reads nothing. With its receive window full neither it nor
        its kernel could take a heartbeat, and its link would pass for dead (`KEEPALIVE`).
        """
        return self._role is Role.DRIVER and self._unheard_bytes >= WRITE_BUFFER_BYTES

    @property
    def _deaf(self) -> bool:
        """Whether nothing more is read: who is behind with what it asked for asks for more later.

        Who is sent records did not ask for each. A policy of its own may be on the way while they
        come: with both sides waiting to be read, neither would ever read.
        """
        return self._congested and self._role is not Role.LEARNER

    @property
    def _said_good_bye(self) -> bool:
        """Whether a learner has closed the link: what it said before, such as stop, still holds."""
        return self._role is Role.LEARNER and bool(self._ws.close_rcvd_then_sent)

    def _offer_newest(self) -> None:
        """Give the reader the newest of the frames that were left out, if it can take it now."""
        if self._newest is not None and not self._congested:
            newest, self._newest = self._newest, None
            self.offer(newest)

    def _ask_for_turn(self) -> None:
        """See to it that what came is read; nothing new comes in before that."""
        if self._waits_for_turn or self._transport is None or self._transport.is_closing():
            return
        self._waits_for_turn = True
        self._transport.pause_reading()
        self._host.turns_of(self).ask(self._take_bite)

    def _take_bite(self) -> None:
        """Read some of what came; the rest when its turn comes again."""
        self._waits_for_turn = False
        if self._transport is None or self._transport.is_closing() or self._deaf:
            return  # it goes on when the reader has caught up, if ever
        size = BITE_BYTES if self._host.drives(self) else STRANGERS_BITE_BYTES
        bite = bytes(self._untaken[:size])
        del self._untaken[:size]
        self._read(bite)
        self._read_on()

    def _read_on(self) -> None:
        """Let more come in, if the reader keeps up: what is kept first, then what is new."""
        if self._transport is None or self._transport.is_closing():
            self._untaken.clear()
        elif self._untaken:
            self._ask_for_turn()
        elif not self._deaf:
            self._transport.resume_reading()

    def _read(self, data: bytes) -> None:
        self._unheard_bytes = 0
        self._ws.receive_data(data)
        for event in self._ws.events_received():
            if not isinstance(event, Frame):
                continue
            if not self._bucket.take(self._host.clock.now()):
                self._hang_up_on_flood()
                break
            self._take(event)
        self._flush()
        self._offer_newest()

    def _hang_up_on_flood(self) -> None:
        """End with a peer that sends more messages than it may, and say why."""
        if not self.open:
            return
        error = RefusedError(
            ErrorCode.TOO_MANY,
            "More messages came than a client may send in that time.",
            hint="Send a step a tick, and wait for its answer.",
        )
        log.warning("too many messages", peer=self.peer)
        self.send_away(error)

    def _take(self, frame: Frame) -> None:
        message = self._fragments.add(frame.opcode, bytes(frame.data), final=frame.fin)
        if message is None:
            return
        payload, binary = message
        if self._tap is not None:
            self._tap(Way.TO_ACTOR, payload)
        session = self._session
        if session is None or not (self.open or self._said_good_bye):
            return
        try:
            received = session.receive(payload, binary=binary)
            if isinstance(received, Repeat):
                self._say_again(received)
            elif not isinstance(received, Stale):  # a learner gives no answers
                self._host.handle(self, received)
        except (FrameError, RemoteProtocolError) as error:
            self._bad_messages += 1
            if self._bad_messages == 1:  # a line for each could be all that the actor does
                log.warning("bad message", peer=self.peer, error=str(error))
            if session.state is SessionState.CONNECTED:
                self.refuse(error)
            else:
                # Never with the id of the request in flight: that one still gets its own answer.
                in_flight = error.request_id in session.course.in_flight
                self.fail(error, None if in_flight else error.request_id)

    def _say_again(self, repeat: Repeat) -> None:
        """Answer a request that came again as the first time; if it is still worked on, later."""
        if repeat.answer is not None and self._session is not None:
            codec = self._session.codec
            self._put(codec.encode(repeat.answer), binary=codec.binary)

    def _put(self, data: bytes, *, binary: bool) -> None:
        self._last_sent_s = self._host.clock.now()
        self._unheard_bytes += len(data)
        if self._tap is not None:
            self._tap(Way.TO_LEARNER, data)
        if binary:
            self._ws.send_binary(data)
        else:
            self._ws.send_text(data)
        self._flush()

    def _flush(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > OUTBOX_BYTES:
            log.warning("outbox full", peer=self.peer)
            self.abort()
            return
        for data in self._ws.data_to_send():
            if data:
                self._transport.write(data)
            else:  # websockets' way to say: nothing more will come
                self._transport.close()

    def _watch_deadline(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = self._session.next_deadline() if self._session is not None else None
        if deadline is None:
            return
        remaining_s = deadline - self._host.clock.now()
        if remaining_s > 0:
            self._deadline = loop.call_later(remaining_s, self._watch_deadline)
            return
        log.warning("no hello in time", peer=self.peer)
        self.abort()
