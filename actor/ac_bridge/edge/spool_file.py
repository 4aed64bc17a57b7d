"""The file of a spool: an SQLite database that one process at a time has for itself.

Nothing else in this process may open the file, not even to look: on POSIX systems, closing any
descriptor of it would let go of SQLite's lock.
"""

from __future__ import annotations

import contextlib
import enum
import secrets
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from ac_bridge_protocol.errors import SpoolError

APPLICATION_ID = 0x61634273
"""Marks a database as a spool, in its header: "acBs"."""
SCHEMA_VERSION = 1
"""Kept as `user_version`. A file of another one is refused."""

# One process has the file from its first look to its end, however it ends: the system lets go of
# the lock. It also spares the memory that processes share otherwise.
_ALONE = "PRAGMA locking_mode = EXCLUSIVE"

# Pages that are free are used again anyway; this lets them be given back. For a new file only, as
# it writes to any other.
_SHRINKING = "PRAGMA auto_vacuum = INCREMENTAL"

_TABLES = (
    """CREATE TABLE record (
        number INTEGER PRIMARY KEY, checksum INTEGER NOT NULL, payload BLOB NOT NULL
    )""",
    """CREATE TABLE state (
        spool_id TEXT NOT NULL, last INTEGER NOT NULL, acknowledged INTEGER NOT NULL,
        dropped INTEGER NOT NULL, records INTEGER NOT NULL, bytes INTEGER NOT NULL
    )""",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)

_NEWEST = "CREATE TABLE IF NOT EXISTS newest (payload BLOB NOT NULL)"
"""Of the newest record that was acknowledged. Files that were made before this table lack it."""

_MARKS = (
    "SELECT count(*) FROM sqlite_master",
    "PRAGMA application_id",
    "PRAGMA user_version",
)
"""Each is zero in a file that is still to be made."""

_NEW_FILE = "Name another file, or move this one away: a new one is made."

_REASONS = {
    sqlite3.SQLITE_BUSY: (
        "is in use",
        "Another process has it: end that one, or name another file.",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "cannot be opened",
        "See that its folder is there, and that both may be written to.",
    ),
    sqlite3.SQLITE_CORRUPT: (
        "is damaged",
        "Move it away, and a new one is made; what it still held is lost.",
    ),
    sqlite3.SQLITE_FULL: (
        "has no room on its disk",
        "Free some space; what it holds is safe.",
    ),
    sqlite3.SQLITE_NOTADB: ("is no spool", _NEW_FILE),
    sqlite3.SQLITE_READONLY: (
        "may not be written to",
        "Give it and its folder the right, or name another file.",
    ),
}
_OTHERWISE = ("failed", "See whether its disk is well; what it holds may be safe.")


def open_file(path: Path) -> sqlite3.Connection:
    """Open a spool's file, or make it; nobody else has it until the connection is closed.

    Raises:
        SpoolError: it is in use, no spool, of a newer version, damaged, or not to be opened. A file
            that is no spool of this version is left as it was.
    """
    with failures_of(path):
        # Absolute, as some relative names mean other things to SQLite. No waiting for locks: who
        # has the file keeps it. The thread that uses it need not be the one that opened it.
        database = sqlite3.connect(
            path.absolute(), timeout=0.0, isolation_level=None, check_same_thread=False
        )
        try:
            _set_up(database, path)
        except BaseException:
            database.close()
            raise
    return database


@contextlib.contextmanager
def failures_of(path: Path) -> Iterator[None]:
    """Turn what SQLite raises within into an error of ours.

    Raises:
        SpoolError: something failed.
    """
    try:
        yield
    except sqlite3.Error as error:
        # None for a mistake in using it; of other codes, the low byte is the kind of error.
        code = getattr(error, "sqlite_errorcode", None) or sqlite3.SQLITE_ERROR
        raise _failure(path, code & 0xFF, str(error)) from error


def damage(path: Path, why: str) -> SpoolError:
    """Return the error for a file that holds what cannot be."""
    return _failure(path, sqlite3.SQLITE_CORRUPT, why)


def _failure(path: Path, code: int, why: str) -> SpoolError:
    what, hint = _REASONS.get(code, _OTHERWISE)
    return SpoolError(f"The spool {path} {what}: {why}.", file=str(path), hint=hint)


class Force(enum.StrEnum):
    """Whether a transaction is forced onto the disk before it counts as done.

    The end of a process, however it ends, takes nothing back in either case; a power cut may take
    back the last transactions that were not forced, as many as came after the last that was.
    """

    NOW = "FULL"
    LATER = "NORMAL"


@contextlib.contextmanager
def transaction(database: sqlite3.Connection, force: Force) -> Iterator[None]:
    """Do all of what is within, or nothing of it."""
    database.execute(f"PRAGMA synchronous = {force}")
    database.execute("BEGIN EXCLUSIVE")
    try:
        yield
        database.execute("COMMIT")
    finally:
        if database.in_transaction:
            database.execute("ROLLBACK")


def _set_up(database: sqlite3.Connection, path: Path) -> None:
    database.execute(_ALONE)
    if _is_new(path):
        database.execute(_SHRINKING)
    with transaction(database, Force.NOW):
        if any(_number(database, question) for question in _MARKS):
            _check(database, path)
        else:
            for statement in _TABLES:
                database.execute(statement)
            database.execute(
                "INSERT INTO state VALUES (?, 0, 0, 0, 0, 0)", (secrets.token_hex(16),)
            )
        database.execute(_NEWEST)
    # After the lock was taken, and after a file of somebody else's was refused.
    database.execute("PRAGMA journal_mode = WAL")


def _is_new(path: Path) -> bool:
    """Whether nothing is in the file, as far as one can see."""
    try:
        return path.stat().st_size == 0
    except OSError:  # not there, or else SQLite says what is wrong
        return True


def _check(database: sqlite3.Connection, path: Path) -> None:
    """Raise if a file with something in it is no spool of this version."""
    if _number(database, "PRAGMA application_id") != APPLICATION_ID:
        raise SpoolError(f"The database {path} is no spool.", file=str(path), hint=_NEW_FILE)
    version = _number(database, "PRAGMA user_version")
    if version != SCHEMA_VERSION:
        raise SpoolError(
            f"The spool {path} has version {version} of its format; this program knows "
            f"{SCHEMA_VERSION}.",
            file=str(path),
            hint="Use the ac-bridge that made it until all is acknowledged, or name another file.",
        )


def _number(database: sqlite3.Connection, question: str) -> int:
    [number] = database.execute(question).fetchone()
    return int(number)
