"""A bell: wakes a thread that waits for a socket."""

from __future__ import annotations

import contextlib
import socket

from ac_bridge_protocol.helpers import Closing

RINGS = 4096
"""Bytes taken from the bell at once; each ring is one."""


class Bell(Closing):
    """Wakes whoever waits until `socket` can be read.

    Attributes:
        socket: can be read once the bell was rung.
    """

    def __init__(self) -> None:
        self.socket, self._rope = socket.socketpair()
        self.socket.setblocking(False)
        self._rope.setblocking(False)

    def ring(self) -> None:
        """Wake it, now or when it begins to wait. From any thread; also when it was closed."""
        with contextlib.suppress(OSError):  # full: rung often enough
            self._rope.send(b"!")

    def silence(self) -> None:
        """Have it ring no more."""
        with contextlib.suppress(BlockingIOError):
            self.socket.recv(RINGS)

    def close(self) -> None:
        """Let go of it. May be called twice."""
        self.socket.close()
        self._rope.close()
