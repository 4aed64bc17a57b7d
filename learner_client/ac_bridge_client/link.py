"""A link in the caller's thread: a blocking socket under websockets' Sans-I/O client.

No thread and no event loop stands between the learner and the socket, so a step costs one send
and one receive.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import TypeVar

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidURI
from websockets.frames import Frame
from websockets.http11 import Response
from websockets.protocol import Event, State
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI, parse_uri

from ac_bridge_client.clock import monotonic_s
from ac_bridge_client.exchange import Answer, Exchange, Notice, expect
from ac_bridge_protocol.errors import (
    ACBridgeError,
    ConnectError,
    LinkLostError,
    LinkTimeoutError,
)
from ac_bridge_protocol.fragments import Fragments
from ac_bridge_protocol.helpers import Closing
from ac_bridge_protocol.limits import WEBSOCKET_BYTES
from ac_bridge_protocol.messages import ResetResult, Role, StepResult, Welcome
from ac_bridge_protocol.spec import Mode

_A = TypeVar("_A", Welcome, ResetResult, StepResult)

SHORTEST_WAIT_S = 1e-4
"""A socket's timeout of 0 means something else; this still takes what is there already."""

RECEIVE_BYTES = 64 * 1024
"""Read at once: any of our messages fits."""


class Link(Closing):
    """A connection to an actor, from opening to closing.

    Args:
        uri: ``ws://host:port`` or ``wss://host:port``.
        codec: ``msgpack`` or ``json``.
        role: driver or spectator.
        mode: how to step; None takes the actor's.
        observation: the profile's name.
        connect_timeout_s: for everything up to the welcome, in seconds.
        on_notice: gets streams, events and progress.

    Raises:
        ConnectError: no actor answered there.
        RefusedError: it answered no.
        SettingError: it does not know the observation profile.
    """

    def __init__(
        self,
        uri: str,
        *,
        codec: str = "msgpack",
        role: Role = Role.DRIVER,
        mode: Mode | None = None,
        observation: str = "bridge15",
        connect_timeout_s: float = 10.0,
        on_notice: Callable[[Notice], None] = lambda _: None,
    ) -> None:
        self.uri = uri
        self._exchange = Exchange(codec, on_notice)
        self._fragments = Fragments()
        self._inbox: list[tuple[bytes, bool]] = []
        self._deadline_s = monotonic_s() + connect_timeout_s
        parsed = parse_address(uri)
        self._ws = ClientProtocol(
            parsed,
            subprotocols=[Subprotocol(self._exchange.session.codec.subprotocol)],
            max_size=WEBSOCKET_BYTES,
        )
        self._socket = _open_socket(uri, parsed, connect_timeout_s)
        try:
            self._shake_hands()
            self._send(self._exchange.hello(role, mode, observation))
            self.welcome = expect(self._answer(), Welcome)
        except LinkLostError as error:
            self._drop()
            raise ConnectError(
                f"{uri} accepted the connection and closed it.",
                uri=uri,
                hint="Is it an ac-bridge actor that listens there?",
            ) from error
        except TimeoutError:
            self._drop()
            raise ConnectError(
                f"{uri} accepted the connection but did not answer within {connect_timeout_s:g} s.",
                uri=uri,
                hint="Is it an ac-bridge actor that listens there?",
            ) from None
        except BaseException:
            self._drop()
            raise

    @property
    def open(self) -> bool:
        """Whether requests can still be made."""
        return self._ws.state is State.OPEN

    def reset(self, seed: int | None, timeout_s: float) -> ResetResult:
        """Begin an episode.

        Raises:
            RefusedError: somebody else drives.
            ResetFailedError: the game did not restart.
            LinkError: the actor went away, or did not answer in time.
        """
        self._finish_pending(timeout_s)
        return self._request(self._exchange.reset(seed), ResetResult, timeout_s)

    def step(self, action: Sequence[float], timeout_s: float) -> StepResult:
        """Apply an action and return what the next tick brought.

        Raises:
            ActionError: the action cannot be applied.
            NotResetError: no episode has begun.
            LinkError: the actor went away, or did not answer in time.
        """
        self._finish_pending(timeout_s)
        return self._request(self._exchange.step(action), StepResult, timeout_s)

    def subscribe(self, hz: float) -> None:
        """Ask for frames; they come to `on_notice` while anything is waited for.

        Raises:
            SettingError: more frames a second than the actor samples.
        """
        self._send(self._exchange.subscribe(self.welcome.spec.check_rate(hz)))

    def listen(self, timeout_s: float) -> None:
        """Take what comes in next, or return when nothing does within ``timeout_s`` (0 polls)."""
        self._deadline_s = monotonic_s() + timeout_s
        with contextlib.suppress(TimeoutError):
            self._take()

    def close(self) -> None:
        """Let go of the car and close. May be called twice."""
        if self.open:
            try:
                self._socket.settimeout(1.0)
                release = self._exchange.release()
                if release is not None:
                    self._send(release)
                self._ws.send_close()
                self._flush()
                while self._socket.recv(RECEIVE_BYTES):
                    pass  # the actor's last words; nobody waits for them
            except OSError:
                pass  # gone already: closed is what we wanted
        self._drop()

    # --- Inside -----------------------------------------------------------------------------------

    def _request(self, data: bytes, kind: type[_A], timeout_s: float) -> _A:
        """Send a request and wait for its answer, for ``timeout_s`` in all."""
        self._deadline_s = monotonic_s() + timeout_s
        try:
            self._send(data)
        except BaseException:  # half a message may be out: nothing can follow it
            self._drop()
            raise
        try:
            return expect(self._answer(), kind)
        except TimeoutError:
            self._drop()
            raise LinkTimeoutError(
                f"The actor at {self.uri} did not answer within {timeout_s:g} s.",
                hint="Reset to connect again; raise the timeout if the game needs longer.",
            ) from None

    def _finish_pending(self, timeout_s: float) -> None:
        """Wait for the answer to a request that was interrupted, and discard it, good or bad."""
        if not self._exchange.pending:
            return
        self._deadline_s = monotonic_s() + timeout_s
        try:
            while self._exchange.pending:
                self._take()
        except TimeoutError:
            self._drop()
            raise LinkLostError(
                f"The actor at {self.uri} never answered the request that was interrupted.",
                hint=_RESET,
            ) from None
        except ACBridgeError:
            if self._exchange.pending:
                raise

    def _answer(self) -> Answer:
        while True:
            answer = self._take()
            if answer is not None:
                return answer

    def _take(self) -> Answer | None:
        """Take one message from the actor."""
        while not self._inbox:
            self._read()
        payload, binary = self._inbox.pop(0)
        return self._exchange.receive(payload, binary=binary)

    def _receive(self) -> list[Event]:
        """Wait for bytes and return what they mean to WebSocket."""
        self._socket.settimeout(max(self._deadline_s - monotonic_s(), SHORTEST_WAIT_S))
        try:
            data = self._socket.recv(RECEIVE_BYTES)
        except TimeoutError:
            raise
        except OSError as error:
            self._drop()
            raise LinkLostError(f"The link to {self.uri} broke: {error}.", hint=_RESET) from error
        if data:
            self._ws.receive_data(data)
        else:
            self._ws.receive_eof()
        return self._ws.events_received()

    def _read(self) -> None:
        for event in self._receive():
            if isinstance(event, Frame):
                whole = self._fragments.add(event.opcode, bytes(event.data), final=event.fin)
                if whole is not None:
                    self._inbox.append(whole)
        self._flush()
        if self._ws.state is not State.OPEN and not self._inbox:
            code, reason = self._ws.close_code, self._ws.close_reason
            self._drop()
            said = f" ({code}{f', {reason}' if reason else ''})" if code else ""
            raise LinkLostError(f"The actor at {self.uri} closed the link{said}.", hint=_RESET)

    def _send(self, data: bytes) -> None:
        if self._ws.state is not State.OPEN:
            raise LinkLostError(f"The link to {self.uri} is closed.", hint=_RESET)
        if self._exchange.codec_is_binary:
            self._ws.send_binary(data)
        else:
            self._ws.send_text(data)
        self._flush()

    def _flush(self) -> None:
        try:
            for data in self._ws.data_to_send():
                if data:
                    self._socket.sendall(data)
        except TimeoutError:
            raise
        except OSError as error:
            self._drop()
            raise LinkLostError(f"The link to {self.uri} broke: {error}.", hint=_RESET) from error

    def _shake_hands(self) -> None:
        self._ws.send_request(self._ws.connect())
        self._flush()
        while self._ws.state is State.CONNECTING and self._ws.handshake_exc is None:
            for event in self._receive():
                self._check_response(event)
        if self._ws.state is not State.OPEN:
            raise ConnectError(
                f"{self.uri} does not speak WebSocket.",
                uri=self.uri,
                hint="Check the port: is it the actor's?",
            ) from self._ws.handshake_exc

    def _check_response(self, event: object) -> None:
        if isinstance(event, Response) and event.status_code != 101:
            body = bytes(event.body or b"").decode(errors="replace").strip()
            raise ConnectError(
                f"{self.uri} refused the connection ({event.status_code}"
                f"{f': {body[:200]}' if body else ''}).",
                uri=self.uri,
                hint="Check the port and the version of the actor.",
            )
        if isinstance(event, Response) and self._ws.subprotocol is None:
            raise ConnectError(
                f"{self.uri} speaks WebSocket, but not ac-bridge.",
                uri=self.uri,
                hint="Check the port: is it the actor's?",
            )

    def _drop(self) -> None:
        self._socket.close()
        if self._ws.state is not State.CLOSED:
            self._ws.receive_eof()
            self._ws.data_to_send()


_RESET = "Reset to connect again."


def parse_address(uri: str) -> WebSocketURI:
    """Return the parts of an actor's address.

    Raises:
        ConnectError: it is not one.
    """
    try:
        return parse_uri(uri)
    except (InvalidURI, ValueError):
        raise ConnectError(
            f"{uri!r} is not the address of an actor.",
            uri=str(uri),
            hint="Write ws://HOST:PORT, such as ws://192.168.1.20:8765.",
        ) from None


def _open_socket(uri: str, address: WebSocketURI, timeout_s: float) -> socket.socket:
    try:
        raw = socket.create_connection((address.host, address.port), timeout=timeout_s)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not address.secure:
            return raw
        return ssl.create_default_context().wrap_socket(raw, server_hostname=address.host)
    except ConnectionRefusedError as error:
        raise ConnectError(
            f"Nothing listens at {uri}.",
            uri=uri,
            hint="Is the actor running (ac-bridge actor), and is this the port it printed?",
        ) from error
    except socket.gaierror as error:
        raise ConnectError(
            f"There is no host {address.host!r} ({error.strerror}).",
            uri=uri,
            hint="Check the name, or use the IP address.",
        ) from error
    except TimeoutError as error:
        raise ConnectError(
            f"{uri} did not answer within {timeout_s:g} s.",
            uri=uri,
            hint="Check the address, and that a firewall lets the port through.",
        ) from error
    except (OSError, UnicodeError) as error:
        raise ConnectError(
            f"Cannot connect to {uri}: {error}.",
            uri=uri,
            hint="Check the address, and that this machine can reach it.",
        ) from error
