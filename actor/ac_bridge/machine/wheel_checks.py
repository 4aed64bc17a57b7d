"""Checks of the virtual wheel: vJoy on Windows, uinput on Linux. Nothing is acquired or made."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

from ac_bridge.game.uinput import DEVICE_NODE
from ac_bridge.game.vjoy_driver import (
    DeviceStatus,
    VJoyFacts,
    held_by,
    load_driver,
    objection,
    version_text,
)
from ac_bridge.machine.findings import Finding, error, ok, warning
from ac_bridge_protocol.errors import WheelError


def check_vjoy(device_id: int, buttons_needed: int) -> Iterator[Finding]:
    """Ask the vJoy driver about itself and one device.

    Args:
        device_id: of the device.
        buttons_needed: the highest button that is pressed.
    """
    try:
        facts = load_driver().look_at(device_id)
    except WheelError as problem:
        yield error("vjoy", problem.message, problem.hint)
        return
    yield from vjoy_findings(facts, buttons_needed)


def vjoy_findings(facts: VJoyFacts, buttons_needed: int) -> Iterator[Finding]:
    """Judge what the driver says. Pure."""
    device = f"device {facts.device_id}"
    problem = objection(facts, buttons_needed)
    if problem is not None and facts.status is DeviceStatus.BUSY:
        yield warning(
            "vjoy",
            f"vJoy {device} is held by {held_by(facts.owner_pid)}.",
            "If that is not an actor of yours, close it, or choose another device (--device-id).",
        )
    elif problem is not None:
        yield error("vjoy", problem.message, problem.hint)
    else:
        yield ok(
            "vjoy",
            f"Driver {version_text(facts.driver_version)}; {device} is free, with the axes "
            f"{', '.join(facts.axes)} and {facts.buttons} buttons.",
        )
    if facts.enabled and problem is None and not facts.versions_match:
        yield warning(
            "vjoy version",
            f"The driver is {version_text(facts.driver_version)}, pyvjoy's DLL is "
            f"{version_text(facts.dll_version)}.",
            "Versions 2.1.x usually work together; if buttons or axes do not, install vJoy "
            f"{version_text(facts.dll_version)}.",
        )


def check_uinput(node: Path = DEVICE_NODE) -> Iterator[Finding]:
    """Look whether this user could make a virtual wheel."""
    if importlib.util.find_spec("evdev") is None:
        yield warning(
            "evdev",
            "The package evdev is not installed: no virtual wheel can be made.",
            "pip install 'ac-bridge[uinput]'",
        )
    else:
        yield ok("evdev", "Installed.")
    if not node.exists():
        yield warning(
            "uinput",
            f"{node} does not exist: no virtual wheel can be made.",
            "sudo modprobe uinput; in a container, pass the device in.",
        )
    elif not os.access(node, os.W_OK):
        yield warning(
            "uinput",
            f"{node} is not writable for this user.",
            "Install the udev rule that 'ac-bridge setup' prints, then log in again.",
        )
    else:
        yield ok("uinput", f"{node} is writable.")
