"""A relay to test against, and an actor that parks by hand."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from ssl import SSLContext
from typing import Any

import orjson
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from ac_bridge.net.gate import Gate
from ac_bridge.net.token_file import TokenKeeper
from ac_bridge.net.tokens import TokenBook, digest_of
from ac_bridge.relay import RelayApp
from ac_bridge_protocol.relay import PARKING
from helpers.in_thread import in_thread
from helpers.raw import JSON

PARK = "park-token-of-the-tests-0123456789"
LIST = "list-token-of-the-tests-0123456789"
DRIVER = "driver-token-of-the-tests-0123456789"
SPECTATOR = "spectator-token-of-the-tests-01234"


class Relaying:
    """A relay in a thread of this process."""

    def __init__(self, uri: str, app: RelayApp, loop: asyncio.AbstractEventLoop) -> None:
        self.uri = uri
        self.app = app
        self._loop = loop

    def path(self, name: str) -> str:
        return f"{self.uri}/actors/{name}"

    def ask(self, function: Any) -> Any:
        """Call a function in the relay's own loop; return what it returns."""

        async def run() -> Any:
            return function()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)


@contextlib.contextmanager
def relaying(
    tokens: TokenKeeper | None = None,
    gate: Gate | None = None,
    port: int = 0,
    **options: Any,
) -> Iterator[Relaying]:
    """Run a relay, with the tokens above unless given others."""
    tokens = tokens or TokenKeeper(None, TokenBook.of(park=PARK, list=LIST))

    def make(on_ready: Callable[[int], None]) -> RelayApp:
        return RelayApp(
            gate or Gate(), tokens, host="127.0.0.1", port=port, on_ready=on_ready, **options
        )

    with in_thread(make, "test-relay") as running:
        scheme = "wss" if "tls" in options else "ws"
        yield Relaying(f"{scheme}://127.0.0.1:{running.port}", running.app, running.loop)


class Parked:
    """One connection of an actor that parks by hand."""

    def __init__(self, websocket: ClientConnection) -> None:
        self.websocket = websocket

    def say(self, **message: Any) -> None:
        self.websocket.send(orjson.dumps(message).decode())

    def hear(self) -> dict[str, Any]:
        data = self.websocket.recv(timeout=10)
        message: dict[str, Any] = orjson.loads(data)
        return message

    def park(
        self,
        process: str = "process-1",
        drivers: tuple[str, ...] = (DRIVER,),
        spectators: tuple[str, ...] = (SPECTATOR,),
    ) -> None:
        """Park, and wait until the relay has confirmed it."""
        self.say(
            type="park",
            process=process,
            software="test 1",
            drivers=[digest_of(token) for token in drivers],
            spectators=[digest_of(token) for token in spectators],
        )
        assert self.hear() == {"type": "parked"}

    def take(self) -> dict[str, Any]:
        """Wait for a learner and take it; return what was said of it."""
        paired = self.hear()
        assert paired["type"] == "paired"
        self.say(type="taken")
        return paired


def dial(
    uri: str,
    token: str = "",
    subprotocol: Subprotocol = JSON,
    headers: dict[str, str] | None = None,
    **options: Any,
) -> ClientConnection:
    """Open a WebSocket with a token."""
    headers = dict(headers or {})
    if token:
        headers["Authorization"] = f"Bearer {token}"
    websocket: ClientConnection = connect(
        uri,
        subprotocols=[subprotocol],
        additional_headers=headers,
        proxy=None,
        compression=None,
        **options,
    )
    return websocket


@contextlib.contextmanager
def parked(
    relay: Relaying, name: str = "pc", token: str = PARK, ssl: SSLContext | None = None, **how: Any
) -> Iterator[Parked]:
    """Park an actor by hand."""
    with dial(relay.path(name), token, Subprotocol(PARKING), ssl=ssl) as websocket:
        actor = Parked(websocket)
        actor.park(**how)
        yield actor
