"""An actor as a process of its own, for commands that need one."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence

from ac_bridge.cli.actor import READY
from ac_bridge_protocol.errors import ConnectError

PREFIX = "AC_BRIDGE_"
"""Of the variables that are settings."""

READY_TIMEOUT_S = 30.0
"""Importing everything and opening a game takes a second or two; on a busy machine more."""
STOP_TIMEOUT_S = 5.0
"""An actor says good-bye within a second."""


@contextlib.contextmanager
def actor_process(*options: str) -> Iterator[str]:
    """Start `ac-bridge actor` on a free loopback port and give its address; stop it afterwards.

    Args:
        options: more options for the actor.

    Raises:
        ConnectError: it did not come up; carries what it said.
    """
    command = [sys.executable, "-m", "ac_bridge.cli", "actor", "--listen", "127.0.0.1:0", *options]
    process = subprocess.Popen(  # noqa: S603 -- our own interpreter and module
        [*command, "--with-parent"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What is asked for here decides alone: no variable, and no file of the working directory.
        env={name: value for name, value in os.environ.items() if not name.startswith(PREFIX)},
        cwd=sys.prefix,
    )
    watchdog = threading.Timer(READY_TIMEOUT_S, process.kill)
    watchdog.start()
    try:
        assert process.stdout is not None  # noqa: S101 -- asked for above
        line = process.stdout.readline()
        watchdog.cancel()
        if not line.startswith(READY):
            raise _not_ready(process, command)
        # Its log must go somewhere, or a full pipe would stop it.
        drain = threading.Thread(target=_drain, args=(process,), daemon=True)
        drain.start()
        yield line.removeprefix(READY).strip()
    finally:
        watchdog.cancel()
        _stop(process)


def _drain(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None  # noqa: S101 -- asked for above
    with contextlib.suppress(ValueError):  # closed while reading: the process was stopped
        for _ in process.stderr:
            pass


def _not_ready(process: subprocess.Popen[str], command: Sequence[str]) -> ConnectError:
    process.kill()
    _, said = process.communicate()
    last = said.strip().splitlines()[-1] if said.strip() else "it said nothing"
    return ConnectError(
        f"The actor did not come up within {READY_TIMEOUT_S:g} s: {last}",
        uri="",
        hint=f"Run it by hand to see more: {' '.join(command[3:])}",
    )


def _stop(process: subprocess.Popen[str]) -> None:
    """Close its input, which ends it in good order on every system; Windows has no gentle kill."""
    assert process.stdin is not None  # noqa: S101 -- asked for above
    process.stdin.close()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()
