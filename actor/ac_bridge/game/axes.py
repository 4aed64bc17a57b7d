"""Axis arithmetic that every wheel shares: from shares of travel to a device's counts, and back.

Pure. A device reads integers; which ones is its [`AxisRange`][]. A [`DeviceShape`][] is all of a
wheel's ranges and its buttons, and turns controls into the counts that stand for them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from ac_bridge.game.controls import Controls
from ac_bridge_protocol.errors import WheelError

BUTTON_BITS = 32
"""A device's buttons are one bit mask of at most this many."""


@dataclasses.dataclass(frozen=True, slots=True)
class AxisRange:
    """The counts of one axis, both ends included."""

    low: int
    high: int

    @property
    def centre(self) -> int:
        """The count of a straight wheel; the lower of the middle two where there are two."""
        return (self.low + self.high) // 2

    def of_travel(self, travel: float) -> int:
        """Return the count of a pedal that is pressed by ``travel``, 0 to 1."""
        return self.low + round(travel * (self.high - self.low))

    def of_turn(self, turn: float) -> int:
        """Return the count of a wheel that is turned by ``turn``, -1 to 1."""
        centre = self.centre
        return centre + round(turn * (self.high - centre if turn > 0.0 else centre - self.low))

    def travel(self, count: int) -> float:
        """Return how far a pedal is pressed: 0 at the low end, 1 at the high one."""
        return (count - self.low) / (self.high - self.low)

    def turn(self, count: int) -> float:
        """Return how far a wheel is turned: 0 at the centre, -1 and 1 at the ends."""
        centre = self.centre
        side = self.high - centre if count > centre else centre - self.low
        return (count - centre) / side


class DeviceState(NamedTuple):
    """One whole state of a device, in its own counts."""

    steer: int
    throttle: int
    brake: int
    clutch: int
    buttons: int
    """Bit mask; the lowest bit is button 1."""


@dataclasses.dataclass(frozen=True, slots=True)
class DeviceShape:
    """What a wheel has: four axes and some buttons."""

    name: str
    """What people call the device, for errors."""
    steer: AxisRange
    throttle: AxisRange
    brake: AxisRange
    clutch: AxisRange
    buttons: int
    """It has buttons 1 to this many."""

    def state_for(self, controls: Controls) -> DeviceState:
        """Return the counts and button bits that stand for ``controls``.

        Raises:
            WheelError: the device has no such button or axis position.
        """
        try:
            state = DeviceState(
                self.steer.of_turn(controls.steer),
                self.throttle.of_travel(controls.throttle),
                self.brake.of_travel(controls.brake),
                self.clutch.of_travel(controls.clutch),
                self._mask(controls.buttons) if controls.buttons else 0,
            )
        except (ValueError, OverflowError) as error:  # what rounding says of NaN and infinity
            raise WheelError(
                f"{self.name} has no axis position for {controls}: {error}."
            ) from error
        if not (
            self.steer.low <= state.steer <= self.steer.high
            and self.throttle.low <= state.throttle <= self.throttle.high
            and self.brake.low <= state.brake <= self.brake.high
            and self.clutch.low <= state.clutch <= self.clutch.high
        ):
            raise WheelError(f"{self.name} has no axis position for {controls}: beyond its end.")
        return state

    def controls_for(self, state: DeviceState) -> Controls:
        """Return the controls that ``state`` stands for, as exactly as its counts can tell."""
        held = frozenset(b for b in range(1, self.buttons + 1) if state.buttons & (1 << (b - 1)))
        return Controls(
            self.steer.turn(state.steer),
            self.throttle.travel(state.throttle),
            self.brake.travel(state.brake),
            self.clutch.travel(state.clutch),
            held,
        )

    def _mask(self, buttons: AbstractSet[int]) -> int:
        if any(not 1 <= button <= self.buttons for button in buttons):
            raise WheelError(
                f"{self.name} has buttons 1 to {self.buttons}, and {sorted(buttons)} were pressed.",
                hint="Give the device more buttons, or bind the action to one that it has.",
            )
        return sum(1 << (button - 1) for button in buttons)
