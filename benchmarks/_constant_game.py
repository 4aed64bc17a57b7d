"""A game whose steps cost nothing, so that a benchmark measures the bridge and nothing else."""

from __future__ import annotations

import struct

from ac_bridge.clock import ManualClock
from ac_bridge.control.reset import DEFAULT_PLAN
from ac_bridge.game import Controls, ControlSink, Game, GameAbility, Page, PageSource
from ac_bridge.telemetry.layout import GRAPHICS, PHYSICS, STATIC
from ac_bridge_protocol.frame import GameStatus

_PHYSICS = {
    "gas": 0.5,
    "fuel": 30.0,
    "gear": 4,
    "autoShifterOn": 1,
    "rpms": 6100,
    "steerAngle": 0.03,
    "speedKmh": 0.5,
    "velocity": (0.1, 0.0, 0.1),
    "accG": (0.3, 0.01, -0.2),
    "wheelSlip": (0.31, 0.32, 0.28, 0.27),
    "wheelLoad": (3359.0, 3336.0, 2324.0, 2332.0),
    "wheelAngularSpeed": (60.1, 60.2, 60.3, 60.4),
    "tyreWear": (99.9, 99.9, 99.8, 99.8),
    "tyreCoreTemperature": (81.0, 82.0, 79.0, 80.0),
    "tyreContactPoint": ((1.1, 0.0, 2.2),) * 4,
}
_STATIC = {"smVersion": "1.7", "acVersion": "1.16.4", "track": "constant", "trackSPlineLength": 2e3}


class _Pages(PageSource):
    atomic = True

    def __init__(self) -> None:
        self.started = False
        self._packet_id = 0
        self._physics = PHYSICS.pack(_PHYSICS)[4:]
        live = {"status": GameStatus.LIVE.value, "currentTime": "0:00:300", "tyreCompound": "SM"}
        self._waiting = GRAPHICS.pack(live | {"isInPit": 1})
        self._driving = GRAPHICS.pack(live | {"iCurrentTime": 300, "normalizedCarPosition": 0.5})
        self._static = STATIC.pack(_STATIC)

    def read(self, page: Page) -> bytes:
        if page is Page.PHYSICS:
            self._packet_id += 1
            return struct.pack("<i", self._packet_id) + self._physics
        if page is Page.GRAPHICS:
            return self._driving if self.started else self._waiting
        return self._static

    def close(self) -> None:
        pass


class _Wheel(ControlSink):
    def __init__(self, pages: _Pages) -> None:
        self._pages = pages

    def apply(self, controls: Controls) -> None:
        if DEFAULT_PLAN.restart_button in controls.buttons:
            self._pages.started = False
        elif DEFAULT_PLAN.start_button in controls.buttons:
            self._pages.started = True

    def close(self) -> None:
        pass


class _JumpingClock(ManualClock):
    """Waiting takes no time, also in an event loop."""

    async def wait_until(self, deadline: float) -> None:
        self.sleep_until(deadline)


class ConstantGame(Game):
    """Publishes the same pages for ever, with a rising packet id, on a clock that jumps."""

    name = "constant"
    abilities = GameAbility.LOCKSTEP

    def __init__(self) -> None:
        self.clock = _JumpingClock()
        self.pages = pages = _Pages()
        self.wheel = _Wheel(pages)

    def close(self) -> None:
        """Nothing is held."""
