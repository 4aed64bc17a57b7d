"""What waits for the spool: nothing is lost that is not counted, and no bound is passed."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ac_bridge.edge.spool import WhenFull
from ac_bridge.edge.waiting import Batch, Waiting, WaitingLimits

LIMITS = WaitingLimits(batch_records=3, batch_age_s=0.5, queue_bytes=10)
ROOM = 1000
PUTS = st.binary(min_size=1, max_size=6)
STEPS = st.lists(st.one_of(PUTS, st.sampled_from(["take", "written"])), max_size=40)


def waiting_with(*records: bytes, when_full: WhenFull = WhenFull.STOP) -> Waiting:
    """Return what waits after records were put at 10, 11, 12 s and so on."""
    waiting = Waiting(LIMITS, when_full)
    for number, record in enumerate(records):
        assert waiting.put(record, 10.0 + number, ROOM)
    return waiting


def test_due_by_age() -> None:
    """Nothing is never due; one record is when it is old enough, whatever came after it."""
    assert waiting_with().due_s == math.inf
    assert waiting_with(b"a").due_s == 10.5
    assert waiting_with(b"a", b"b").due_s == 10.5


def test_due_by_count() -> None:
    """A whole batch is due at once, and what is left then by its own age."""
    waiting = waiting_with(b"a", b"b", b"c", b"d")
    assert waiting.due_s == -math.inf
    assert waiting.take() == Batch((b"a", b"b", b"c"), 0)
    waiting.written()
    assert waiting.due_s == 13.5
    assert waiting.take() == Batch((b"d",), 0)


def test_a_batch_stays_the_next_until_it_is_written() -> None:
    """As it is: whatever came meanwhile is another one."""
    waiting = waiting_with(b"a")
    batch = waiting.take()
    assert waiting.put(b"b", 11.0, ROOM)
    assert waiting.take() is batch
    assert waiting.due_s == -math.inf
    assert len(waiting) == 2
    waiting.written()
    assert waiting.take() == Batch((b"b",), 0)


def test_nothing_to_take() -> None:
    """No batch of nothing."""
    assert waiting_with().take() is None


def test_the_bound_refuses() -> None:
    """Where nothing may be dropped, the newest is not taken; one that was taken makes room."""
    waiting = waiting_with(b"12345", b"67890")
    assert waiting.is_full(ROOM)
    assert not waiting.put(b"a", 12.0, ROOM)
    waiting.take()
    assert not waiting.is_full(ROOM)
    assert waiting.put(b"a", 12.0, ROOM)


def test_the_spools_room_refuses() -> None:
    """What waits and what is being written are to fit into the spool together."""
    waiting = waiting_with(b"1234")
    waiting.take()
    assert waiting.put(b"5678", 11.0, 8)
    assert waiting.is_full(8)
    assert not waiting.put(b"9", 12.0, 8)
    assert waiting.put(b"9", 12.0, 9)


def test_the_bound_drops_the_oldest() -> None:
    """But not of the batch that is being written; the next one tells how many are missing."""
    waiting = waiting_with(b"12345", when_full=WhenFull.DROP_OLDEST)
    waiting.take()
    for record in (b"abcde", b"fghij", b"klmno"):
        assert not waiting.is_full(0)
        assert waiting.put(record, 20.0, 0)
    assert waiting.take() == Batch((b"12345",), 0)
    waiting.written()
    assert waiting.take() == Batch((b"fghij", b"klmno"), 1)


def test_one_record_beyond_the_bound() -> None:
    """It may wait alone: else it would be refused for ever."""
    waiting = waiting_with(b"x" * 50)
    assert waiting.take() == Batch((b"x" * 50,), 0)


@pytest.mark.parametrize("when_full", WhenFull)
@given(steps=STEPS, room_bytes=st.integers(0, 60))
def test_nothing_is_lost_uncounted(
    when_full: WhenFull, steps: list[bytes | str], room_bytes: int
) -> None:
    """All that was taken is written in order, but for gaps of the size that is told."""
    waiting = Waiting(LIMITS, when_full)
    put: list[bytes] = []
    written: list[bytes | None] = []

    def write() -> None:
        batch = waiting.take()
        if batch is not None:
            written.extend([None] * batch.dropped_before)
            written.extend(batch.records)
            assert 1 <= len(batch.records) <= LIMITS.batch_records
            waiting.written()

    for step in steps:
        if isinstance(step, bytes):
            room = room_bytes - sum(len(record) for record in written if record)
            if waiting.put(step, 0.0, room):
                put.append(step)
            else:
                assert when_full is WhenFull.STOP
        elif step == "take":
            waiting.take()
        else:
            write()
    while len(waiting):
        write()
    assert len(written) == len(put)
    assert all(got in (None, given) for got, given in zip(written, put, strict=True))
    if when_full is WhenFull.STOP:
        assert None not in written
        assert sum(map(len, put)) <= room_bytes
