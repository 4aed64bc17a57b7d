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
from typing import NamedTuple

from ac_bridge.game import NEUTRAL, Controls, ControlSink
from ac_bridge.game.axes import AxisRange, DeviceShape
from ac_bridge_protocol.errors import WheelError

DEVICE = struct.Struct("<4iI")
"""Steering, throttle, brake and clutch axes, then the buttons."""
AXIS = AxisRange(1, 32768)
AXIS_MIN, AXIS_CENTRE, AXIS_MAX = AXIS.low, AXIS.centre, AXIS.high
AXES_AT_REST = (AXIS_CENTRE, AXIS_MIN, AXIS_MIN, AXIS_MIN)
BUTTONS = 32
"""The device has buttons 1 to this many."""
SHAPE = DeviceShape("The stand-in's wheel", AXIS, AXIS, AXIS, AXIS, BUTTONS)
DEAD_ZONE = 0.02
"""The game ignores this much of each pedal's travel, whatever its settings."""


def pack_controls(controls: Controls) -> bytes:
    """Return the device state that stands for ``controls``.

    Raises:
        WheelError: the device has no such axis position or button.
    """
    return DEVICE.pack(*SHAPE.state_for(controls))


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
            raise WheelError(f"{SHAPE.name} is closed.")
        self._deliver(pack_controls(controls))

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


class Held(NamedTuple):
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
        self._all_moved = False
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
        steer_axis, throttle_axis, brake_axis, clutch_axis, buttons = DEVICE.unpack(device)
        if not self._all_moved:
            steer_axis, throttle_axis, brake_axis, clutch_axis = self._as_seen(
                (steer_axis, throttle_axis, brake_axis, clutch_axis)
            )
        settings = self.settings
        steer = _steering(steer_axis) * settings.steer_scale
        shaped = abs(steer) ** settings.steer_gamma
        return Held(
            shaped if steer > 0.0 else -shaped,
            _pedal(throttle_axis),
            _pedal(brake_axis) ** settings.brake_gamma,
            _pedal(clutch_axis),
            buttons,
        )

    def _as_seen(self, axes: tuple[int, int, int, int]) -> list[int]:
        """Return the axes with those that have not moved yet at rest."""
        for i, axis in enumerate(axes):
            self._moved[i] = self._moved[i] or axis != self._at_launch[i]
        self._all_moved = all(self._moved)
        return [
            axis if moved else rest
            for axis, moved, rest in zip(axes, self._moved, AXES_AT_REST, strict=True)
        ]


def _steering(axis: int) -> float:
    """Return the steering axis as a share of its travel to either side."""
    return min(max(AXIS.turn(axis), -1.0), 1.0)


def _pedal(axis: int) -> float:
    """Return a pedal as a share of its travel beyond the dead zone."""
    travelled = min(AXIS.travel(axis), 1.0)
    return (travelled - DEAD_ZONE) / (1.0 - DEAD_ZONE) if travelled > DEAD_ZONE else 0.0
