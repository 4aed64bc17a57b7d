"""Guardians that run at this moment, found in the system's list of processes. Linux only."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

PATIENCE_S = 30.0
"""For what takes milliseconds: on a busy machine more."""
LOOK_S = 0.02


def guardians_of(device: str) -> list[int]:
    """Return the process ids of the guardians of a wheel."""
    wanted = f"ac_bridge.guardian\0standin\0{device}\0".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:  # it ended while we looked
            continue
    return found


def eventually(condition: Callable[[], bool]) -> bool:
    """Wait until a condition holds, with patience; return whether it does."""
    for _ in range(int(PATIENCE_S / LOOK_S)):
        if condition():
            return True
        threading.Event().wait(LOOK_S)
    return condition()
