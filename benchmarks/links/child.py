"""A process of ours that ends when its standard input does, however its master ended."""

from __future__ import annotations

import contextlib
import subprocess
from typing import Self


class Child:
    """The master's side of such a process. A context manager: it ends the process.

    Attributes:
        process: itself, with pipes for its standard input and output.
    """

    process: subprocess.Popen[bytes]
    stop_timeout_s: float
    """How long it may take to end by itself, in seconds."""

    def kill(self) -> None:
        """End it without a chance to tidy up."""
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        """End it in good order, and by force if that is not enough. May be called twice."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(self.stop_timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
        self.process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
