"""Whoever comes and goes leaves nothing, and is answered in words whatever it was."""

from __future__ import annotations

import gc
import random
import socket
import threading
import weakref
from collections.abc import Iterator

import orjson
import pytest
from websockets.server import ServerProtocol

from _abuse import hostile
from ac_bridge.net import door
from ac_bridge_protocol.codec import MSGPACK
from helpers.actors import make_rig, serving

RNG = random.Random(1)
GOOD = hostile.request(RNG, MSGPACK)


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    """An actor's."""
    with serving(make_rig()) as (uri, _):
        host, _, port = uri.removeprefix("ws://").rpartition(":")
        yield host, int(port)


def answer(address: tuple[str, int], data: bytes) -> bytes:
    """Send bytes at once; return all that comes back."""
    with socket.create_connection(address, timeout=20) as peer:
        peer.sendall(data)
        said = b""
        while more := peer.recv(1 << 16):
            said += more
    return said


@pytest.mark.parametrize(
    "request_",
    [
        GOOD.replace(b"-Protocol: ", b"-Protocol: a b;" + b"\xe9" * 3000, 1),
        GOOD.replace(b"\r\n\r\n", b"\r\nOrigin: a\r\nOrigin: \xff\r\n\r\n", 1),
        GOOD + b"GET / HTTP/1.1\r\n\r\n",
        GOOD + hostile.frame(b"{}"),
    ],
    ids=["no subprotocol at all", "two origins", "a second request", "a frame too early"],
)
def test_a_request_that_cannot_be_read_is_answered(
    address: tuple[str, int], request_: bytes
) -> None:
    """In words that a program can read, however long and odd what it cannot read is."""
    head, _, body = answer(address, request_).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    refusal = orjson.loads(body)
    assert (refusal["type"], refusal["code"]) == ("refusal", "illegal")
    assert len(refusal["message"]) < 300


@pytest.mark.parametrize(
    "data",
    [
        GOOD.replace(b"ac-bridge.v1", b"ac-bridge.v9"),
        GOOD[:40],
        GOOD + b"\0",
    ],
    ids=["refused", "half a request", "too much"],
)
def test_nothing_of_a_visitor_waits_for_the_collector(
    data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The actor collects rarely: what came must be gone with the connection."""
    _watch_and_visit(monkeypatch, data)


def test_nothing_of_a_connection_waits_for_the_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor what came of a frame that never ended."""
    rest = hostile.frame(b"x" * 900, length=1 << 20)
    _watch_and_visit(monkeypatch, GOOD, hostile.hello(MSGPACK) + rest)


def _watch_and_visit(monkeypatch: pytest.MonkeyPatch, *data: bytes) -> None:
    made: list[weakref.ref[ServerProtocol]] = []

    class Watched(ServerProtocol):
        def __init__(self, **options: object) -> None:
            super().__init__(**options)  # type: ignore[arg-type]
            made.append(weakref.ref(self))

    monkeypatch.setattr(door, "ServerProtocol", Watched)
    with serving(make_rig()) as (uri, app):
        host, _, port = uri.removeprefix("ws://").rpartition(":")
        with socket.create_connection((host, int(port)), timeout=20) as peer:
            gc.disable()
            try:
                for piece in data:
                    peer.sendall(piece)
                    if piece is not data[-1]:
                        assert peer.recv(1 << 16).startswith(b"HTTP/1.1 101")
                peer.shutdown(socket.SHUT_WR)
                while peer.recv(1 << 16):
                    pass
                peer.close()
                _until_dead(made)
            finally:
                gc.enable()
    assert app is not None


def _until_dead(made: list[weakref.ref[ServerProtocol]]) -> None:
    """Wait until what was made is gone, as it is soon after the connection."""
    pause = threading.Event()
    for _ in range(1000):
        if made and all(one() is None for one in made):
            return
        pause.wait(0.01)
    raise AssertionError("what was made for a connection outlives it")
