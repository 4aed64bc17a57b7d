"""What every command shares: errors that a tired person understands, and the log."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator

import structlog
from rich.console import Console
from rich.text import Text

from ac_bridge_protocol.errors import ACBridgeError, SettingError

EXIT_ERROR = 1
"""Something we can name went wrong."""
EXIT_INTERRUPTED = 130
"""Ctrl+C: what shells expect."""


@contextlib.contextmanager
def exit_on_error(setting_status: int = EXIT_ERROR) -> Iterator[None]:
    """Turn an error of ours into a sentence on stderr and exit status 1.

    Args:
        setting_status: the status for a setting that cannot be used, where it has to be told apart.
    """
    try:
        yield
    except ACBridgeError as error:
        stderr = Console(stderr=True)
        stderr.print(Text("error: ", style="bold red").append(error.message, style="default"))
        if error.hint:
            stderr.print(Text("  try: ", style="bold cyan").append(error.hint, style="default"))
        is_setting = isinstance(error, SettingError)
        raise SystemExit(setting_status if is_setting else EXIT_ERROR) from None
    except KeyboardInterrupt:
        raise SystemExit(EXIT_INTERRUPTED) from None


class _ToOurLog(logging.Handler):
    """Brings what is said in a standard log into ours."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().log(record.levelno, record.name, message=record.getMessage())


def configure_log(level: str) -> None:
    """Log to stderr, from ``level`` on; stdout belongs to the command's output.

    What programs without this log hear in the standard one, of a track's files, goes there too.
    """
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
    tracks = logging.getLogger("ac_bridge.track")
    tracks.handlers[:] = [_ToOurLog()]
    tracks.setLevel(level.upper())
