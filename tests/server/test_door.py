"""Who gets in to an actor: tokens, origins, places, and what anybody may know."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from ac_bridge.net import door
from ac_bridge.net.addresses import networks
from ac_bridge.net.gate import FREE_FAILURES, Gate, GateLimits
from ac_bridge.net.tls import ServerTls
from ac_bridge.net.token_file import TokenKeeper
from ac_bridge.net.tokens import TokenBook
from ac_bridge.server.house import Access
from ac_bridge.server.reach import Reach, reach_from
from ac_bridge.settings import load_settings
from ac_bridge_client import RemoteEnv
from ac_bridge_protocol.errors import ConnectError, RefusedError, SettingError
from helpers.actors import make_rig, serving, wheel_of
from helpers.certificates import Authority
from helpers.raw import HELLO, JSON, Raw, Served, raw, step

DRIVER, SPECTATOR = "driver-token-" + "d" * 32, "spectator-token-" + "s" * 32
BOOK = TokenBook.of(driver=DRIVER, spectator=SPECTATOR)
WATCHING = HELLO | {"role": "spectator"}


def bearer(token: str, **more: str) -> dict[str, Any]:
    """Return what `raw` needs to show a token."""
    return {"additional_headers": {"Authorization": f"Bearer {token}"} | more}


@contextlib.contextmanager
def guarded(**reach: Any) -> Iterator[Served]:
    """Serve an actor that asks for tokens."""
    reach.setdefault("access", Access(TokenKeeper(None, BOOK), ("https://lab.example",)))
    rig = make_rig()
    wheel = wheel_of(rig)
    with serving(rig, reach=Reach(**reach)) as (uri, app):
        yield Served(uri, app, wheel)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """An actor with a driver's and a spectator's token, for all of these tests."""
    with guarded(gate=Gate(proxies=networks(["127.0.0.1"]))) as one:
        yield one


def refusal(served: Served, **options: Any) -> tuple[int, dict[str, Any], Any]:
    """Return status, refusal and headers that a connection gets."""
    with pytest.raises(InvalidStatus) as caught, raw(served, **options):
        pass
    response = caught.value.response
    assert response.headers["Content-Type"] == "application/json"
    said: dict[str, Any] = orjson.loads(response.body or b"")
    assert said["type"] == "refusal"
    assert said["message"]
    return response.status_code, said, response.headers


def from_address(number: int) -> str:
    """Return an address of a stranger; our proxy says that it comes from there."""
    return f"203.0.113.{number}"


# --- Tokens ---------------------------------------------------------------------------------------


def test_a_drivers_token_drives(served: Served) -> None:
    """The right token is all that changes for a learner."""
    env = RemoteEnv(served.uri, token=DRIVER)
    env.reset(seed=1)
    assert env.step([0.0, 0.5, 0.0])[4]["receipt"].tick == 1
    env.close()


@pytest.mark.parametrize(
    "token", [None, "wrong-" * 8, DRIVER[:-1], DRIVER + "d", "", SPECTATOR[1:]]
)
def test_a_wrong_token_is_told_before_the_upgrade(served: Served, token: str | None) -> None:
    """401, in words that a program reads, and never the WebSocket."""
    options = bearer(token, **{"X-Forwarded-For": from_address(1)}) if token is not None else {}
    status, said, headers = refusal(served, **options)
    assert (status, said["code"]) == (401, "unauthorized")
    assert headers["WWW-Authenticate"] == "Bearer"
    assert "AC_BRIDGE_TOKEN" in said["hint"]


def test_a_client_gets_a_typed_error(served: Served) -> None:
    """`RemoteEnv` with a wrong token says what is wrong and what to do."""
    with pytest.raises(RefusedError) as caught:
        RemoteEnv(served.uri, token="x" * 40)
    assert caught.value.code == "unauthorized"
    assert caught.value.hint


def test_a_spectators_token_watches(served: Served) -> None:
    """It may watch; as a driver it is refused by name."""
    with raw(served, **bearer(SPECTATOR)) as peer:
        assert peer.ask(WATCHING)["type"] == "welcome"
    with raw(served, **bearer(SPECTATOR)) as peer:
        said = peer.ask(HELLO)
        assert (said["type"], said["code"]) == ("refusal", "forbidden")
        assert said["hint"]


def test_a_drivers_token_watches_too(served: Served) -> None:
    """Whoever may drive may look."""
    with raw(served, **bearer(DRIVER)) as peer:
        assert peer.ask(WATCHING)["type"] == "welcome"


@pytest.mark.parametrize("scheme", ["Basic", "bearer", "BEARER", "Token", ""])
def test_only_a_bearers_token_counts(served: Served, scheme: str) -> None:
    """The scheme is Bearer, in any case."""
    header = {"Authorization": f"{scheme} {DRIVER}".strip(), "X-Forwarded-For": from_address(2)}
    if scheme.lower() == "bearer":
        with raw(served, additional_headers=header) as peer:
            assert peer.ask(WATCHING)["type"] == "welcome"
    else:
        assert refusal(served, additional_headers=header)[0] == 401


def test_a_token_in_the_address_does_not_count(served: Served) -> None:
    """Addresses end up in logs: no token is taken from there."""
    port = int(served.uri.rpartition(":")[2])
    with (
        pytest.raises(InvalidStatus) as caught,
        connect(f"ws://127.0.0.1:{port}/?token={DRIVER}", subprotocols=[JSON], proxy=None),
    ):
        pass
    assert caught.value.response.status_code == 401


def test_two_tokens_at_once_are_no_token(served: Served) -> None:
    """A proxy may have looked at one of them, and we at the other."""
    port = int(served.uri.rpartition(":")[2])
    lines = "".join(f"Authorization: Bearer {token}\r\n" for token in (DRIVER, "x" * 40))
    assert asked(port, f"GET / HTTP/1.1\r\nHost: x\r\n{lines}\r\n").startswith(b"HTTP/1.1 400")


def test_after_too_many_wrong_tokens_an_address_waits(served: Served) -> None:
    """Then no token of that address is looked at, not even the right one; others get in."""
    for _ in range(FREE_FAILURES + 1):
        wrong = bearer("wrong-" * 8, **{"X-Forwarded-For": from_address(9)})
        assert refusal(served, **wrong)[0] == 401
    right = bearer(DRIVER, **{"X-Forwarded-For": from_address(9)})
    status, said, headers = refusal(served, **right)
    assert (status, said["code"]) == (429, "too_many")
    assert int(headers["Retry-After"]) >= 1
    with raw(served, **bearer(DRIVER, **{"X-Forwarded-For": from_address(10)})) as peer:
        assert peer.ask(WATCHING)["type"] == "welcome"


def test_tokens_are_rotated_while_it_runs(tmp_path: Path) -> None:
    """A new line lets somebody in; a line taken out ends their connection, and only theirs."""
    old, new = "old-" + "o" * 40, "new-" + "n" * 40
    file = tmp_path / "tokens.txt"
    write(file, f"driver {old}\nspectator {SPECTATOR}\n")
    with guarded(access=Access(TokenKeeper(file))) as served:
        with raw(served, **bearer(SPECTATOR)) as watching, raw(served, **bearer(old)) as driving:
            assert watching.ask(WATCHING)["type"] == "welcome"
            assert driving.ask(HELLO)["type"] == "welcome"
            assert driving.ask({"type": "reset", "id": 1, "seed": 1})["type"] == "reset_result"
            step(driving, 2)
            write(file, f"driver {old}\ndriver {new}\nspectator {SPECTATOR}\n")
            until(lambda: gets_in(served, new))
            assert step(driving, 3)["receipt"]["tick"] == 2
            write(file, f"driver {new}\nspectator {SPECTATOR}\n")
            said, code = last_words(driving)
            assert said["code"] == "unauthorized"
            assert code == 1008
            assert served.wheel.wait_until_neutral(timeout_s=10)
            watching.send({"type": "ping", "id": 1, "t_sent": 0.0})
            assert watching.receive()["type"] == "pong"
        assert not gets_in(served, old)
        file.write_text("")  # a broken file lets nobody new in, and keeps who was let in
        assert not gets_in(served, old)
        assert gets_in(served, new)


def test_a_token_is_withdrawn_from_whoever_said_nothing_yet(tmp_path: Path) -> None:
    """A connection that is open, and has not said hello, is ended too; and nothing else is."""
    old, new = "old-" + "o" * 40, "new-" + "n" * 40
    file = tmp_path / "tokens.txt"
    write(file, f"driver {old}\n")
    with guarded(access=Access(TokenKeeper(file))) as served:
        with raw(served, **bearer(old)) as silent:
            write(file, f"driver {new}\n")
            said, code = last_words(silent)
            assert (said["type"], said["code"], code) == ("refusal", "unauthorized", 1008)
        with raw(served, **bearer(new)) as peer:
            assert peer.ask(HELLO)["type"] == "welcome"


def test_an_episode_ends_when_its_token_is_withdrawn(tmp_path: Path) -> None:
    """At once, and not after a grace period of attempts with a token that opens nothing."""
    old, new = "old-" + "o" * 40, "new-" + "n" * 40
    file = tmp_path / "tokens.txt"
    write(file, f"driver {old}\n")
    with guarded(access=Access(TokenKeeper(file))) as served:
        env = RemoteEnv(served.uri, token=old)
        env.reset(seed=1)
        write(file, f"driver {new}\n")
        ended, info = False, {}
        for _ in range(100_000):  # in lockstep, as fast as the actor answers
            _, _, _, ended, info = env.step([0.0, 0.5, 0.0])
            if ended:
                break
        assert info["end_reason"] == "session_lost"
        assert env.stats().reconnects == 0
        env.close()


def test_a_file_that_lets_nobody_in_is_refused(tmp_path: Path) -> None:
    """The relay's file in the actor's place: the actor must not be open to everybody then."""
    file = tmp_path / "relay.txt"
    write(file, f"park {'p' * 43}\n")
    with pytest.raises(SettingError, match="no token for a driver") as caught:
        reach_from(load_settings(token_file=file))
    assert caught.value.setting == "token_file"


def write(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(0o600)


def gets_in(served: Served, token: str) -> bool:
    try:
        with raw(served, **bearer(token)):
            return True
    except InvalidStatus:
        return False


def until(true: Callable[[], bool], tries: int = 1000) -> None:
    """Ask again until something is so."""
    pause = threading.Event()
    assert any(true() or pause.wait(0.01) for _ in range(tries))


def last_words(peer: Raw) -> tuple[dict[str, Any], int]:
    """Return the failure that ends a connection, and the code of its close."""
    said = peer.receive()
    with pytest.raises(ConnectionClosed) as caught:
        peer.receive()
    assert caught.value.rcvd is not None
    return said, caught.value.rcvd.code


# --- Web pages, health, nonsense ------------------------------------------------------------------


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
def test_a_web_page_does_not_get_in(served: Served, origin: str) -> None:
    """Not even with the right token: a page that has it is not ours."""
    status, said, _ = refusal(served, **bearer(DRIVER, Origin=origin))
    assert (status, said["code"]) == (403, "forbidden")


def test_pages_that_are_named_get_in(served: Served) -> None:
    """An origin of the allow-list, and the actor's own."""
    own = served.uri.replace("ws://", "http://")
    for origin in ("https://lab.example", own):
        with raw(served, **bearer(DRIVER, Origin=origin)) as peer:
            assert peer.ask(WATCHING)["type"] == "welcome"


def test_health_is_for_everybody_and_tells_no_secret(served: Served) -> None:
    """Alive, the game's state, whether somebody drives: nothing else, and no token needed."""
    port = int(served.uri.rpartition(":")[2])

    def health() -> dict[str, Any]:
        answer = asked(port, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert b"Access-Control-Allow-Origin" not in head
        found: dict[str, Any] = orjson.loads(body)
        return found

    before = health()
    assert set(before) == {"status", "software", "game", "driver"}
    assert (before["status"], before["game"], before["driver"]) == ("ok", "live", False)
    with raw(served, **bearer(DRIVER)) as peer:
        peer.ask(HELLO)
        peer.ask({"type": "reset", "id": 1, "seed": 1})
        assert health()["driver"] is True


def test_there_is_nothing_elsewhere(served: Served) -> None:
    """A relay's path at an actor is a mistake that is explained."""
    with pytest.raises(RefusedError) as caught:
        RemoteEnv(served.uri + "/actors/my-pc", token=DRIVER)
    assert caught.value.code == "no_such_actor"
    assert "without a path" in caught.value.hint


@pytest.mark.parametrize(
    "request_",
    [
        "hello\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        "GET / HTTP/1.1\r\n" + "X: y\r\n" * 1000 + "\r\n",
        "GET /" + "a" * 20_000 + " HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
        "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    ],
)
def test_nonsense_is_answered_and_hung_up_on(served: Served, request_: str) -> None:
    """What is no request gets an answer of HTTP that says no, and the end of the connection."""
    port = int(served.uri.rpartition(":")[2])
    answer = asked(port, request_)
    assert answer.startswith(b"HTTP/1.1 4")


def test_whoever_says_nothing_is_told_so(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A handshake that does not end in time ends all the same, with a reason."""
    monkeypatch.setattr(door, "HANDSHAKE_TIMEOUT_S", 0.05)
    port = int(served.uri.rpartition(":")[2])
    assert asked(port, "GET / HTTP/1.1\r\n").startswith(b"HTTP/1.1 408")


def asked(port: int, request: str) -> bytes:
    """Return everything that a raw request gets."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as plain:
        plain.sendall(request.encode("latin-1"))
        answer = b""
        with contextlib.suppress(ConnectionResetError):  # there was more than it wanted to read
            while data := plain.recv(65536):
                answer += data
        return answer


# --- Places ---------------------------------------------------------------------------------------


def test_places_are_counted_and_given_back() -> None:
    """As many as there are; then a reason; and when one leaves, room for the next."""
    gate = Gate(GateLimits(connections=2, per_address=9, knocking=9))
    with guarded(gate=gate) as served:
        with raw(served, **bearer(DRIVER)), raw(served, **bearer(DRIVER)):
            status, said, _ = refusal(served, **bearer(DRIVER))
            assert (status, said["code"]) == (503, "full")
        until(lambda: gets_in(served, DRIVER))
    assert gate.open == 0


def test_places_of_one_address_are_counted() -> None:
    """Behind a proxy that we trust, each client has its own."""
    gate = Gate(GateLimits(per_address=1), networks(["127.0.0.1"]))
    one, other = ({"X-Forwarded-For": from_address(number)} for number in (1, 2))
    with guarded(gate=gate) as served, raw(served, **bearer(DRIVER, **one)):
        status, said, _ = refusal(served, **bearer(DRIVER, **one))
        assert (status, said["code"]) == (429, "too_many")
        with raw(served, **bearer(DRIVER, **other)) as peer:
            assert peer.ask(WATCHING)["type"] == "welcome"


def test_whoever_only_connects_is_shut_out_in_time() -> None:
    """Beyond the places to knock, connections end at once; those that are served go on."""
    gate = Gate(GateLimits(connections=2, per_address=2, knocking=4))
    with guarded(gate=gate) as served, raw(served, **bearer(DRIVER)) as peer:
        port = int(served.uri.rpartition(":")[2])
        assert peer.ask(HELLO)["type"] == "welcome"
        with contextlib.ExitStack() as crowd:
            made = [
                crowd.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
                for _ in range(8)
            ]
            assert made[-1].recv(1) == b""
            peer.send({"type": "ping", "id": 1, "t_sent": 0.0})
            assert peer.receive()["type"] == "pong"


# --- TLS ------------------------------------------------------------------------------------------


def test_an_episode_over_tls(tmp_path: Path) -> None:
    """By a CA file and by a fingerprint; whoever checks neither, or another one, is stopped."""
    authority = Authority(tmp_path)
    pair = authority.issue("127.0.0.1")
    tls = ServerTls(pair.cert, pair.key)
    with guarded(tls=tls) as served:
        assert served.uri.startswith("wss://")
        for trust in ({"ca_file": str(authority.ca_file)}, {"fingerprint": tls.fingerprint}):
            env = RemoteEnv(served.uri, token=DRIVER, **trust)
            env.reset(seed=1)
            for tick in range(1, 50):
                assert env.step([0.0, 0.5, 0.0])[4]["receipt"].tick == tick
            env.close()
        with pytest.raises(ConnectError, match="authority"):
            RemoteEnv(served.uri, token=DRIVER)
        with pytest.raises(ConnectError, match="fingerprint"):
            RemoteEnv(served.uri, token=DRIVER, fingerprint="ab" * 32)
        with pytest.raises(ConnectError):
            RemoteEnv(served.uri.replace("wss:", "ws:"), token=DRIVER)
