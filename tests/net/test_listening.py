"""Listening: TLS handshakes take turns, and the end of accepting is not silent."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from structlog.testing import capture_logs

from ac_bridge.clock import SystemClock, settle
from ac_bridge.net import listening
from ac_bridge.net.door import Door, Visit
from ac_bridge.net.gate import Gate
from ac_bridge.net.listening import _Lines, listen
from ac_bridge.net.turns import Turns


class House:
    """Nobody is at home."""

    def __init__(self) -> None:
        self.clock = SystemClock()
        self.gate = Gate()
        self.turns: Any = Turns(self.clock)

    def called(self, door: Door, visit: Visit) -> None:
        raise NotImplementedError


class BrokenTurns:
    """Turns with a bug in them."""

    async def wait(self) -> None:
        raise RuntimeError("a bug")


def test_handshakes_of_an_address_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many at once, and no more; another address does not stand behind them."""
    monkeypatch.setattr(listening, "HANDSHAKE_REST_S", 0.0)

    async def scenario() -> None:
        lines = _Lines(2)
        await lines.enter("192.0.2.1")
        await lines.enter("192.0.2.1")
        third = asyncio.create_task(lines.enter("192.0.2.1"))
        await settle()
        assert not third.done()
        await lines.enter("192.0.2.2")
        lines.leave("192.0.2.1")
        await third
        for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2"):
            lines.leave(address)
        await settle()
        assert not lines._lines  # nothing is remembered of who is gone

    asyncio.run(asyncio.wait_for(scenario(), 20))


def test_nobody_stands_in_line_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for too long is let go of, and those behind it get its turn."""
    monkeypatch.setattr(listening, "HANDSHAKE_REST_S", 0.0)

    async def scenario() -> None:
        lines = _Lines(1)
        await lines.enter("192.0.2.1")
        with monkeypatch.context() as hasty:
            hasty.setattr(listening, "HANDSHAKE_TIMEOUT_S", 0.01)
            with pytest.raises(TimeoutError):
                await lines.enter("192.0.2.1")
        lines.leave("192.0.2.1")
        await lines.enter("192.0.2.1")

    asyncio.run(asyncio.wait_for(scenario(), 20))


def test_the_end_of_accepting_is_told() -> None:
    """A bug there would else leave a port that answers nobody, and no word of it."""

    async def scenario() -> None:
        house = House()
        house.turns = BrokenTurns()
        server = await listen(house, "127.0.0.1", 0)
        with socket.create_connection(("127.0.0.1", server.port), timeout=20):
            await asyncio.wait(server._accepting)
            await settle()
        server.close()
        house.clock.close()

    with capture_logs() as logs:
        asyncio.run(asyncio.wait_for(scenario(), 20))
    assert [line["event"] for line in logs] == ["connections are no longer accepted"]
