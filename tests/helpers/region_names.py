"""Names for tests that create shared memory, and an end to what ended test runs left of it."""

from __future__ import annotations

import functools
import itertools
import os
import re
from pathlib import Path

FOLDER = Path("/dev/shm")  # noqa: S108 -- where shared memory is, not a temporary file
_OURS = re.compile(r"ac_bridge_test_r(\d+)_")
_numbers = itertools.count()


def new_name() -> str:
    """Return a name that nothing else has, which tells whose it is; good as a prefix too."""
    _sweep()
    return f"ac_bridge_test_r{os.getpid()}_{next(_numbers)}_"


def remove_all(prefix: str) -> None:
    """Remove the files of a game that was ended by force. Windows does it by itself."""
    for path in FOLDER.glob(prefix + "*"):
        path.unlink(missing_ok=True)


@functools.cache
def _sweep() -> None:
    """Remove, once a run, the files of runs that were ended before they could."""
    for path in FOLDER.glob("ac_bridge_test_r*"):
        owner = _OURS.match(path.name)
        if owner is not None and not Path("/proc", owner[1]).exists():
            path.unlink(missing_ok=True)
