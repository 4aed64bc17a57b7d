"""The spool: records in a file until the learner has acknowledged them.

Each gets a number, 1, 2, 3 and so on for the life of the file, that no other ever gets. The learner
remembers the last one it has, so that each arrives exactly once, whatever is cut or killed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from ac_bridge.edge.spool_file import Force, damage, failures_of, open_file, transaction
from ac_bridge_protocol.errors import (
    LocalProtocolError,
    SettingError,
    SpoolError,
    SpoolFullError,
)
from ac_bridge_protocol.helpers import Closing

FREE_PAGES = 4096
"""So many free pages, of 4 KiB, stay in the file for what comes next: what is given back to the
disk has to be asked for again."""
PAGES_AT_ONCE = 1024
"""No more are given back with one acknowledgement: each takes time."""


class WhenFull(enum.StrEnum):
    """What happens to what no longer fits."""

    STOP = "stop"
    """It is refused, all of it: whoever drives has to stop. Nothing is lost."""
    DROP_OLDEST = "drop_oldest"
    """The oldest records make room. They are counted, and their numbers are missing."""


@dataclasses.dataclass(frozen=True, slots=True)
class SpoolStats:
    """What a spool holds, and what became of the rest.

    Attributes:
        first: number of the oldest record in it; one more than ``last`` if there is none.
        last: the last number that was given; 0 before the first.
        acknowledged: the last number that was acknowledged; 0 before the first.
        records: how many are in it.
        bytes: how many bytes these have together.
        dropped: how many were lost for want of room, in the life of the file.
    """

    first: int
    last: int
    acknowledged: int
    records: int
    bytes: int
    dropped: int


class Spool(Closing):
    """A spool in a file, which is made if it is not there. To be used by one thread at a time.

    What `append` has returned for outlasts this process, however it ends, and a power cut, if the
    disk keeps its word. Acknowledgements outlast the process; a power cut may take back the last,
    and those records are there again, with their numbers. Where a method raises, nothing has
    changed.

    Args:
        path: of the file; beside it there is a second one, ending in ``-wal``.
        max_bytes: how many bytes the records may have together, at least 1. The file has some more.
        when_full: what happens to what no longer fits.

    Attributes:
        path: of the file.
        max_bytes: how many bytes the records may have together.
        when_full: what happens to what no longer fits.
        spool_id: random, and the file's own for its life: a new file has another one.

    Raises:
        SettingError: ``max_bytes`` is out of range.
        SpoolError: the file is in use, no spool, of another version, damaged, or not to be opened.
    """

    def __init__(self, path: Path, *, max_bytes: int, when_full: WhenFull = WhenFull.STOP) -> None:
        if max_bytes < 1:
            raise SettingError(
                f"A spool of {max_bytes} bytes holds nothing.",
                setting="max_bytes",
                hint="Give it at least one.",
            )
        self.path = path
        self.max_bytes = max_bytes
        self.when_full = when_full
        self._largest = 1
        self._database = open_file(path)
        try:
            self.spool_id, self._stats = self._load()
        except BaseException:
            self._database.close()
            raise

    def append(self, records: Sequence[bytes], *, dropped_before: int = 0) -> int:
        """Add records, all or none, and return the last number given.

        Args:
            records: of at least one byte each.
            dropped_before: how many were lost before they came here: so many numbers are left out
                first, and they count as dropped.

        Raises:
            SpoolFullError: they do not fit, and nothing may be dropped for them.
            SpoolError: a record is empty, or larger than the whole spool; or the disk failed.
        """
        for record in records:
            self.check_record(record)
        added = sum(map(len, records))
        if self.when_full is WhenFull.STOP and added > self.room_bytes:
            raise self.full_error(added)
        if not records and not dropped_before:
            return self._stats.last
        last, now = self._stats.last + dropped_before, self._stats
        now = dataclasses.replace(
            now,
            last=last + len(records),
            records=now.records + len(records),
            bytes=now.bytes + added,
            dropped=now.dropped + dropped_before,
        )
        # Forced: else a power cut could take back records that the learner has already, and their
        # numbers would be given to others, which it would then take for known.
        with self._changing(Force.NOW):
            self._database.executemany(
                "INSERT INTO record VALUES (?, ?, ?)",
                ((n, _checksum(n, record), record) for n, record in enumerate(records, last + 1)),
            )
            if now.bytes > self.max_bytes:
                now = self._without_oldest(now)
            now = self._saved(now)
        self._stats = now
        self._largest = max(self._largest, *map(len, records), 0)
        return now.last

    def read(self, after: int, max_records: int, max_bytes: int) -> list[tuple[int, bytes]]:
        """Return records with their numbers, in order; they stay in the spool.

        Args:
            after: those with larger numbers, from 0.
            max_records: so many at most, at least 1.
            max_bytes: no more than fit, but one in any case.

        Raises:
            SpoolError: the disk failed, or the file is damaged.
        """
        found: list[tuple[int, bytes]] = []
        size = 0
        question = "SELECT * FROM record WHERE number > ? ORDER BY number LIMIT ?"
        with (
            failures_of(self.path),
            contextlib.closing(self._database.execute(question, (after, max_records))) as rows,
        ):
            for number, checksum, payload in rows:
                # SQLite notices a damaged page only where it cannot be one.
                if not isinstance(payload, bytes) or checksum != _checksum(number, payload):
                    raise damage(self.path, f"record {number} is not what it was")
                size += len(payload)
                if found and size > max_bytes:
                    break
                found.append((number, payload))
        return found

    def newest(self) -> bytes | None:
        """Return the newest record, also after it was acknowledged; None before the first.

        Raises:
            SpoolError: the disk failed, or the file is damaged.
        """
        with failures_of(self.path):
            [number] = self._database.execute("SELECT max(number) FROM record").fetchone()
            row = self._database.execute("SELECT payload FROM newest").fetchone()
        if number is not None:
            return self.read(number - 1, 1, 1)[0][1]
        return None if row is None else bytes(row[0])

    def acknowledge(self, upto: int) -> None:
        """Remove the records up to a number; nothing changes if that was acknowledged before.

        Raises:
            LocalProtocolError: that number was never given.
            SpoolError: the disk failed.
        """
        now = self._stats
        if upto > now.last:
            raise LocalProtocolError(
                f"Record {upto} of the spool {self.path} was acknowledged, but the last is "
                f"{now.last}.",
                hint="Whoever acknowledges it knows another spool: compare the spool's id.",
            )
        if upto <= now.acknowledged:
            return
        # Not forced: what comes back with a power cut is sent again, and known by its number.
        with self._changing(Force.LATER):
            self._set_aside(upto)
            now = self._without(dataclasses.replace(now, acknowledged=upto), upto)
            now = self._saved(now)
            self._give_back()
        self._stats = now

    def stats(self) -> SpoolStats:
        """Return what it holds. Asks no disk; any thread may call it."""
        return self._stats

    @property
    def room_bytes(self) -> int:
        """How many bytes still fit without anything being dropped."""
        return max(0, self.max_bytes - self._stats.bytes)

    @property
    def is_full(self) -> bool:
        """Whether one more record, of the largest size seen so far, would be refused."""
        return self.when_full is WhenFull.STOP and self.room_bytes < self._largest

    def check_record(self, record: bytes) -> None:
        """Raise if a record can never be in this spool.

        Raises:
            SpoolError: it is empty, or larger than the whole spool.
        """
        if not 1 <= len(record) <= self.max_bytes:
            raise SpoolError(
                f"A record of {len(record):,} bytes does not go into the spool {self.path}.",
                file=str(self.path),
                hint=f"Give it one of 1 to {self.max_bytes:,} bytes, or the spool more room.",
            )

    def full_error(self, added: int) -> SpoolFullError:
        """Return the error for so many bytes that do not fit."""
        return SpoolFullError(
            f"The spool {self.path} is full: {added:,} bytes more do not fit beside "
            f"{self._stats.bytes:,} of {self.max_bytes:,}.",
            file=str(self.path),
            hint="Drive on when the learner has acknowledged some, or give the spool more room.",
        )

    def close(self) -> None:
        """Let go of the file. May be called twice.

        Raises:
            SpoolError: the disk failed; what is in the file is safe.
        """
        with failures_of(self.path):
            self._database.close()

    # --- Inside -----------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _changing(self, force: Force) -> Iterator[None]:
        with failures_of(self.path), transaction(self._database, force):
            yield

    def _load(self) -> tuple[str, SpoolStats]:
        with failures_of(self.path):
            rows = self._database.execute(
                "SELECT spool_id, last, acknowledged, dropped, records, bytes FROM state"
            ).fetchall()
            if len(rows) != 1:
                raise damage(self.path, f"it has {len(rows)} states, not one")
            [(spool_id, last, acknowledged, dropped, records, size)] = rows
            first = self._first(last)
        return spool_id, SpoolStats(first, last, acknowledged, records, size, dropped)

    def _first(self, last: int) -> int:
        [first] = self._database.execute("SELECT min(number) FROM record").fetchone()
        return last + 1 if first is None else int(first)

    def _saved(self, stats: SpoolStats) -> SpoolStats:
        """Write the new state, and return it with its first number."""
        self._database.execute(
            "UPDATE state SET last = ?, acknowledged = ?, dropped = ?, records = ?, bytes = ?",
            (stats.last, stats.acknowledged, stats.dropped, stats.records, stats.bytes),
        )
        return dataclasses.replace(stats, first=self._first(stats.last))

    def _set_aside(self, upto: int) -> None:
        """Keep the newest record up to a number apart from the others, which are removed."""
        [number] = self._database.execute(
            "SELECT max(number) FROM record WHERE number <= ?", (upto,)
        ).fetchone()
        if number is not None:
            self._database.execute("DELETE FROM newest")
            self._database.execute(
                "INSERT INTO newest SELECT payload FROM record WHERE number = ?", (number,)
            )

    def _without(self, stats: SpoolStats, upto: int) -> SpoolStats:
        """Delete records up to a number; return the state without them."""
        # Of a payload SQLite looks up the length alone.
        records, size = self._database.execute(
            "SELECT count(*), coalesce(sum(length(payload)), 0) FROM record WHERE number <= ?",
            (upto,),
        ).fetchone()
        self._database.execute("DELETE FROM record WHERE number <= ?", (upto,))
        return dataclasses.replace(stats, records=stats.records - records, bytes=stats.bytes - size)

    def _without_oldest(self, stats: SpoolStats) -> SpoolStats:
        """Delete as many of the oldest as it takes; return the state without them."""
        excess = stats.bytes - self.max_bytes
        upto = 0
        with contextlib.closing(
            self._database.execute("SELECT number, length(payload) FROM record ORDER BY number")
        ) as rows:
            for number, size in rows:
                upto = number
                excess -= size
                if excess <= 0:
                    break
        left = self._without(stats, upto)
        return dataclasses.replace(left, dropped=left.dropped + stats.records - left.records)

    def _give_back(self) -> None:
        """Let the file shrink, if far more of it is free than is needed soon."""
        [free] = self._database.execute("PRAGMA freelist_count").fetchone()
        for _ in range(min(free - FREE_PAGES, PAGES_AT_ONCE)):
            # Of one for many pages at once, Python's module would do the first step alone.
            self._database.execute("PRAGMA incremental_vacuum(1)").fetchall()


def _checksum(number: int, payload: bytes) -> int:
    return zlib.crc32(payload, number & 0xFFFFFFFF)
