"""The virtual wheel on Windows: a vJoy device, fed through pyvjoy.

X is the steering, Y the throttle, Z the brake, RZ the clutch; buttons 1 to 32 are bits. Every state
goes to the driver as one report, so that no axis ever moves without the others.

Of pyvjoy only the DLL and the report's layout are used, not its class `VJoyDevice`: that one does
not tell whether the driver took a report, starts with every axis at its low end (full left), and
lets go of a device once more when it is garbage-collected, also of one that it never held.
"""

from __future__ import annotations

import ctypes

from ac_bridge.game.axes import DeviceShape
from ac_bridge.game.base import ControlSink, Inheritance
from ac_bridge.game.controls import NEUTRAL, Controls
from ac_bridge.game.vjoy_driver import (
    DeviceStatus,
    VJoyDriver,
    VJoyFacts,
    held_by,
    load_driver,
    objection,
)
from ac_bridge_protocol.errors import WheelError

BUTTONS_NEEDED = 9
"""Gears, restart and start are on buttons up to this one unless they are bound otherwise."""


class VJoyWheel(ControlSink):
    """A vJoy device, held from the making of this wheel until it is closed.

    Not for several threads at once.

    Attributes:
        facts: what the driver said about the device before it was taken.
        taken_back: how often the device was lost and taken again.
    """

    def __init__(self, device_id: int = 1, *, buttons_needed: int = BUTTONS_NEEDED) -> None:
        """Take the device and set neutral.

        Raises:
            WheelError: no pyvjoy, no driver, or no such device that is free and has what is needed.
        """
        self._driver: VJoyDriver = load_driver()
        self.facts: VJoyFacts = self._driver.look_at(device_id)
        if (problem := objection(self.facts, buttons_needed)) is not None:
            raise problem
        self._id = device_id
        self._shape = _shape_of(self.facts)
        self._report = self._driver.new_report(device_id)
        self._address = ctypes.addressof(self._report)
        self._update = self._driver.update
        self.taken_back = 0
        self._closed = False
        self._acquire()
        try:
            self.apply(NEUTRAL)
        except WheelError:
            self._driver.relinquish(device_id)
            raise

    def apply(self, controls: Controls) -> None:
        """Set every axis and button in one update.

        A device that was taken away is taken back, once for each call.

        Raises:
            WheelError: the wheel is closed, the device has no such axis position or button, or it
                was taken away and cannot be had again.
        """
        if self._closed:
            raise WheelError(f"The wheel on {self._shape.name} is closed.")
        state = self._shape.state_for(controls)
        report = self._report
        report.wAxisX = state.steer
        report.wAxisY = state.throttle
        report.wAxisZ = state.brake
        report.wAxisZRot = state.clutch
        report.lButtons = state.buttons
        if not self._update(self._id, self._address):
            self._take_back()
            if not self._update(self._id, self._address):
                raise WheelError(
                    f"{self._shape.name} refuses every update{self._mismatch()}.",
                    hint="Run ac-bridge doctor; restart Windows if vJoy was just configured.",
                )

    def inheritance(self) -> Inheritance:
        """Return how to take the device: by its number, once the driver has seen us go."""
        return Inheritance("vjoy", str(self._id))

    def close(self) -> None:
        """Set neutral and let go of the device. May be called twice.

        Raises:
            WheelError: neutral could not be set. The device is let go of all the same.
        """
        if self._closed:
            return
        try:
            self.apply(NEUTRAL)
        finally:
            self._closed = True
            self._driver.relinquish(self._id)

    def _take_back(self) -> None:
        """Acquire the device anew after an update that was not taken."""
        if self._driver.status_of(self._id) is DeviceStatus.OWN:
            self._driver.relinquish(self._id)  # ours by name only: the driver restarted
        self._acquire()
        self.taken_back += 1

    def _acquire(self) -> None:
        if self._driver.acquire(self._id):
            return
        status = self._driver.status_of(self._id)
        if status is DeviceStatus.BUSY:
            raise WheelError(
                f"{self._shape.name} was taken by {held_by(self._driver.owner_of(self._id))}.",
                hint="Close that program (a feeder, another actor), or choose another device.",
            )
        raise WheelError(
            f"{self._shape.name} cannot be acquired (status {status.name}{self._mismatch()}).",
            hint="See in Configure vJoy that vJoy and the device are enabled; run ac-bridge "
            "doctor.",
        )

    def _mismatch(self) -> str:
        return "" if self.facts.versions_match else "; driver and DLL differ in their versions"


def _shape_of(facts: VJoyFacts) -> DeviceShape:
    return DeviceShape(
        name=f"vJoy device {facts.device_id}",
        steer=facts.axes["X"],
        throttle=facts.axes["Y"],
        brake=facts.axes["Z"],
        clutch=facts.axes["RZ"],
        buttons=facts.buttons,
    )
