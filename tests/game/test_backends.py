"""Every backend keeps the contract of its door."""

from __future__ import annotations

from ac_bridge.game import NEUTRAL, Controls, ControlSink, PageSource, RecordingWheel
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
