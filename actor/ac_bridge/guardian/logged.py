"""`python -m ac_bridge.guardian.logged FILE [OPTION ...]`: an actor whose output goes to a file.

For a task at log-on, which has no window and nobody who reads: everything that the actor and its
guardian say is appended to the file, which is put aside when it has grown. Under systemd the
journal does this better. The options are those of `ac-bridge actor`.

One process writes the file, so that it can be put aside on Windows too, where a file that another
process has open cannot be renamed. However this process ends, the system closes the pipe that is
the actor's standard input, and the actor ends in good order with the wheel in neutral.
"""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import IO

from ac_bridge.guardian.restarts import shell_status
from ac_bridge.machine.endings import ending_signals

FILE_BYTES = 2 * 2**20
"""When a file is put aside: a few weeks of an actor that is let be, and quickly opened."""
OLD_FILES = 5
"""How many are kept beside the one that is written."""
EXIT_USAGE = 2


class PatientHandler(logging.handlers.RotatingFileHandler):
    """Puts the file aside only when it can be: Windows renames no file that somebody looks at."""

    def doRollover(self) -> None:  # noqa: N802 -- the parent's name
        """Put the file aside, or go on with it until whoever holds it open lets go."""
        if self.stream:
            self.stream.close()
        current = Path(self.baseFilename)
        trial = current.with_name(current.name + ".trial")
        try:
            # Before any older file is moved: else every line of a long look would shift them once.
            current.rename(trial)
            trial.rename(current)
        except PermissionError:
            self.stream = self._open()
        else:
            super().doRollover()


def main(arguments: Sequence[str]) -> int:
    """Run an actor until it ends, and return its exit status."""
    if not arguments or arguments[0].startswith("-"):
        sys.stderr.write("usage: python -m ac_bridge.guardian.logged FILE [OPTION ...]\n")
        return EXIT_USAGE
    file, *options = arguments
    with _opened(Path(file)) as log:
        return run([sys.executable, "-m", "ac_bridge.cli", "actor", *options, "--with-parent"], log)


def run(command: Sequence[str], log: logging.Logger) -> int:
    """Run a command that ends when its standard input is closed; log each line that it says."""
    log.info("---- starting: %s", subprocess.list2cmdline(command[1:]))
    process = subprocess.Popen(  # noqa: S603 -- our own interpreter and module
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="backslashreplace",
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
    )
    assert process.stdin is not None  # noqa: S101 -- asked for above
    assert process.stdout is not None  # noqa: S101
    with process, _closing_by_signal(process.stdin):
        for line in process.stdout:
            log.info("%s", line.rstrip())
    status = shell_status(process.returncode)
    log.info("---- ended with status %d", status)
    return status


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[logging.Logger]:
    file.parent.mkdir(parents=True, exist_ok=True)
    handler = PatientHandler(file, maxBytes=FILE_BYTES, backupCount=OLD_FILES, encoding="utf-8")
    log = logging.getLogger("ac-bridge-output")
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(handler)
    try:
        yield log
    finally:
        log.removeHandler(handler)
        handler.close()


@contextlib.contextmanager
def _closing_by_signal(stdin: IO[str]) -> Iterator[None]:
    def close(_number: int, _frame: FrameType | None) -> None:
        stdin.close()

    before = {number: signal.signal(number, close) for number in ending_signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
