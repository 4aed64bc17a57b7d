"""What a conversation held is freed when it ends, not when the collector of cycles comes by."""

from __future__ import annotations

import gc
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from helpers.certificates import self_signed_files
from helpers.relays import DRIVER, Relaying, dial, parked, relaying


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Only counted references free anything."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def _connections() -> int:
    """Return how many connections' transports exist, TLS layers included."""
    return sum("Transport" in type(one).__name__ for one in gc.get_objects())


@pytest.mark.usefixtures("no_collector")
def test_what_tls_holds_is_freed_at_once(tmp_path: Path) -> None:
    """Tens of kilobytes for each connection: kept for the collector they never come back."""
    files = self_signed_files(tmp_path)
    trust = ssl.create_default_context(cafile=files.cert)
    with relaying(tls=files.server()) as relay, parked(relay, "stays", ssl=trust):
        before = _connections()
        for _ in range(3):
            _converse(relay, trust)
        for _ in range(1000):
            if _left(relay) == 1 and _connections() == before:
                break
        assert _connections() == before


def _converse(relay: Relaying, trust: ssl.SSLContext) -> None:
    with parked(relay, ssl=trust) as actor, ThreadPoolExecutor(1) as pool:
        dialled = pool.submit(dial, relay.path("pc"), DRIVER, ssl=trust)
        actor.take()
        with dialled.result(20) as learner:
            learner.send(b"x" * 100)
            assert actor.websocket.recv(timeout=10) == b"x" * 100


def _left(relay: Relaying) -> int:
    left: int = relay.ask(lambda: relay.app.house.open)
    return left
