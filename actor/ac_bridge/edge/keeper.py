"""The keeper of a spool: a thread that has it for itself, so that no tick waits for a disk."""

from __future__ import annotations

import collections
import math
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from ac_bridge.clock import Clock
from ac_bridge.edge.spool import Spool, SpoolStats
from ac_bridge.edge.waiting import Waiting, WaitingLimits
from ac_bridge_protocol.errors import LocalProtocolError, SpoolError
from ac_bridge_protocol.helpers import Closing, GrowingWaits

T = TypeVar("T")

CLOSE_S = 60.0
"""How long `close` waits for a disk. Whoever ends must not hang for one that never answers."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 10.0
"""Before a disk that failed is tried again."""


class SpoolKeeper(Closing):
    """Keeps a spool in a thread of its own. Its methods may be called from any thread.

    `put` returns at once. It is written with others soon, by count and age; until then, a process
    that is killed loses it. A batch that the disk does not take is tried again, with growing waits,
    and the owner is told each time; meanwhile more waits, up to the bound.

    The futures that the others return can be awaited with `asyncio.wrap_future`.

    Args:
        spool: which belongs to this keeper from now on.
        clock: whose seconds are real ones.
        on_error: called with what went wrong with the disk, in the keeper's thread; must not raise.
        on_written: called with the last number whenever records are in the spool, in the keeper's
            thread; must not raise.
        limits: how much may wait, and how long.

    Attributes:
        newest: the newest record when this keeper began; None if there was none.

    Raises:
        SpoolError: the spool's disk failed, or its file is damaged.
    """

    def __init__(
        self,
        spool: Spool,
        clock: Clock,
        *,
        on_error: Callable[[SpoolError], None],
        on_written: Callable[[int], None] = lambda _last: None,
        limits: WaitingLimits = WaitingLimits(),  # noqa: B008 -- frozen
    ) -> None:
        self._spool = spool
        self._clock = clock
        self._on_error = on_error
        self._on_written = on_written
        # Held for moments, and never while the disk is at work.
        self._changed = threading.Condition()
        self._waiting = Waiting(limits, spool.when_full)
        self._room_bytes = spool.room_bytes
        self.newest = spool.newest()
        self._jobs: collections.deque[tuple[Future[Any], Callable[[], Any]]] = collections.deque()
        self._closing = False
        self._waits = GrowingWaits(FIRST_WAIT_S, LONGEST_WAIT_S)
        self._again_s = -math.inf  # no writing before
        self._end_error: SpoolError | None = None
        self._thread = threading.Thread(target=self._run, name="ac-bridge-spool", daemon=True)
        self._thread.start()

    # --- What the owner asks ----------------------------------------------------------------------

    def put(self, record: bytes) -> None:
        """Hand over a record. Never waits.

        Where the spool stops when it is full, whatever is taken here also fits in there. Where it
        drops, so does this at its bound: the oldest that wait. They are counted in the spool, too.

        Raises:
            SpoolFullError: there is no room for it; it was not taken.
            SpoolError: it is empty, or larger than the whole spool.
            LocalProtocolError: the keeper was closed.
        """
        self._spool.check_record(record)
        with self._changed:
            self._check_open()
            due_s = self._waiting.due_s
            if not self._waiting.put(record, self._clock.now(), self._room_bytes):
                raise self._spool.full_error(len(record))
            if self._waiting.due_s < due_s:
                self._changed.notify()

    def read(self, after: int, max_records: int, max_bytes: int) -> Future[list[tuple[int, bytes]]]:
        """Return what will be the records after a number, as `Spool.read` does."""
        return self._ask(lambda: self._spool.read(after, max_records, max_bytes))

    def acknowledge(self, upto: int) -> Future[None]:
        """Have records removed up to a number, as `Spool.acknowledge` does."""
        return self._ask(lambda: self._acknowledge(upto))

    def flush(self) -> Future[int]:
        """Have all that waits written; return what will be the last number then.

        The future raises SpoolError if the disk fails: what was not written waits as before.
        """
        return self._ask(self._write_all)

    def stats(self) -> SpoolStats:
        """Return what the spool holds, without what waits."""
        return self._spool.stats()

    @property
    def spool_id(self) -> str:
        """The spool's own."""
        return self._spool.spool_id

    @property
    def waiting(self) -> int:
        """How many records were put that are not in the spool yet."""
        with self._changed:
            return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether `put` would refuse one more record of the largest size seen so far."""
        with self._changed:
            return self._waiting.is_full(self._room_bytes)

    def close(self) -> None:
        """Do what was asked, write what waits, and close the spool. May be called twice.

        Raises:
            SpoolError: the disk failed, or does not answer; says how many records are lost.
        """
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(CLOSE_S)
        if self._thread.is_alive():
            raise self._lost("its disk does not answer")
        error, self._end_error = self._end_error, None
        if error is not None:
            raise self._lost("its disk failed") from error

    # --- The thread -------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while self._turn():
                pass
        finally:
            self._end()

    def _turn(self) -> bool:
        """Do the next thing, or wait until there is one; return False if this is the end."""
        with self._changed:
            job = self._jobs.popleft() if self._jobs else None
            if job is None:
                if self._closing:
                    return False
                wait_s = max(self._waiting.due_s, self._again_s) - self._clock.now()
                if wait_s > 0:
                    self._changed.wait(None if wait_s == math.inf else wait_s)
                    return True
        if job is None:
            self._write_due()
        else:
            _answer(*job)
        return True

    def _acknowledge(self, upto: int) -> None:
        self._spool.acknowledge(upto)
        with self._changed:
            self._room_bytes = self._spool.room_bytes

    def _write_due(self) -> None:
        try:
            self._write_batch()
        except SpoolError as error:
            self._again_s = self._clock.now() + self._waits.next_s()
            self._on_error(error)
        else:
            self._waits.start_over()

    def _write_all(self) -> int:
        while self._write_batch():
            pass
        return self._spool.stats().last

    def _write_batch(self) -> bool:
        """Write what is next; return False if nothing waits."""
        with self._changed:
            batch = self._waiting.take()
        if batch is None:
            return False
        last = self._spool.append(batch.records, dropped_before=batch.dropped_before)
        with self._changed:
            self._waiting.written()
            self._room_bytes = self._spool.room_bytes
        self._on_written(last)
        return True

    def _end(self) -> None:
        """Write what waits, and let go of everything."""
        with self._changed:
            self._closing = True
        for future, _ in self._jobs:  # none, unless a callback raised
            future.cancel()
        try:
            with self._spool:
                self._write_all()
        except SpoolError as error:
            self._end_error = error

    # --- Inside -----------------------------------------------------------------------------------

    def _ask(self, job: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()
        with self._changed:
            self._check_open()
            self._jobs.append((future, job))
            self._changed.notify()
        return future

    def _check_open(self) -> None:
        if self._closing:
            raise LocalProtocolError(
                f"The keeper of the spool {self._spool.path} was closed.",
                hint="Open the spool again with another one.",
            )

    def _lost(self, why: str) -> SpoolError:
        return SpoolError(
            f"{self.waiting} records were not written to the spool {self._spool.path}: {why}.",
            file=str(self._spool.path),
            hint="See whether its disk is well; what it holds is safe.",
        )


def _answer(future: Future[T], job: Callable[[], T]) -> None:
    """Do a job, and have its future tell what came of it."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = job()
    except Exception as error:  # noqa: BLE001 -- told by the future
        future.set_exception(error)
    else:
        future.set_result(result)
