"""Shared memory by name: opened and never created by readers, whole copies, errors of ours."""

from __future__ import annotations

import itertools
import os
import sys
from pathlib import Path

import pytest

from ac_bridge.game.regions import create_region, open_region
from ac_bridge_protocol.errors import GameAbsentError, PageError

if sys.platform != "win32":
    from ac_bridge.game.regions_linux import create_file, open_file

linux_only = pytest.mark.skipif(sys.platform == "win32", reason="files in /dev/shm")
windows_only = pytest.mark.skipif(sys.platform != "win32", reason="named mappings")
_numbers = itertools.count()


@pytest.fixture
def name() -> str:
    """A name that nothing else has."""
    return f"ac_bridge_test_{os.getpid()}_{next(_numbers)}"


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
    with pytest.raises(GameAbsentError):
        open_region(name, 16)


def test_a_new_owner_finds_the_old_bytes(name: str) -> None:
    """While somebody holds a region, whoever creates it anew takes it over as it is."""
    with create_region(name, 64) as first:
        first.write(0, b"stale")
        with open_region(name, 64) as reader, create_region(name, 32) as second:
            assert second.read(5) == b"stale"
            second.write(0, b"fresh")
            assert reader.read(5) == b"fresh"
            assert not reader.orphaned()


@windows_only
def test_the_name_is_of_the_logon_session(name: str) -> None:
    """The bare name and the one with `Local` in front are the same mapping, a whole page big."""
    with create_region(name, 592) as writer, open_region("Local\\" + name, 4096) as reader:
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
def test_links_are_not_followed(tmp_path: Path) -> None:
    """Everybody may write to the folder: a link in it must not make us write elsewhere."""
    precious = tmp_path / "precious"
    precious.write_bytes(b"x" * 4096)
    (tmp_path / "page").symlink_to(precious)
    with pytest.raises(PageError, match="cannot be opened"):
        create_file("page", 64, folder=tmp_path)
    with pytest.raises(PageError, match="cannot be opened"):
        open_file("page", 64, folder=tmp_path)


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
