"""What waits in memory until the spool has it: when it is written, and what goes. Pure.

Whoever drives puts records in; whoever owns the disk takes a batch, writes it, and says so. A batch
that could not be written stays the next one, with the same records.
"""

from __future__ import annotations

import collections
import dataclasses
import math
from typing import NamedTuple

from ac_bridge.edge.spool import WhenFull


@dataclasses.dataclass(frozen=True, slots=True)
class WaitingLimits:
    """How much may wait, and how long.

    Attributes:
        batch_records: so many are written at once, without waiting for more.
        batch_age_s: the oldest is written after so many seconds, however few they are: what is lost
            if this process is killed, beside what is being written.
        queue_bytes: what may wait beside the batch that is being written; one record in any case.
    """

    batch_records: int = 256
    batch_age_s: float = 0.25
    queue_bytes: int = 16 * 1024 * 1024


class Batch(NamedTuple):
    """What is written at once."""

    records: tuple[bytes, ...]
    dropped_before: int
    """So many were dropped before the first of them."""


class Waiting:
    """Records that wait for the disk.

    Args:
        limits: how much may wait, and how long.
        when_full: of the spool: at the bound, the oldest that wait make room or the newest is
            refused.
    """

    def __init__(self, limits: WaitingLimits, when_full: WhenFull) -> None:
        self._limits = limits
        self._when_full = when_full
        self._records: collections.deque[tuple[float, bytes]] = collections.deque()
        self._bytes = 0
        self._dropped = 0
        self._largest = 1
        self._batch: Batch | None = None
        self._batch_bytes = 0

    def __len__(self) -> int:
        """How many records are not in the spool yet."""
        return len(self._records) + (0 if self._batch is None else len(self._batch.records))

    @property
    def due_s(self) -> float:
        """When a batch is to be written: minus infinity for at once, infinity for never."""
        if self._batch is not None or len(self._records) >= self._limits.batch_records:
            return -math.inf
        return self._records[0][0] + self._limits.batch_age_s if self._records else math.inf

    def is_full(self, room_bytes: int) -> bool:
        """Whether one more record, of the largest size seen so far, would be refused.

        Args:
            room_bytes: what still fits into the spool.
        """
        return not self._takes(self._largest, room_bytes)

    def put(self, record: bytes, now_s: float, room_bytes: int) -> bool:
        """Take a record, or refuse it; return whether it was taken.

        Args:
            record: of at least one byte.
            now_s: the time, in seconds of any clock.
            room_bytes: what still fits into the spool. What is taken where nothing is dropped fits
                in there together with all that waits.
        """
        if not self._takes(len(record), room_bytes):
            return False
        while not self._queue_takes(len(record)):
            _, dropped = self._records.popleft()
            self._bytes -= len(dropped)
            self._dropped += 1
        self._records.append((now_s, record))
        self._bytes += len(record)
        self._largest = max(self._largest, len(record))
        return True

    def take(self) -> Batch | None:
        """Return what is to be written next, None if nothing waits."""
        if self._batch is None and self._records:
            count = min(len(self._records), self._limits.batch_records)
            records = tuple(self._records.popleft()[1] for _ in range(count))
            self._batch, self._dropped = Batch(records, self._dropped), 0
            self._batch_bytes = sum(map(len, records))
            self._bytes -= self._batch_bytes
        return self._batch

    def written(self) -> None:
        """Take note that the batch is in the spool."""
        self._batch, self._batch_bytes = None, 0

    def _takes(self, size: int, room_bytes: int) -> bool:
        if self._when_full is WhenFull.DROP_OLDEST:
            return True
        fits = self._batch_bytes + self._bytes + size <= room_bytes
        return fits and self._queue_takes(size)

    def _queue_takes(self, size: int) -> bool:
        return not self._records or self._bytes + size <= self._limits.queue_bytes
