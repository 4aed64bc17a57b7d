"""A track's folders and files: names that lead elsewhere, any case, and what is no plain file."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ac_bridge.track import files
from ac_bridge.track.files import entry, is_plain, read_plain_file, track_folders
from ac_bridge_protocol.errors import TrackError
from helpers.track_files import write_track

HOSTILE = [
    *("", ".", "..", "...", ".. ", " ", "../spa", "..\\spa", "/etc", "\\\\host\\share", "C:"),
    *("C:\\Windows", "spa/../..", "spa\0", "spa\n", "a/b", "spa:stream", "*", "\ud800"),
    *("x" * 300, "~/../..", "\x7f"),
]


@pytest.fixture
def game(tmp_path: Path) -> Path:
    """Return a game's folder with two tracks."""
    write_track(tmp_path / "game", "Spa")
    write_track(tmp_path / "game", "magione", "Short")
    (tmp_path / "game" / "outside").mkdir()
    return tmp_path / "game"


def test_folders_of_a_track_and_of_a_layout(game: Path) -> None:
    """The layout has its own lines and data; what the menu says is by layout, too."""
    tracks = game / "content" / "tracks"
    plain, short = track_folders(game, "Spa", ""), track_folders(game, "magione", "Short")
    assert plain.line == tracks / "Spa" / "ai" / "fast_lane.ai"
    assert plain.ui == tracks / "Spa" / "ui"
    assert short.line == tracks / "magione" / "Short" / "ai" / "fast_lane.ai"
    assert short.data("side_l.csv") == tracks / "magione" / "Short" / "data" / "side_l.csv"
    assert short.ui == tracks / "magione" / "ui" / "Short"


def test_case_does_not_matter(tmp_path: Path) -> None:
    """In no part of the way; a name in the right case goes first."""
    line = tmp_path / "Content" / "TRACKS" / "Monza" / "GP" / "AI" / "Fast_Lane.AI"
    line.parent.mkdir(parents=True)
    line.touch()
    folders = track_folders(tmp_path, "mOnZa", "gp")
    assert folders.line.samefile(line)
    assert (folders.track, folders.layout) == ("Monza", "GP")
    (tmp_path / "content").mkdir(exist_ok=True)
    assert entry(tmp_path, "content").samefile(tmp_path / "content")
    assert entry(tmp_path, "none") == tmp_path / "none"


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
@pytest.mark.parametrize("layout", [False, True])
def test_hostile_names_lead_nowhere(game: Path, name: str, layout: bool) -> None:
    """Neither as a track nor as a layout; the error can be printed anywhere."""
    if layout and not name:
        return  # that is: no layout
    with pytest.raises(TrackError) as caught:
        track_folders(game, *(("magione", name) if layout else (name, "")))
    assert caught.value.reason == "not a name"
    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("track", "layout", "reason"),
    [("monza", "", "no such track"), ("Spa", "long", "no such layout"), ("o" * 255, "", "no such")],
)
def test_what_is_not_installed(game: Path, track: str, layout: str, reason: str) -> None:
    """The error says which folder was looked for, and what to look at."""
    with pytest.raises(TrackError, match=r"--game-dir DIR.*game_dir") as caught:
        track_folders(game, track, layout)
    assert caught.value.reason.startswith(reason)


@given(st.text(max_size=12))
def test_a_plain_name_is_directly_in_its_folder(name: str) -> None:
    """Whatever it is made of, on this system."""
    if is_plain(name):
        folder = Path("content/tracks")
        assert Path(os.path.normpath(folder / name)).parent == folder


def test_a_plain_file_is_read(tmp_path: Path) -> None:
    """Up to its limit, and none of it beyond."""
    file = tmp_path / "a"
    file.write_bytes(b"12345")
    assert read_plain_file(file, 5) == b"12345"
    with pytest.raises(TrackError, match="5 bytes, more than 4") as caught:
        read_plain_file(file, 4)
    assert (caught.value.file, caught.value.reason) == (str(file), "too large")


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    """A terabyte that takes no room on the disk."""
    file = tmp_path / "fast_lane.ai"
    file.touch()
    try:
        os.truncate(file, 2**40)
    except OSError:
        pytest.skip("this file system has no such files")
    with pytest.raises(TrackError) as caught:
        read_plain_file(file, files.AI_BYTES)
    assert caught.value.reason == "too large"


def test_a_file_that_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look and the reading: no more than the limit counts."""
    file = tmp_path / "a"
    file.write_bytes(b"12345")
    monkeypatch.setattr(files, "_check", lambda *_: None)
    with pytest.raises(TrackError, match="grew"):
        read_plain_file(file, 4)


def test_what_is_no_file(tmp_path: Path) -> None:
    """A folder, nothing, a path that no system has: errors that name it."""
    for path, reason in ((tmp_path, "a folder"), (tmp_path / "none", "no file")):
        with pytest.raises(TrackError) as caught:
            read_plain_file(path, 9)
        assert (caught.value.file, caught.value.reason) == (str(path), reason)
    with pytest.raises(TrackError, match="null"):
        read_plain_file(tmp_path / "a\0b", 9)


@pytest.mark.skipif(sys.platform == "win32", reason="pipes, devices and links as Linux has them")
def test_pipes_devices_and_loops(tmp_path: Path) -> None:
    """None is opened or waited for; a link to a plain file is followed."""
    pipe, loop, link = tmp_path / "pipe", tmp_path / "loop", tmp_path / "link"
    os.mkfifo(pipe)
    loop.symlink_to(loop)
    link.symlink_to(tmp_path / "file")
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(TrackError, match="is not a plain file"):
            read_plain_file(path, 9)
    with pytest.raises(TrackError, match="cannot be read"):
        read_plain_file(loop, 9)
    with pytest.raises(TrackError, match="does not exist"):
        read_plain_file(link, 9)
    (tmp_path / "file").write_bytes(b"x")
    assert read_plain_file(link, 9) == b"x"
    assert files.exists(loop)
    assert not files.is_folder(loop)


@pytest.mark.skipif(sys.platform == "win32", reason="file modes as Linux has them")
def test_what_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Says so; a folder that may not be listed has nothing to find in it."""
    file = tmp_path / "a"
    file.write_bytes(b"x")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(TrackError, match="cannot be read: permission denied"):
        read_plain_file(file, 9)
    monkeypatch.setattr(os, "listdir", refuse)
    assert entry(tmp_path, "A") == tmp_path / "A"
