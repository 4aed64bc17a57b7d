"""A program of ours in a process of its own, which obeys lines of JSON and answers each with one.

It ends when its standard input does, however its master ended.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from links.child import Child

BENCHMARKS = Path(__file__).parents[1]
"""Modules are run from here."""

START_TIMEOUT_S = 30.0
"""Importing takes a second or two, on a busy machine more."""


class ServantError(Exception):
    """A process did not do what it was asked to do."""


class Servant(Child):
    """The master's side of such a process. A context manager: it ends the process.

    Args:
        module: what to run, as ``python -m`` takes it.
        arguments: for it.
        within: a command that runs the rest of its line, such as ``ip netns exec NAME``.

    Attributes:
        first: what it said by itself, once it was ready.

    Raises:
        ServantError: it did not become ready.
    """

    stop_timeout_s = 10.0

    def __init__(self, module: str, *arguments: str, within: Sequence[str] = ()) -> None:
        self._module = module
        self._said = b""
        self.process = subprocess.Popen(
            [*within, sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=BENCHMARKS,
            bufsize=0,
            # Ctrl+C is for the master alone, which lets each of them tidy up.
            start_new_session=True,
        )
        try:
            self.first = self.answer(START_TIMEOUT_S)
        except BaseException:
            self.close()
            raise

    def ask(self, timeout_s: float = START_TIMEOUT_S, **command: Any) -> dict[str, Any]:
        """Say something and return what it answers.

        Raises:
            ServantError: no answer in time, or it has ended.
        """
        self.tell(**command)
        return self.answer(timeout_s)

    def tell(self, **command: Any) -> None:
        """Say something whose answer is fetched later.

        Raises:
            ServantError: it has ended.
        """
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(command).encode() + b"\n")
        except BrokenPipeError as error:
            raise ServantError(f"{self._module} has ended.") from error

    def answer(self, timeout_s: float = START_TIMEOUT_S) -> dict[str, Any]:
        """Return the next thing that it says.

        Raises:
            ServantError: nothing in time, or it has ended.
        """
        assert self.process.stdout is not None
        while b"\n" not in self._said:
            ready, _, _ = select.select([self.process.stdout], [], [], timeout_s)
            if not ready:
                raise ServantError(f"{self._module} said nothing for {timeout_s:g} s.")
            data = os.read(self.process.stdout.fileno(), 1 << 20)
            if not data:
                raise ServantError(f"{self._module} has ended.")
            self._said += data
        line, _, self._said = self._said.partition(b"\n")
        said: dict[str, Any] = json.loads(line)
        return said


# --- The servant's own side -----------------------------------------------------------------------


def say(**what: Any) -> None:
    """Tell the master something; once it is gone, nobody hears it."""
    try:
        sys.stdout.write(json.dumps(what) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())  # also for what is flushed at the end
        os.close(nowhere)


def orders() -> Iterator[dict[str, Any]]:
    """Yield what the master says, until it is gone."""
    for line in sys.stdin:
        yield json.loads(line)
