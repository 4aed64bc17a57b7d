"""Files that a command was told to write."""

from __future__ import annotations

import contextlib
import errno
from pathlib import Path

from ac_bridge_protocol.errors import SettingError


def write_text(output: Path, text: str) -> None:
    """Write a file, in place of one that is there; or leave none, where it does not fit.

    Raises:
        SettingError: it cannot be written there.
    """
    hint = "Name a file in a folder that is there and may be written to."
    try:
        with output.open("w", encoding="utf-8", newline="\n") as stream:
            hint = "Is there room on the disk? What there was of it is removed."
            stream.write(text)
    except OSError as error:
        if error.errno == errno.ENOSPC and output.is_file():
            with contextlib.suppress(OSError):
                output.unlink()
        raise SettingError(
            f"{output} cannot be written: {error.strerror or error}.", setting="output", hint=hint
        ) from error
