"""What reaches the actor over a raw WebSocket: bad messages, broken handshakes, lost links."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import orjson
import ormsgpack
import pytest
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol
from websockets.uri import parse_uri

from ac_bridge.game import NEUTRAL, RecordingWheel
from ac_bridge.server.app import ActorApp
from ac_bridge.server.connection import Connection
from ac_bridge_client import RemoteEnv
from ac_bridge_protocol import limits
from ac_bridge_protocol.errors import ErrorCode, LinkLostError
from ac_bridge_protocol.messages import Telemetry
from helpers.actors import make_rig, serving, wheel_of
from helpers.frames import make_frame

JSON = Subprotocol("ac-bridge.v1+json")
MSGPACK = Subprotocol("ac-bridge.v1+msgpack")
HELLO = {
    "type": "hello",
    "client": "test",
    "role": "driver",
    "mode": None,
    "observation": "bridge15",
}


class Served:
    """An actor in this process, and its wheel."""

    def __init__(self, uri: str, app: ActorApp, wheel: RecordingWheel) -> None:
        self.uri = uri
        self.app = app
        self.wheel = wheel


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """A lockstep actor for all of these tests: none of them may hurt it."""
    rig = make_rig()
    wheel = wheel_of(rig)
    with serving(rig) as (uri, app):
        yield Served(uri, app, wheel)
    assert wheel.closed
    assert wheel.now == NEUTRAL


class Raw:
    """A connection that sends whatever it is told."""

    def __init__(self, websocket: ClientConnection) -> None:
        self.websocket = websocket

    def send(self, message: dict[str, Any] | bytes | str) -> None:
        if isinstance(message, dict):
            if self.websocket.subprotocol == JSON:
                message = orjson.dumps(message).decode()
            else:
                message = ormsgpack.packb(message)
        self.websocket.send(message)

    def receive(self) -> dict[str, Any]:
        """Return the next message that is not an event."""
        while True:
            data = self.websocket.recv(timeout=10)
            load = orjson.loads if isinstance(data, str) else ormsgpack.unpackb
            message: dict[str, Any] = load(data)
            if message["type"] not in ("event", "reset_progress"):
                return message

    def ask(self, message: dict[str, Any] | bytes | str) -> dict[str, Any]:
        self.send(message)
        return self.receive()


@contextlib.contextmanager
def raw(served: Served, subprotocol: Subprotocol = JSON, **options: Any) -> Iterator[Raw]:
    """Open a connection of our own."""
    with connect(served.uri, subprotocols=[subprotocol], proxy=None, **options) as websocket:
        yield Raw(websocket)


@contextlib.contextmanager
def in_episode(served: Served, subprotocol: Subprotocol = JSON) -> Iterator[Raw]:
    """Open a connection and begin an episode on it."""
    with raw(served, subprotocol) as peer:
        assert peer.ask(HELLO)["type"] == "welcome"
        assert peer.ask({"type": "reset", "id": 1, "seed": 1})["type"] == "reset_result"
        yield peer


def step(peer: Raw, request_id: int) -> dict[str, Any]:
    return peer.ask({"type": "step", "id": request_id, "action": [0.0, 0.5, 0.0]})


@pytest.mark.parametrize("subprotocol", [JSON, MSGPACK])
@pytest.mark.parametrize(
    ("message", "code", "request_id"),
    [
        ({"type": "warp", "id": 7}, "unknown_type", 7),
        ({"type": "step", "id": 7}, "malformed", 7),
        ({"type": "step", "id": 7, "action": [0, 0, 0], "boost": 1}, "malformed", 7),
        ({"type": "step", "id": 7, "action": ["a", 0, 0]}, "malformed", 7),
        ({"type": "step", "id": -1, "action": [0.0, 0.0, 0.0]}, "malformed", None),
        ({"type": "step", "id": "7", "action": [0.0, 0.0, 0.0]}, "malformed", None),
        ({"id": 7}, "malformed", 7),
        ({"type": "welcome"}, "malformed", None),
        ({"type": "release", "id": 7}, "malformed", 7),
        ({"type": "step", "id": 7, "action": [0.0, 2.0, 0.0]}, "action_out_of_range", 7),
        ({"type": "step", "id": 7, "action": [0.0, 0.0]}, "action_length", 7),
        ({"type": "subscribe", "id": 7, "hz": 1000.0}, "setting", 7),
        ({"type": "hello", "client": "again"}, "illegal", None),
    ],
)
def test_bad_message_is_answered_and_loses_nothing(
    served: Served,
    subprotocol: Subprotocol,
    message: dict[str, Any],
    code: str,
    request_id: int | None,
) -> None:
    """A bad message gets a failure with its code and id; the next step is the next tick."""
    with in_episode(served, subprotocol) as peer:
        assert step(peer, 2)["receipt"]["tick"] == 1
        failure = peer.ask(message)
        assert (failure["type"], failure["code"], failure["id"]) == ("failure", code, request_id)
        assert failure["message"]
        assert step(peer, 8)["receipt"]["tick"] == 2


@pytest.mark.parametrize("data", ["", "{", "nul", "[]", '"step"', "\x00", "{}" * 3])
def test_rubbish_is_answered(served: Served, data: str) -> None:
    """Bytes that are no message at all are called malformed; the episode goes on."""
    with in_episode(served) as peer:
        assert peer.ask(data)["code"] == "malformed"
        assert step(peer, 2)["receipt"]["tick"] == 1


def test_wrong_codec_is_answered(served: Served) -> None:
    """Binary on a JSON connection and text on a MessagePack one are named as that."""
    with in_episode(served, JSON) as peer:
        assert peer.ask(b"\x80")["code"] == "wrong_codec"
        assert step(peer, 2)["receipt"]["tick"] == 1
    with in_episode(served, MSGPACK) as peer:
        assert peer.ask("{}")["code"] == "wrong_codec"
        assert step(peer, 2)["receipt"]["tick"] == 1


def test_too_large_is_answered(served: Served) -> None:
    """A message over the limit is refused by name; one far over it ends the connection."""
    with in_episode(served) as peer:
        failure = peer.ask(" " * (limits.MESSAGE_BYTES + 1))
        assert failure["code"] == "too_large"
        assert step(peer, 2)["receipt"]["tick"] == 1
        with pytest.raises(ConnectionClosed) as caught:
            peer.ask(" " * (limits.WEBSOCKET_BYTES + 1))
        # The reason is sent, but TCP may reset a link with unread bytes before it is read.
        assert caught.value.rcvd is None or caught.value.rcvd.code == 1009


def test_fragments_are_joined(served: Served) -> None:
    """A message in many fragments is one message."""
    with in_episode(served) as peer:
        text = orjson.dumps({"type": "step", "id": 2, "action": [0.0, 0.5, 0.0]}).decode()
        peer.websocket.send(iter(text))
        assert peer.receive()["receipt"]["tick"] == 1


def test_step_before_reset(served: Served) -> None:
    """A step without an episode is not allowed, and says what is."""
    with raw(served) as peer:
        peer.ask(HELLO)
        failure = step(peer, 1)
        assert (failure["code"], failure["id"]) == ("not_reset", 1)
        assert "reset" in failure["hint"]


def test_anything_before_hello_is_refused(served: Served) -> None:
    """The first message must be a hello; anything else closes the connection with a reason."""
    with raw(served) as peer:
        refusal = peer.ask({"type": "reset", "id": 1})
        assert (refusal["type"], refusal["code"]) == ("refusal", "illegal")
        with pytest.raises(ConnectionClosed):
            peer.receive()


def test_spectator_cannot_drive(served: Served) -> None:
    """A spectator's reset is not allowed; it may subscribe."""
    with raw(served) as peer:
        assert peer.ask(HELLO | {"role": "spectator"})["role"] == "spectator"
        assert peer.ask({"type": "reset", "id": 1})["code"] == "illegal"


def test_ping_is_answered_with_both_clocks(served: Served) -> None:
    """A pong repeats the ping's clock and adds the actor's."""
    with raw(served) as peer:
        peer.ask(HELLO)
        pong = peer.ask({"type": "ping", "id": 3, "t_sent": 1.25})
        assert (pong["type"], pong["id"], pong["t_ping"]) == ("pong", 3, 1.25)
        assert pong["t_sent"] >= pong["t_received"]


def test_browser_is_refused(served: Served) -> None:
    """A connection with an Origin, as every browser sends, never gets as far as hello."""
    with pytest.raises(InvalidStatus) as caught, raw(served, origin=Origin("http://evil.example")):
        pass
    assert caught.value.response.status_code == 403


def test_no_common_subprotocol(served: Served) -> None:
    """A client of another protocol is refused before it says a word."""
    with pytest.raises(InvalidStatus) as caught, raw(served, Subprotocol("ac-bridge.v9+json")):
        pass
    assert caught.value.response.status_code == 400


def test_plain_http_is_answered(served: Served) -> None:
    """A browser's page load gets an HTTP answer, not silence."""
    host, port = served.uri.removeprefix("ws://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert plain.recv(64).startswith(b"HTTP/1.1 426")


def test_lost_link_lets_go_of_the_car(served: Served) -> None:
    """A driver whose connection breaks leaves a neutral wheel and a free car."""
    with in_episode(served) as peer:
        step(peer, 2)
        assert served.wheel.now != NEUTRAL
        peer.websocket.socket.shutdown(socket.SHUT_RDWR)
    assert served.wheel.wait_until_neutral(timeout_s=10)
    with in_episode(served):
        pass


def test_release_keeps_the_connection(served: Served) -> None:
    """Who releases the car stays connected; somebody else can drive, and then they again."""
    with in_episode(served) as peer:
        step(peer, 2)
        peer.send({"type": "release"})
        assert served.wheel.wait_until_neutral(timeout_s=10)
        with in_episode(served) as other:
            assert step(other, 2)["receipt"]["tick"] == 1
        assert step(peer, 9)["code"] == "not_reset"
        assert peer.ask({"type": "reset", "id": 10, "seed": 1})["type"] == "reset_result"


def test_stopping_says_goodbye() -> None:
    """An actor that is stopped leaves the wheel neutral, tells its driver, and ends the link."""
    rig = make_rig()
    wheel = wheel_of(rig)
    with serving(rig) as (uri, _):
        env = RemoteEnv(uri)
        env.reset(seed=1)
        env.step([0.0, 1.0, 0.0])
        assert wheel.now != NEUTRAL
    assert wheel.now == NEUTRAL
    with pytest.raises(LinkLostError):
        env.step([0.0, 1.0, 0.0])
    env.close()


def test_codes_are_the_documented_ones() -> None:
    """The codes used above are those of the protocol."""
    used = {"unknown_type", "malformed", "illegal", "setting", "wrong_codec", "too_large"}
    assert used <= set(ErrorCode)


def test_a_refused_peer_that_stays_is_cut_off(served: Served) -> None:
    """Whoever was refused and does not answer the good-bye loses its place all the same."""
    client = ClientProtocol(parse_uri(served.uri), subprotocols=[JSON])
    client.send_request(client.connect())
    host, port = served.uri.removeprefix("ws://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as plain:
        plain.sendall(b"".join(client.data_to_send()))
        client.receive_data(plain.recv(4096))
        client.send_text(b'{"type":"reset","id":1}')
        plain.sendall(b"".join(client.data_to_send()))
        while plain.recv(4096):
            pass  # what comes is not answered; it ends, or the socket times out


class FakeTransport(asyncio.Transport):
    """Keeps what is written, and can be full."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.reading = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


def test_slow_reader_gets_the_newest_frame_and_the_count() -> None:
    """A reader that was behind gets the newest frame, and how many were left out before it."""
    connection = Connection(host=None)  # type: ignore[arg-type] -- nothing here asks it
    transport = FakeTransport()
    sent: list[Telemetry] = []
    connection._transport = transport
    connection.send = sent.append  # type: ignore[method-assign, assignment]
    connection.offer(make_frame(seq=0))
    connection.pause_writing()
    assert not transport.reading
    for seq in range(1, 6):
        connection.offer(make_frame(seq=seq))
    connection.resume_writing()
    connection.offer(make_frame(seq=6))
    assert transport.reading
    assert [(t.frame.seq, t.dropped) for t in sent] == [(0, 0), (5, 4), (6, 4)]
    connection.pause_writing()
    connection.offer(make_frame(seq=7))
    connection.forget_stream()
    connection.resume_writing()
    assert len(sent) == 3, "a stream that ended sends nothing more"
