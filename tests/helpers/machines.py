"""Machines joined by wires: network namespaces, and a pair of virtual interfaces for each wire.

What is sent there does not leave them, and no machine passes on anything for another: two without a
wire between them cannot reach each other. Needs Linux, its `ip` command, and root.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import shutil
import sys
from collections.abc import Iterator

from links import RightsMissingError
from links.tun import sweep

if sys.platform == "linux":
    from links.tun_process import ip, namespace

_numbers = itertools.count()


@dataclasses.dataclass(frozen=True)
class Wire:
    """Between two machines, with the address that each has at its end."""

    a: str
    address_a: str
    b: str
    address_b: str


@contextlib.contextmanager
def machines(*wires: Wire) -> Iterator[dict[str, tuple[str, ...]]]:
    """Make the machines at the ends of wires; give what to put before a command to run it there.

    Raises:
        RightsMissingError: this system or user cannot have them.
    """
    program = shutil.which("ip")
    if sys.platform != "linux" or program is None or os.geteuid() != 0:
        raise RightsMissingError("network namespaces need Linux, its `ip` command and root")
    sweep(program)
    number = next(_numbers)
    names = sorted({name for wire in wires for name in (wire.a, wire.b)})
    spaces = {name: f"acb{os.getpid()}_m{number}n{n}" for n, name in enumerate(names)}
    with contextlib.ExitStack() as stack:
        try:
            for space in spaces.values():
                stack.enter_context(namespace(space))
            for count, wire in enumerate(wires):
                _join(count, wire, spaces)
            # `ip netns exec` asks for a right of its own: find out now.
            ip("netns", "exec", spaces[names[0]], "true")
        except OSError as error:
            raise RightsMissingError(f"no network namespaces here: {error}") from error
        yield {name: (program, "netns", "exec", space) for name, space in spaces.items()}


def _join(count: int, wire: Wire, spaces: dict[str, str]) -> None:
    device = f"wire{count}"
    a, b = spaces[wire.a], spaces[wire.b]
    ip("-n", a, "link", "add", device, "type", "veth", "peer", "name", device, "netns", b)
    for space, address in ((a, wire.address_a), (b, wire.address_b)):
        ip("-n", space, "addr", "add", f"{address}/24", "dev", device)
        ip("-n", space, "link", "set", device, "up")
