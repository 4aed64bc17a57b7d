"""The network between two namespaces: packets from one TUN device to the other, late or never.

Run by `links.tun.TunLink`, with one argument of JSON. One thread, one `select`: packets that came
in wait in a heap until they are due; the wait ends at the first one's moment.
"""

from __future__ import annotations

import contextlib
import fcntl
import heapq
import itertools
import json
import os
import select
import shutil
import signal
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from ac_bridge.clock import SystemClock
from links.quality import LinkQuality, Way
from links.servant import say

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
DEVICE = "acb0"
"""The device's name in its namespace, where it is the only one."""
PACKET_BYTES = 1 << 16
IPV4 = 4
LONGEST_WAIT_S = 1.0


class Network:
    """Two devices and what is on its way between them.

    Args:
        devices: the file descriptors of both.
        quality: of both directions.
        seed: of the draws.
    """

    def __init__(self, devices: Sequence[int], quality: LinkQuality, seed: int) -> None:
        self._other = dict(zip(devices, reversed(devices), strict=True))
        self._ways = {fd: Way(quality, seed, f"{n}") for n, fd in enumerate(devices)}
        self._clock = SystemClock()
        self._order = itertools.count()
        self._waiting: list[tuple[float, int, int, bytes]] = []
        self._cut = False
        self._counts = Counter(passed=0, lost=0, cut=0, refused=0)

    def run(self, orders: int) -> None:
        """Pass packets on until ``orders``, a file descriptor of JSON lines, ends."""
        text = b""
        while True:
            for fd in self._wait(orders):
                if fd != orders:
                    self._take_in(fd)
                    continue
                data = os.read(orders, 4096)
                if not data:
                    return
                *lines, text = (text + data).split(b"\n")
                for line in lines:
                    self._obey(json.loads(line))

    def _wait(self, orders: int) -> list[int]:
        """Pass on what is due; return what can be read."""
        self._pass_on()
        wait_s = LONGEST_WAIT_S
        if self._waiting:
            wait_s = min(wait_s, max(0.0, self._waiting[0][0] - self._clock.now()))
        return select.select([*self._other, orders], [], [], wait_s)[0]

    def _take_in(self, fd: int) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                packet = os.read(fd, PACKET_BYTES)
                if packet[0] >> 4 != IPV4:
                    continue  # the kernel's own talk about a protocol that nobody uses here
                arrival_s = self._ways[fd].arrival_s(self._clock.now())
                if self._cut:
                    self._counts["cut"] += 1
                elif arrival_s is None:
                    self._counts["lost"] += 1
                else:
                    heapq.heappush(
                        self._waiting, (arrival_s, next(self._order), self._other[fd], packet)
                    )

    def _pass_on(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._clock.now():
            *_, fd, packet = heapq.heappop(self._waiting)
            try:
                os.write(fd, packet)
                self._counts["passed"] += 1
            except OSError:  # its queue is full: a network drops such packets too
                self._counts["refused"] += 1

    def _obey(self, order: dict[str, Any]) -> None:
        if "quality" in order:
            for way in self._ways.values():
                way.quality = LinkQuality(**order["quality"])
        if "cut" in order:
            self._cut = order["cut"]
            if self._cut:
                self._counts["cut"] += len(self._waiting)
                self._waiting.clear()
        say(**self._counts, waiting=len(self._waiting))


def ip(*arguments: str) -> None:
    """Run the `ip` command.

    Raises:
        OSError: it failed; says why.
    """
    done = subprocess.run(
        [shutil.which("ip") or "ip", *arguments], check=False, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise OSError(f"`ip {' '.join(arguments)}`: {done.stderr.strip()}")


@contextlib.contextmanager
def namespace(name: str) -> Iterator[None]:
    """Make a network namespace, and remove it."""
    ip("netns", "add", name)
    try:
        ip("-n", name, "link", "set", "lo", "up")
        yield
    finally:
        ip("netns", "del", name)


@contextlib.contextmanager
def device(name: str, address: str, peer: str) -> Iterator[int]:
    """Make a TUN device in a namespace; give its file descriptor."""
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    try:
        # Made here, under a name that the kernel completes, and moved: the descriptor stays good.
        made = fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", b"acb%d", IFF_TUN | IFF_NO_PI))
        here = made[:16].rstrip(b"\0").decode()
        ip("link", "set", here, "netns", name, "name", DEVICE)
        ip("-n", name, "addr", "add", address, "peer", peer, "dev", DEVICE)
        ip("-n", name, "link", "set", DEVICE, "up", "txqueuelen", "1000")
        yield fd
    finally:
        os.close(fd)


def main() -> None:
    """Build the network, run it until the master goes, and remove it."""
    order = json.loads(sys.argv[1])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # through every `finally`
    (name_a, name_b), (address_a, address_b) = order["names"], order["addresses"]
    with contextlib.ExitStack() as stack:
        try:
            for name in (name_a, name_b):
                stack.enter_context(namespace(name))
            devices = [
                stack.enter_context(device(name_a, address_a, address_b)),
                stack.enter_context(device(name_b, address_b, address_a)),
            ]
            # `ip netns exec` asks for a right of its own: find out now.
            ip("netns", "exec", name_a, "true")
        except OSError as error:
            say(error=f"{error}")
            return
        say(ready=True)
        Network(devices, LinkQuality(**order["quality"]), order["seed"]).run(sys.stdin.fileno())


if __name__ == "__main__":
    main()
