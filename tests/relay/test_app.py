"""A relay over real sockets, with an actor that parks by hand."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK, InvalidStatus
from websockets.sync.client import ClientConnection
from websockets.typing import Origin, Subprotocol

from ac_bridge.clock import SystemClock
from ac_bridge.net.addresses import networks
from ac_bridge.net.gate import FREE_FAILURES, Gate, GateLimits
from ac_bridge.net.token_file import TokenKeeper
from ac_bridge.net.tokens import TokenBook, digest_of
from ac_bridge.relay.berths import SPARES
from ac_bridge_protocol.errors import ErrorCode
from ac_bridge_protocol.limits import TEXT_CHARACTERS
from ac_bridge_protocol.messages import Refusal
from ac_bridge_protocol.relay import (
    DISPLACED_CODE,
    PARKING,
    RELAY_MESSAGE_BYTES,
    WITHDRAWN_CODE,
)
from helpers.certificates import self_signed_files
from helpers.raw import JSON, MSGPACK
from helpers.relays import (
    DRIVER,
    LIST,
    PARK,
    SPECTATOR,
    Parked,
    Relaying,
    dial,
    parked,
    relaying,
)

WRONG = "wrong-token-of-the-tests-0123456789"


class _Skipping(SystemClock):
    """The machine's clock, which a test may put forward."""

    skipped_s = 0.0

    def now(self) -> float:
        return super().now() + self.skipped_s

    def sleep_until(self, deadline: float) -> None:
        super().sleep_until(deadline - self.skipped_s)


@pytest.fixture
def relay() -> Iterator[Relaying]:
    """A relay that asks for tokens."""
    with relaying() as relay:
        yield relay


class _Dialling:
    """A learner that dials in a thread: it is answered once the actor has taken it."""

    def __init__(self, uri: str, token: str = DRIVER, **options: Any) -> None:
        self._found: ClientConnection | BaseException | None = None

        def run() -> None:
            try:
                self._found = dial(uri, token, **options)
            except BaseException as error:  # noqa: BLE001 -- handed to the test's thread
                self._found = error

        self._thread = threading.Thread(target=run, name="test-learner")
        self._thread.start()

    def websocket(self) -> ClientConnection:
        self._thread.join(20)
        assert not self._thread.is_alive()
        if isinstance(self._found, BaseException):
            raise self._found
        assert self._found is not None
        return self._found


@contextlib.contextmanager
def _joined(
    relay: Relaying, actor: Parked, token: str = DRIVER
) -> Iterator[tuple[ClientConnection, ClientConnection]]:
    """Join a learner to a parked actor; give what each holds."""
    dialling = _Dialling(relay.path("pc"), token)
    actor.take()
    with dialling.websocket() as learner:
        yield learner, actor.websocket


def _refused(uri: str, token: str = "", **options: Any) -> tuple[int, Refusal, Any]:
    """Dial, be refused, and return status, refusal and headers."""
    with pytest.raises(InvalidStatus) as caught:
        dial(uri, token, **options).close()
    response = caught.value.response
    assert response.headers["Content-Type"] == "application/json"
    refusal = Refusal.model_validate_json(response.body or b"")
    assert refusal.message
    assert len(refusal.message) <= TEXT_CHARACTERS
    return response.status_code, refusal, response.headers


def _get(relay: Relaying, path: str, token: str = "") -> tuple[int, Any]:
    parts = urlsplit(relay.uri)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, orjson.loads(response.read())
    finally:
        connection.close()


def _until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread is about to bring about."""
    pause = threading.Event()
    for _ in range(2000):
        if condition():
            return
        pause.wait(0.005)
    raise AssertionError("it never came to that")


# --- Conversations --------------------------------------------------------------------------------


@pytest.mark.parametrize("subprotocol", [JSON, MSGPACK])
def test_conversation(relay: Relaying, subprotocol: Subprotocol) -> None:
    """A learner talks to the actor as if it had dialled it, in its own subprotocol."""
    with parked(relay) as actor:
        dialling = _Dialling(relay.path("pc"), subprotocol=subprotocol)
        said = actor.take()
        assert said["subprotocol"] == subprotocol
        assert said["digest"] == digest_of(DRIVER)
        assert said["peer"].startswith("127.0.0.1:")
        with dialling.websocket() as learner:
            assert learner.subprotocol == subprotocol
            for number in range(50):
                learner.send(f"step {number}")
                actor.websocket.send(actor.websocket.recv(timeout=10))
                assert learner.recv(timeout=10) == f"step {number}"
            learner.send(b"x" * 500_000)
            assert actor.websocket.recv(timeout=10) == b"x" * 500_000
            assert learner.ping().wait(10)


def test_actor_that_speaks_at_once(relay: Relaying) -> None:
    """What an actor says together with taking the learner is the learner's."""
    with parked(relay) as actor:
        dialling = _Dialling(relay.path("pc"))
        actor.hear()
        taken = b'{"type":"taken"}'
        mask = bytes(4)
        together = b"".join(
            bytes([0x81, 0x80 | len(data)]) + mask + data for data in (taken, b"welcome")
        )
        actor.websocket.socket.sendall(together)
        with dialling.websocket() as learner:
            assert learner.recv(timeout=10) == "welcome"


def test_good_bye_passes_with_its_code(relay: Relaying) -> None:
    """A close of either side reaches the other with its code and reason."""
    with parked(relay) as actor, _joined(relay, actor) as (learner, held):
        learner.close(4321, "enough")
        with pytest.raises(ConnectionClosed) as caught:
            held.recv(timeout=10)
        assert caught.value.rcvd is not None
        assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (4321, "enough")
    with parked(relay) as actor, _joined(relay, actor) as (learner, held):
        held.close(1000, "over")
        with pytest.raises(ConnectionClosedOK) as caught:
            learner.recv(timeout=10)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.reason == "over"
    _until(lambda: relay.app.house.open == 0)


@pytest.mark.parametrize("lost", ["learner", "actor"])
def test_lost_link_is_no_good_bye(relay: Relaying, lost: str) -> None:
    """A connection that is cut is lost for the other: no close frame comes."""
    with parked(relay) as actor, _joined(relay, actor) as (learner, held):
        one, other = (learner, held) if lost == "learner" else (held, learner)
        one.socket.shutdown(2)
        with pytest.raises(ConnectionClosed) as caught:
            other.recv(timeout=10)
        assert caught.value.rcvd is None
    _until(lambda: relay.app.house.open == 0)


def test_many_learners_of_one_actor(relay: Relaying) -> None:
    """Each learner has a connection of its own; spectators and drivers are counted."""
    with contextlib.ExitStack() as stack:
        pairs = []
        for number, token in enumerate((DRIVER, SPECTATOR, SPECTATOR)):
            actor = stack.enter_context(parked(relay))
            pairs.append(stack.enter_context(_joined(relay, actor, token)))
            pairs[-1][0].send(f"I am {number}")
        stack.enter_context(parked(relay))
        for number, (_, held) in enumerate(pairs):
            assert held.recv(timeout=10) == f"I am {number}"
        _, listed = _get(relay, "/actors", LIST)
        (pc,) = listed["actors"]
        assert (pc["name"], pc["software"], pc["ready"]) == ("pc", "test 1", True)
        assert (pc["drivers"], pc["spectators"]) == (1, 2)


@pytest.mark.parametrize("lost", ["learner", "actor", "neither"])
def test_conversation_over_tls(tmp_path: Path, lost: str) -> None:
    """TLS changes nothing: what is said arrives, a good-bye is one, a lost link is none."""
    files = self_signed_files(tmp_path)
    trust = ssl.create_default_context(cafile=files.cert)
    with relaying(tls=files.server()) as relay, parked(relay, ssl=trust) as actor:
        dialling = _Dialling(relay.path("pc"), ssl=trust)
        actor.take()
        with dialling.websocket() as learner:
            held = actor.websocket
            for size in (0, 3000, 500_000):
                learner.send(b"x" * size)
                assert held.recv(timeout=10) == b"x" * size
                held.send(b"y" * size)
                assert learner.recv(timeout=10) == b"y" * size
            one, other = (held, learner) if lost == "actor" else (learner, held)
            if lost == "neither":
                one.close(1000, "over")
            else:
                socket.socket.shutdown(one.socket, socket.SHUT_RDWR)
            with pytest.raises(ConnectionClosed) as caught:
                other.recv(timeout=10)
            assert (caught.value.rcvd is None) == (lost != "neither")
        _until(lambda: relay.app.house.open == 0)


# --- Waiting --------------------------------------------------------------------------------------


def test_learner_waits_for_the_next_connection(relay: Relaying) -> None:
    """A learner that finds no spare connection gets the next one that is parked."""
    with parked(relay) as first, _joined(relay, first):
        dialling = _Dialling(relay.path("pc"), SPECTATOR)
        with parked(relay) as second:
            assert second.take()["digest"] == digest_of(SPECTATOR)
            with dialling.websocket():
                pass


def test_patience_ends_in_503() -> None:
    """A learner that waited in vain is told that the actor was there a moment ago."""
    clock = _Skipping()
    with relaying(clock=clock) as relay, parked(relay) as first, _joined(relay, first):
        dialling = _Dialling(relay.path("pc"))
        _until(lambda: bool(relay.app.house.berths._berths["pc"].waiting))
        clock.skipped_s += 5.0
        with pytest.raises(InvalidStatus) as caught:
            dialling.websocket()
        assert caught.value.response.status_code == 503
        refusal = Refusal.model_validate_json(caught.value.response.body or b"")
        assert refusal.code is ErrorCode.NO_SUCH_ACTOR


def test_actor_that_does_not_answer_is_dropped() -> None:
    """A connection that does not take its learner in time is dropped, and the next one asked."""
    clock = _Skipping()
    with relaying(clock=clock) as relay, parked(relay) as silent, parked(relay) as other:
        dialling = _Dialling(relay.path("pc"))
        assert silent.hear()["type"] == "paired"
        clock.skipped_s += 2.0
        other.take()
        with dialling.websocket():
            pass
        with pytest.raises(ConnectionClosed):
            silent.websocket.recv(timeout=10)


def test_silent_actor_is_dropped() -> None:
    """A parked connection on which nothing is said for long is dropped; a ping keeps it."""
    clock = _Skipping()
    with relaying(clock=clock) as relay, parked(relay) as silent, parked(relay, "other") as other:
        clock.skipped_s += 30.0
        assert other.websocket.ping().wait(10)
        clock.skipped_s += 16.0
        with pytest.raises(ConnectionClosed) as caught:
            silent.websocket.recv(timeout=10)
        assert caught.value.rcvd is None
        assert other.websocket.ping().wait(10)


def test_declined(relay: Relaying) -> None:
    """A learner that the actor declines is told why; the connection stays parked."""
    with parked(relay) as actor:
        dialling = _Dialling(relay.path("pc"))
        assert actor.hear()["type"] == "paired"
        actor.say(type="declined", code="unauthorized", message="Not you.", hint="Go away.")
        with pytest.raises(InvalidStatus) as caught:
            dialling.websocket()
        assert caught.value.response.status_code == 401
        refusal = Refusal.model_validate_json(caught.value.response.body or b"")
        assert refusal == Refusal(code=ErrorCode.UNAUTHORIZED, message="Not you.", hint="Go away.")
        with _joined(relay, actor) as (learner, held):
            learner.send("hello")
            assert held.recv(timeout=10) == "hello"


def test_learner_hangs_up_before_it_is_taken(relay: Relaying) -> None:
    """The connection that was told of it is dropped: its actor counts on somebody."""
    with parked(relay) as actor:
        with pytest.raises(TimeoutError):
            dial(relay.path("pc"), DRIVER, open_timeout=0.3)
        assert actor.hear()["type"] == "paired"
        with pytest.raises(ConnectionClosed):
            actor.websocket.recv(timeout=10)
    _until(lambda: relay.app.house.open == 0)


# --- Parking --------------------------------------------------------------------------------------


def test_newest_process_has_the_name(relay: Relaying) -> None:
    """Another process of the same owner displaces the first, conversations and all."""
    with (
        parked(relay) as first,
        _joined(relay, first) as (learner, _),
        parked(relay) as spare,
        parked(relay, process="process-2") as second,
    ):
        with pytest.raises(ConnectionClosed) as caught:
            spare.websocket.recv(timeout=10)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == DISPLACED_CODE
        with pytest.raises(ConnectionClosed) as caught:
            learner.recv(timeout=10)
        assert caught.value.rcvd is None
        with _joined(relay, second) as (learner, held):
            learner.send("hello")
            assert held.recv(timeout=10) == "hello"


def test_name_of_another_owner() -> None:
    """Another park token does not get a name that is taken, nor one that was left just now."""
    tokens = TokenBook.of(park=PARK) + TokenBook.of(park=WRONG)
    with relaying(TokenKeeper(None, tokens)) as relay:
        with parked(relay):
            parking = {"subprotocol": Subprotocol(PARKING)}
            status, refusal, _ = _refused(relay.path("pc"), WRONG, **parking)
            assert (status, refusal.code) == (409, ErrorCode.BUSY)
            with parked(relay, "other", WRONG):
                pass
        status, refusal, _ = _refused(relay.path("pc"), WRONG, **parking)
        assert status == 409


def test_who_may_park() -> None:
    """An actor parks with a park token, under the name that it is bound to if it is."""
    book = TokenBook.parse(f"park:pc {PARK}\nlist {LIST}\n", "here")
    with relaying(TokenKeeper(None, book)) as relay:
        parking = {"subprotocol": Subprotocol(PARKING)}
        for token, name, status, code in (
            ("", "pc", 401, ErrorCode.UNAUTHORIZED),
            (WRONG, "pc", 401, ErrorCode.UNAUTHORIZED),
            (LIST, "pc", 403, ErrorCode.FORBIDDEN),
            (PARK, "other", 403, ErrorCode.FORBIDDEN),
        ):
            found = _refused(relay.path(name), token, **parking)
            assert (found[0], found[1].code) == (status, code)
        with parked(relay):
            pass


def test_without_park_tokens() -> None:
    """A relay that has none lets every actor park; a learner still needs the actor's."""
    with relaying(TokenKeeper(None)) as relay, parked(relay, token="") as actor:
        assert _refused(relay.path("pc"))[0] == 401
        with _joined(relay, actor):
            pass


def test_new_tokens_of_an_actor(relay: Relaying) -> None:
    """An actor that has new tokens parks again; the old ones open nothing from then on."""
    with parked(relay) as actor:
        actor.park(drivers=(WRONG,), spectators=())
        status, refusal, _ = _refused(relay.path("pc"), DRIVER)
        assert (status, refusal.code) == (401, ErrorCode.UNAUTHORIZED)
        dialling = _Dialling(relay.path("pc"), WRONG)
        actor.take()
        with dialling.websocket():
            pass


def test_withdrawn_park_token(tmp_path: Path) -> None:
    """When a park token is taken out of the file, whoever parked with it has to go."""
    file = tmp_path / "tokens.txt"
    file.write_text(f"park {PARK}\npark {WRONG}\n")
    file.chmod(0o600)
    with (
        relaying(TokenKeeper(file)) as relay,
        parked(relay, "other", WRONG) as other,
        parked(relay) as first,
        _joined(relay, first) as (learner, _),
        parked(relay) as spare,
    ):
        file.write_text(f"park {WRONG}\n")
        with pytest.raises(ConnectionClosed) as caught:
            spare.websocket.recv(timeout=10)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == WITHDRAWN_CODE
        with pytest.raises(ConnectionClosed) as caught:
            learner.recv(timeout=10)
        assert caught.value.rcvd is None
        assert other.websocket.ping().wait(10)
        assert _refused(relay.path("pc"), PARK, subprotocol=Subprotocol(PARKING))[0] == 401


@pytest.mark.parametrize(
    "said",
    [
        '{"type":"hello"}',
        '{"type":"taken"}',
        '{"type":"declined","code":"busy","message":"x"}',
        '{"type":"parked"}',
        "{",
        b"\x80",
        " " * (RELAY_MESSAGE_BYTES + 1),
    ],
)
def test_nonsense_ends_a_parked_connection(relay: Relaying, said: str | bytes) -> None:
    """Whoever says something on a parked connection that no actor says is told, and closed."""
    with parked(relay) as actor:
        actor.websocket.send(said)
        with pytest.raises(ConnectionClosed) as caught:
            actor.websocket.recv(timeout=10)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1008
    _until(lambda: relay.app.house.open == 0)


def test_flood_ends_a_parked_connection(relay: Relaying) -> None:
    """A parked actor that does not stop talking is closed."""
    with parked(relay) as actor, pytest.raises(ConnectionClosed):  # noqa: PT012 -- which one ends it?
        for _ in range(1000):
            actor.websocket.ping()
        actor.websocket.recv(timeout=10)


def test_too_many_spares(relay: Relaying) -> None:
    """An actor cannot park as many connections as it likes."""
    with contextlib.ExitStack() as stack:
        for _ in range(SPARES):
            stack.enter_context(parked(relay))
        with dial(relay.path("pc"), PARK, Subprotocol(PARKING)) as websocket:
            one_more = Parked(websocket)
            one_more.say(type="park", process="process-1", software="s", drivers=[], spectators=[])
            with pytest.raises(ConnectionClosed) as caught:
                one_more.hear()
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 1013


# --- Refusals -------------------------------------------------------------------------------------


def test_refusals_of_learners(relay: Relaying) -> None:
    """Each learner that cannot be let in is told why, and what to do."""
    with parked(relay), parked(relay, "mine", drivers=(WRONG,), spectators=()):
        status, refusal, headers = _refused(relay.path("pc"))
        assert (status, refusal.code) == (401, ErrorCode.UNAUTHORIZED)
        assert headers["WWW-Authenticate"] == "Bearer"
        status, refusal, _ = _refused(relay.path("pc"), "x" * 40)
        assert (status, refusal.code) == (401, ErrorCode.UNAUTHORIZED)
        status, refusal, _ = _refused(relay.path("pc"), WRONG)
        assert (status, refusal.code) == (403, ErrorCode.FORBIDDEN)
        assert "mine" in refusal.hint
        status, refusal, _ = _refused(relay.path("pc"), PARK)
        assert (status, refusal.code) == (403, ErrorCode.FORBIDDEN)
        assert "actor's own" in refusal.hint
        status, refusal, _ = _refused(relay.path("nobody"), DRIVER)
        assert (status, refusal.code) == (404, ErrorCode.NO_SUCH_ACTOR)
        assert "pc" in refusal.hint
        status, refusal, _ = _refused(relay.path("nobody"), "x" * 40)
        assert (status, refusal.code) == (404, ErrorCode.NO_SUCH_ACTOR)
        status, refusal, _ = _refused(f"{relay.uri}/", DRIVER)
        assert (status, refusal.code) == (404, ErrorCode.NO_SUCH_ACTOR)
        assert "/actors/NAME" in refusal.hint
        status, refusal, _ = _refused(relay.path("pc"), DRIVER, subprotocol=Subprotocol("chat"))
        assert (status, refusal.code) == (400, ErrorCode.WRONG_CODEC)
        status, refusal, _ = _refused(
            relay.path("pc"), DRIVER, origin=Origin("https://evil.example")
        )
        assert (status, refusal.code) == (403, ErrorCode.FORBIDDEN)


def test_no_token_is_no_token(relay: Relaying) -> None:
    """An actor that announces the digest of nothing at all is not open to everybody."""
    with dial(relay.path("pc"), PARK, Subprotocol(PARKING)) as websocket:
        actor = Parked(websocket)
        actor.park(drivers=("",), spectators=())
        status, refusal, _ = _refused(relay.path("pc"))
        assert (status, refusal.code) == (401, ErrorCode.UNAUTHORIZED)
        assert _get(relay, "/actors")[0] == 401


def test_wrong_tokens_have_to_wait() -> None:
    """Who shows too many wrong tokens waits, and is told how long; a missing actor is free."""
    guesser = {"headers": {"X-Forwarded-For": "203.0.113.5"}}
    with relaying(gate=Gate(proxies=networks(["127.0.0.1"]))) as relay, parked(relay) as actor:
        for _ in range(2 * FREE_FAILURES):
            assert _refused(relay.path("nobody"), WRONG, **guesser)[0] == 404
        for _ in range(FREE_FAILURES + 1):
            assert _refused(relay.path("pc"), WRONG, **guesser)[0] == 401
        status, refusal, headers = _refused(relay.path("pc"), DRIVER, **guesser)
        assert (status, refusal.code) == (429, ErrorCode.TOO_MANY)
        assert int(headers["Retry-After"]) >= 1
        with _joined(relay, actor):  # somebody else is not kept waiting
            pass


def test_full_relay() -> None:
    """A relay that serves as many as it can says so to one more."""
    with (
        relaying(gate=Gate(GateLimits(connections=3))) as relay,
        parked(relay) as actor,
        _joined(relay, actor),
        parked(relay) as spare,
    ):
        for token, subprotocol in ((DRIVER, JSON), (PARK, Subprotocol(PARKING))):
            status, refusal, _ = _refused(relay.path("pc"), token, subprotocol=subprotocol)
            assert (status, refusal.code) == (503, ErrorCode.FULL)
        assert spare.websocket.ping().wait(10)


# --- Pages ----------------------------------------------------------------------------------------


def test_healthz(relay: Relaying) -> None:
    """Anybody may ask how the relay is; no name is told."""
    with parked(relay, "secret-name") as _:
        status, page = _get(relay, "/healthz")
        assert status == 200
        assert (page["status"], page["actors"], page["learners"]) == ("ok", 1, 0)
        assert page["up_s"] >= 0
        assert "secret-name" not in str(page)


def test_list_of_actors(relay: Relaying) -> None:
    """A list token sees all actors, an actor's token those that it opens, anybody else none."""
    with parked(relay), parked(relay, "other", drivers=(WRONG,), spectators=()):

        def names(token: str) -> list[str]:
            status, page = _get(relay, "/actors", token)
            assert status == 200
            return [actor["name"] for actor in page["actors"]]

        assert names(LIST) == ["other", "pc"]
        assert names(DRIVER) == names(SPECTATOR) == ["pc"]
        assert names(WRONG) == ["other"]
        for token, status, code in (
            ("", 401, "unauthorized"),
            ("x" * 40, 401, "unauthorized"),
            (PARK, 403, "forbidden"),
        ):
            found, page = _get(relay, "/actors", token)
            assert (found, page["code"]) == (status, code)


def test_plain_request_for_an_actor(relay: Relaying) -> None:
    """Who asks for an actor without a WebSocket is told; the parked connection stays."""
    with parked(relay) as actor:
        status, page = _get(relay, "/actors/pc", DRIVER)
        assert (status, page["type"]) == (426, "refusal")
        assert actor.websocket.ping().wait(10)


# --- The end --------------------------------------------------------------------------------------


def test_stopping() -> None:
    """A relay that is stopped tells parked actors; conversations are lost, not ended."""
    with contextlib.ExitStack() as stack:
        with relaying() as relay:
            actor = stack.enter_context(parked(relay))
            learner, held = stack.enter_context(_joined(relay, actor))
            spare = stack.enter_context(parked(relay))
        with pytest.raises(ConnectionClosed) as caught:
            spare.websocket.recv(timeout=10)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1001
        for lost in (learner, held):
            with pytest.raises(ConnectionClosed) as caught:
                lost.recv(timeout=10)
            assert caught.value.rcvd is None


def test_nothing_is_left_behind() -> None:
    """After many comings and goings nothing is kept, but the name for a while."""
    clock = _Skipping()
    with relaying(clock=clock) as relay:
        for number in range(20):
            with parked(relay, f"pc{number % 3}") as actor:
                dialling = _Dialling(relay.path(f"pc{number % 3}"))
                actor.take()
                with dialling.websocket() as learner:
                    learner.send("hello")
                    actor.websocket.recv(timeout=10)
                    if number % 2:
                        actor.websocket.socket.shutdown(2)
        house = relay.app.house
        _until(lambda: house.open == 0)
        _until(lambda: house.gate.open == 0)
        assert house.berths.count == (0, 0)
        clock.skipped_s += 61.0
        _until(lambda: not house.berths._berths)
        assert house.berths._silent == set()
