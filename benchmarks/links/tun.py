"""Two network namespaces joined by a bad network: this side starts it and gives it orders.

The network itself is `links.tun_process`: a pair of TUN devices whose packets that process passes
on late, or not at all. So TCP meets real loss and real reordering, without any help of the kernel's
packet scheduler.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

from links.quality import LinkQuality
from links.servant import Servant, ServantError

PERFECT = LinkQuality()
NAMED = Path("/run/netns")
"""Where `ip netns` keeps its names."""
_OURS = re.compile(r"acb(\d+)_\w+")
_numbers = itertools.count()


class RightsMissingError(Exception):
    """This user or system cannot have network namespaces and TUN devices. Says what is missing."""


class TunLink:
    """A bad network between two namespaces of its own, for as long as the context lasts.

        with TunLink(LinkQuality(delay_s=0.02), seed=1) as link:
            subprocess.run([*link.within_a, "ping", "-c", "3", link.address_b])
            link.cut()

    Args:
        quality: of the network.
        seed: of its draws.

    Attributes:
        within_a: put before a command, runs it in the first namespace.
        within_b: the same for the second.
        address_a: of the first namespace, as the second sees it.
        address_b: the other way round.

    Raises:
        RightsMissingError: the system or this user's rights do not allow it.
    """

    address_a = "10.77.0.1"
    address_b = "10.77.0.2"

    def __init__(self, quality: LinkQuality = PERFECT, *, seed: int = 0) -> None:
        program = shutil.which("ip")
        if sys.platform != "linux" or program is None:
            raise RightsMissingError("network namespaces need Linux and its `ip` command")
        self._ip = program
        sweep(program)
        number = next(_numbers)
        self._names = tuple(f"acb{os.getpid()}_{number}{end}" for end in "ab")
        self.within_a, self.within_b = ((program, "netns", "exec", name) for name in self._names)
        order = {"names": self._names, "addresses": (self.address_a, self.address_b), "seed": seed}
        order["quality"] = dataclasses.asdict(quality)
        try:
            self._servant = Servant("links.tun_process", json.dumps(order))
        except ServantError as error:
            self._forget_names()
            raise RightsMissingError(f"the network did not come up: {error}") from error
        if "error" in self._servant.first:
            self.close()
            raise RightsMissingError(self._servant.first["error"])

    def cut(self) -> None:
        """Let nothing through from now on, nor what is on its way. Nobody is told."""
        self._servant.ask(cut=True)

    def mend(self) -> None:
        """Let packets through again."""
        self._servant.ask(cut=False)

    def become(self, quality: LinkQuality) -> None:
        """Be as good or bad as this from the next packet on."""
        self._servant.ask(quality=dataclasses.asdict(quality))

    def counts(self) -> dict[str, int]:
        """Return how many packets were passed on, lost, cut, refused, and how many wait."""
        return self._servant.ask()

    def close(self) -> None:
        """End the network; its namespaces go with it. May be called twice."""
        self._servant.close()
        self._forget_names()

    def _forget_names(self) -> None:
        """Remove what is left if the process was ended by force."""
        for name in self._names:
            if (NAMED / name).exists():
                _ip(self._ip, "netns", "del", name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def sweep(program: str) -> None:
    """Remove the namespaces of runs that were ended before they could."""
    with contextlib.suppress(FileNotFoundError):  # no namespace was ever made here
        for path in NAMED.iterdir():
            owner = _OURS.fullmatch(path.name)
            if owner is not None and not Path("/proc", owner[1]).exists():
                _ip(program, "netns", "del", path.name)


def _ip(program: str, *arguments: str) -> Any:
    return subprocess.run([program, *arguments], check=False, capture_output=True)
