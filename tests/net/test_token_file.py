"""The file of tokens: read, watched, and added to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ac_bridge.net.token_file import FILE_BYTES, TokenKeeper, add_token
from ac_bridge.net.tokens import Grant, TokenBook
from ac_bridge_protocol.errors import SettingError

ONE, TWO, THREE = ("1" * 40, "2" * 40, "3" * 40)

posix = pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with one token, for its owner alone."""
    path = tmp_path / "tokens.txt"
    add_token(path, ONE, Grant.DRIVER)
    return path


def test_without_a_file() -> None:
    """The fixed tokens are all there are, for good."""
    keeper = TokenKeeper(None, TokenBook.of(driver=ONE))
    assert keeper.book.grants(ONE)
    assert not keeper.refresh()
    assert not TokenKeeper(None).book


def test_the_file_and_the_fixed_ones(path: Path) -> None:
    """Both are good."""
    keeper = TokenKeeper(path, TokenBook.of(spectator=TWO))
    assert keeper.book.grants(ONE) == {Grant.DRIVER, Grant.SPECTATOR}
    assert keeper.book.grants(TWO) == {Grant.SPECTATOR}


def test_a_token_is_replaced_without_a_restart(path: Path) -> None:
    """Added, and later the old one taken out; the fixed one stays."""
    keeper = TokenKeeper(path, TokenBook.of(spectator=THREE))
    assert not keeper.refresh()
    add_token(path, TWO, Grant.DRIVER)
    assert keeper.refresh()
    assert keeper.book.grants(ONE)
    assert keeper.book.grants(TWO)
    path.write_text(f"driver {TWO}\n")
    assert keeper.refresh()
    assert not keeper.book.grants(ONE)
    assert keeper.book.grants(TWO)
    assert keeper.book.grants(THREE)
    assert not keeper.refresh()


def test_a_change_within_the_same_moment_is_seen(path: Path) -> None:
    """Of the same size, with the same times: what is compared is what it says."""
    keeper = TokenKeeper(path)
    was = path.stat()
    path.write_bytes(path.read_bytes().replace(ONE.encode(), TWO.encode()))
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert keeper.refresh()
    assert keeper.book.grants(TWO)


def test_a_new_comment_changes_nothing(path: Path) -> None:
    """Nobody needs to be told."""
    keeper = TokenKeeper(path)
    path.write_text(f"# another\ndriver {ONE}\n")
    assert not keeper.refresh()


@pytest.mark.parametrize("broken", [b"", b"# no token\n", b"driver short", b"\xff\xfe", None])
def test_a_broken_file_keeps_the_old_tokens(path: Path, broken: bytes | None) -> None:
    """It is logged once, nobody is let in or locked out, and the next good one is taken."""
    keeper = TokenKeeper(path)
    if broken is None:
        path.unlink()
    else:
        path.write_bytes(broken)
    with capture_logs() as logs:
        assert not keeper.refresh()
        assert not keeper.refresh()
    assert [entry["log_level"] for entry in logs] == ["warning"]
    assert keeper.book.grants(ONE)
    path.write_text(f"driver {TWO}\n")
    assert keeper.refresh()
    assert not keeper.book.grants(ONE)


def test_the_same_file_back_is_no_change(path: Path) -> None:
    """After a moment of being broken; the log says that it is taken again."""
    keeper = TokenKeeper(path)
    text = path.read_bytes()
    path.write_bytes(b"")
    with capture_logs() as logs:
        assert not keeper.refresh()
        path.write_bytes(text)
        assert not keeper.refresh()
    assert [entry["event"] for entry in logs] == ["token file not taken", "token file taken"]


def test_no_token_is_logged(path: Path) -> None:
    """Not of a broken file, and not of a good one."""
    keeper = TokenKeeper(path)
    with capture_logs() as logs:
        path.write_text(f"driver {TWO}\ndriver {THREE}!\n")
        keeper.refresh()
        path.write_text(f"driver {TWO}\n")
        keeper.refresh()
    assert len(logs) == 2
    assert not any(token in repr(logs) for token in (ONE, TWO, THREE))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (None, "cannot be read"),
        (b"", "holds no token"),
        (f"driver {ONE}".encode("utf-16"), "UTF-8"),
        (b"#" * (FILE_BYTES + 1), "larger than"),
        (b"owner x", "Line 1 of"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, data: bytes | None, says: str) -> None:
    """A server does not start with it; the error names the file and what to do."""
    path = tmp_path / "tokens.txt"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(SettingError, match=says) as caught:
        TokenKeeper(path)
    assert str(path) in caught.value.message
    assert caught.value.hint


def test_a_mark_of_utf8(path: Path) -> None:
    """Editors on Windows begin a file with one."""
    path.write_bytes(b"\xef\xbb\xbf" + f"driver {TWO}\r\n".encode())
    assert TokenKeeper(path).book.grants(TWO)


def test_adding_to_a_file_without_a_last_newline(path: Path) -> None:
    """The token gets a line of its own."""
    path.write_text(f"driver {ONE}")
    add_token(path, TWO, Grant.PARK, "my-pc")
    assert path.read_text() == f"driver {ONE}\npark:my-pc {TWO}\n"
    assert TokenKeeper(path).book.may_park(TWO, "my-pc")


def test_nothing_is_added_to_another_file(tmp_path: Path) -> None:
    """A file of something else stays as it is."""
    path = tmp_path / "notes.txt"
    path.write_text("buy milk\n")
    with pytest.raises(SettingError, match="Line 1"):
        add_token(path, ONE, Grant.DRIVER)
    assert path.read_text() == "buy milk\n"


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """Says what to check."""
    with pytest.raises(SettingError, match="cannot be written") as caught:
        add_token(tmp_path / "none" / "tokens.txt", ONE, Grant.DRIVER)
    assert "folder" in caught.value.hint


@posix
def test_a_file_that_others_can_read_is_warned_of(path: Path) -> None:
    """Once, and it is taken all the same; one that was made here is its owner's alone."""
    with capture_logs() as logs:
        TokenKeeper(path)
    assert not logs
    path.chmod(0o640)
    with capture_logs() as logs:
        keeper = TokenKeeper(path)
        keeper.refresh()
    assert [entry["log_level"] for entry in logs] == ["warning"]
    assert "chmod 600" in logs[0]["hint"]
    assert keeper.book.grants(ONE)
