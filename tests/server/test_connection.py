"""What reaches the actor over a raw WebSocket: bad messages, broken handshakes, lost links."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import Any, cast

import orjson
import pytest
from structlog.testing import capture_logs
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Origin, Subprotocol
from websockets.uri import parse_uri

from ac_bridge.clock import ManualClock, SystemClock
from ac_bridge.game import NEUTRAL
from ac_bridge.net.tokens import Grant
from ac_bridge.net.turns import Turns
from ac_bridge.server.broadcast import Broadcast
from ac_bridge.server.connection import DRIVERS_PACE, SPECTATORS_PACE, Caller, Connection
from ac_bridge_client import RemoteEnv
from ac_bridge_protocol import limits
from ac_bridge_protocol.codec import CODECS, Codec
from ac_bridge_protocol.errors import ErrorCode
from ac_bridge_protocol.messages import Failure, Hello, Message, Ping, Pong, Role, Step, Telemetry
from helpers.actors import make_rig, serving, wheel_of
from helpers.frames import make_frame
from helpers.raw import HELLO, JSON, MSGPACK, Served, in_episode, raw, step
from helpers.wire import make_welcome


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """A lockstep actor for all of these tests: none of them may hurt it."""
    rig = make_rig()
    wheel = wheel_of(rig)
    with serving(rig) as (uri, app):
        yield Served(uri, app, wheel)
    assert wheel.closed
    assert wheel.now == NEUTRAL


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


def test_a_close_in_good_order_frees_the_car(served: Served) -> None:
    """A driver that closes leaves a neutral wheel and a free car, without saying release."""
    with in_episode(served) as peer:
        step(peer, 2)
        assert served.wheel.now != NEUTRAL
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
    _, _, _, truncated, info = env.step([0.0, 1.0, 0.0])
    assert truncated
    assert info["end_reason"] == "actor_stopped"
    env.close()


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
        self.closing = False
        self.taken = asyncio.Event()
        self.socket = FakeSocket()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Full when a test says so."""

    def is_closing(self) -> bool:
        return self.closing

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.socket if name == "socket" else default

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True
        self.taken.set()


class FakeSocket:
    """Keeps the options that are set."""

    def __init__(self) -> None:
        self.options: dict[int, int] = {}

    def setsockopt(self, level: int, option: int, value: int) -> None:
        if level == socket.IPPROTO_TCP:
            self.options[option] = value


class Host:
    """As much of an actor as a connection needs to be opened."""

    drivers_pace = DRIVERS_PACE

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.connections: set[Connection] = set()
        self.pinged: list[int] = []
        self.behind_no_more: list[Connection] = []
        self.turns = Turns(SystemClock())

    def drives(self, connection: Connection) -> bool:
        """Everybody, so that nobody waits for a turn who sends little."""
        return True

    def tap(self, codec: Codec) -> None:
        """Nothing is recorded."""

    def turns_of(self, connection: Connection) -> Turns:
        """One for all."""
        return self.turns

    def handle(self, connection: Connection, message: Message) -> None:
        """Welcome whoever says hello; note every ping."""
        if isinstance(message, Hello):
            connection.role = message.role
            connection.send(make_welcome(message.role))
        elif isinstance(message, Ping):
            self.pinged.append(message.id)

    def caught_up(self, connection: Connection) -> None:
        """Note it."""
        self.behind_no_more.append(connection)

    def left(self, connection: Connection, *, for_good: bool) -> None:
        """Nobody minds."""


def open_connection() -> tuple[Connection, FakeTransport]:
    """Return a connection whose WebSocket is open."""
    caller = Caller("x:1", CODECS[MSGPACK], frozenset(Grant))
    websocket = ServerProtocol(state=State.OPEN)
    connection = Connection(Host(), caller, websocket, lambda: None)  # type: ignore[arg-type]
    transport = FakeTransport()
    connection.connection_made(transport)
    return connection, transport


def sent_by_client(*messages: Message) -> bytes:
    """Return the bytes with which a client sends messages, after the handshake."""
    client = ClientProtocol(parse_uri("ws://x"), state=State.OPEN)
    for message in messages:
        client.send_binary(CODECS[MSGPACK].encode(message))
    return b"".join(client.data_to_send())


def welcomed(role: Role) -> tuple[Connection, FakeTransport, Host]:
    """Return a connection that was welcomed."""
    connection, transport = open_connection()
    connection.data_received(sent_by_client(Hello(client="c/1", role=role)))
    assert connection.role is role
    transport.written = b""
    return connection, transport, cast("Host", connection._host)


def telemetry_in(data: bytes) -> list[tuple[int, int]]:
    """Return seq and dropped of every telemetry message in a stream of WebSocket frames."""
    client = ClientProtocol(parse_uri("ws://x"), state=State.OPEN, max_size=None)
    client.receive_data(data)
    found = []
    for frame in client.events_received():
        assert isinstance(frame, Frame)
        message = CODECS[MSGPACK].decode(bytes(frame.data), binary=True)
        assert isinstance(message, Telemetry)
        found.append((message.frame.seq, message.dropped))
    return found


def test_slow_reader_gets_the_newest_frame_and_the_count() -> None:
    """A reader that was behind gets the newest frame, and how many were left out before it."""

    async def play() -> bytes:
        connection, transport = open_connection()
        connection.offer(Broadcast(make_frame(seq=0)))
        connection.pause_writing()
        assert not transport.reading
        for seq in range(1, 6):
            connection.offer(Broadcast(make_frame(seq=seq)))
        connection.resume_writing()
        connection.offer(Broadcast(make_frame(seq=6)))
        assert transport.reading
        connection.pause_writing()
        connection.offer(Broadcast(make_frame(seq=7)))
        connection.forget_stream()
        connection.resume_writing()  # a stream that ended sends nothing more
        return transport.written

    assert telemetry_in(asyncio.run(play())) == [(0, 0), (5, 4), (6, 4)]


def test_the_actor_hears_of_a_reader_that_has_caught_up() -> None:
    """At once, so that it goes on sending what waits; and only once it may be sent more."""

    async def play() -> None:
        connection, _, host = welcomed(Role.LEARNER)
        connection.pause_writing()
        assert connection.congested
        assert host.behind_no_more == []
        connection.resume_writing()
        assert not connection.congested
        assert host.behind_no_more == [connection]

    asyncio.run(play())


def test_a_silent_connection_says_that_it_lives() -> None:
    """A heartbeat's time without a word brings a ping, but none for a reader that is behind."""

    async def play() -> list[float]:
        connection, transport, host = welcomed(Role.DRIVER)
        clock = host.clock
        moments = []
        for quarter in range(40):
            clock.stall(0.25)
            before = len(transport.written)
            if quarter == 30:
                connection.pause_writing()
            connection.beat(clock.now())
            if len(transport.written) > before:
                moments.append(clock.now())
        return moments

    assert asyncio.run(play()) == [2.25, 4.5, 6.75]


def test_one_frame_is_encoded_once_for_all_who_get_the_same() -> None:
    """By codec and count of frames left out; both codecs carry the same frame."""
    broadcast = Broadcast(make_frame(seq=3))
    msgpack, json = (CODECS[name] for name in (MSGPACK, JSON))
    assert broadcast.encoded(msgpack, 0, mask=False) is broadcast.encoded(msgpack, 0, mask=False)
    assert telemetry_in(broadcast.encoded(msgpack, 2, mask=False)) == [(3, 2)]
    text = broadcast.encoded(json, 0, mask=False)
    assert orjson.loads(text[4:])["frame"]["seq"] == 3  # after the header of a frame under 64 kB


# --- Peers that send, or are sent, too much -------------------------------------------------------

PINGS = 200
FLOOD = sent_by_client(*(Ping(id=number, t_sent=0.0) for number in range(PINGS)))


def test_much_at_once_is_taken_in_bites() -> None:
    """Nothing more is read meanwhile; all of it is taken in the end, in order."""

    async def play() -> None:
        connection, transport, host = welcomed(Role.DRIVER)
        connection.data_received(FLOOD)
        assert 0 < len(host.pinged) <= limits.BITE_BYTES / (len(FLOOD) / PINGS)
        assert not transport.reading
        await asyncio.wait_for(transport.taken.wait(), timeout=30)
        assert transport.reading
        assert host.pinged == list(range(PINGS))

    asyncio.run(play())


def test_a_bite_is_taken_at_once() -> None:
    """What a step needs does not wait for anything, and reading is not touched."""

    async def play() -> None:
        connection, transport, host = welcomed(Role.DRIVER)
        connection.data_received(FLOOD[: limits.BITE_BYTES])
        assert host.pinged
        assert not connection._untaken
        assert transport.reading

    asyncio.run(play())


def test_bites_wait_for_a_reader_that_is_behind() -> None:
    """Whoever asks and does not read is not answered further until it has caught up."""

    async def play() -> None:
        connection, transport, host = welcomed(Role.DRIVER)
        connection.data_received(FLOOD)
        connection.pause_writing()
        taken = len(host.pinged)
        connection._take_bite()  # as the loop does, some time later
        assert len(host.pinged) == taken
        connection.resume_writing()
        assert not transport.reading  # what is kept comes first
        await asyncio.wait_for(transport.taken.wait(), timeout=30)
        assert host.pinged == list(range(PINGS))

    asyncio.run(play())


def test_a_lost_connection_takes_no_more_bites() -> None:
    """What it sent last is lost with it."""

    async def play() -> None:
        connection, transport, host = welcomed(Role.DRIVER)
        connection.data_received(FLOOD)
        taken = len(host.pinged)
        transport.closing = True
        connection.connection_lost(None)
        connection._take_bite()  # as its turn comes, some time later
        connection.resume_writing()
        assert len(host.pinged) == taken
        assert not connection._untaken

    asyncio.run(play())


def test_too_many_messages_are_refused_by_name() -> None:
    """Whoever sends more than its pace gets a reason, and is cut off; what came before counts."""

    async def play() -> None:
        connection, transport, host = welcomed(Role.SPECTATOR)
        burst = SPECTATORS_PACE.burst
        for number in range(burst + 5):
            connection.data_received(sent_by_client(Ping(id=number, t_sent=0.0)))
        assert host.pinged == list(range(burst))
        client = ClientProtocol(parse_uri("ws://x"), state=State.OPEN, max_size=None)
        client.receive_data(transport.written)
        data = next(one for one in client.events_received() if isinstance(one, Frame)).data
        failure = CODECS[MSGPACK].decode(bytes(data), binary=True)
        assert isinstance(failure, Failure)
        assert failure.code is ErrorCode.TOO_MANY
        assert client.close_rcvd is not None
        assert client.close_rcvd.reason == "too_many"
        connection.connection_lost(None)

    asyncio.run(play())


def test_a_pace_is_kept_for_ever() -> None:
    """A spectator that stays within its pace is never refused, however long it stays."""

    async def play() -> None:
        connection, _, host = welcomed(Role.SPECTATOR)
        for number in range(1000):
            host.clock.stall(1.0 / SPECTATORS_PACE.per_s)
            connection.data_received(sent_by_client(Ping(id=number, t_sent=0.0)))
        assert len(host.pinged) == 1000

    asyncio.run(play())


def test_bad_messages_are_logged_once_and_counted() -> None:
    """One line for the first, one at the end: a flood of them is not a flood of lines."""

    async def play() -> None:
        connection, _, _ = welcomed(Role.SPECTATOR)
        for number in range(10):
            connection.data_received(sent_by_client(Step(id=number, action=())))
        connection.connection_lost(None)

    with capture_logs() as lines:
        asyncio.run(play())
    assert [line["event"] for line in lines] == ["bad message", "bad messages"]
    assert lines[-1]["count"] == 10


def test_a_driver_that_says_nothing_gets_frames_up_to_a_limit() -> None:
    """Then none until it speaks: the newest at once, with the count, and the stream goes on."""

    async def play() -> list[tuple[int, int]]:
        connection, transport, _ = welcomed(Role.DRIVER)
        for seq in range(100):
            connection.offer(Broadcast(make_frame(seq=seq)))
        size = len(transport.written)
        frame = len(Broadcast(make_frame(seq=99)).encoded(CODECS[MSGPACK], 0, mask=False))
        assert limits.WRITE_BUFFER_BYTES <= size < limits.WRITE_BUFFER_BYTES + frame
        pong = Pong(id=1, t_ping=0.0, t_received=0.0, t_sent=0.0)
        connection.data_received(sent_by_client(pong))
        connection.offer(Broadcast(make_frame(seq=100)))
        return telemetry_in(transport.written)

    got = asyncio.run(play())
    sent = len(got) - 2
    assert got[:sent] == [(seq, 0) for seq in range(sent)]
    assert got[sent:] == [(99, 99 - sent), (100, 99 - sent)]


def test_a_driver_that_says_nothing_still_hears_heartbeats() -> None:
    """Frames that were left out are not taken for something said."""

    async def play() -> bool:
        connection, transport, host = welcomed(Role.DRIVER)
        for seq in range(100):
            connection.offer(Broadcast(make_frame(seq=seq)))
        host.clock.stall(limits.HEARTBEAT_S + 0.25)
        connection.offer(Broadcast(make_frame(seq=100)))
        before = len(transport.written)
        connection.beat(host.clock.now())
        return len(transport.written) > before

    assert asyncio.run(play())


def test_a_spectator_need_not_say_anything() -> None:
    """It gets every frame as long as its connection takes them."""

    async def play() -> bytes:
        connection, transport, _ = welcomed(Role.SPECTATOR)
        for seq in range(100):
            connection.offer(Broadcast(make_frame(seq=seq)))
        return transport.written

    assert telemetry_in(asyncio.run(play())) == [(seq, 0) for seq in range(100)]


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="of Linux")
@pytest.mark.parametrize(("role", "cut"), [(Role.DRIVER, True), (Role.SPECTATOR, False)])
def test_only_a_driver_is_cut_off_for_taking_nothing(role: Role, cut: bool) -> None:
    """A spectator may stop reading for as long as it likes; both are probed when all is silent."""

    async def play() -> dict[int, int]:
        return welcomed(role)[1].socket.options

    options = asyncio.run(play())
    assert (getattr(socket, "TCP_USER_TIMEOUT", 0) in options) is cut
    assert socket.TCP_KEEPINTVL in options
