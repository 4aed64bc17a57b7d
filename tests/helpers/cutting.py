"""A link that is cut again and again: a TCP proxy in a thread of this process."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from collections.abc import Iterator

LINGER = struct.pack("ii", 1, 0)
"""Closing with this resets a connection, and throws away what was not yet read."""


def _pass_on(pair: list[socket.socket], budget: int, stop: threading.Event) -> None:
    """Pass bytes both ways, until so many went by or a side hung up."""
    other = {pair[0]: pair[1], pair[1]: pair[0]}
    while budget > 0 and not stop.is_set():
        for ready in select.select(pair, [], [], 0.05)[0]:
            data = ready.recv(4096)[: max(budget, 1)]
            if not data:
                return
            budget -= len(data)
            other[ready].sendall(data)


@contextlib.contextmanager
def cutting(port: int, every_bytes: int) -> Iterator[str]:
    """Serve a way to a port of this machine that ends after so many bytes; give its address.

    The byte at which it ends is anywhere in a message, in either direction. Connections are made
    one after the other.
    """
    stop = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.05)

    def run() -> None:
        while not stop.is_set():
            with contextlib.suppress(OSError):
                here, _ = server.accept()
                with here, socket.create_connection(("127.0.0.1", port)) as there:
                    with contextlib.suppress(OSError):
                        _pass_on([here, there], every_bytes, stop)
                    if not stop.is_set():
                        for end in (here, there):
                            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)

    thread = threading.Thread(target=run, name="cutting-proxy")
    thread.start()
    try:
        yield f"ws://127.0.0.1:{server.getsockname()[1]}"
    finally:
        stop.set()
        thread.join()
        server.close()
