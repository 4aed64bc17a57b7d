"""Records whose number says what they are, and a process that spools them, there to be killed.

Run as ``python -m helpers.spooling FILE SEED``: appends without end, and tells the last number as
soon as `append` has returned it. Now and then it acknowledges, and tells that as soon as it has.
Ends when its standard input does, should nobody kill it.
"""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from ac_bridge.edge.spool import Spool

TESTS = Path(__file__).parents[1]
MAX_BYTES = 1 << 30
PATIENCE_S = 60.0


def content(number: int) -> bytes:
    """Return what the record of a number is."""
    chance = random.Random(number)
    return chance.randbytes(chance.randint(1, 400))


@contextlib.contextmanager
def spooling(path: Path, seed: int) -> Iterator[subprocess.Popen[str]]:
    """Start a process that spools; kill it at the end, if it was not before."""
    process = subprocess.Popen(
        [sys.executable, "-m", "helpers.spooling", str(path), str(seed)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=TESTS,
    )
    watchdog = threading.Timer(PATIENCE_S, process.kill)
    watchdog.start()
    try:
        with process:
            try:
                yield process
            finally:
                process.kill()
    finally:
        watchdog.cancel()


def main() -> None:
    """Spool until the end."""
    chance = random.Random(int(sys.argv[2]))
    spool = Spool(Path(sys.argv[1]), max_bytes=MAX_BYTES)
    threading.Thread(target=_end_with_master, daemon=True).start()
    while True:
        stats = spool.stats()
        count = chance.choice((1, 3, 40, 256))
        last = spool.append([content(stats.last + 1 + more) for more in range(count)])
        _tell("appended", last)
        if chance.random() < 0.3:
            upto = chance.randint(stats.acknowledged, last)
            spool.acknowledge(upto)
            _tell("acknowledged", upto)


def _tell(what: str, number: int) -> None:
    sys.stdout.write(f"{what} {number}\n")
    sys.stdout.flush()


def _end_with_master() -> None:
    while sys.stdin.readline():
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
