"""Every backend keeps the contract of its door."""

from __future__ import annotations

from ac_bridge.game import (
    NEUTRAL,
    Controls,
    ControlSink,
    Inheritance,
    PageSource,
    RecordingWheel,
)
from ac_bridge.game.axes import DeviceState
from ac_bridge.standin import StandinGame
from ac_bridge.standin.wheel import DEVICE, SHAPE, StandinWheel, pack_controls
from game.contract import ControlSinkContract, DeviceContract, PageSourceContract


class TestStandinWheel(DeviceContract):
    """The stand-in's own wheel."""

    def make(self) -> ControlSink:
        self.delivered = [pack_controls(NEUTRAL)]
        return StandinWheel(self.delivered.append)

    def shown(self) -> Controls:
        return SHAPE.controls_for(DeviceState(*DEVICE.unpack(self.delivered[-1])))

    def updates(self) -> int:
        return len(self.delivered)


class TestRecordingWheel(ControlSinkContract):
    """The wheel that remembers."""

    def make(self) -> ControlSink:
        self.wheel = RecordingWheel()
        return self.wheel

    def shown(self) -> Controls:
        return self.wheel.now


class TestRecordingWheelAroundAnother(TestStandinWheel):
    """Remembering does not change what is passed on."""

    def make(self) -> ControlSink:
        return RecordingWheel(super().make())


class TestStandinPages(PageSourceContract):
    """The stand-in's own pages."""

    def make(self) -> PageSource:
        game = StandinGame(lockstep=True)
        game.clock.sleep_until(2.0)
        return game.pages


def test_the_stand_in_of_this_process_leaves_nothing() -> None:
    """Its wheel goes with the process, whoever remembers what was asked of it."""
    with StandinGame(lockstep=True) as game:
        assert game.wheel.inheritance() is None
        assert RecordingWheel(game.wheel).inheritance() is None
    assert RecordingWheel().inheritance() is None


def test_remembering_does_not_change_how_a_wheel_is_taken() -> None:
    """The inner wheel's word counts."""

    class Outliving(RecordingWheel):
        def inheritance(self) -> Inheritance:
            return Inheritance("standin", "region")

    assert RecordingWheel(Outliving()).inheritance() == Inheritance("standin", "region")
