"""The front door: one accepted connection until its first request is answered. A thin shell.

Everybody who comes is heard once: a WebSocket that may open, or a question about this program's
health. Who may come in, and to what, is the house's decision (actor or relay); that the request
comes in time, is a request at all, and is answered in words a program can read, is the door's.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Protocol, cast

import orjson
import structlog
from websockets.datastructures import Headers
from websockets.exceptions import WebSocketException
from websockets.headers import parse_subprotocol
from websockets.http11 import Request, Response
from websockets.protocol import Protocol as WebSocket
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from ac_bridge.clock import Clock
from ac_bridge.net.addresses import client_address
from ac_bridge.net.gate import Gate
from ac_bridge.net.tokens import bearer
from ac_bridge.net.turns import Turns
from ac_bridge_protocol.codec import JSON
from ac_bridge_protocol.discovery import printable
from ac_bridge_protocol.errors import ErrorCode, RefusedError
from ac_bridge_protocol.limits import HANDSHAKE_TIMEOUT_S, WEBSOCKET_BYTES
from ac_bridge_protocol.messages import Refusal

log = structlog.get_logger()

QUIET = logging.getLogger("ac_bridge.websocket")
"""What websockets logs to: never everything, as it would write down each header, and so tokens."""
QUIET.setLevel(logging.INFO)

CLOSE_S = 1.0
"""How long a connection that was refused may take to read why and hang up, in seconds."""


@dataclasses.dataclass(frozen=True, slots=True)
class Visit:
    """Who came, and what for.

    Attributes:
        path: what was asked for, without a query.
        address: of the client; behind a proxy that we trust, what that says.
        port: of the connection.
        token: what it showed; empty if nothing.
        subprotocols: that it offers, the preferred one first.
        origin: the web page that asks; None if no browser does.
        host: how this program was addressed.
        websocket: whether it wants to open one.
    """

    path: str
    address: str
    port: int
    token: str = dataclasses.field(repr=False)
    subprotocols: tuple[str, ...]
    origin: str | None
    host: str
    websocket: bool

    @property
    def peer(self) -> str:
        """The client's address for the log."""
        return f"{self.address}:{self.port}"


class House(Protocol):
    """The program behind the door."""

    clock: Clock
    gate: Gate
    turns: Turns

    def called(self, door: Door, visit: Visit) -> None:
        """Answer a request, now or later, by one of the door's methods."""


class Place:
    """One connection's place at the gate. Whoever has the connection gives it back, once.

    Args:
        gate: where it was counted.
        address: under which.
    """

    def __init__(self, gate: Gate, address: str) -> None:
        self._gate = gate
        self.address = address
        self._served = self._left = False

    def move(self, address: str) -> bool:
        """Count under another address from now on; return whether there is room."""
        if address == self.address or self._left:
            return True
        if not self._gate.arrive(address):
            return False
        self._gate.leave(self.address)
        self.address = address
        return True

    def serve(self) -> None:
        """The connection is served from now on."""
        if not self._served:
            self._served = True
            self._gate.serve()

    def leave(self) -> None:
        """The connection is gone. May be called twice."""
        if self._left:
            return
        self._left = True
        self._gate.leave(self.address)
        if self._served:
            self._gate.dismiss()


class Door(asyncio.Protocol):
    """One connection, until its request is answered.

    Args:
        house: what is behind it.
        place: of the connection.

    Attributes:
        place: given back when the connection ends; by whoever it was handed to, if it was.
        gone: whether the client hung up before it was answered.
        on_gone: called then.
    """

    def __init__(self, house: House, place: Place) -> None:
        self._house = house
        self._ws = ServerProtocol(
            max_size=WEBSOCKET_BYTES,
            logger=QUIET,
        )
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._request: Request | None = None
        self._answered = False
        self.place = place
        self.gone = False
        self.on_gone: Callable[[], None] | None = None

    # --- The transport calls ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the request, but not for ever."""
        self._transport = cast("asyncio.Transport", transport)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(HANDSHAKE_TIMEOUT_S, self._too_late)

    def data_received(self, data: bytes) -> None:
        """Take a piece of the request, when its turn comes."""
        if self._answered or self._transport is None:
            return  # and being closed
        self._transport.pause_reading()
        self._house.turns.ask(functools.partial(self._take, data))

    def _take(self, data: bytes) -> None:
        if self._answered or self.gone or self._transport is None:
            return
        self._transport.resume_reading()
        if self._request is not None:
            self._break_off("It sent more before it was answered.")
            return
        self._ws.receive_data(data)
        events = self._ws.events_received()
        if self._ws.handshake_exc is not None:
            self._break_off("That is not an HTTP request.")
        elif events and (len(events) > 1 or self._ws.reader.buffer or self._ws.parser_exc):
            self._break_off("It sent more before it was answered.")
        elif events:
            self._heard(cast("Request", events[0]))

    def eof_received(self) -> None:
        """The client sends no more: nobody who waits for an answer does that."""

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._stop_timer()
        self.place.leave()
        let_go(self._ws)
        self.gone = True
        self._transport = None  # what TLS holds is large: not until the collector comes by
        if not self._answered and self.on_gone is not None:
            self.on_gone()

    # --- The house calls --------------------------------------------------------------------------

    def refuse(
        self, status: int, error: RefusedError, headers: Mapping[str, str] | None = None
    ) -> None:
        """Say no, and why, in words that a program can read."""
        code = error.code or ErrorCode.ILLEGAL
        refusal = Refusal(code=code, message=error.message, hint=error.hint)
        self._respond(status, JSON.encode(refusal), headers or {})

    def page(self, payload: Mapping[str, Any]) -> None:
        """Answer a question with a JSON object."""
        self._respond(HTTPStatus.OK, orjson.dumps(payload) + b"\n", {})

    def admit(self, subprotocol: str, make: Callable[[ServerProtocol], asyncio.Protocol]) -> bool:
        """Open the WebSocket, and hand the transport over to what will have it.

        Args:
            subprotocol: one of those that were offered.
            make: given the open WebSocket, makes the transport's new protocol. Its
                `connection_made` is called, and it gives back the `place` in the end.

        Returns:
            False if the client is gone, or asked for no WebSocket and was refused.
        """
        if self.gone or self._answered or self._request is None or self._transport is None:
            return False
        self._ws.available_subprotocols = [Subprotocol(subprotocol)]
        response = self._ws.accept(self._request)
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            self.refuse(
                response.status_code,
                RefusedError(ErrorCode.ILLEGAL, "That is not the request of a WebSocket."),
                {name: value for name, value in response.headers.raw_items() if name == "Upgrade"},
            )
            return False
        self._answered = True
        self._stop_timer()
        self.place.serve()
        self._ws.send_response(response)
        for data in self._ws.data_to_send():
            self._transport.write(data)
        # What TLS holds is large, and must not wait for the collector of cycles: let go of it here.
        transport, self._transport = self._transport, None
        connection = make(self._ws)
        transport.set_protocol(connection)
        connection.connection_made(transport)
        return True

    # --- Inside -----------------------------------------------------------------------------------

    def _heard(self, request: Request) -> None:
        self._request = request
        self._stop_timer()
        try:
            visit = self._visit(request)
        except (ValueError, WebSocketException) as error:
            self._break_off(f"Its headers cannot be read: {printable(str(error), 200)}.")
            return
        if not self.place.move(visit.address):
            self.refuse(
                HTTPStatus.TOO_MANY_REQUESTS,
                RefusedError(ErrorCode.TOO_MANY, "Too many connections come from this address."),
            )
            return
        self._house.called(self, visit)

    def _visit(self, request: Request) -> Visit:
        headers = request.headers
        peer = peer_of(self._transport)
        offered = [parse_subprotocol(one) for one in headers.get_all("Sec-WebSocket-Protocol")]
        return Visit(
            path=request.path.partition("?")[0],
            address=client_address(
                peer[0], headers.get_all("X-Forwarded-For"), self._house.gate.proxies
            ),
            port=peer[1],
            token=bearer(_only(headers, "Authorization")),
            subprotocols=tuple(name for names in offered for name in names),
            origin=_only(headers, "Origin"),
            host=_only(headers, "Host") or "",
            websocket="websocket" in (_only(headers, "Upgrade") or "").lower(),
        )

    def _too_late(self) -> None:
        self._break_off(f"No request came within {HANDSHAKE_TIMEOUT_S:g} s.", status=408)

    def _break_off(self, why: str, status: int = 400) -> None:
        log.debug("bad request", peer=self.place.address, reason=why)
        if not self._answered and self.on_gone is not None:
            self.on_gone()  # the house is still thinking about it
        self.refuse(
            status,
            RefusedError(ErrorCode.ILLEGAL, why, hint="Connect with a WebSocket client."),
        )

    def _respond(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        if self.gone or self._answered or self._transport is None:
            return
        self._answered = True
        self._stop_timer()
        said = Headers(headers)
        said["Content-Type"] = "application/json"
        said["Content-Length"] = str(len(body))
        said["Connection"] = "close"
        said["Cache-Control"] = "no-store"
        said["X-Content-Type-Options"] = "nosniff"
        response = Response(int(status), HTTPStatus(status).phrase, said, body)
        self._transport.write(response.serialize())
        self._transport.close()
        # Whoever was refused and does not hang up must not keep its place.
        self._timer = asyncio.get_running_loop().call_later(CLOSE_S, self._transport.abort)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


def let_go(websocket: WebSocket) -> None:
    """Free what a connection that has ended still keeps: up to a message that was not complete.

    It would be freed anyhow, but only when Python collects what refers to itself; and the actor
    lets it do that rarely, for the sake of its ticks.
    """
    websocket.parser.close()
    websocket.parser_exc = websocket.handshake_exc = None  # whose tracebacks lead back to it


def _only(headers: Headers, name: str) -> str | None:
    """Return a header that may be there once.

    Raises:
        ValueError: it is there more often: who can tell which one a proxy has looked at?
    """
    values: Sequence[str] = headers.get_all(name)
    if len(values) > 1:
        raise ValueError(f"{name} is there {len(values)} times")
    return values[0] if values else None


def peer_of(transport: asyncio.BaseTransport | None) -> tuple[str, int]:
    """Return the address and port at the other end."""
    peername = transport.get_extra_info("peername") if transport is not None else None
    return (str(peername[0]), int(peername[1])) if peername else ("?", 0)
