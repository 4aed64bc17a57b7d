"""The virtual wheel on Linux: a joystick made with the kernel's uinput, through evdev.

ABS_X is the steering, ABS_Y the throttle, ABS_Z the brake, ABS_RZ the clutch. Axes run from -32767
to 32767: that is all that a 16-bit joystick reader can tell apart, and unlike vJoy's 1 to 32768 it
has a middle, so a straight wheel is 0 exactly for whoever normalises it.

The kernel hands on a state when it is told to synchronise, which is done once for each.
"""

from __future__ import annotations

import importlib
import os
import struct
from pathlib import Path
from typing import Any

from ac_bridge.game.axes import AxisRange, DeviceShape, DeviceState
from ac_bridge.game.base import ControlSink, Inheritance
from ac_bridge.game.controls import NEUTRAL, Controls
from ac_bridge_protocol.errors import WheelError

DEVICE_NODE = Path("/dev/uinput")
DEVICE_NAME = "ac-bridge wheel"
VENDOR, PRODUCT = 0x1209, 0x0001
"""Set aside for private use by pid.codes. Together with the name they let the game know the device
again."""

AXIS = AxisRange(-32767, 32767)
SHAPE = DeviceShape("The uinput wheel", AXIS, AXIS, AXIS, AXIS, buttons=32)
AT_REST = SHAPE.state_for(NEUTRAL)

EV_SYN, EV_KEY, EV_ABS = 0x00, 0x01, 0x03
ABS_X, ABS_Y, ABS_Z, ABS_RZ = 0x00, 0x01, 0x02, 0x05
AXIS_CODES = (ABS_X, ABS_Y, ABS_Z, ABS_RZ)
BTN_TRIGGER, BTN_BASE6, BTN_TRIGGER_HAPPY1 = 0x120, 0x12B, 0x2C0
BUTTON_CODES = (
    *range(BTN_TRIGGER, BTN_BASE6 + 1),
    *range(BTN_TRIGGER_HAPPY1, BTN_TRIGGER_HAPPY1 + 20),
)
"""The kernel's codes of buttons 1 to 32: the twelve of a joystick, then extra triggers. They
ascend, because readers number buttons in the order of their codes."""
KERNEL_EVENT = struct.Struct("@LLHHi")
"""The kernel's input_event: its time, which the kernel fills in itself, kind, code, value."""


class UinputWheel(ControlSink):
    """A joystick of four axes and 32 buttons that exists until it is closed.

    Make it before the game starts: the game looks for devices then. Not for several threads.
    """

    def __init__(self, node: Path = DEVICE_NODE) -> None:
        """Make the device through ``node`` and set neutral.

        Raises:
            WheelError: evdev is not installed, or the device cannot be made.
        """
        evdev = _import_evdev()
        _check_node(node)
        try:
            self._device = evdev.UInput(
                _capabilities(),
                name=DEVICE_NAME,
                vendor=VENDOR,
                product=PRODUCT,
                devnode=str(node),
            )
        except (OSError, evdev.UInputError) as error:
            raise WheelError(
                f"The kernel did not make a virtual wheel through {node}: {error}.",
                hint="Run ac-bridge doctor.",
            ) from error
        self._shown: DeviceState | None = None  # unknown: the next state is written in full
        self._closed = False
        try:
            self.apply(NEUTRAL)
        except WheelError:
            self._device.close()
            raise

    def apply(self, controls: Controls) -> None:
        """Set every axis and button in one update.

        Raises:
            WheelError: the wheel is closed, has no such axis position or button, or the kernel did
                not take the state.
        """
        if self._closed:
            raise WheelError(f"{SHAPE.name} is closed.")
        state = SHAPE.state_for(controls)
        shown, self._shown = self._shown, None
        try:
            self._write(state, shown)
        except OSError as error:
            raise WheelError(
                f"{SHAPE.name} did not take its state: {error}.",
                hint="The device is gone; start again, and run ac-bridge doctor if that fails.",
            ) from error
        self._shown = state

    def inheritance(self) -> Inheritance:
        """Return how to take the device: through the descriptor that keeps it alive."""
        descriptor: int = self._device.fd
        return Inheritance("uinput", str(descriptor), (descriptor,))

    def close(self) -> None:
        """Set neutral and take the device away. May be called twice.

        Raises:
            WheelError: neutral could not be set. The device is taken away all the same.
        """
        if self._closed:
            return
        try:
            self.apply(NEUTRAL)
        finally:
            self._closed = True
            self._device.close()

    def _write(self, state: DeviceState, shown: DeviceState | None) -> None:
        write = self._device.write
        for code, count in zip(AXIS_CODES, state, strict=False):  # the buttons have no axis
            write(EV_ABS, code, count)
        changed = 0xFFFFFFFF if shown is None else state.buttons ^ shown.buttons
        if changed:
            for i, code in enumerate(BUTTON_CODES):
                if changed & (1 << i):
                    write(EV_KEY, code, state.buttons >> i & 1)
        self._device.syn()


class InheritedUinputWheel(ControlSink):
    """A device that another process made, by the descriptor that this one was started with.

    The kernel takes a device away when its last descriptor is closed, so it stays while this one is
    open, whatever became of its maker. Written to without evdev, which can only make new devices.
    Unverified on a real kernel.
    """

    def __init__(self, descriptor: int) -> None:
        """Take over the open descriptor and set neutral.

        Raises:
            WheelError: the device is gone. The descriptor stays open, to be tried again.
        """
        self._descriptor = descriptor
        self._closed = False
        self.apply(NEUTRAL)

    def apply(self, controls: Controls) -> None:
        """Set every axis and button in one update.

        Raises:
            WheelError: the wheel is closed, has no such axis position or button, or the kernel did
                not take the state.
        """
        if self._closed:
            raise WheelError(f"{SHAPE.name} is closed.")
        try:
            os.write(self._descriptor, _events_for(SHAPE.state_for(controls)))
        except OSError as error:
            raise WheelError(
                f"{SHAPE.name} that was left behind did not take its state: {error}.",
                hint="If it is gone, the game has seen it go.",
            ) from error

    def close(self) -> None:
        """Set neutral and take the device away. May be called twice.

        Raises:
            WheelError: neutral could not be set. The device is taken away all the same.
        """
        if self._closed:
            return
        try:
            self.apply(NEUTRAL)
        finally:
            self._closed = True
            os.close(self._descriptor)


def _events_for(state: DeviceState) -> bytes:
    """Return a whole state as the kernel takes it in one write."""
    axes = [(EV_ABS, *pair) for pair in zip(AXIS_CODES, state, strict=False)]
    buttons = [(EV_KEY, code, state.buttons >> i & 1) for i, code in enumerate(BUTTON_CODES)]
    events = (*axes, *buttons, (EV_SYN, 0, 0))
    return b"".join(KERNEL_EVENT.pack(0, 0, *event) for event in events)


def _capabilities() -> dict[int, Any]:
    """Return what the device can do, in evdev's words: each axis as (now, low, high, 0, 0, 0)."""
    axes = [
        (code, (rest, AXIS.low, AXIS.high, 0, 0, 0))
        for code, rest in zip(AXIS_CODES, AT_REST, strict=False)
    ]
    return {EV_KEY: list(BUTTON_CODES), EV_ABS: axes}


def _import_evdev() -> Any:
    try:
        return importlib.import_module("evdev")
    except ImportError as error:
        raise WheelError(
            "The package evdev, which makes virtual wheels on Linux, is not installed.",
            hint="Install it: pip install 'ac-bridge[uinput]'",
        ) from error


def _check_node(node: Path) -> None:
    if not node.exists():
        raise WheelError(
            f"{node} does not exist.",
            hint="Load the kernel module: sudo modprobe uinput",
        )
    if not os.access(node, os.W_OK):
        raise WheelError(
            f"{node} is not writable for this user.",
            hint="Install the udev rule that ac-bridge setup prints, then log in again.",
        )
