"""The stand-in's pages and wheel in shared memory."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator

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
from ac_bridge_protocol.errors import WheelError
from game.contract import DRIVING, DeviceContract
from helpers.torn import patterned

_numbers = itertools.count()


@pytest.fixture
def name() -> str:
    """A name that nothing else has."""
    return f"ac_bridge_test_shared_{os.getpid()}_{next(_numbers)}_"


class TickingClock(ManualClock):
    """A clock on which each look takes half a microsecond, and which remembers the looks."""

    def now(self) -> float:
        self.stall(0.5e-6)
        return super().now()


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
    with create_region(name, DEVICE.size) as left:
        left.write(0, pack_controls(DRIVING))
        with WheelRegion(name) as device:
            assert device.device == pack_controls(DRIVING)
            wheel = SharedWheel(name)
            assert device.moved()
            assert device.device == pack_controls(NEUTRAL)
            wheel.close()


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
