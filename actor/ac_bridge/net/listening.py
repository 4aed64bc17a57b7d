"""Listening: every connection that is made gets a place at the gate, and a door. A thin shell.

Accepted here, not by `create_server`: with TLS that counts a connection only once its handshake is
over, and whoever never ends it would be counted nowhere.
"""

from __future__ import annotations

import asyncio
import errno
import socket

import structlog

from ac_bridge.net.door import Door, House, Place
from ac_bridge.net.tls import ServerTls
from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.limits import HANDSHAKE_TIMEOUT_S

log = structlog.get_logger()

BACKLOG = 128
"""Connections that the kernel makes before they are accepted here."""

NO_FILES_S = 0.2
"""How long to wait when the system has no file left for a connection, in seconds."""

_NO_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Listening:
    """Sockets that are listened on, until `close`.

    Args:
        house: what is behind the doors.
        sockets: bound, and listening.
        tls: who we are; None for connections that are not encrypted.
    """

    def __init__(self, house: House, sockets: list[socket.socket], tls: ServerTls | None) -> None:
        self._house = house
        self._sockets = sockets
        self._tls = tls
        self._doors: set[asyncio.Task[None]] = set()
        self._accepting = [asyncio.create_task(self._accept(one), name="door") for one in sockets]

    @property
    def port(self) -> int:
        """That is listened on."""
        return int(self._sockets[0].getsockname()[1])

    def close(self) -> None:
        """Accept nobody any more. Connections that are open stay open."""
        for task in [*self._accepting, *self._doors]:
            task.cancel()
        for one in self._sockets:
            one.close()

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, address = await loop.sock_accept(listener)
            except OSError as error:
                if error.errno in _NO_FILES:
                    log.warning("no room for connections", reason=str(error))
                    await asyncio.sleep(NO_FILES_S)
                continue  # else it was gone before it was accepted
            await self._house.turns.wait()
            place = self._place_for(accepted, str(address[0]))
            if place is not None:
                task = asyncio.create_task(self._open(accepted, place))
                self._doors.add(task)
                task.add_done_callback(self._doors.discard)

    def _place_for(self, accepted: socket.socket, address: str) -> Place | None:
        """Return a place for a connection; without one it is closed: telling why takes one too."""
        gate = self._house.gate
        if not gate.arrive(address):
            accepted.close()
            return None
        try:
            accepted.setblocking(False)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:  # on some systems an option of what was reset already
            log.debug("no connection", peer=address, reason=str(error))
            accepted.close()
            gate.leave(address)
            return None
        return Place(gate, address)

    async def _open(self, accepted: socket.socket, place: Place) -> None:
        door = Door(self._house, place)
        tls = self._tls
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: door,
                accepted,
                ssl=tls.context if tls is not None else None,
                ssl_handshake_timeout=HANDSHAKE_TIMEOUT_S if tls is not None else None,
            )
        except OSError as error:  # TLS that went wrong is one too
            log.debug("no connection", peer=place.address, reason=str(error))
            place.leave()
        except BaseException:
            accepted.close()
            place.leave()
            raise


async def listen(house: House, host: str, port: int, tls: ServerTls | None = None) -> Listening:
    """Listen on every address that a name stands for; port 0 takes one that is free.

    Raises:
        SettingError: it cannot be listened on.
    """
    sockets: list[socket.socket] = []
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        for family, _, _, _, address in dict.fromkeys(found):
            taken = int(sockets[0].getsockname()[1]) if sockets and not port else address[1]
            one = socket.create_server((address[0], taken), family=family, backlog=BACKLOG)
            one.setblocking(False)
            sockets.append(one)
    except OSError as error:
        for one in sockets:
            one.close()
        raise SettingError(
            f"Cannot listen on {host}:{port}: {error.strerror or error}.",
            setting="listen",
            hint="Does another program listen there? Choose another port, or 0 for a free one.",
        ) from error
    return Listening(house, sockets, tls)
