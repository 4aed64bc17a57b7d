"""What a conversation held is freed when it ends, not when the collector of cycles comes by."""

from __future__ import annotations

import contextlib
import gc
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from _relay.messages import TEXT, client_frame, next_frame, upgrade
from ac_bridge.net.tokens import digest_of
from ac_bridge_protocol.codec import MSGPACK
from ac_bridge_protocol.relay import PARKING, Park, Taken, encode
from helpers.certificates import self_signed_files
from helpers.relays import DRIVER, PARK, Relaying, relaying

HOST = "127.0.0.1"
BY_HAND = Park(process="process-1", software="test", drivers=(digest_of(DRIVER),), spectators=())


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Only counted references free anything."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class _Caller:
    """A client of one thread: OpenSSL lets no two use a connection at once."""

    def __init__(
        self, relay: Relaying, trust: ssl.SSLContext, subprotocol: str, token: str
    ) -> None:
        port = int(relay.uri.rpartition(":")[2])
        raw = socket.create_connection((HOST, port), 10)
        self._socket = trust.wrap_socket(raw, server_hostname=HOST)
        self._socket.sendall(upgrade("/actors/pc", subprotocol, token))
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self._socket.recv(1)
        assert b" 101 " in head

    def say(self, payload: bytes) -> None:
        self._socket.sendall(client_frame(TEXT, payload))

    def hear(self) -> bytes:
        data = b""
        while (found := next_frame(data, 0)) is None:
            data += self._socket.recv(4096)
        return found[1]

    def close(self) -> None:
        self._socket.close()


@pytest.mark.usefixtures("no_collector")
def test_what_tls_holds_is_freed_at_once(tmp_path: Path) -> None:
    """Tens of kilobytes for each connection: those that wait for the collector never come back."""
    files = self_signed_files(tmp_path)
    trust = ssl.create_default_context(cafile=files.cert)
    with relaying(tls=files.server()) as relay:
        for _ in range(3):
            _converse(relay, trust)
        for _ in range(1000):
            if not relay.ask(_connections):
                break
        assert relay.ask(_connections) == 0


def _connections() -> int:
    """Return how many transports there are, layers of TLS included."""
    return sum("Transport" in type(one).__name__ for one in gc.get_objects())


def _converse(relay: Relaying, trust: ssl.SSLContext) -> None:
    """Park, be joined, say something, and hang up."""
    with (
        ThreadPoolExecutor(1) as pool,
        contextlib.closing(_Caller(relay, trust, PARKING, PARK)) as actor,
    ):
        actor.say(encode(BY_HAND))
        assert b"parked" in actor.hear()
        dialled = pool.submit(_Caller, relay, trust, MSGPACK.subprotocol, DRIVER)
        assert b"paired" in actor.hear()
        actor.say(encode(Taken()))
        with contextlib.closing(dialled.result(20)) as learner:
            learner.say(b"hello")
            assert actor.hear() == b"hello"
