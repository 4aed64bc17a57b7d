"""The proxy itself: two pumps a connection, and somebody with scissors.

Run by `links.proxy.ProxyLink`, with one argument of JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import sys
import threading
from collections import Counter
from typing import Any

from ac_bridge.clock import SystemClock
from links.conversation import OTHER, Conversation, Direction, Place, Units, message_in, torn
from links.cuts import CutPlan, Cutter, Fate
from links.quality import LinkQuality, Way
from links.servant import orders, say

RETRANSMISSION_S = 0.2
"""What TCP waits at least before it sends a lost segment again."""
WAITING_UNITS = 1000
"""Messages that may be on their way in one direction of a connection."""
AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER that makes closing a reset."""


class Proxy:
    """Everything that the connections share.

    Args:
        order: what `ProxyLink` wrote.
    """

    def __init__(self, order: dict[str, Any]) -> None:
        self.clock = SystemClock()
        self.target: tuple[str, int] = (order["target"][0], order["target"][1])
        self.cutter = Cutter(CutPlan(**order["cuts"]), order["seed"])
        self.conversation = Conversation()
        self.requests = Direction(order["requests"])
        self.counts = Counter(connections=0, cuts=0, abrupt=0)
        self.counts.update({place.value: 0 for place in Place})
        quality = LinkQuality(**order["quality"])
        self.ways = {way: Way(quality, order["seed"], way) for way in Direction}
        self.open: set[Joined] = set()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Join a connection with a new one to the target until either ends."""
        self.counts["connections"] += 1
        try:
            there = await asyncio.open_connection(*self.target)
        except OSError:  # nobody listens there: nobody listens here either
            writer.transport.abort()
            return
        joined = Joined(self, (reader, writer), there)
        self.open.add(joined)
        try:
            await joined.run(self.cutter.next())
        finally:
            self.open.discard(joined)

    def obey(self, order: dict[str, Any]) -> None:
        """Do what the master says, and answer with the counts."""
        if order.get("cut"):
            for joined in list(self.open):
                joined.cut(abrupt=True)
        say(**self.counts)


class Joined:
    """One connection through the proxy.

    Args:
        proxy: to which it belongs.
        learner: the side that connected.
        actor: the side that was connected to.
    """

    def __init__(
        self,
        proxy: Proxy,
        learner: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        actor: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self._proxy = proxy
        self._from = {Direction.UP: learner[0], Direction.DOWN: actor[0]}
        self._to = {Direction.UP: actor[1], Direction.DOWN: learner[1]}
        self._over = asyncio.Event()
        self._welcomed = False
        self._units = 0
        self._fate: Fate | None = None
        for writer in self._to.values():
            _socket_of(writer).setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def run(self, fate: Fate | None) -> None:
        """Pass on what comes in, until either side ends or fate comes."""
        self._fate = fate
        tasks = [asyncio.create_task(self._pump(way)) for way in Direction]
        if fate is not None and fate.after_s is not None:
            tasks.append(asyncio.create_task(self._cut_after(fate.after_s, fate.abrupt)))
        await self._over.wait()
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        for writer in self._to.values():
            writer.close()
        for error in ended:
            if isinstance(error, Exception):
                raise error

    def cut(self, *, abrupt: bool) -> None:
        """End both connections, and count what that hit."""
        if self._over.is_set():
            return
        proxy = self._proxy
        place = proxy.conversation.place() if self._welcomed else Place.OPENING
        proxy.cutter.left -= 1
        proxy.counts.update(["cuts", place.value, *(["abrupt"] if abrupt else [])])
        self._over.set()
        if abrupt:
            for writer in self._to.values():
                _socket_of(writer).setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
                writer.transport.abort()

    async def _cut_after(self, seconds: float, abrupt: bool) -> None:
        await self._proxy.clock.wait_until(self._proxy.clock.now() + seconds)
        self.cut(abrupt=abrupt)

    async def _pump(self, way: Direction) -> None:
        """Read one side and write to the other, each message when it is due."""
        queue: asyncio.Queue[tuple[float, bytes] | None] = asyncio.Queue(WAITING_UNITS)
        reading = asyncio.create_task(self._read(way, queue))
        try:
            while (item := await queue.get()) is not None:
                due_s, unit = item
                await self._proxy.clock.wait_until(due_s)
                self._pass_on(way, unit)
                await self._to[way].drain()
        except OSError:  # the other side is gone, which ends both
            pass
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            self._over.set()

    async def _read(self, way: Direction, queue: asyncio.Queue[tuple[float, bytes] | None]) -> None:
        units = Units()
        with contextlib.suppress(OSError):  # reset by its side: the end, as any other
            while data := await self._from[way].read(1 << 16):
                for unit in units.feed(data):
                    if way is self._proxy.requests:
                        self._proxy.conversation.asks(message_in(unit))
                    await queue.put((self._arrival_s(way), unit))
        await queue.put(None)

    def _arrival_s(self, way: Direction) -> float:
        now_s = self._proxy.clock.now()
        arrival_s = self._proxy.ways[way].arrival_s(now_s)
        if arrival_s is None:
            arrival_s = now_s + RETRANSMISSION_S + self._proxy.ways[way].quality.delay_s
        return arrival_s

    def _pass_on(self, way: Direction, unit: bytes) -> None:
        """Write a message, or as much of it as fate allows."""
        fate, number = self._fate, self._units
        self._units += 1
        hit = fate is not None and fate.at_unit is not None and number >= fate.at_unit
        share = fate.share if fate is not None and hit else 1.0
        passed = int(share * len(unit))
        self._to[way].write(unit[:passed])
        if 0 < passed < len(unit) and not self._over.is_set():
            self._proxy.counts.update([torn(way, message_in(unit).get("type", OTHER))])
        if share == 1.0:
            message = message_in(unit)
            self._welcomed = self._welcomed or message.get("type") == "welcome"
            self._proxy.conversation.passed(message)
        if fate is not None and hit:
            self.cut(abrupt=fate.abrupt)


def _socket_of(writer: asyncio.StreamWriter) -> socket.socket:
    found: socket.socket = writer.get_extra_info("socket")
    return found


async def serve(order: dict[str, Any]) -> None:
    """Accept connections until the master goes."""
    proxy = Proxy(order)
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()

    def listen_to_master() -> None:
        for line in orders():
            loop.call_soon_threadsafe(proxy.obey, line)
        with contextlib.suppress(RuntimeError):  # the loop has ended by itself
            loop.call_soon_threadsafe(stopping.set)

    server = await asyncio.start_server(proxy.accept, order["listen"], 0)
    say(port=server.sockets[0].getsockname()[1])
    threading.Thread(target=listen_to_master, name="orders", daemon=True).start()
    await stopping.wait()
    server.close()
    for joined in list(proxy.open):
        joined.cut(abrupt=True)


def main() -> None:
    """Serve."""
    asyncio.run(serve(json.loads(sys.argv[1])))


if __name__ == "__main__":
    main()
