"""Shared memory by name: opened and never created by readers, whole copies, errors of ours."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ac_bridge.game.regions import create_region, open_region
from ac_bridge.settings import load_settings
from ac_bridge_protocol.errors import GameAbsentError, PageError, SettingError
from helpers.region_names import new_name

if sys.platform != "win32":
    import fcntl

    from ac_bridge.game.regions_linux import create_file, open_file
else:
    from ac_bridge.game.regions_windows import open_mapping

linux_only = pytest.mark.skipif(sys.platform == "win32", reason="files in /dev/shm")
windows_only = pytest.mark.skipif(sys.platform != "win32", reason="named mappings")


@pytest.fixture
def name() -> str:
    """A name that nothing else has."""
    return new_name()


def test_a_reader_never_creates(name: str) -> None:
    """What nobody created is absent, and still is after somebody has looked for it."""
    for writable in (False, True, False):
        with pytest.raises(GameAbsentError, match=name):
            open_region(name, 16, writable=writable)


def test_readers_see_what_is_written(name: str) -> None:
    """A reader that opened before sees every later write, in one copy from the front."""
    with create_region(name, 64) as writer, open_region(name, 64) as reader:
        assert reader.size_bytes >= 64
        assert reader.read(64) == bytes(64)
        writer.write(16, b"0123456789abcdef")
        assert reader.read(32) == bytes(16) + b"0123456789abcdef"
        assert writer.read(32) == reader.read(32)


def test_a_second_writer_writes_to_the_same(name: str) -> None:
    """Opened to be written to, a region of another's is the same memory."""
    with create_region(name, 20) as owner, open_region(name, 20, writable=True) as wheel:
        wheel.write(0, b"from the other side.")
        assert owner.read(20) == b"from the other side."


def test_beyond_the_end_are_zeros(name: str) -> None:
    """A copy always has the size that was asked for."""
    with create_region(name, 16) as writer, open_region(name, 16) as reader:
        writer.write(0, b"x" * 16)
        copy = reader.read(reader.size_bytes + 12)
        assert len(copy) == reader.size_bytes + 12
        assert copy.startswith(b"x" * 16)
        assert copy.endswith(bytes(12))


def test_too_small_is_refused(name: str) -> None:
    """A region that cannot hold a page is not one, and says how much it holds."""
    with create_region(name, 4096), pytest.raises(PageError, match="holds 4096 bytes"):
        open_region(name, 5000)
    with pytest.raises(GameAbsentError):
        open_region(name, 16)


def test_writes_that_cannot_be_are_refused(name: str) -> None:
    """A reader cannot write, and nobody writes beyond the end or after closing."""
    with create_region(name, 64) as writer, open_region(name, 64) as reader:
        with pytest.raises(PageError):
            reader.write(0, b"x")
        with pytest.raises(PageError):
            writer.write(writer.size_bytes - 1, b"xy")
        writer.close()
        with pytest.raises(PageError):
            writer.write(0, b"x")


def test_closed_is_closed(name: str) -> None:
    """Reading a closed region is an error, closing it again is not, and its name is free."""
    region = create_region(name, 64)
    reader = open_region(name, 64)
    for _ in range(2):
        region.close()
        reader.close()
    for closed in (region, reader):
        with pytest.raises(PageError, match=name):
            closed.read(16)
        if sys.platform != "win32":
            with pytest.raises(PageError, match=name):
                closed.orphaned()
    with pytest.raises(GameAbsentError):
        open_region(name, 16)


def test_one_owner_at_a_time(name: str) -> None:
    """Who created a region has it alone until closing it; readers and writers come and go."""
    with create_region(name, 64) as owner:
        owner.write(0, b"mine")
        for _ in range(2):
            with pytest.raises(PageError, match="still runs") as caught:
                create_region(name, 32)
            assert "--wheel" in caught.value.hint
        with open_region(name, 64, writable=True) as other:
            assert other.read(4) == b"mine"
            assert not other.orphaned()
    with create_region(name, 64) as owner:
        owner.write(0, b"x")


def test_an_owner_that_is_killed_holds_nothing(name: str) -> None:
    """The system lets go for a process that had no time to; the next one takes its bytes over."""
    held = (
        "import os; from ac_bridge.game.regions import create_region; "
        f"create_region({name!r}, 64).write(0, b'stale'); os._exit(3)"
    )
    done = subprocess.run([sys.executable, "-c", held], timeout=60, check=False)
    assert done.returncode == 3
    with create_region(name, 64) as region:
        assert region.read(5) == (bytes(5) if sys.platform == "win32" else b"stale")


@pytest.mark.parametrize(
    "bad",
    [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "a\\b",
        "/home/x",
        ".hidden",
        "-rf",
        "a b",
        "a\n",
        "a\0",
        "ä",
        "x" * 101,
    ],
)
def test_names_that_lead_elsewhere_are_refused(bad: str) -> None:
    """A name is never a path: neither side opens anything by it, and no setting says it."""
    for open_it in (create_region, open_region):
        with pytest.raises(SettingError, match="cannot be called"):
            open_it(bad, 64)
    for setting in ("page_prefix", "wheel_name"):
        with pytest.raises(SettingError) as caught:
            load_settings(**{setting: bad})
        assert caught.value.setting == setting


@windows_only
def test_a_new_owner_finds_what_a_reader_kept(name: str) -> None:
    """While a reader holds a region, whoever creates it anew takes it over as it is."""
    first = create_region(name, 64)
    first.write(0, b"stale")
    with open_region(name, 64) as reader:
        first.close()
        with create_region(name, 32) as second:
            assert second.read(5) == b"stale"
            second.write(0, b"fresh")
            assert reader.read(5) == b"fresh"


@windows_only
def test_the_name_is_of_the_logon_session(name: str) -> None:
    """The bare name and the one with `Local` in front are the same mapping, a whole page big."""
    with create_region(name, 592) as writer, open_mapping("Local\\" + name, 4096) as reader:
        assert writer.name == "Local\\" + name
        writer.write(0, b"x")
        assert reader.read(1) == b"x"


@linux_only
@pytest.mark.parametrize("size_bytes", [580, 596, 2048])
def test_files_of_any_sufficient_size(tmp_path: Path, size_bytes: int) -> None:
    """Bridges make files of many sizes; what a page lacks at its end reads as zeros."""
    (tmp_path / "page").write_bytes(b"x" * size_bytes)
    with open_file("page", 580, folder=tmp_path) as region:
        assert region.size_bytes == size_bytes
        assert region.read(592) == (b"x" * min(size_bytes, 592)).ljust(592, b"\0")


@linux_only
def test_a_file_that_is_emptied_is_an_error(tmp_path: Path) -> None:
    """A bridge that truncates its file costs an error, not the process, and comes back."""
    path = tmp_path / "page"
    path.write_bytes(b"x" * 592)
    with open_file("page", 580, folder=tmp_path) as region:
        os.truncate(path, 0)
        with pytest.raises(PageError, match="holds 0 bytes"):
            region.read(592)
        path.write_bytes(b"y" * 592)
        assert region.read(592) == b"y" * 592


@linux_only
def test_what_a_killed_owner_left_is_taken_over(tmp_path: Path) -> None:
    """A file that is there already keeps its bytes, never shrinks, and goes when we close."""
    path = tmp_path / "page"
    path.write_bytes(b"stale")
    with create_file("page", 4096, folder=tmp_path) as region:
        assert path.stat().st_size == 4096
        assert region.read(8) == b"stale\0\0\0"
    assert not path.exists()
    path.write_bytes(bytes(8192))
    with create_file("page", 4096, folder=tmp_path):
        assert path.stat().st_size == 8192


@linux_only
def test_a_file_that_was_replaced_is_not_removed(tmp_path: Path) -> None:
    """Whoever took our name meanwhile keeps it; we know that ours leads nowhere now."""
    path = tmp_path / "page"
    with create_file("page", 64, folder=tmp_path) as region:
        assert not region.orphaned()
        path.unlink()
        path.write_bytes(b"another's")
        assert region.orphaned()
    assert path.read_bytes() == b"another's"


@linux_only
def test_links_are_followed_to_read_alone(tmp_path: Path) -> None:
    """Everybody may write to the folder: a link in it must not make us write elsewhere."""
    precious = tmp_path / "precious"
    precious.write_bytes(b"x" * 4096)
    (tmp_path / "page").symlink_to(precious)
    for to_write in (create_file, functools.partial(open_file, writable=True)):
        with pytest.raises(PageError, match="is a symbolic link") as caught:
            to_write("page", 64, folder=tmp_path)
        assert "user" not in caught.value.hint
    with open_file("page", 64, folder=tmp_path) as region:
        assert region.read(64) == b"x" * 64
    assert precious.read_bytes() == b"x" * 4096


@linux_only
def test_a_pipe_is_not_waited_at(tmp_path: Path) -> None:
    """What lies under a page's name and is no file is refused at once."""
    os.mkfifo(tmp_path / "page")
    (tmp_path / "folder").mkdir()
    with pytest.raises(PageError, match="holds 0 bytes"):
        open_file("page", 64, folder=tmp_path)
    with pytest.raises(PageError, match="Is a directory") as caught:
        create_file("folder", 64, folder=tmp_path)
    assert not caught.value.hint


@linux_only
def test_a_file_that_its_owner_removes_meanwhile_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever locks a file in the instant its last owner removes it holds one with a name."""
    path = tmp_path / "page"
    path.write_bytes(b"old")
    lock = fcntl.flock

    def slowly(descriptor: int, how: int) -> None:
        lock(descriptor, how)
        monkeypatch.undo()
        path.unlink()

    monkeypatch.setattr(fcntl, "flock", slowly)
    with create_file("page", 64, folder=tmp_path) as region:
        assert not region.orphaned()
        assert path.read_bytes() == bytes(64)


@linux_only
def test_no_descriptor_is_leaked(tmp_path: Path) -> None:
    """Opening what is refused, and closing what was opened, leave nothing open."""
    (tmp_path / "page").write_bytes(bytes(64))
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        open_file("page", 64, folder=tmp_path).close()
        with pytest.raises(PageError):
            open_file("page", 65, folder=tmp_path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
