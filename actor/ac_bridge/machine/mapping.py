"""Which axis and button of the virtual wheel does what, as the game's own files say it. Pure.

Axis numbers are the game's (``AXLE=``). On Windows they should follow DirectInput's order X, Y, Z,
RX, RY, RZ, counted from 0; on Linux, Proton should number the axes that exist in the order of
their codes. Steer, throttle and brakes are confirmed by public projects on Windows; the clutch's
number and everything about Linux is unverified on a live game.
"""

from __future__ import annotations

import dataclasses
import sys

from ac_bridge.game.uinput import DEVICE_NAME
from ac_bridge.settings import ActorSettings


@dataclasses.dataclass(frozen=True, slots=True)
class WheelMapping:
    """What the virtual wheel offers, and where. Buttons are numbered from 1, as vJoy does."""

    device: str
    """What the device calls itself; the game lists it under this name."""
    steer_axle: int = 0
    throttle_axle: int = 1
    brakes_axle: int = 2
    clutch_axle: int = 5
    gear_up_button: int = 1
    gear_down_button: int = 2
    restart_button: int = 7
    start_button: int = 9

    @property
    def axles(self) -> dict[str, int]:
        """The number of each axis by the section of the game's file that binds it."""
        return {
            "STEER": self.steer_axle,
            "THROTTLE": self.throttle_axle,
            "BRAKES": self.brakes_axle,
            "CLUTCH": self.clutch_axle,
        }

    @property
    def buttons(self) -> dict[str, int]:
        """Our number of each button by the section that binds it, the preferred sections first."""
        return {
            "GEARUP": self.gear_up_button,
            "GEARDN": self.gear_down_button,
            RESTART: self.restart_button,
            START: self.start_button,
        }


RESTART = "__CM_RESET_SESSION"
"""Restarts the session. Content Manager acts on it, and newer Custom Shaders Patches (unverified):
the game alone binds no joystick button to a restart."""
RESTART_RACE = "RESET_RACE"
"""The game's own restart. Its button, too, works through Content Manager or the patch alone."""
START = "__CM_START_SESSION"
"""Starts the session from its menu, through the same two."""
DELAYS = ("__EXTRA_CM", "DELAY_SPECIFIC_SYSTEM_COMMANDS")
"""Content Manager's setting of whether the restart button must be held down for a while; on by
default. Our presses are short (unverified on a live game)."""

VJOY = WheelMapping(device="vJoy Device")
"""vJoy's first device with the axes X, Y, Z and RZ."""
UINPUT = WheelMapping(device=DEVICE_NAME, clutch_axle=3)
"""Our uinput device, whose fourth axis in the order of codes is RZ."""


def mapping_for(settings: ActorSettings) -> WheelMapping:
    """Return the mapping of the wheel that an actor with these settings would drive with."""
    uinput = settings.controller == "uinput" or (
        settings.controller == "auto" and sys.platform != "win32"
    )
    return dataclasses.replace(
        UINPUT if uinput else VJOY,
        gear_up_button=settings.shift_up_button,
        gear_down_button=settings.shift_down_button,
        restart_button=settings.restart_button,
        start_button=settings.start_button,
    )
