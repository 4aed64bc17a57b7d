"""Listening: every connection that is made gets a place at the gate, and a door. A thin shell.

Accepted here, not by `create_server`: with TLS that counts a connection only once its handshake is
over, and whoever never ends it would be counted nowhere.
"""

from __future__ import annotations

import asyncio
import errno
import socket

import structlog

from ac_bridge.net.addresses import customer_of
from ac_bridge.net.door import Door, House, Place
from ac_bridge.net.rate import Bucket, Pace
from ac_bridge.net.tls import ServerTls
from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.helpers import GrowingWaits
from ac_bridge_protocol.limits import HANDSHAKE_TIMEOUT_S

log = structlog.get_logger()

BACKLOG = 128
"""Connections that the kernel makes before they are accepted here."""

COMPLAINTS_PACE = Pace(per_s=1.0 / 60.0, burst=1)
"""Lines about having no file left: one a minute."""

NO_FILES_S = 0.2
"""How long to wait when the system has no file left for a connection, in seconds."""

HANDSHAKES = 4
"""TLS handshakes of one address that a program with ticks works on at once: each takes a
millisecond or two, all of it when the client chooses, so a crowd that does it together holds up
everything else for as many."""

HANDSHAKE_REST_S = 0.02
"""How long a handshake's turn lasts beyond its end, in seconds: who connects over and over gets two
hundred in a second at the most, a fifth of the time that there is."""

FIRST_LOOK_S, LONGEST_LOOK_S = 0.001, 0.1
"""From one look whether a client has said something to the next, growing, in seconds."""

_NO_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Listening:
    """Sockets that are listened on, until `close`.

    Args:
        house: what is behind the doors.
        sockets: bound, and listening.
        tls: who we are; None for connections that are not encrypted.
        handshakes: of one address at once; None for as many as there are.
    """

    def __init__(
        self,
        house: House,
        sockets: list[socket.socket],
        tls: ServerTls | None,
        handshakes: int | None = None,
    ) -> None:
        self._house = house
        self._sockets = sockets
        self._tls = tls
        self._lines = _Lines(handshakes) if tls is not None and handshakes else None
        self._complaints = Bucket(COMPLAINTS_PACE, house.clock.now())
        self._doors: set[asyncio.Task[None]] = set()
        self._accepting = [asyncio.create_task(self._accept(one), name="door") for one in sockets]
        for task in self._accepting:
            task.add_done_callback(_tell_end)

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
                    self._tell_no_room(error)
                    await asyncio.sleep(NO_FILES_S)
                continue  # else it was gone before it was accepted
            try:
                await self._house.turns.wait()
            except BaseException:
                accepted.close()
                raise
            place = self._place_for(accepted, str(address[0]))
            if place is not None:
                task = asyncio.create_task(self._open(accepted, place))
                self._doors.add(task)
                task.add_done_callback(self._doors.discard)

    def _tell_no_room(self, error: OSError) -> None:
        """Log, once in a while, that the system gives us no more connections."""
        if self._complaints.take(self._house.clock.now()):
            log.warning(
                "no room for connections",
                reason=str(error),
                hint="Raise the limit of open files (ulimit -n, or LimitNOFILE of the unit).",
            )

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
        lines = self._lines
        if lines is not None:
            try:
                await _first_byte(accepted)
                await lines.enter(place.address)
            except BaseException as error:
                accepted.close()
                place.leave()
                if isinstance(error, OSError):
                    return
                raise
        try:
            await self._connect(accepted, place)
        finally:
            if lines is not None:
                lines.leave(place.address)

    async def _connect(self, accepted: socket.socket, place: Place) -> None:
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


async def _first_byte(accepted: socket.socket) -> None:
    """Wait until a client says something: who is silent must not stand in line before others.

    Raises:
        OSError: it hung up, or took too long (a `TimeoutError` is one).
    """
    waits = GrowingWaits(FIRST_LOOK_S, LONGEST_LOOK_S)
    async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
        while True:
            try:
                said = accepted.recv(1, socket.MSG_PEEK)
                break
            except BlockingIOError:
                await asyncio.sleep(waits.next_s())
    if not said:
        raise ConnectionAbortedError


class _Lines:
    """Whoever wants a TLS handshake stands in line behind the others of its address.

    Args:
        most: handshakes of one address at once.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lines: dict[str, tuple[asyncio.Semaphore, int]] = {}

    async def enter(self, address: str) -> None:
        """Wait for a turn.

        Raises:
            TimeoutError: for too long.
        """
        customer = customer_of(address)
        line, count = self._lines.get(customer) or (asyncio.Semaphore(self._most), 0)
        self._lines[customer] = line, count + 1
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
                await line.acquire()
        except BaseException:
            self._forget(customer)
            raise

    def leave(self, address: str) -> None:
        """The handshake is over; the next one may begin after a rest."""
        asyncio.get_running_loop().call_later(HANDSHAKE_REST_S, self._left, customer_of(address))

    def _left(self, customer: str) -> None:
        self._lines[customer][0].release()
        self._forget(customer)

    def _forget(self, customer: str) -> None:
        line, count = self._lines.pop(customer)
        if count > 1:
            self._lines[customer] = line, count - 1


def _tell_end(accepting: asyncio.Task[None]) -> None:
    """Log what ended the accepting of connections: nobody waits for that task."""
    if not accepting.cancelled() and (error := accepting.exception()) is not None:
        log.error("connections are no longer accepted", exc_info=error)


async def listen(
    house: House,
    host: str,
    port: int,
    tls: ServerTls | None = None,
    handshakes: int | None = None,
) -> Listening:
    """Listen on every address that a name stands for; port 0 takes one that is free.

    Args:
        house: what is behind the doors.
        host: the name, or an address.
        port: the port.
        tls: who we are; None for connections that are not encrypted.
        handshakes: of TLS, of one address at once; None for as many as there are.

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
    return Listening(house, sockets, tls, handshakes)
