"""Checks of the virtual wheel: what the driver says, judged; and the uinput node's rights."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from ac_bridge.game.axes import AxisRange
from ac_bridge.game.vjoy_driver import AXIS_USAGES, DeviceStatus, VJoyFacts
from ac_bridge.machine.findings import Status
from ac_bridge.machine.wheel_checks import check_uinput, check_vjoy, vjoy_findings

GOOD = VJoyFacts(
    device_id=1,
    enabled=True,
    driver_version=0x218,
    dll_version=0x218,
    status=DeviceStatus.FREE,
    axes={name: AxisRange(1, 32768) for name in AXIS_USAGES},
    buttons=32,
)


def test_a_good_device_is_described() -> None:
    """Version, axes, buttons."""
    (finding,) = vjoy_findings(GOOD, 9)
    assert finding.status is Status.OK
    assert "2.1.8" in finding.message
    assert "X, Y, Z, RZ and 32 buttons" in finding.message


@pytest.mark.parametrize(
    ("wrong", "status", "said"),
    [
        ({"enabled": False}, Status.ERROR, "not installed"),
        ({"driver_version": 0x221}, Status.ERROR, "2.2.1"),
        ({"status": DeviceStatus.MISSING}, Status.ERROR, "does not exist"),
        ({"status": DeviceStatus.BUSY, "owner_pid": 77}, Status.WARNING, "process 77"),
        ({"axes": {"X": AxisRange(1, 2)}}, Status.ERROR, "Y, Z, RZ"),
        ({"buttons": 8}, Status.ERROR, "8 buttons"),
        ({"driver_version": 0x219}, Status.WARNING, "2.1.9"),
    ],
)
def test_each_trouble_is_named(wrong: dict[str, Any], status: Status, said: str) -> None:
    """Its own finding, with what to do."""
    finding = list(vjoy_findings(dataclasses.replace(GOOD, **wrong), 9))[-1]
    assert finding.status is status
    assert said in finding.message
    assert finding.fix


@pytest.mark.skipif(sys.platform == "win32", reason="there, it may well be installed")
def test_no_driver_is_an_error() -> None:
    """Where pyvjoy or its DLL cannot be loaded at all."""
    (finding,) = check_vjoy(1, 9)
    assert (finding.name, finding.status) == ("vjoy", Status.ERROR)
    assert finding.fix


def test_uinput_must_be_writable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing, not writable, writable."""
    node = tmp_path / "uinput"
    *_, finding = check_uinput(node)
    assert finding.status is Status.WARNING
    assert "modprobe" in finding.fix
    node.touch()
    *_, finding = check_uinput(node)
    assert finding.status is Status.OK
    monkeypatch.setattr(os, "access", lambda *_: False)
    *_, finding = check_uinput(node)
    assert finding.status is Status.WARNING
    assert "ac-bridge setup" in finding.fix


def test_evdev_must_be_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package there is no wheel."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda *_: None)
    finding, _ = check_uinput(tmp_path)
    assert finding.status is Status.WARNING
    assert "pip install" in finding.fix
    monkeypatch.setattr(importlib.util, "find_spec", lambda *_: object())
    finding, _ = check_uinput(tmp_path)
    assert finding.status is Status.OK
