"""A link in the caller's thread: a blocking socket under websockets' Sans-I/O client.

No thread and no event loop stands between the learner and the socket, so a step costs one send
and one receive. A `Link` is one connection; what goes on when it is lost is `drive`'s.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import logging
import math
import selectors
import socket
import ssl
from collections.abc import Callable, Iterable
from typing import Protocol

from websockets.client import ClientProtocol
from websockets.frames import Frame
from websockets.http11 import Response
from websockets.protocol import Event, State
from websockets.typing import Subprotocol

from ac_bridge_client.access import NOBODY, Access
from ac_bridge_client.clock import monotonic_s
from ac_bridge_client.dial import (
    SHORTEST_WAIT_S,
    open_socket,
    parse_address,
    warn_of_plain_token,
)
from ac_bridge_client.exchange import Exchange, Notice
from ac_bridge_client.refusals import refusal_in
from ac_bridge_protocol.codec import Codec
from ac_bridge_protocol.errors import ACBridgeError, ConnectError, LinkLostError
from ac_bridge_protocol.fragments import Fragments
from ac_bridge_protocol.helpers import Closing
from ac_bridge_protocol.limits import SILENCE_S, WEBSOCKET_BYTES
from ac_bridge_protocol.messages import Message, Ping, Pong, Role, Welcome
from ac_bridge_protocol.observing import ObservationWish
from ac_bridge_protocol.session import Course
from ac_bridge_protocol.spec import Mode

LONGEST_WAIT_S = 0.25
"""At a time, in the socket: on Windows neither Ctrl+C nor `Link.deafen` ends a wait there."""

RECEIVE_BYTES = 64 * 1024
"""Read at once: any of our messages fits."""

QUIET = logging.getLogger("ac_bridge_client.websocket")
"""What websockets logs to: not where programs that debug ask for everything, as it would write down
each header and message, the token, the session's secret and the operator's key among them."""
QUIET.setLevel(logging.INFO)

GOODBYE_S = 1.0
"""How long closing waits for the actor, in seconds."""


@dataclasses.dataclass(frozen=True, slots=True)
class Echo:
    """A ping that came back."""

    pong: Pong
    t_back: float
    """When, in seconds of `monotonic_s`."""
    prompt: bool
    """Whether it was waited for; one that was not may have lain in the socket for a while."""


class WireTap(Protocol):
    """Is told of each message as it goes over the wire, in the thread that uses the link."""

    def sent(self, codec: Codec, payload: bytes) -> None:
        """Take note of a message that is about to be sent."""

    def came(self, codec: Codec, payload: bytes) -> None:
        """Take note of a message that came in, and was not looked at yet."""


def ignore(_: object) -> None:
    """Do nothing."""


class Link(Closing):
    """A connection to an actor, from opening to closing.

    Args:
        uri: ``ws://host:port`` or ``wss://host:port``.
        codec: ``msgpack`` or ``json``.
        role: driver, spectator or learner.
        mode: how to step; None takes the actor's.
        delay_ticks: the k of mode ``fixed_delay``; else 0.
        observation: the profile's name, or features.
        session: the secret of the session to go on with; empty for a new one.
        course: of that session.
        access: what is shown to the actor, and who is believed to be it.
        connect_timeout_s: for everything up to the welcome, in seconds.
        on_notice: gets streams, events and progress.
        on_echo: gets pings that came back.
        tap: is told of every message, the handshake's included.

    Attributes:
        welcome: what the actor offers.
        exchange: the conversation.
        asked_s: since when an answer is waited for, in seconds of `monotonic_s`: an actor that is
            silent for too long from then on is not there any more. Infinity while nobody waits.

    Raises:
        ConnectError: no actor answered there.
        RefusedError: it answered no; a `TurnedAwayError` if it did before it listened.
        SettingError: it does not know the observation profile; or a CA file that cannot be read.
    """

    def __init__(
        self,
        uri: str,
        *,
        codec: str = "msgpack",
        role: Role = Role.DRIVER,
        mode: Mode | None = None,
        delay_ticks: int = 0,
        observation: ObservationWish = "bridge15",
        session: str = "",
        course: Course | None = None,
        access: Access = NOBODY,
        connect_timeout_s: float = 10.0,
        on_notice: Callable[[Notice], None] = ignore,
        on_echo: Callable[[Echo], None] = ignore,
        tap: WireTap | None = None,
    ) -> None:
        self.uri = uri
        self.exchange = Exchange(codec, on_notice, course)
        self.asked_s = math.inf
        self._codec = self.exchange.session.codec
        self._tap = tap
        self._on_echo = on_echo
        self._fragments = Fragments()
        self._inbox: collections.deque[tuple[bytes, bool]] = collections.deque()
        self._sending = self._taking = self._deaf = self._dropped = False
        self._heard_s = monotonic_s()
        self._waited = False
        self._pings = 0
        self._token = access.token
        deadline_s = self._heard_s + connect_timeout_s
        parsed = parse_address(uri)
        self._ws = ClientProtocol(
            parsed,
            subprotocols=[Subprotocol(self.exchange.session.codec.subprotocol)],
            max_size=WEBSOCKET_BYTES,
            logger=QUIET,
        )
        if access.token and not parsed.secure:
            warn_of_plain_token(parsed.host)
        self._socket = open_socket(uri, parsed, access.trust, connect_timeout_s)
        try:
            self._shake_hands(deadline_s)
            self.send(self.exchange.hello(role, mode, delay_ticks, observation, session))
            self.welcome = self._welcome(deadline_s)
        except LinkLostError as error:
            self.drop()
            raise ConnectError(
                f"{uri} accepted the connection and closed it.",
                uri=uri,
                hint=_whose(parsed.secure),
            ) from error
        except TimeoutError:
            self.drop()
            raise ConnectError(
                f"{uri} accepted the connection but did not answer within {connect_timeout_s:g} s.",
                uri=uri,
                hint=_whose(parsed.secure),
            ) from None
        except BaseException:
            self.drop()
            raise

    @property
    def open(self) -> bool:
        """Whether messages can still be sent."""
        return self._ws.state is State.OPEN and not (self._dropped or self._sending)

    @property
    def whole(self) -> bool:
        """Whether nothing was interrupted half-way, so that more can follow."""
        return self.open and not self._taking

    @property
    def close_code(self) -> int | None:
        """How the actor closed the link; None if it did not."""
        said = self._ws.close_rcvd
        return None if said is None else said.code

    def send(self, *messages: Message) -> None:
        """Send messages, in one go.

        Raises:
            LocalProtocolError: the session does not allow it. Nothing was sent.
            LinkLostError: the link is lost; the session has taken the messages all the same, so
                that a request is in flight, and repeated when the session goes on.
        """
        self._sending = True
        try:
            encoded = [self.exchange.session.send(message) for message in messages]
        except ACBridgeError:
            self._sending = False
            raise
        self._put(encoded)
        self._sending = False

    def repeat(self) -> int:
        """Ask once more for every answer in flight; return for how many."""
        self._sending = True
        again = self.exchange.session.repeat()
        self._put(again)
        self._sending = False
        return len(again)

    def ping(self) -> Ping:
        """Return a ping to send now."""
        self._pings += 1
        return Ping(id=self._pings, t_sent=monotonic_s())

    def subscribe(self, hz: float) -> None:
        """Ask for frames; they come to `on_notice` while anything is waited for.

        Raises:
            SettingError: more frames a second than the actor samples.
        """
        self.send(self.exchange.subscribe(self.welcome.spec.check_rate(hz)))

    def listen(self, timeout_s: float) -> None:
        """Take what comes in next, or return when nothing does within ``timeout_s`` (0 polls)."""
        with contextlib.suppress(TimeoutError):
            self.take(monotonic_s() + timeout_s)

    def wait(self, bell: socket.socket, timeout_s: float) -> None:
        """Wait until there may be something to take, or ``bell`` can be read."""
        hidden = isinstance(self._socket, ssl.SSLSocket) and self._socket.pending()
        if self._inbox or hidden or not self.open:
            return
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            selector.register(bell, selectors.EVENT_READ)
            selector.select(timeout_s)

    def take(self, deadline_s: float) -> Message | None:
        """Take one message from the actor; return it if it is a welcome, or a teacher's to hear.

        Raises:
            TimeoutError: none came before ``deadline_s`` (of `monotonic_s`).
            LinkLostError: the link is lost, or the actor has been silent for too long.
            ACBridgeError: the actor refused the handshake, or broke the protocol.
        """
        self._taking = True
        try:
            while not self._inbox:
                self._read(deadline_s)
            payload, binary = self._inbox.popleft()
            message = self.exchange.receive(payload, binary=binary)
            if isinstance(message, Pong):
                self._on_echo(Echo(message, self._heard_s, self._waited))
            elif isinstance(message, Ping):
                self._answer(message)
        except (TimeoutError, ACBridgeError):
            self._taking = False
            raise
        self._taking = False
        return message

    def deafen(self) -> None:
        """End whatever waits for the actor, with a `LinkLostError`. From any thread.

        The link can still be closed in good order.
        """
        self._deaf = True
        with contextlib.suppress(OSError):  # lost already
            # The method of an SSLSocket would drop TLS, and the good-bye go out in plain text.
            socket.socket.shutdown(self._socket, socket.SHUT_RD)

    def close(self) -> None:
        """Let go of the car and close. May be called twice."""
        self.part()

    def part(self) -> bool:
        """Let go of the car and close; return whether the actor said good-bye too.

        If it did not, it may not have heard that the car is free.
        """
        if self.open:
            with contextlib.suppress(OSError):  # gone already
                deadline_s = monotonic_s() + GOODBYE_S
                self._socket.settimeout(GOODBYE_S)
                if self.exchange.driving:
                    self.send(self.exchange.release())
                self._ws.send_close()
                self._flush()
                while self._ws.close_rcvd is None and monotonic_s() < deadline_s:
                    data = self._socket.recv(RECEIVE_BYTES)
                    if not data:
                        break
                    self._ws.receive_data(data)  # the actor's last words; nobody waits for them
                    self._collect(self._ws.events_received())
        self.drop()
        return self._deaf or self._ws.close_rcvd is not None

    def drop(self) -> None:
        """Close without a word."""
        self._dropped = True
        self._socket.close()

    # --- Inside -----------------------------------------------------------------------------------

    def _welcome(self, deadline_s: float) -> Welcome:
        while True:
            message = self.take(deadline_s)
            if isinstance(message, Welcome):
                return message

    def _answer(self, ping: Ping) -> None:
        pong = Pong(id=ping.id, t_ping=ping.t_sent, t_received=self._heard_s, t_sent=monotonic_s())
        self.send(pong)

    def _receive(self, deadline_s: float) -> list[Event]:
        """Wait for bytes and return what they mean to WebSocket; nothing after a while.

        Raises:
            TimeoutError: the deadline has passed.
            LinkLostError: the link is lost.
        """
        silent_s = max(self._heard_s, self.asked_s) + SILENCE_S
        began_s = monotonic_s()
        wait_s = min(deadline_s - began_s, silent_s - began_s, LONGEST_WAIT_S)
        try:
            self._socket.settimeout(max(wait_s, SHORTEST_WAIT_S))
            data = self._socket.recv(RECEIVE_BYTES)
        except TimeoutError:
            self._nothing_came(deadline_s, silent_s)
            return []
        except OSError as error:
            if not self._deaf:
                self.drop()
            raise LinkLostError(f"The link to {self.uri} broke: {error}.", hint=_RESET) from error
        if self._deaf and not data:
            raise LinkLostError(f"The link to {self.uri} is being closed.")
        self._heard_s = monotonic_s()
        self._waited = self._heard_s - began_s > SHORTEST_WAIT_S
        if data:
            self._ws.receive_data(data)
        else:
            self._ws.receive_eof()
        return self._ws.events_received()

    def _nothing_came(self, deadline_s: float, silent_s: float) -> None:
        """Give up, if it is time to."""
        now_s = monotonic_s()
        if self._deaf:
            raise LinkLostError(f"The link to {self.uri} is being closed.")
        if now_s >= silent_s:
            self.drop()
            raise LinkLostError(f"Nothing came from {self.uri} for {SILENCE_S:g} s.", hint=_RESET)
        if now_s >= deadline_s:
            raise TimeoutError

    def _put(self, encoded: Iterable[bytes]) -> None:
        self._check_open()
        put = self._ws.send_binary if self._codec.binary else self._ws.send_text
        for data in encoded:
            if self._tap is not None:
                self._tap.sent(self._codec, data)
            put(data)
        self._flush()

    def _collect(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, Frame):
                whole = self._fragments.add(event.opcode, bytes(event.data), final=event.fin)
                if whole is not None:
                    self._inbox.append(whole)
                    if self._tap is not None:
                        self._tap.came(self._codec, whole[0])

    def _read(self, deadline_s: float) -> None:
        self._collect(self._receive(deadline_s))
        self._flush()
        if self._ws.state is not State.OPEN and not self._inbox:
            said = f" ({self._ws.close_rcvd})" if self._ws.close_rcvd else ""
            self.drop()
            raise LinkLostError(f"The actor at {self.uri} closed the link{said}.", hint=_RESET)

    def _check_open(self) -> None:
        if self._dropped or self._ws.state is not State.OPEN:
            raise LinkLostError(f"The link to {self.uri} is closed.", hint=_RESET)

    def _flush(self) -> None:
        data = b"".join(self._ws.data_to_send())
        if not data:
            return
        try:
            try:
                sent = self._socket.send(data)
            except TimeoutError:  # the last wait's: an actor that is behind gets more time
                sent = 0
            if sent < len(data):
                self._socket.settimeout(SILENCE_S)
                self._socket.sendall(data[sent:])
        except OSError as error:
            self.drop()
            raise LinkLostError(f"The link to {self.uri} broke: {error}.", hint=_RESET) from error

    def _shake_hands(self, deadline_s: float) -> None:
        request = self._ws.connect()
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        self._ws.send_request(request)
        self._flush()
        while self._ws.state is State.CONNECTING and self._ws.handshake_exc is None:
            for event in self._receive(deadline_s):
                self._check_response(event)
        if self._ws.state is not State.OPEN:
            raise ConnectError(
                f"{self.uri} does not speak WebSocket.",
                uri=self.uri,
                hint=_whose(self._ws.uri.secure),
            ) from self._ws.handshake_exc

    def _check_response(self, event: object) -> None:
        if isinstance(event, Response) and event.status_code != 101:
            raise refusal_in(event, self.uri, token=bool(self._token))
        if isinstance(event, Response) and self._ws.subprotocol is None:
            raise ConnectError(
                f"{self.uri} speaks WebSocket, but not ac-bridge.",
                uri=self.uri,
                hint="Check the port: is it the actor's?",
            )


_RESET = "Reset to connect again."


def _whose(secure: bool) -> str:
    """Return what to check where something else than an actor seems to listen."""
    tls = "" if secure else " If it listens with TLS, write wss:// for ws://."
    return f"Is it an ac-bridge actor that listens there?{tls}"
