"""A home's network: two namespaces joined by a pair of virtual interfaces, on which to multicast.

Nothing that is said there leaves it. Needs Linux and root.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

GAMING_PC = "10.78.0.1"
LEARNER = "10.78.0.2"

_numbers = itertools.count()


@contextlib.contextmanager
def home_network() -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Make one; give what to put before a command that runs on the gaming PC, or the learner.

    Skips the test where this user or system cannot have one.
    """
    program = shutil.which("ip")
    if sys.platform != "linux" or program is None or os.geteuid() != 0:
        pytest.skip("network namespaces need Linux, its `ip` command and root")
    number = next(_numbers)
    names = [f"acbh{os.getpid()}_{number}{end}" for end in "ab"]
    try:
        for name in names:
            _ip(program, "netns", "add", name)
        _ip(program, "-n", names[0], "link", "add", "home0", "type", "veth", "peer", "name",
            "home1", "netns", names[1])  # fmt: skip
        for name, interface, address in zip(
            names, ("home0", "home1"), (GAMING_PC, LEARNER), strict=True
        ):
            _ip(program, "-n", name, "link", "set", "lo", "up")
            _ip(program, "-n", name, "addr", "add", f"{address}/24", "dev", interface)
            _ip(program, "-n", name, "link", "set", interface, "up")
        within = [(program, "netns", "exec", name) for name in names]
        yield within[0], within[1]
    finally:
        for name in names:
            subprocess.run([program, "netns", "del", name], check=False, capture_output=True)


def _ip(program: str, *arguments: str) -> None:
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no network namespace here: {done.stderr.strip()}")
