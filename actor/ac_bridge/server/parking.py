"""The actor at a relay: it dials out, waits under its name, and serves whoever is sent to it.

One connection is always parked. The relay turns it into a learner's when one comes, and the next
is dialled at once. A thin shell; the messages are in `ac_bridge_protocol.relay`.
"""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
import ssl
from collections.abc import Callable
from typing import cast

import structlog
from websockets.client import ClientProtocol
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI, parse_uri

from ac_bridge.clock import Clock
from ac_bridge.net.door import QUIET
from ac_bridge.net.gate import Gate
from ac_bridge.net.rate import Bucket, Pace
from ac_bridge.net.tcp import end_if_not_taken, keep_alive, let_wait
from ac_bridge.net.tokens import Grant
from ac_bridge.server.actor import SOFTWARE, Actor
from ac_bridge.server.connection import Caller, Connection
from ac_bridge.server.house import Access
from ac_bridge_protocol import relay
from ac_bridge_protocol.codec import CODECS, JSON
from ac_bridge_protocol.errors import (
    ACBridgeError,
    ConnectError,
    ErrorCode,
    FrameError,
    LinkLostError,
    RefusedError,
    error_from_wire,
)
from ac_bridge_protocol.helpers import GrowingWaits
from ac_bridge_protocol.limits import WEBSOCKET_BYTES
from ac_bridge_protocol.messages import Refusal
from ac_bridge_protocol.trust import Trust, explain_tls

log = structlog.get_logger()

DIAL_S = 10.0
"""How long dialling a relay may take, TLS and all, in seconds."""

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 4.0
"""Waits between attempts to reach a relay: one that was away for most of a driver's grace period is
found again before its end."""


DIALS_PACE = Pace(per_s=4.0, burst=16)
"""How often a spare connection is dialled: a whole lab may connect at once, and whoever takes one
spare after the other does not keep the actor dialling."""

LOOK_S = 1.0
"""From one look whether the relay is still there to the next, in seconds."""


@dataclasses.dataclass(frozen=True, slots=True)
class Relay:
    """Where an actor parks.

    Attributes:
        uri: ``wss://HOST:PORT/actors/NAME``.
        token: that lets it park.
        trust: whom it believes to be the relay.
    """

    uri: str
    token: str = dataclasses.field(repr=False)
    trust: Trust = dataclasses.field(default_factory=Trust)

    @property
    def address(self) -> WebSocketURI:
        """The uri, taken apart."""
        return parse_uri(self.uri)


class Parking:
    """Keeps one connection parked, until cancelled.

    Args:
        at: the relay.
        actor: who is parked.
        clock: the machine's.
        access: who may come in.
        gate: counts who is served, whichever way they came.
    """

    def __init__(self, at: Relay, actor: Actor, clock: Clock, access: Access, gate: Gate) -> None:
        self._gate = gate
        self._relay = at
        self._actor = actor
        self._clock = clock
        self._access = access
        self._process = secrets.token_urlsafe(16)
        self._leg: Leg | None = None
        self._problem: str | None = ""
        self._cut: tuple[str, ...] = ()

    async def run(self) -> None:
        """Park, again and again. A relay that cannot be reached is tried for ever."""
        waits = GrowingWaits(FIRST_WAIT_S, LONGEST_WAIT_S)
        pace = Bucket(DIALS_PACE, self._clock.now())
        while True:
            while not pace.take(self._clock.now()):
                await self._clock.wait_until(self._clock.now() + 1.0 / DIALS_PACE.per_s)
            try:
                await self._park_once(waits)
            except DisplacedError as error:
                self._tell(error)
                await self._clock.wait_until(self._clock.now() + relay.DISPLACED_WAIT_S)
            except ACBridgeError as error:
                self._tell(error)
                await self._clock.wait_until(self._clock.now() + waits.next_s())

    def announce(self) -> None:
        """Tell the relay which tokens are good now."""
        if self._leg is not None:  # it has sent one before: this one need not wait for the answer
            self._leg.send(self._park())

    def receive(self, leg: Leg, message: relay.RelayMessage) -> None:
        """Act on what the relay says."""
        match message:
            case relay.Parked():
                if self._problem is not None:  # not for every spare connection
                    log.info("parked at the relay", relay=self._relay.uri)
                leg.parked, self._problem = True, None
            case relay.Paired():
                self._pair(leg, message)
            case _:
                raise FrameError(ErrorCode.ILLEGAL, f"A relay does not say {message.type}.")

    # --- Inside -----------------------------------------------------------------------------------

    async def _park_once(self, waits: GrowingWaits) -> None:
        """Hold one connection until a learner has it.

        Raises:
            ACBridgeError: it could not be had, or was lost.
        """
        leg = self._leg = await self._dial()
        try:
            leg.send(self._park())
            while not leg.over.done():
                await asyncio.wait({leg.over}, timeout=LOOK_S)
                leg.keep_alive(self._clock.now())
                if leg.parked:
                    waits.start_over()
            leg.over.result()
        finally:
            self._leg = None
            leg.drop()

    async def _dial(self) -> Leg:
        at = self._relay
        loop = asyncio.get_running_loop()
        secure = at.address.secure
        try:
            async with asyncio.timeout(DIAL_S):
                transport, leg = await loop.create_connection(
                    lambda: Leg(self, at, self._clock),
                    at.address.host,
                    at.address.port,
                    ssl=at.trust.context() if secure else None,
                    server_hostname=at.address.host if secure else None,
                )
                try:
                    if secure:
                        socket = transport.get_extra_info("ssl_object")
                        at.trust.check(socket.getpeercert(binary_form=True), at.uri)
                    await leg.shake_hands()
                except BaseException:
                    transport.abort()
                    raise
        except TimeoutError:
            raise ConnectError(
                f"The relay {at.uri} did not answer within {DIAL_S:g} s.",
                uri=at.uri,
                hint="Check the address, and that a firewall lets the port through.",
            ) from None
        except ssl.SSLError as error:
            raise explain_tls(error, at.uri, at.address.host) from error
        except (OSError, UnicodeError) as error:  # the latter of a host that cannot be one
            if isinstance(error, ACBridgeError):
                raise
            why = getattr(error, "strerror", None) or error
            raise ConnectError(
                f"The relay {at.uri} cannot be reached: {why}.",
                uri=at.uri,
                hint="Is it running (ac-bridge relay), and is this its address?",
            ) from error
        return leg

    def _park(self) -> relay.Park:
        return relay.Park(
            process=self._process,
            software=SOFTWARE,
            drivers=self._announced(Grant.DRIVER),
            spectators=self._announced(Grant.SPECTATOR),
        )

    def _announced(self, grant: Grant) -> tuple[str, ...]:
        """Return as many digests as a relay takes."""
        digests = self._access.digests(grant)
        if len(digests) > relay.DIGESTS and digests != self._cut:
            self._cut = digests  # told of once, and not for each connection
            log.warning(
                "more tokens than a relay takes; the last ones do not open the actor there",
                grant=grant.value,
                tokens=len(digests),
                most=relay.DIGESTS,
            )
        return digests[: relay.DIGESTS]

    def _pair(self, leg: Leg, message: relay.Paired) -> None:
        """Take a learner, or say why not."""
        grants = self._access.grants_of_digest(message.digest)
        codec = CODECS.get(message.subprotocol)
        declined = None
        if not grants:
            declined = ErrorCode.UNAUTHORIZED, "That token opens nothing here."
        elif codec is None:
            declined = ErrorCode.WRONG_CODEC, "This actor does not speak that subprotocol."
        elif self._gate.full:
            most = self._gate.limits.connections
            declined = ErrorCode.FULL, f"This actor serves {most} connections at once."
        elif self._actor.closing:
            declined = ErrorCode.SHUTTING_DOWN, "The actor is being stopped."
        if declined is not None:
            log.warning("refused", peer=message.peer, reason=declined[1])
            leg.send(relay.Declined(code=declined[0], message=declined[1]))
        elif codec is not None:
            leg.send(relay.Taken())
            peer = f"{message.peer} (relay)"
            caller = Caller(peer, codec, grants, message.digest)
            self._gate.serve()
            leg.hand_over(
                lambda websocket: Connection(self._actor, caller, websocket, self._gate.dismiss)
            )

    def _tell(self, error: ACBridgeError) -> None:
        """Log what is wrong, once for as long as it stays the same."""
        if error.message != self._problem:
            log.warning("not parked at the relay", reason=error.message, hint=error.hint)
        self._problem = error.message


class DisplacedError(LinkLostError):
    """Another actor took the name."""


class Leg(asyncio.Protocol):
    """One connection to the relay, while it is parked.

    Args:
        parking: what acts on the relay's messages.
        at: the relay.
        clock: the machine's.

    Attributes:
        parked: whether the relay has confirmed it.
        over: done once it is a learner's; failed if it was lost before.
    """

    def __init__(self, parking: Parking, at: Relay, clock: Clock) -> None:
        self._parking = parking
        self._relay = at
        self._clock = clock
        self._ws = ClientProtocol(
            at.address,
            subprotocols=[Subprotocol(relay.PARKING)],
            max_size=WEBSOCKET_BYTES,
            logger=QUIET,
        )
        self._transport: asyncio.Transport | None = None
        self._opened = asyncio.get_running_loop().create_future()
        self._heard_s = self._pinged_s = clock.now()
        self.parked = False
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # Whoever waits for one of them may have been cancelled: then nobody asks how it ended.
        self._opened.add_done_callback(_look_at)
        self.over.add_done_callback(_look_at)

    # --- The transport calls ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self._transport = cast("asyncio.Transport", transport)
        keep_alive(transport)
        end_if_not_taken(transport)

    def data_received(self, data: bytes) -> None:
        """Bytes from the relay."""
        self._heard_s = self._clock.now()
        self._ws.receive_data(data)
        self._take_events()

    def eof_received(self) -> None:
        """The relay sends no more: so ends a page that does not say how long it is."""
        self._ws.receive_eof()
        self._take_events()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._transport = None
        said = self._ws.close_rcvd
        if said is not None and said.code == relay.DISPLACED_CODE:
            self._fail(
                DisplacedError(
                    f"Another actor parked at {self._relay.uri}, and has the name now.",
                    hint="Give each actor a name of its own, at the end of its --relay.",
                )
            )
        elif said is not None and said.code == relay.WITHDRAWN_CODE:
            self._fail(
                RefusedError(
                    ErrorCode.UNAUTHORIZED,
                    f"The relay {self._relay.uri} does not take this park token any more.",
                    hint="Ask its operator for a new one, and set it as AC_BRIDGE_RELAY_TOKEN.",
                )
            )
        else:
            self._fail(
                LinkLostError(
                    f"The connection to the relay {self._relay.uri} was lost.",
                    hint="It is dialled again until it is there.",
                )
            )

    # --- Parking calls ----------------------------------------------------------------------------

    async def shake_hands(self) -> None:
        """Open the WebSocket.

        Raises:
            RefusedError: the relay says no, and why.
            ConnectError: it is no relay.
            LinkLostError: the connection was lost meanwhile.
        """
        request = self._ws.connect()
        request.headers["Authorization"] = f"Bearer {self._relay.token}"
        self._ws.send_request(request)
        self._flush()
        await self._opened

    def send(self, message: relay.RelayMessage) -> None:
        """Tell the relay something."""
        # Once it is a learner's, nothing of ours may get in between.
        if self._transport is not None and self._ws.state is State.OPEN:
            self._ws.send_text(relay.encode(message))
            self._flush()

    def keep_alive(self, now_s: float) -> None:
        """Show that we are there, and look whether the relay is."""
        if self._ws.state is not State.OPEN or self.over.done():
            return
        if self._pinged_s > self._heard_s and now_s - self._pinged_s > relay.PARK_PONG_S:
            self._fail(LinkLostError(f"The relay {self._relay.uri} is silent."))
        elif now_s - max(self._pinged_s, self._heard_s) > relay.PARK_PING_S:
            self._pinged_s = now_s
            self._ws.send_ping(b"")
            self._flush()

    def hand_over(self, make: Callable[[ClientProtocol], asyncio.Protocol]) -> None:
        """Let the connection be a learner's from now on."""
        transport, self._transport = self._transport, None
        assert transport is not None  # noqa: S101 -- a message has just come in on it
        let_wait(transport)  # until it is known to be a driver's
        connection = make(self._ws)
        transport.set_protocol(connection)
        connection.connection_made(transport)
        self.over.set_result(None)

    def drop(self) -> None:
        """Hang up, unless it is a learner's."""
        transport, self._transport = self._transport, None
        if transport is None:
            return
        if self._ws.state is State.OPEN and not transport.is_closing():
            self._ws.send_close(CloseCode.GOING_AWAY)
            for data in self._ws.data_to_send():
                transport.write(data)
        transport.close()

    # --- Inside -----------------------------------------------------------------------------------

    def _take_events(self) -> None:
        try:
            for event in self._ws.events_received():
                if isinstance(event, Response):
                    self._answered(event)
                elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                    self._parking.receive(self, relay.decode(bytes(event.data)))
                if self.over.done():
                    return
        except ACBridgeError as error:
            self._fail(error)
            return
        self._flush()
        if self._ws.handshake_exc is not None:
            self._fail(
                ConnectError(
                    f"{self._relay.uri} is not a relay of ac-bridge.",
                    uri=self._relay.uri,
                    hint="Check the address: is it the relay's?",
                )
            )

    def _answered(self, response: Response) -> None:
        if response.status_code == 101 and self._ws.subprotocol == relay.PARKING:
            if not self._opened.done():
                self._opened.set_result(None)
            return
        self._fail(_refusal_in(response, self._relay.uri))

    def _flush(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        for data in self._ws.data_to_send():
            if data:
                self._transport.write(data)
            else:
                self._transport.close()

    def _fail(self, error: ACBridgeError) -> None:
        for waiting in (self._opened, self.over):
            if not waiting.done():
                waiting.set_exception(error)
        if self._transport is not None:
            self._transport.abort()


def _refusal_in(response: Response, uri: str) -> ACBridgeError:
    """Return the relay's answer as an error."""
    try:
        message = JSON.decode(bytes(response.body or b""), binary=False)
    except FrameError:
        message = None
    if isinstance(message, Refusal):
        error = error_from_wire(message.code, message.message, message.hint)
        return RefusedError(
            message.code, f"The relay {uri} refused: {error.message}", hint=error.hint
        )
    return ConnectError(
        f"{uri} is not a relay of ac-bridge (status {response.status_code}).",
        uri=uri,
        hint="Check the address: is it the relay's?",
    )


def _look_at(future: asyncio.Future[None]) -> None:
    if not future.cancelled():
        future.exception()
