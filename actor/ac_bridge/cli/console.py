"""What every command shares: errors that a tired person understands, and the log."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator

import structlog
from rich.console import Console
from rich.text import Text

from ac_bridge_protocol.errors import ACBridgeError

EXIT_ERROR = 1
"""Something we can name went wrong."""
EXIT_INTERRUPTED = 130
"""Ctrl+C: what shells expect."""


@contextlib.contextmanager
def exit_on_error() -> Iterator[None]:
    """Turn an error of ours into a sentence on stderr and exit status 1."""
    try:
        yield
    except ACBridgeError as error:
        stderr = Console(stderr=True)
        stderr.print(Text("error: ", style="bold red").append(error.message, style="default"))
        if error.hint:
            stderr.print(Text("  try: ", style="bold cyan").append(error.hint, style="default"))
        raise SystemExit(EXIT_ERROR) from None
    except KeyboardInterrupt:
        raise SystemExit(EXIT_INTERRUPTED) from None


def configure_log(level: str) -> None:
    """Log to stderr, from ``level`` on; stdout belongs to the command's output."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
