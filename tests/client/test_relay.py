"""Asking a relay for its actors: a small HTTP server plays the relay, over loopback."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from pathlib import Path

import pytest

from ac_bridge.clock import SystemClock
from ac_bridge.net.certificate import self_signed, write_pair
from ac_bridge_client import relay as client
from ac_bridge_client.access import Access
from ac_bridge_client.refusals import TurnedAwayError
from ac_bridge_client.relay import ACTORS_BYTES, actor_uri, parked_actors
from ac_bridge_protocol.codec import JSON
from ac_bridge_protocol.errors import ConnectError, ErrorCode
from ac_bridge_protocol.messages import Refusal
from ac_bridge_protocol.trust import Trust
from helpers.listing_relay import PARKED, listing, relay_that_says


def test_the_list() -> None:
    """Everything that the relay tells; the token goes into the header, and nowhere else."""
    token = "t" * 43
    with relay_that_says(listing(PARKED)) as (uri, requests):
        (found,) = parked_actors(uri, Access(token))
    assert found.model_dump() == {**PARKED, "parked_s": 12.0}
    ((path, headers),) = requests
    assert path == "/actors"
    assert headers["Authorization"] == f"Bearer {token}"
    assert headers["Host"] == uri.removeprefix("ws://")


@pytest.mark.parametrize("path", ["", "/", "/actors", "/actors/"])
def test_without_a_token(path: str) -> None:
    """None is sent; an empty list is one; the path may be written out."""
    with relay_that_says(listing()) as (uri, requests):
        assert parked_actors(uri + path) == []
    assert "Authorization" not in requests[0][1]


def test_the_address_of_an_actor() -> None:
    """Says what the relay's is; nobody is asked."""
    with pytest.raises(ConnectError, match=r"Leave out what .* host: wss://relay.example\."):
        parked_actors("wss://relay.example/actors/my-pc")


def test_a_newer_relay() -> None:
    """What it says beyond what is known here is left out; what is missing has a default."""
    with relay_that_says(listing({"name": "a", "colour": "red"})) as (uri, _):
        (found,) = parked_actors(uri)
    assert (found.name, found.software, found.drivers) == ("a", "", 0)


def test_software_is_printable() -> None:
    """An actor cannot write into the terminal of whoever lists it."""
    with relay_that_says(listing({"name": "a", "software": "\x1b[2J"})) as (uri, _):
        assert parked_actors(uri)[0].software == "?[2J"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (ErrorCode.UNAUTHORIZED, 401),
        (ErrorCode.FORBIDDEN, 403),
        (ErrorCode.TOO_MANY, 429),
    ],
)
def test_refusals_are_typed(code: ErrorCode, status: int) -> None:
    """The relay's no is raised with its code and its hint."""
    refusal = JSON.encode(Refusal(code=code, message="No.", hint="Ask."))
    with (
        relay_that_says(refusal, status) as (uri, _),
        pytest.raises(TurnedAwayError, match="No") as caught,
    ):
        parked_actors(uri, Access("t" * 43))
    assert caught.value.code is code
    assert caught.value.hint == "Ask."


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"actors": 7}',
        listing({"name": "../etc"}),
        listing({"name": "a\n"}),
        listing({"name": "a", "software": "x" * 81}),
        listing({"name": "a", "parked_s": -1}),
        b'{"actors": [{"name": "a", "parked_s": NaN}]}',
        b"[" * 100_000,
    ],
)
def test_what_is_not_a_list(body: bytes) -> None:
    """Refused in a sentence that repeats nothing of it."""
    with relay_that_says(body) as (uri, _), pytest.raises(ConnectError, match="is not a relay's"):
        parked_actors(uri)


def test_an_endless_answer() -> None:
    """Reading stops at the limit."""
    with (
        relay_that_says(b" " * (ACTORS_BYTES + 100_000)) as (uri, _),
        pytest.raises(ConnectError, match=f"more than {ACTORS_BYTES} bytes"),
    ):
        parked_actors(uri)


def test_a_page_of_something_else() -> None:
    """An HTTP error that is no refusal of ours is shown, a little of it, printable."""
    with (
        relay_that_says(b"\x1b[31mNot here" + b"x" * 10_000, 404) as (uri, _),
        pytest.raises(ConnectError, match="404") as caught,
    ):
        parked_actors(uri)
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 400


def test_something_that_does_not_speak_http() -> None:
    """Its bytes are not repeated as they are."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            peer, _ = server.accept()
            with peer:
                peer.recv(4096)
                peer.sendall(b"\x1b[31mSSH-2.0\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(ConnectError, match="as a relay does") as caught:
            parked_actors(f"ws://127.0.0.1:{server.getsockname()[1]}")
        thread.join()
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("right", [True, False])
def test_the_token_is_shown_to_the_pinned_relay_alone(tmp_path: Path, right: bool) -> None:
    """With another certificate nothing is said at all, once it has been seen."""
    files = tmp_path / "cert.pem", tmp_path / "key.pem"
    pair = self_signed(["127.0.0.1"], SystemClock().wall(), days=1)
    write_pair(pair, *files, force=False)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*files)
    fingerprint = pair.fingerprint if right else "sha256:" + "0" * 64
    said: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            peer, _ = server.accept()
            with context.wrap_socket(peer, server_side=True) as link:
                with contextlib.suppress(OSError):
                    said.append(link.recv(4096))
                if right:
                    link.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + listing(PARKED))

        thread = threading.Thread(target=answer)
        thread.start()
        uri = f"wss://127.0.0.1:{server.getsockname()[1]}"
        access = Access("t" * 43, Trust(fingerprint=fingerprint))
        if right:
            assert [one.name for one in parked_actors(uri, access)] == ["my-pc"]
        else:
            with pytest.raises(ConnectError, match="not the server that was pinned"):
                parked_actors(uri, access)
        thread.join()
    assert (b"Bearer " + b"t" * 43 in b"".join(said)) == right
    assert right or b"".join(said) == b""


def test_nothing_listens() -> None:
    """The sentence of every dialling command."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(ConnectError, match="Nothing listens"):
            parked_actors(f"ws://127.0.0.1:{port}")


def test_a_relay_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is for all of it, however often a little comes."""
    now_s = iter(range(1000))
    monkeypatch.setattr(client, "monotonic_s", lambda: float(next(now_s)))
    with (
        relay_that_says(b" " * 1_000_000) as (uri, _),
        pytest.raises(ConnectError, match="did not answer within 5 s"),
    ):
        parked_actors(uri, timeout_s=5.0)


@pytest.mark.parametrize(
    ("relay", "uri"),
    [
        ("wss://relay.example", "wss://relay.example/actors/pc"),
        ("wss://relay.example:443/actors", "wss://relay.example/actors/pc"),
        ("ws://127.0.0.1:8765/", "ws://127.0.0.1:8765/actors/pc"),
        ("wss://[fd00::7]:9", "wss://[fd00::7]:9/actors/pc"),
    ],
)
def test_where_an_actor_is_dialled(relay: str, uri: str) -> None:
    """One step below the relay's list."""
    assert actor_uri(relay, "pc") == uri
