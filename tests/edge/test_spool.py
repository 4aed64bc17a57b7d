"""The spool gives back what it was given, once and in order, whatever is done in between."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ac_bridge.edge import spool as spool_module
from ac_bridge.edge.spool import Spool, SpoolStats, WhenFull
from ac_bridge_protocol.errors import (
    LocalProtocolError,
    SettingError,
    SpoolError,
    SpoolFullError,
)

ALL = 1 << 40
RECORDS = st.lists(st.binary(min_size=1, max_size=12), max_size=6)


def everything(spool: Spool) -> list[tuple[int, bytes]]:
    return spool.read(0, ALL, ALL)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "drive.spool"


@pytest.fixture
def spool(path: Path) -> Iterator[Spool]:
    with Spool(path, max_bytes=1000) as spool:
        yield spool


# --- Any sequence ---------------------------------------------------------------------------------


class SpoolAgainstModel(RuleBasedStateMachine):
    """A spool, and beside it a list that does the same."""

    when_full = WhenFull.STOP
    max_bytes = 60

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.kept: list[tuple[int, bytes]] = []
        self.last = self.acknowledged = self.dropped = 0
        self.newest: bytes | None = None
        self.spool = self.opened()
        self.spool_id = self.spool.spool_id

    def opened(self) -> Spool:
        path = self.folder / "drive.spool"
        return Spool(path, max_bytes=self.max_bytes, when_full=self.when_full)

    def size(self) -> int:
        return sum(len(record) for _, record in self.kept)

    @rule(records=RECORDS, dropped_before=st.sampled_from([0, 0, 2]))
    def append(self, records: list[bytes], dropped_before: int) -> None:
        too_much = self.size() + sum(map(len, records)) > self.max_bytes
        if too_much and self.when_full is WhenFull.STOP:
            with pytest.raises(SpoolFullError):
                self.spool.append(records, dropped_before=dropped_before)
            return
        self.last += dropped_before
        self.dropped += dropped_before
        self.kept += enumerate(records, self.last + 1)
        self.newest = records[-1] if records else self.newest
        self.last += len(records)
        while self.size() > self.max_bytes:
            self.kept.pop(0)
            self.dropped += 1
        assert self.spool.append(records, dropped_before=dropped_before) == self.last

    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        upto = data.draw(st.integers(0, self.last), label="upto")
        self.spool.acknowledge(upto)
        self.acknowledged = max(self.acknowledged, upto)
        self.kept = [(number, record) for number, record in self.kept if number > upto]

    @rule(beyond=st.integers(1, 5))
    def acknowledge_too_much(self, beyond: int) -> None:
        with pytest.raises(LocalProtocolError, match="acknowledged"):
            self.spool.acknowledge(self.last + beyond)

    @rule(data=st.data(), most=st.integers(1, 5), size=st.integers(0, 40))
    def read(self, data: st.DataObject, most: int, size: int) -> None:
        after = data.draw(st.integers(0, self.last), label="after")
        wanted = [pair for pair in self.kept if pair[0] > after][:most]
        while len(wanted) > 1 and sum(len(record) for _, record in wanted) > size:
            wanted.pop()
        assert self.spool.read(after, most, size) == wanted

    @rule()
    def reopen(self) -> None:
        self.spool.close()
        self.spool = self.opened()
        assert self.spool.spool_id == self.spool_id

    @invariant()
    def is_like_the_model(self) -> None:
        assert everything(self.spool) == self.kept
        assert self.spool.newest() == self.newest
        assert self.spool.stats() == SpoolStats(
            first=self.kept[0][0] if self.kept else self.last + 1,
            last=self.last,
            acknowledged=self.acknowledged,
            records=len(self.kept),
            bytes=self.size(),
            dropped=self.dropped,
        )
        assert self.spool.room_bytes == self.max_bytes - self.size()

    def teardown(self) -> None:
        if hasattr(self, "spool"):
            self.spool.close()
            shutil.rmtree(self.folder)


class DroppingSpoolAgainstModel(SpoolAgainstModel):
    """The same for one that drops."""

    when_full = WhenFull.DROP_OLDEST


TestAnySequence = SpoolAgainstModel.TestCase
TestAnySequenceDropping = DroppingSpoolAgainstModel.TestCase
# Each step waits for the disk: a dozen sequences of thirty steps at most.
TestAnySequence.settings = settings(max_examples=20, stateful_step_count=30)
TestAnySequenceDropping.settings = TestAnySequence.settings


# --- Numbers --------------------------------------------------------------------------------------


def test_numbers_are_never_given_twice(path: Path) -> None:
    """Not even when all was acknowledged and the process is another one."""
    with Spool(path, max_bytes=100) as spool:
        assert spool.append([b"a", b"b", b"c"]) == 3
        spool.acknowledge(3)
    with Spool(path, max_bytes=100) as spool:
        assert spool.stats() == SpoolStats(4, 3, 3, 0, 0, 0)
        assert spool.append([b"d"]) == 4
        assert everything(spool) == [(4, b"d")]


def test_two_spools_have_two_ids(tmp_path: Path) -> None:
    """A learner that knows one takes no number of the other for known."""
    with (
        Spool(tmp_path / "one.spool", max_bytes=1) as one,
        Spool(tmp_path / "two.spool", max_bytes=1) as two,
    ):
        assert one.spool_id != two.spool_id


def test_nothing_to_append(spool: Spool) -> None:
    """No records: no number."""
    assert spool.append([]) == 0
    assert everything(spool) == []


# --- Full -----------------------------------------------------------------------------------------


def test_a_full_spool_refuses_and_keeps_all(path: Path) -> None:
    """All of what was to be added is refused; after an acknowledgement there is room again."""
    with Spool(path, max_bytes=10) as spool:
        spool.append([b"1234", b"5678"])
        assert spool.is_full
        before = spool.stats(), everything(spool)
        with pytest.raises(SpoolFullError, match=r"2 bytes|3 bytes") as caught:
            spool.append([b"9", b"ab"])
        assert caught.value.file == str(path)
        assert (spool.stats(), everything(spool)) == before
        spool.acknowledge(1)
        assert not spool.is_full
        assert spool.append([b"9", b"ab"]) == 4


def test_a_spool_that_drops_shows_the_gap(path: Path) -> None:
    """The oldest go, and are counted for good; the next number that is read is beyond them."""
    with Spool(path, max_bytes=10, when_full=WhenFull.DROP_OLDEST) as spool:
        spool.append([b"1234", b"5678"])
        assert not spool.is_full
        spool.append([b"9abc"])
        assert spool.read(0, 10, 100) == [(2, b"5678"), (3, b"9abc")]
    with Spool(path, max_bytes=4, when_full=WhenFull.DROP_OLDEST) as spool:
        assert (spool.stats().dropped, spool.stats().acknowledged) == (1, 0)
        assert spool.room_bytes == 0
        assert spool.append([b"d"]) == 4
        assert everything(spool) == [(4, b"d")]
        assert spool.stats().dropped == 3


def test_a_batch_beyond_all_room_drops_its_own_oldest(path: Path) -> None:
    """What remains is the end of it."""
    with Spool(path, max_bytes=5, when_full=WhenFull.DROP_OLDEST) as spool:
        assert spool.append([b"12", b"34", b"56"]) == 3
        assert everything(spool) == [(2, b"34"), (3, b"56")]


@pytest.mark.parametrize("when_full", WhenFull)
@pytest.mark.parametrize("record", [b"", b"12345"], ids=["empty", "too large"])
def test_a_record_that_never_fits(path: Path, when_full: WhenFull, record: bytes) -> None:
    """It is refused with all that came with it, and drops nothing."""
    with Spool(path, max_bytes=4, when_full=when_full) as spool:
        spool.append([b"a"])
        with pytest.raises(SpoolError, match=f"record of {len(record)} bytes"):
            spool.append([b"b", record])
        assert everything(spool) == [(1, b"a")]


def test_a_spool_without_room(path: Path) -> None:
    """It would hold nothing, and is not made."""
    with pytest.raises(SettingError, match="0 bytes"):
        Spool(path, max_bytes=0)
    assert not path.exists()


# --- The file's size ------------------------------------------------------------------------------


def test_space_is_used_again(path: Path) -> None:
    """However much goes through, the file grows no larger than what it held at most."""
    sizes = []
    for _ in range(4):
        with Spool(path, max_bytes=1 << 20) as spool:
            spool.acknowledge(spool.append([bytes(1000)] * 200))
        sizes.append(path.stat().st_size)
    assert max(sizes) == sizes[0]


def test_space_is_given_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a spool that was large once, little is left on the disk."""
    monkeypatch.setattr(spool_module, "FREE_PAGES", 10)
    with Spool(path, max_bytes=1 << 20) as spool:
        last = spool.append([bytes(1000)] * 200)
    large = path.stat().st_size
    with Spool(path, max_bytes=1 << 20) as spool:
        spool.acknowledge(last)
    assert large > 200_000
    assert path.stat().st_size < 80_000
