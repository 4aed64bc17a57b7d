"""Files that a command was told to write."""

from __future__ import annotations

import contextlib
from pathlib import Path

from ac_bridge_protocol.errors import SettingError


def write_text(output: Path, text: str) -> None:
    """Write a file, in place of one that is there; or leave none, where it was not finished.

    Raises:
        SettingError: it cannot be written there.
    """
    write_bytes(output, text.encode())


def write_bytes(output: Path, data: bytes) -> None:
    """Write a file, in place of one that is there; or leave none, where it was not finished.

    Raises:
        SettingError: it cannot be written there.
    """
    try:
        stream = output.open("wb")
    except OSError as error:
        hint = "Name a file in a folder that is there and may be written to."
        raise _unwritable(output, error, hint) from error
    try:
        with stream:
            stream.write(data)
    except OSError as error:
        if output.is_file():
            with contextlib.suppress(OSError):
                output.unlink()
        hint = "Is there room on the disk? What there was of it is removed."
        raise _unwritable(output, error, hint) from error


def _unwritable(output: Path, error: OSError, hint: str) -> SettingError:
    why = error.strerror or error
    return SettingError(f"{output} cannot be written: {why}.", setting="output", hint=hint)
