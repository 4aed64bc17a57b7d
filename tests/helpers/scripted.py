"""An actor that does what a test tells it, message by message, over a real socket.

It knows the wire and nothing else: no session checks what it sends, so it can answer late, twice,
in any order, or not at all.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

from websockets.frames import Frame
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from ac_bridge_protocol.codec import MSGPACK
from ac_bridge_protocol.messages import (
    Hello,
    Message,
    Ping,
    Pong,
    Reset,
    Step,
    StepResult,
    Welcome,
)
from helpers.wire import make_receipt, make_reset_result, make_spec, make_step_result

PATIENCE_S = 10.0


class HungUpError(Exception):
    """The learner has hung up."""


class Peer:
    """One learner's connection, seen from the actor.

    Attributes:
        request: with which the learner opened it.
    """

    request: Request

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._socket.settimeout(PATIENCE_S)
        self._ws = ServerProtocol(subprotocols=[Subprotocol(MSGPACK.subprotocol)])
        self._frames: list[Frame] = []
        self.clock_s = 1000.0
        while not self._pump():
            pass

    def any(self) -> Message:
        """Return the learner's next message, pings included."""
        while not self._frames:
            self._pump()
        return MSGPACK.decode(bytes(self._frames.pop(0).data), binary=True)

    def next(self, kind: type[Any]) -> Any:
        """Return the learner's next message, which must be of that kind; answers pings before."""
        while isinstance(message := self.any(), Ping | Pong):
            if isinstance(message, Ping):
                self.pong(message)
        assert isinstance(message, kind), message
        return message

    def pong(self, ping: Ping) -> None:
        """Answer a ping."""
        self.clock_s += 0.001
        now = self.clock_s
        self.send(Pong(id=ping.id, t_ping=ping.t_sent, t_received=now, t_sent=now))

    def send(self, *messages: Message) -> None:
        """Say something, in one go."""
        for message in messages:
            self._ws.send_binary(MSGPACK.encode(message))
        self._flush()

    def welcome(
        self,
        *,
        session: str = "secret",
        resumed: bool = False,
        grace_s: float = 5.0,
        **spec: Any,
    ) -> Hello:
        """Take the hello and welcome it."""
        hello: Hello = self.next(Hello)
        self.send(
            Welcome(
                actor="scripted",
                role=hello.role,
                spec=make_spec(hello.delay_ticks, **spec),
                statics=None,
                session=session if hello.role == "driver" else "",
                resumed=resumed,
                grace_s=grace_s,
            )
        )
        return hello

    def begin(self) -> Reset:
        """Take a reset and grant it."""
        request: Reset = self.next(Reset)
        self.send(make_reset_result(request.id))
        return request

    def drive(self, steps: int) -> None:
        """Answer so many steps, each with the next tick."""
        for tick in range(1, steps + 1):
            request: Step = self.next(Step)
            self.send(step_result(request.id, tick))

    def close(self, code: int = 1000) -> None:
        """Close in good order."""
        self._ws.send_close(code)
        self._flush()

    def cut(self) -> None:
        """End the connection without a word."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def until_hung_up(self) -> None:
        """Take whatever comes until the learner hangs up."""
        with contextlib.suppress(HungUpError, OSError):
            while True:
                self._pump()

    def _pump(self) -> bool:
        data = self._socket.recv(65536)
        if not data:
            raise HungUpError
        self._ws.receive_data(data)
        events = self._ws.events_received()
        for event in events:
            if isinstance(event, Request):
                self.request = event
                self._ws.send_response(self._ws.accept(event))
            elif isinstance(event, Frame) and event.opcode in (1, 2):
                self._frames.append(event)
        self._flush()
        return bool(events)

    def _flush(self) -> None:
        for data in self._ws.data_to_send():
            if data:
                with contextlib.suppress(ConnectionError):  # it has hung up meanwhile
                    self._socket.sendall(data)
            else:  # websockets' way to say: nothing more will come
                with contextlib.suppress(OSError):  # it did not wait for that
                    self._socket.shutdown(socket.SHUT_WR)


def step_result(request_id: int, tick: int, **more: Any) -> StepResult:
    """Return the answer to a step, with the frame of a tick."""
    answer = make_step_result(request_id, **more)
    return answer.model_copy(update={"receipt": make_receipt(tick=tick)})


Script = Callable[[Peer], None] | bytes
"""What to do with a connection; bytes are all that is answered to its request."""


def _serve(sock: socket.socket, script: Script) -> None:
    if isinstance(script, bytes):
        sock.settimeout(PATIENCE_S)
        head = b""
        while b"\r\n\r\n" not in head:
            if not (data := sock.recv(65536)):
                raise HungUpError
            head += data
        sock.sendall(script)
        return
    peer = Peer(sock)
    script(peer)
    peer.until_hung_up()


@contextlib.contextmanager
def scripted(*scripts: Script, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve one connection after the other, each by its script; give the address.

    Whatever a script raises is raised at the end, unless the learner hung up on it.
    """
    errors: list[BaseException] = []
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(PATIENCE_S)

    def run() -> None:
        for script in scripts:
            try:
                sock, _ = server.accept()
            except OSError as error:
                errors.append(error)
                return
            with contextlib.ExitStack() as closing:
                closing.enter_context(sock)
                try:
                    if tls is not None:
                        sock.settimeout(PATIENCE_S)
                        sock = closing.enter_context(tls.wrap_socket(sock, server_side=True))
                    _serve(sock, script)
                except (HungUpError, OSError):
                    pass
                except BaseException as error:  # noqa: BLE001 -- handed to the test's thread
                    errors.append(error)

    thread = threading.Thread(target=run, name="scripted-actor")
    thread.start()
    try:
        yield f"ws{'s' if tls else ''}://127.0.0.1:{server.getsockname()[1]}"
    finally:
        thread.join(2 * PATIENCE_S)
        server.close()
        assert not thread.is_alive()
        if errors:  # says more than what the learner makes of it
            raise errors[0]
