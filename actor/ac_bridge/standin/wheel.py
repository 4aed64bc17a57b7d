"""The virtual wheel: a device that holds bytes, and the game's way of reading it.

`StandinWheel` packs controls as vJoy does: axes are integers 1..32768 with the steering centre at
16384, buttons a bit mask. One count is 1/32767 of a pedal and 1/16384 of the steering, so that is
how exactly a control arrives; released pedals and a straight wheel arrive exactly.

`WheelInput` reads those bytes as the game reads its device: once each physics step, with the
quirks of controls.ini.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Callable

from ac_bridge.game import NEUTRAL, Controls, ControlSink
from ac_bridge_protocol.errors import WheelError

DEVICE = struct.Struct("<4iI")
"""Steering, throttle, brake and clutch axes, then the buttons."""
AXIS_MIN, AXIS_CENTRE, AXIS_MAX = 1, 16384, 32768
BUTTONS = 32
"""The device has buttons 1 to this many."""
DEAD_ZONE = 0.02
"""The game ignores this much of each pedal's travel, whatever its settings."""


def pack_controls(controls: Controls) -> bytes:
    """Return the device state that stands for ``controls``."""
    side = AXIS_MAX - AXIS_CENTRE if controls.steer > 0.0 else AXIS_CENTRE - AXIS_MIN
    pedals = (controls.throttle, controls.brake, controls.clutch)
    return DEVICE.pack(
        AXIS_CENTRE + round(controls.steer * side),
        *(AXIS_MIN + round(pedal * (AXIS_MAX - AXIS_MIN)) for pedal in pedals),
        sum(1 << (button - 1) for button in controls.buttons),
    )


class StandinWheel(ControlSink):
    """The driver's side of the device."""

    def __init__(self, deliver: Callable[[bytes], None]) -> None:
        """Make a wheel that hands each new device state to ``deliver``."""
        self._deliver = deliver
        self._closed = False

    def apply(self, controls: Controls) -> None:
        """Set every axis and button in one update.

        Raises:
            WheelError: the wheel is closed, or the device has no such axis position or button.
        """
        if self._closed:
            raise WheelError("the stand-in's wheel is closed")
        if any(not 1 <= button <= BUTTONS for button in controls.buttons):
            raise WheelError(f"the stand-in's wheel has buttons 1 to {BUTTONS}: {controls.buttons}")
        try:
            state = pack_controls(controls)
        except (ValueError, OverflowError, struct.error) as error:
            raise WheelError(f"no axis position stands for {controls}: {error}") from error
        self._deliver(state)

    def close(self) -> None:
        """Set neutral and let go of the device. May be called twice."""
        if not self._closed:
            self._deliver(pack_controls(NEUTRAL))
            self._closed = True


@dataclasses.dataclass(frozen=True, slots=True)
class InputSettings:
    """What the game's controls.ini says about the wheel. The defaults are linear."""

    steer_scale: float = 1.0
    steer_gamma: float = 1.0
    speed_sensitivity: float = 0.0
    """Steering is divided by 1 + this * speed in km/h."""
    steer_filter: float = 0.0
    """Low-pass on the steering, 0 (none) to below 1."""
    brake_gamma: float = 1.0
    """The game's own default is 2.4."""


LINEAR = InputSettings()
"""What is sent is what is felt, but for the dead zone."""


@dataclasses.dataclass(frozen=True, slots=True)
class Held:
    """Device state as the game understands it, before what depends on the car."""

    steer: float
    throttle: float
    brake: float
    clutch: float
    buttons: int


class WheelInput:
    """The game's side of the device, new for each launch of the game.

    Every axis reads zero until it has moved once: a pedal that was down when the game started stays
    unseen until the driver touches it.
    """

    def __init__(self, device: bytes, settings: InputSettings = LINEAR) -> None:
        """Start reading a device whose state at launch is ``device``."""
        self.settings = settings
        self._device = device
        self._at_launch = DEVICE.unpack(device)[:4]
        self._moved = [False, False, False, False]
        self._held = self._read(device)
        self.steer = 0.0
        """Steering after shaping, -1..1."""
        self.throttle = self.brake = self.clutch = 0.0
        self.buttons = self._held.buttons
        """Bit mask of the buttons that are down."""
        self.pressed = 0
        """Bit mask of the buttons that went down at this poll."""

    def poll(self, device: bytes, speed_kmh: float) -> None:
        """Read the device, as each physics step does."""
        if device is not self._device:
            self._device = device
            self._held = held = self._read(device)
            self.throttle, self.brake, self.clutch = held.throttle, held.brake, held.clutch
            self.pressed = held.buttons & ~self.buttons
            self.buttons = held.buttons
        else:
            self.pressed = 0
        settings = self.settings
        steer = self._held.steer / (1.0 + settings.speed_sensitivity * speed_kmh)
        steer += settings.steer_filter * (self.steer - steer)
        self.steer = -1.0 if steer < -1.0 else 1.0 if steer > 1.0 else steer

    def _read(self, device: bytes) -> Held:
        *axes, buttons = DEVICE.unpack(device)
        for i, axis in enumerate(axes):
            self._moved[i] = self._moved[i] or axis != self._at_launch[i]
        values = [
            _position(axis, AXIS_CENTRE if i == 0 else AXIS_MIN) if self._moved[i] else 0.0
            for i, axis in enumerate(axes)
        ]
        settings = self.settings
        steer = values[0] * settings.steer_scale
        shaped = abs(steer) ** settings.steer_gamma
        throttle, brake, clutch = (_past_dead_zone(value) for value in values[1:])
        return Held(
            shaped if steer > 0.0 else -shaped,
            throttle,
            brake**settings.brake_gamma,
            clutch,
            buttons,
        )


def _position(axis: int, rest: int) -> float:
    """Return an axis as a share of its travel away from where it rests."""
    travel = AXIS_MAX - rest if axis > rest else max(rest - AXIS_MIN, 1)
    return min(max((axis - rest) / travel, -1.0), 1.0)


def _past_dead_zone(pedal: float) -> float:
    return max(pedal - DEAD_ZONE, 0.0) / (1.0 - DEAD_ZONE)
