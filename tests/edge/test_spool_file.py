"""The file of a spool: who may have it, and what is no spool."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from ac_bridge.edge.spool import Spool
from ac_bridge.edge.spool_file import SCHEMA_VERSION
from ac_bridge_protocol.errors import SpoolError
from helpers.spooling import spooling

MAX_BYTES = 1 << 20


def opening(path: Path) -> Spool:
    return Spool(path, max_bytes=MAX_BYTES)


def filled(path: Path, count: int = 5, size: int = 100) -> None:
    with opening(path) as spool:
        spool.append([bytes([number % 256]) * size for number in range(count)])


def refusal(path: Path) -> SpoolError:
    """Return the error that opening a file raises, which names the file and says what to do."""
    with pytest.raises(SpoolError) as caught:
        opening(path)
    assert str(path) in caught.value.message
    assert caught.value.file == str(path)
    assert caught.value.hint
    return caught.value


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "drive.spool"


# --- One at a time --------------------------------------------------------------------------------


def test_a_second_process_is_refused_until_the_first_is_killed(path: Path) -> None:
    """Clearly; and a killed process leaves nothing behind that keeps others out."""
    with spooling(path, seed=1) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        assert "is in use" in refusal(path).message
        process.kill()
        process.wait()
        with opening(path) as spool:
            assert spool.stats().last > 0


def test_a_second_spool_in_this_process_is_refused(path: Path) -> None:
    """From its first moment, before anything was appended; it does not disturb the first."""
    with opening(path) as spool:
        assert "is in use" in refusal(path).message
        assert spool.append([b"a"]) == 1
    opening(path).close()


def test_closed_twice(path: Path) -> None:
    """As everything that is closed; and then it is of no use."""
    spool = opening(path)
    spool.close()
    spool.close()
    with pytest.raises(SpoolError, match="closed"):
        spool.append([b"a"])


# --- What is no spool -----------------------------------------------------------------------------


def change(path: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        for statement in statements:
            database.execute(statement)


def text(path: Path) -> None:
    path.write_text("Notes of a race.\n" * 100)


def another_database(path: Path) -> None:
    change(path, "CREATE TABLE laps (number INTEGER)")


def marked_database(path: Path) -> None:
    change(path, "PRAGMA application_id = 7")


def newer(path: Path) -> None:
    filled(path)
    change(path, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (text, "is no spool"),
        (another_database, "is no spool"),
        (marked_database, "is no spool"),
        (newer, f"has version {SCHEMA_VERSION + 1}"),
    ],
)
def test_another_file_is_refused_and_left_alone(
    path: Path, make: Callable[[Path], None], words: str
) -> None:
    """Not a byte of it changes, and it can be opened by whose it is."""
    make(path)
    before = path.read_bytes()
    assert words in refusal(path).message
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DELETE FROM state", "0 states"),
        ("INSERT INTO state SELECT * FROM state", "2 states"),
        ("DROP TABLE state", "no such table"),
        ("DROP TABLE record", "no such table"),
    ],
)
def test_a_spool_that_somebody_worked_on(path: Path, statement: str, words: str) -> None:
    """What cannot be is not taken."""
    filled(path)
    change(path, statement)
    assert words in refusal(path).message


def test_no_folder(tmp_path: Path) -> None:
    """It is not made: a wrong name would go unnoticed."""
    assert "cannot be opened" in refusal(tmp_path / "nowhere" / "drive.spool").message


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """Nor is it taken for one."""
    assert "cannot be opened" in refusal(tmp_path).message


def test_an_empty_file_is_a_new_spool(path: Path) -> None:
    """What was cut off before its first byte held nothing."""
    path.touch()
    with opening(path) as spool:
        assert spool.append([b"a"]) == 1


def test_a_name_that_means_memory_to_sqlite(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the name of a file, as any other."""
    monkeypatch.chdir(path.parent)
    filled(Path(":memory:"))
    with opening(Path(":memory:")) as spool:
        assert spool.stats().last == 5


# --- Failures of the disk -------------------------------------------------------------------------


def test_a_disk_without_room(path: Path) -> None:
    """What does not go onto it is refused, and changes nothing; then it goes on."""
    with opening(path) as spool:
        spool.append([b"a"])
        before = spool.stats()
        [limit] = spool._database.execute("PRAGMA max_page_count").fetchone()
        spool._database.execute("PRAGMA max_page_count = 10")
        with pytest.raises(SpoolError, match="no room on its disk"):
            spool.append([bytes(100_000)])
        assert spool.stats() == before
        spool._database.execute(f"PRAGMA max_page_count = {limit}")
        assert spool.append([b"b"]) == 2
        assert spool.read(0, 10, 100) == [(1, b"a"), (2, b"b")]


@pytest.mark.parametrize("size", [1, 100, 8192])
def test_a_damaged_file(path: Path, size: int) -> None:
    """Where records cannot be read they are not made up, and not skipped."""
    filled(path, count=2000)
    data = bytearray(path.read_bytes())
    half = len(data) // 2
    for at in range(half, half + size):
        data[at] ^= 0xFF
    path.write_bytes(data)
    with opening(path) as spool, pytest.raises(SpoolError, match="is damaged") as caught:
        spool.read(0, 2000, MAX_BYTES)
    assert caught.value.file == str(path)
