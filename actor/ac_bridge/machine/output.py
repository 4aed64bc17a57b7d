"""Files that a command was told to write."""

from __future__ import annotations

from pathlib import Path

from ac_bridge_protocol.errors import SettingError


def write_text(output: Path, text: str) -> None:
    """Write a file, in place of one that is there.

    Raises:
        SettingError: it cannot be written there.
    """
    try:
        output.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise SettingError(
            f"{output} cannot be written: {error.strerror or error}.",
            setting="output",
            hint="Name a file in a folder that is there and may be written to.",
        ) from error
