"""The stand-in's pages and wheel in shared memory."""

from __future__ import annotations

import contextlib
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ac_bridge.clock import ManualClock, SystemClock
from ac_bridge.game import NEUTRAL, Controls, ControlSink, Page
from ac_bridge.game.axes import DeviceState
from ac_bridge.game.regions import Region, create_region, open_region
from ac_bridge.game.shared_pages import SharedPages
from ac_bridge.standin.shared import (
    CHUNK_BYTES,
    TORN_CHUNK_S,
    Publisher,
    SharedWheel,
    WheelRegion,
)
from ac_bridge.standin.wheel import DEVICE, SHAPE, pack_controls
from ac_bridge_protocol.errors import PageError, SettingError, WheelError
from game.contract import DRIVING, DeviceContract
from helpers.region_names import FOLDER, new_name
from helpers.torn import patterned


@pytest.fixture
def name() -> str:
    """A name that nothing else has."""
    return new_name()


class TickingClock(ManualClock):
    """A clock on which each look takes half a microsecond, and which remembers the looks."""

    def now(self) -> float:
        self.stall(0.5e-6)
        return super().now()


linux_only = pytest.mark.skipif(sys.platform == "win32", reason="files in /dev/shm")


class SpiedRegion:
    """Stands in for a region, and keeps each write with its moment."""

    def __init__(self, region: Region, clock: ManualClock) -> None:
        self.writes: list[tuple[int, bytes]] = []
        self.times_s: list[float] = []
        self._region = region
        self._clock = clock

    def read(self, size_bytes: int) -> bytes:
        return self._region.read(size_bytes)

    def write(self, offset: int, data: bytes) -> None:
        self.writes.append((offset, data))
        self.times_s.append(ManualClock.now(self._clock))
        self._region.write(offset, data)

    def orphaned(self) -> bool:
        return self._region.orphaned()

    def close(self) -> None:
        self._region.close()


def spied(publisher: Publisher, page: Page, clock: ManualClock) -> SpiedRegion:
    """Put a spy between a publisher and one of its pages."""
    spy = SpiedRegion(publisher._regions[page], clock)
    publisher._regions[page] = spy  # type: ignore[assignment]
    return spy


def test_new_pages_are_zeros(name: str) -> None:
    """While the game loads its pages are there and empty."""
    with (
        contextlib.closing(SystemClock()) as clock,
        Publisher(clock, name),
        contextlib.closing(SharedPages(name)) as pages,
    ):
        for page in Page:
            assert pages.read(page) == bytes(page.size_bytes)


@pytest.mark.parametrize("tearing", [False, True])
def test_written_in_chunks_from_the_front(name: str, tearing: bool) -> None:
    """A page is written 16 bytes at a time, lowest address first, and arrives as it is."""
    clock = TickingClock()
    with Publisher(clock, name) as publisher, contextlib.closing(SharedPages(name)) as pages:
        publisher.tearing = tearing
        for page in Page:
            spy = spied(publisher, page, clock)
            data = patterned(page, 7)
            publisher.publish(page, data)
            assert pages.read(page) == data
            offsets = [offset for offset, _ in spy.writes]
            assert offsets == sorted(offsets)
            assert all(len(chunk) <= CHUNK_BYTES for _, chunk in spy.writes)
            if not tearing:
                assert b"".join(chunk for _, chunk in spy.writes) == data


def test_torn_writes_take_their_time(name: str) -> None:
    """While tearing, chunks that change follow each other at even, short distances."""
    clock = TickingClock()
    with Publisher(clock, name) as publisher:
        publisher.publish(Page.PHYSICS, patterned(Page.PHYSICS, 7))
        spy = spied(publisher, Page.PHYSICS, clock)
        publisher.tearing = True
        publisher.publish(Page.PHYSICS, patterned(Page.PHYSICS, 8))
    gaps_s = [later - sooner for sooner, later in itertools.pairwise(spy.times_s)]
    assert len(spy.writes) == 592 // CHUNK_BYTES
    assert all(TORN_CHUNK_S / 2 < gap_s < 2 * TORN_CHUNK_S for gap_s in gaps_s)


def test_torn_writes_pass_over_what_stays(name: str) -> None:
    """A chunk that stays as it is takes no time: a reader would see a pause and trust it."""
    clock = TickingClock()
    data = bytearray(patterned(Page.PHYSICS, 7))
    with Publisher(clock, name) as publisher:
        publisher.publish(Page.PHYSICS, bytes(data))
        data[0] ^= 1
        data[-1] ^= 1
        spy = spied(publisher, Page.PHYSICS, clock)
        publisher.tearing = True
        publisher.publish(Page.PHYSICS, bytes(data))
    assert [offset for offset, _ in spy.writes] == [0, 576]
    assert spy.times_s[1] - spy.times_s[0] < 2 * TORN_CHUNK_S


class TestSharedWheel(DeviceContract):
    """The wheel of a stand-in in another process keeps the contract of its door."""

    @pytest.fixture(autouse=True)
    def simulated(self, name: str) -> Iterator[None]:
        """Play the part of the stand-in."""
        self.name = name
        with WheelRegion(name) as self.device:
            yield

    def make(self) -> ControlSink:
        wheel = SharedWheel(self.name)
        wheel._region = self.spy = SpiedRegion(wheel._region, ManualClock())  # type: ignore[assignment]
        return wheel

    def updates(self) -> int:
        return len(self.spy.writes)

    def shown(self) -> Controls:
        self.device.moved()
        return SHAPE.controls_for(DeviceState(*DEVICE.unpack(self.device.device)))


def test_needs_a_simulation(name: str) -> None:
    """Without `ac-bridge simulate` there is no wheel, the error says so, and none appears."""
    for _ in range(2):
        with pytest.raises(WheelError, match="simulate") as caught:
            SharedWheel(name)
        assert "ac-bridge simulate" in caught.value.hint


def test_a_new_wheel_is_neutral(name: str) -> None:
    """Nobody has moved it, and nothing has to be done for that."""
    with WheelRegion(name) as device:
        assert device.device == pack_controls(NEUTRAL)
        assert not device.moved()


def test_taking_hold_sets_neutral(name: str) -> None:
    """What a driver who is gone left on the wheel ends when the next one takes it."""
    with WheelRegion(name) as device:
        with open_region(name, DEVICE.size, writable=True) as gone:
            gone.write(0, pack_controls(DRIVING))
        assert device.moved()
        assert device.device == pack_controls(DRIVING)
        wheel = SharedWheel(name)
        assert device.moved()
        assert device.device == pack_controls(NEUTRAL)
        wheel.close()


@linux_only
def test_a_wheel_that_a_killed_game_left_is_taken_over(name: str) -> None:
    """It stands as it was held; a game that starts sees that as a wheel at rest."""
    (FOLDER / name).write_bytes(pack_controls(DRIVING))
    with WheelRegion(name) as device:
        assert device.device == pack_controls(DRIVING)
        assert not device.moved()


def test_moved_is_said_once(name: str) -> None:
    """A state is new once; the same state again is none."""
    with WheelRegion(name) as device:
        wheel = SharedWheel(name)
        assert not device.moved()
        wheel.apply(DRIVING)
        assert device.moved()
        assert not device.moved()
        wheel.apply(DRIVING)
        assert not device.moved()
        wheel.close()


def test_a_state_that_is_being_written_waits(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two copies that differ are nobody's state: it is taken when it stands still."""
    with WheelRegion(name) as device, open_region(name, DEVICE.size, writable=True) as driver:
        states = iter([pack_controls(DRIVING)[:8] + bytes(12), pack_controls(DRIVING)])
        monkeypatch.setattr(device._region, "read", lambda _: next(states))
        assert not device.moved()
        assert device.device == pack_controls(NEUTRAL)
        monkeypatch.undo()
        driver.write(0, pack_controls(DRIVING))
        assert device.moved()


def test_a_simulation_that_came_back_is_followed(name: str) -> None:
    """The wheel outlives its game: nothing fails in between, and the next game feels it."""
    with WheelRegion(name):
        wheel = SharedWheel(name)
    wheel.apply(DRIVING)
    with WheelRegion(name) as device:
        wheel.apply(Controls(throttle=1.0))
        device.moved()
        assert device.device == pack_controls(Controls(throttle=1.0))
        wheel.close()
        assert device.moved()
        assert device.device == pack_controls(NEUTRAL)


def test_a_wheel_has_one_game(name: str) -> None:
    """A second game does not get the wheel of one that runs, and takes nothing away from it."""
    with WheelRegion(name) as device:
        with pytest.raises(PageError, match="still runs"):
            WheelRegion(name)
        wheel = SharedWheel(name)
        wheel.apply(DRIVING)
        assert device.moved()
        wheel.close()


@pytest.mark.parametrize("bad", ["", "../../home/x", "/home/x", "acpmf_physics", "x_static"])
def test_wheels_that_would_write_elsewhere_are_refused(bad: str) -> None:
    """Neither a path nor a page's name is a wheel's, for the game as for the driver."""
    for take in (WheelRegion, SharedWheel):
        with pytest.raises(SettingError) as caught:
            take(bad)
        assert caught.value.setting == "wheel_name"


def test_a_region_that_is_no_wheel_is_a_wheel_error(name: str) -> None:
    """What is too small or may not be written to cannot be taken hold of."""
    if sys.platform == "win32":
        pytest.skip("mappings there are whole 4096-byte pages")
    with create_region(name, DEVICE.size - 1), pytest.raises(WheelError, match="holds 19 bytes"):
        SharedWheel(name)


@linux_only
def test_an_empty_wheel_is_a_wheel_error_until_it_is_whole(name: str) -> None:
    """A file without contents in the wheel's place fails as a wheel does, and is not the end."""
    with WheelRegion(name):
        wheel = SharedWheel(name)
    (FOLDER / name).touch()
    for _ in range(2):
        with pytest.raises(WheelError, match="holds 0 bytes"):
            wheel.apply(DRIVING)
    with WheelRegion(name) as device:
        wheel.apply(DRIVING)
        device.moved()
        assert device.device == pack_controls(DRIVING)
        wheel.close()


@linux_only
def test_a_wheel_that_cannot_be_set_neutral_is_let_go_of(name: str) -> None:
    """Closing says that it failed, once, keeps nothing open, and the wheel stays closed."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    with WheelRegion(name):
        wheel = SharedWheel(name)
    (FOLDER / name).touch()
    with pytest.raises(WheelError, match="holds 0 bytes"):
        wheel.close()
    wheel.close()
    (FOLDER / name).unlink()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    with pytest.raises(WheelError):
        wheel.apply(DRIVING)
