"""Files that a command was told to write."""

from __future__ import annotations

import errno
import io
from pathlib import Path

import pytest

from ac_bridge.machine.output import write_text
from ac_bridge_protocol.errors import SettingError


def test_in_place_of_one_that_is_there(tmp_path: Path) -> None:
    """As UTF-8, with the same line ends everywhere."""
    output = tmp_path / "page.html"
    output.write_text("older, and longer")
    write_text(output, "\u00b0\n")
    assert output.read_bytes() == b"\xc2\xb0\n"


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """Says what to name instead."""
    with pytest.raises(SettingError, match="cannot be written") as caught:
        write_text(tmp_path / "no" / "page.html", "")
    assert "Name a file in a folder" in caught.value.hint


def test_a_full_disk_keeps_no_half_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a page would open, and be empty."""

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    class Full(io.RawIOBase):
        write = full  # type: ignore[assignment]

    opened = Path.open

    def open_full(path: Path, *arguments: object, **options: object) -> object:
        stream = opened(path, *arguments, **options)  # type: ignore[call-overload]
        assert isinstance(stream, io.BufferedWriter)
        stream.close()
        return Full()

    monkeypatch.setattr(Path, "open", open_full)
    output = tmp_path / "page.html"
    with pytest.raises(SettingError, match="No space left") as caught:
        write_text(output, "a page")
    assert "room" in caught.value.hint
    assert not output.exists()
