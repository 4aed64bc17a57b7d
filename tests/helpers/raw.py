"""A client that sends whatever it is told over a real WebSocket, and the actors it talks to."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator
from typing import Any

import orjson
import ormsgpack
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from ac_bridge.game import RecordingWheel
from ac_bridge.server.app import ActorApp

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
        """Return the next message that is an answer."""
        while True:
            message = self.receive_any()
            if message["type"] not in ("event", "reset_progress", "ping"):
                return message

    def receive_any(self) -> dict[str, Any]:
        """Return the next message."""
        data = self.websocket.recv(timeout=10)
        load = orjson.loads if isinstance(data, str) else ormsgpack.unpackb
        message: dict[str, Any] = load(data)
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
    return peer.ask(stepping(request_id))


def stepping(request_id: int, **more: Any) -> dict[str, Any]:
    """Return a step as a message."""
    return {"type": "step", "id": request_id, "action": [0.0, 0.5, 0.0]} | more


def cut(peer: Raw) -> None:
    """End a connection without a word, as a link does that breaks."""
    peer.websocket.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.websocket.socket.shutdown(socket.SHUT_RDWR)
