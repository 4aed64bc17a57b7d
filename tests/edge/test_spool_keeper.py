"""The keeper: whoever drives never waits for the disk, and hears of all that goes wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import pytest

from ac_bridge.clock import SystemClock
from ac_bridge.edge import keeper as keeper_module
from ac_bridge.edge.keeper import SpoolKeeper
from ac_bridge.edge.spool import Spool, WhenFull
from ac_bridge.edge.waiting import WaitingLimits
from ac_bridge_protocol.errors import LocalProtocolError, SpoolError, SpoolFullError

PATIENCE_S = 20.0
LONG_S = 3600.0
LAZY = WaitingLimits(batch_records=1000, batch_age_s=LONG_S)
ALL = 1 << 40


class Heard:
    """What a keeper told its owner."""

    def __init__(self) -> None:
        self.errors: list[SpoolError] = []
        self.written: list[int] = []
        self._told = threading.Condition()

    def on_error(self, error: SpoolError) -> None:
        with self._told:
            self.errors.append(error)
            self._told.notify_all()

    def on_written(self, last: int) -> None:
        with self._told:
            self.written.append(last)
            self._told.notify_all()

    def wait_for(self, condition: Callable[[], object]) -> None:
        with self._told:
            assert self._told.wait_for(condition, PATIENCE_S)

    def wait_for_beyond(self, number: int) -> None:
        self.wait_for(lambda: self.written and self.written[-1] > number)


class Gate:
    """Holds each `append`, as a disk that does not answer would; or lets it fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened = threading.Event()
        self.reached = threading.Event()
        self.failures = 0
        append = Spool.append

        def held(spool: Spool, *arguments: Any, **options: Any) -> int:
            self.reached.set()
            assert self.opened.wait(PATIENCE_S)
            if self.failures > 0:
                self.failures -= 1
                raise SpoolError("The disk is gone.", file=str(spool.path))
            return append(spool, *arguments, **options)

        monkeypatch.setattr(Spool, "append", held)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate(monkeypatch)
    yield gate
    gate.opened.set()


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "drive.spool"


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Iterator[None]:
    yield
    assert not [one for one in threading.enumerate() if one.name == "ac-bridge-spool"]


def keeping(
    path: Path,
    heard: Heard,
    limits: WaitingLimits = LAZY,
    *,
    max_bytes: int = 1 << 20,
    when_full: WhenFull = WhenFull.STOP,
) -> SpoolKeeper:
    spool = Spool(path, max_bytes=max_bytes, when_full=when_full)
    return SpoolKeeper(
        spool,
        SystemClock(),
        on_error=heard.on_error,
        on_written=heard.on_written,
        limits=limits,
    )


def kept_in(path: Path) -> list[tuple[int, bytes]]:
    with Spool(path, max_bytes=1 << 20) as spool:
        kept: list[tuple[int, bytes]] = spool.read(0, ALL, ALL)
    return kept


def all_of(keeper: SpoolKeeper) -> list[tuple[int, bytes]]:
    return keeper.read(0, ALL, ALL).result(PATIENCE_S)


# --- All is well ----------------------------------------------------------------------------------


def test_what_was_put_is_there_after_a_flush(path: Path, heard: Heard) -> None:
    """In order, with its numbers; and not before, if nothing else makes it due."""
    with keeping(path, heard) as keeper:
        keeper.put(b"a")
        keeper.put(b"b")
        assert (all_of(keeper), keeper.waiting, keeper.stats().last) == ([], 2, 0)
        assert keeper.flush().result(PATIENCE_S) == 2
        assert (keeper.waiting, keeper.stats().records, heard.written) == (0, 2, [2])
        assert all_of(keeper) == [(1, b"a"), (2, b"b")]
        assert keeper.read(1, 5, 100).result(PATIENCE_S) == [(2, b"b")]
        assert keeper.flush().result(PATIENCE_S) == 2
    assert heard.errors == []


def test_so_many_are_written_at_once(path: Path, heard: Heard) -> None:
    """Without anybody asking; the rest waits for more."""
    with keeping(path, heard, WaitingLimits(batch_records=3, batch_age_s=LONG_S)) as keeper:
        for record in (b"a", b"b", b"c", b"d"):
            keeper.put(record)
        heard.wait_for(lambda: heard.written)
        assert len(all_of(keeper)) == 3
        assert keeper.waiting == 1
    assert heard.written == [3, 4]


def test_the_oldest_is_written_after_a_while(path: Path, heard: Heard) -> None:
    """However few there are."""
    with keeping(path, heard, WaitingLimits(batch_age_s=0.01)) as keeper:
        keeper.put(b"a")
        heard.wait_for(lambda: heard.written == [1])
        keeper.put(b"b")
        heard.wait_for(lambda: heard.written == [1, 2])


def test_closing_writes_what_waits(path: Path, heard: Heard) -> None:
    """And may be done twice; then nothing is taken any more."""
    keeper = keeping(path, heard)
    keeper.put(b"a")
    keeper.close()
    keeper.close()
    with pytest.raises(LocalProtocolError, match="closed"):
        keeper.put(b"b")
    with pytest.raises(LocalProtocolError, match="closed"):
        keeper.flush()
    assert kept_in(path) == [(1, b"a")]


def test_a_learner_beside_a_driver_gets_all_once(path: Path, heard: Heard) -> None:
    """While one puts, another reads, acknowledges, and goes on after what it has."""
    got: list[tuple[int, bytes]] = []
    count = 3000
    with keeping(path, heard, WaitingLimits(batch_records=64, batch_age_s=0.01)) as keeper:

        def learn() -> None:
            while len(got) < count:
                known = got[-1][0] if got else 0
                heard.wait_for_beyond(known)
                got.extend(keeper.read(known, 100, ALL).result(PATIENCE_S))
                keeper.acknowledge(got[-1][0]).result(PATIENCE_S)

        learner = threading.Thread(target=learn)
        learner.start()
        for number in range(1, count + 1):
            keeper.put(b"%d" % number)
        learner.join()
        assert keeper.stats().records == 0
    assert got == [(number, b"%d" % number) for number in range(1, count + 1)]


def test_what_was_acknowledged_and_never_given(path: Path, heard: Heard) -> None:
    """The one who said so is told, and the thread goes on."""
    with keeping(path, heard) as keeper:
        with pytest.raises(LocalProtocolError, match="Record 1 "):
            keeper.acknowledge(1).result(PATIENCE_S)
        keeper.put(b"a")
        assert keeper.flush().result(PATIENCE_S) == 1
        assert keeper.spool_id


# --- Full -----------------------------------------------------------------------------------------


def test_a_full_spool_stops_whoever_drives(path: Path, heard: Heard) -> None:
    """At once, from memory; what was taken is written, and an acknowledgement makes room."""
    with keeping(path, heard, max_bytes=10) as keeper:
        keeper.put(b"1234")
        assert not keeper.is_full
        keeper.put(b"5678")
        assert keeper.is_full
        with pytest.raises(SpoolFullError, match="3 bytes more do not fit"):
            keeper.put(b"9ab")
        keeper.flush().result(PATIENCE_S)
        assert keeper.is_full
        keeper.acknowledge(1).result(PATIENCE_S)
        assert not keeper.is_full
        keeper.put(b"9ab")
    assert kept_in(path) == [(2, b"5678"), (3, b"9ab")]
    assert heard.errors == []


@pytest.mark.parametrize("record", [b"", b"12345"])
def test_a_record_that_never_fits(path: Path, heard: Heard, record: bytes) -> None:
    """It is refused where it is put."""
    with (
        keeping(path, heard, max_bytes=4, when_full=WhenFull.DROP_OLDEST) as keeper,
        pytest.raises(SpoolError, match="does not go into"),
    ):
        keeper.put(record)


def test_a_disk_that_does_not_answer_stops_whoever_drives(
    path: Path, heard: Heard, gate: Gate
) -> None:
    """Nobody waits for it: at the bound of what may wait, no more is taken."""
    limits = WaitingLimits(batch_records=1, queue_bytes=2)
    with keeping(path, heard, limits) as keeper:
        keeper.put(b"a")
        assert gate.reached.wait(PATIENCE_S)
        keeper.put(b"b")
        keeper.put(b"c")
        assert keeper.is_full
        with pytest.raises(SpoolFullError):
            keeper.put(b"d")
        gate.opened.set()
    assert kept_in(path) == [(1, b"a"), (2, b"b"), (3, b"c")]


def test_a_disk_that_does_not_answer_costs_the_oldest(path: Path, heard: Heard, gate: Gate) -> None:
    """Where the spool drops, so does what waits; the numbers jump, and the count is kept."""
    limits = WaitingLimits(batch_records=1, queue_bytes=2)
    with keeping(path, heard, limits, when_full=WhenFull.DROP_OLDEST) as keeper:
        keeper.put(b"a")
        assert gate.reached.wait(PATIENCE_S)
        for record in (b"b", b"c", b"d", b"e"):
            keeper.put(record)
        assert not keeper.is_full
        gate.opened.set()
        assert keeper.flush().result(PATIENCE_S) == 5
        assert keeper.stats().dropped == 2
    assert kept_in(path) == [(1, b"a"), (4, b"d"), (5, b"e")]


# --- Failures -------------------------------------------------------------------------------------


def test_a_disk_that_fails_is_told_of_and_tried_again(
    path: Path, heard: Heard, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same records are written once, when it is well again."""
    monkeypatch.setattr(keeper_module, "FIRST_WAIT_S", 0.001)
    gate.failures = 3
    gate.opened.set()
    with keeping(path, heard, WaitingLimits(batch_records=2, batch_age_s=LONG_S)) as keeper:
        keeper.put(b"a")
        keeper.put(b"b")
        heard.wait_for(lambda: heard.written)
        assert [error.message for error in heard.errors] == ["The disk is gone."] * 3
        assert all_of(keeper) == [(1, b"a"), (2, b"b")]


def test_a_flush_that_fails_says_so(path: Path, heard: Heard, gate: Gate) -> None:
    """To the one who asked; the records wait on."""
    gate.opened.set()
    with keeping(path, heard) as keeper:
        keeper.put(b"a")
        gate.failures = 1
        with pytest.raises(SpoolError, match="disk is gone"):
            keeper.flush().result(PATIENCE_S)
        assert keeper.flush().result(PATIENCE_S) == 1
    assert kept_in(path) == [(1, b"a")]


def test_closing_says_what_was_lost(path: Path, heard: Heard, gate: Gate) -> None:
    """Once; the file is let go of in any case."""
    gate.opened.set()
    keeper = keeping(path, heard)
    keeper.put(b"a")
    keeper.put(b"b")
    gate.failures = 1
    with pytest.raises(SpoolError, match="2 records were not written"):
        keeper.close()
    keeper.close()
    assert kept_in(path) == []


def test_closing_does_not_hang(
    path: Path, heard: Heard, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not on a disk that never answers."""
    monkeypatch.setattr(keeper_module, "CLOSE_S", 0.01)
    keeper = keeping(path, heard)
    keeper.put(b"a")
    with pytest.raises(SpoolError, match=r"1 records were not written .* does not answer"):
        keeper.close()
    gate.opened.set()
    monkeypatch.undo()
    keeper.close()
    assert kept_in(path) == [(1, b"a")]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_callback_that_raises_ends_the_keeper(path: Path) -> None:
    """It is a mistake of the owner's: Python tells, nothing is taken any more, nothing hangs."""
    asked = threading.Event()

    def broken(_last: int) -> None:
        assert asked.wait(PATIENCE_S)
        raise RuntimeError("a mistake")

    keeper = SpoolKeeper(
        Spool(path, max_bytes=100),
        SystemClock(),
        on_error=lambda _: None,
        on_written=broken,
        limits=WaitingLimits(batch_records=1),
    )
    keeper.put(b"a")
    while keeper.stats().last == 0:  # until it is in the callback, or just before
        pass
    unanswered = keeper.flush()
    asked.set()
    with pytest.raises(CancelledError):
        unanswered.result(PATIENCE_S)
    with pytest.raises(LocalProtocolError, match="closed"):
        keeper.put(b"b")
    keeper.close()
    assert kept_in(path) == [(1, b"a")]
