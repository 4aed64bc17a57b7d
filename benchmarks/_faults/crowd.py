"""Spectators that cost little: they take bytes and throw them away, or do not even that.

Run as `_faults.crowd URI HZ`. Obeys ``readers`` and ``silent`` (so many join), and anything else
(all leave); tells how many frames the slowest of the readers got.
"""

from __future__ import annotations

import selectors
import socket
import sys
import threading
from typing import cast
from urllib.parse import urlsplit

from websockets.client import ClientProtocol
from websockets.frames import Frame
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from ac_bridge_protocol.codec import CODEC_NAMES
from ac_bridge_protocol.messages import Hello, Role, Subscribe
from links.conversation import Units
from links.servant import orders, say

CODEC = CODEC_NAMES["msgpack"]
SMALL_BUFFER = 4096
"""Of a spectator that does not read, so that it soon has to be waited for, or not."""
TAKE_BYTES = 1 << 18
LOOK_S = 0.2


class Spectator:
    """One connection, welcomed and subscribed.

    Args:
        uri: of the actor.
        hz: frames a second to ask for.
        reading: whether it takes what it is sent.
    """

    def __init__(self, uri: str, hz: float, *, reading: bool) -> None:
        address = urlsplit(uri)
        self._ws = ClientProtocol(
            parse_uri(uri), subprotocols=[Subprotocol(CODEC.subprotocol)], max_size=None
        )
        self.socket = socket.socket()
        if not reading:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        self.socket.connect((address.hostname, address.port))
        self._ws.send_request(self._ws.connect())
        while self._ws.state is not State.OPEN:
            self._exchange_bytes()
        self._ws.send_binary(CODEC.encode(Hello(client="crowd", role=Role.SPECTATOR)))
        while not any(isinstance(event, Frame) for event in self._ws.events_received()):
            self._exchange_bytes()  # the welcome
        self._ws.send_binary(CODEC.encode(Subscribe(id=1, hz=hz)))
        self._flush()

    def _exchange_bytes(self) -> None:
        self._flush()
        self._ws.receive_data(self.socket.recv(TAKE_BYTES))

    def _flush(self) -> None:
        for data in self._ws.data_to_send():
            self.socket.sendall(data)


class Crowd:
    """Everybody who watches, and the thread that takes their bytes."""

    def __init__(self, uri: str, hz: float) -> None:
        self._uri, self._hz = uri, hz
        self._all: list[Spectator] = []
        self._bytes: dict[socket.socket, int] = {}
        self._frames = 0
        self._leaving = threading.Event()
        self._thread: threading.Thread | None = None

    def join(self, readers: int, silent: int) -> None:
        """Let so many come."""
        self._frames = 0
        self._leaving.clear()
        self._all = [
            Spectator(self._uri, self._hz, reading=n < readers) for n in range(readers + silent)
        ]
        self._bytes = {spectator.socket: 0 for spectator in self._all[:readers]}
        self._thread = threading.Thread(target=self._drain, args=(self._all[:readers],))
        self._thread.start()

    def leave(self) -> int:
        """Let all go; return the frames that the slowest reader took."""
        self._leaving.set()
        if self._thread is not None:
            self._thread.join()
        for spectator in self._all:
            spectator.socket.close()
        self._all.clear()
        taken = list(self._bytes.values())
        return round(self._frames * min(taken) / taken[0]) if taken and taken[0] else 0

    def _drain(self, readers: list[Spectator]) -> None:
        """Take everybody's bytes. Only the first one's frames are counted: all are alike."""
        buffer = bytearray(TAKE_BYTES)
        witness, units = readers[0].socket, Units(head=False)
        with selectors.DefaultSelector() as selector:
            for spectator in readers:
                selector.register(spectator.socket, selectors.EVENT_READ)
            while not self._leaving.is_set():
                for key, _ in selector.select(LOOK_S):
                    reader = cast("socket.socket", key.fileobj)
                    taken = reader.recv_into(buffer)
                    self._bytes[reader] += taken
                    if reader is witness:
                        self._frames += len(units.feed(bytes(buffer[:taken])))
                    if not taken:
                        selector.unregister(reader)


def main() -> None:
    """Come and go as told."""
    crowd = Crowd(sys.argv[1], float(sys.argv[2]))
    say(ready=True)
    for order in orders():
        if "readers" in order:
            crowd.join(**order)
            say(joined=True)
        else:
            say(frames=crowd.leave())
    crowd.leave()


if __name__ == "__main__":
    main()
