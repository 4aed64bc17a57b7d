"""Every backend keeps the contract of its door."""

from __future__ import annotations

from ac_bridge.game import Controls, ControlSink, PageSource, RecordingWheel
from ac_bridge.standin import StandinGame
from ac_bridge.standin.wheel import AXIS_CENTRE, AXIS_MAX, AXIS_MIN, BUTTONS, DEVICE, StandinWheel
from game.contract import ControlSinkContract, PageSourceContract


class TestStandinWheel(ControlSinkContract):
    """The stand-in's own wheel."""

    def make(self) -> ControlSink:
        self.device = b""
        return StandinWheel(self._take)

    def _take(self, device: bytes) -> None:
        self.device = device

    def shown(self) -> Controls:
        steer, *pedals, buttons = DEVICE.unpack(self.device)
        side = AXIS_MAX - AXIS_CENTRE if steer > AXIS_CENTRE else AXIS_CENTRE - AXIS_MIN
        throttle, brake, clutch = ((pedal - AXIS_MIN) / (AXIS_MAX - AXIS_MIN) for pedal in pedals)
        held = frozenset(b for b in range(1, BUTTONS + 1) if buttons & (1 << (b - 1)))
        return Controls((steer - AXIS_CENTRE) / side, throttle, brake, clutch, held)


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
