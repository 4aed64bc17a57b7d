"""The vJoy wheel in Windows Python through the real pyvjoy: over the stub, and with no driver."""

from __future__ import annotations

import json
import re
from pathlib import Path

from helpers.wine import WindowsPython

ON_STUB = Path(__file__).with_name("vjoy_on_stub.py")
FEWEST_CASES = 25
"""If fewer ran, the cases were not found."""
PATIENCE_S = 180.0
"""For one process: starting it takes seconds, and many times that on a busy machine."""

WITHOUT_DRIVER = """
import json
from ac_bridge.game.vjoy import VJoyWheel
from ac_bridge.game.vjoy_driver import load_driver
from ac_bridge_protocol.errors import WheelError

try:
    VJoyWheel()
except WheelError as error:
    print(json.dumps({
        "message": error.message, "hint": error.hint, "enabled": load_driver().look_at(1).enabled,
    }))
"""
WITHOUT_LIBRARY = """
import pathlib, shutil, sys, tempfile
import importlib.util

home = pathlib.Path(importlib.util.find_spec("pyvjoy").origin).parent
with tempfile.TemporaryDirectory() as folder:
    shutil.copytree(home, pathlib.Path(folder, "pyvjoy"), ignore=shutil.ignore_patterns("*.dll"))
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    from ac_bridge.game.vjoy import VJoyWheel
    from ac_bridge_protocol.errors import WheelError
    try:
        VJoyWheel()
    except WheelError as error:
        print(error)
"""
HOLD = """
import sys
from ac_bridge.game import Controls
from ac_bridge.game.vjoy import VJoyWheel

wheel = VJoyWheel()
wheel.apply(Controls(steer=0.5))
print("held", flush=True)
sys.stdin.readline()
wheel.close()
print("closed", flush=True)
"""
TRY = """
from ac_bridge.game.vjoy import VJoyWheel
from ac_bridge_protocol.errors import WheelError

try:
    VJoyWheel().close()
    print("free")
except WheelError as error:
    print(error)
"""


def test_the_wheel_keeps_its_contract_on_the_stub(wpy_vjoy: WindowsPython) -> None:
    """The contract, the driver's refusals, taken away and taken back: as with the fake driver."""
    done = wpy_vjoy("-m", "pytest", "-q", "-p", "no:cacheprovider", ON_STUB, timeout_s=PATIENCE_S)
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) >= FEWEST_CASES
    assert "skipped" not in done.stdout


def test_without_a_driver_the_error_says_so(wpy: WindowsPython) -> None:
    """With the library that pyvjoy ships and no driver behind it."""
    done = wpy("-c", WITHOUT_DRIVER, timeout_s=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["message"] == "The vJoy driver is not installed, or is disabled."
    assert "Install vJoy" in said["hint"]
    assert said["enabled"] is False


def test_without_the_library_pyvjoy_does_not_end_the_program(wpy: WindowsPython) -> None:
    """Importing pyvjoy raises SystemExit there; the wheel makes an error of it."""
    done = wpy("-c", WITHOUT_LIBRARY, timeout_s=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    assert "pyvjoy cannot load vJoyInterface.dll" in done.stdout
    assert "ac-bridge doctor" in done.stdout


def test_a_device_is_held_by_one_process(wpy_vjoy: WindowsPython) -> None:
    """While one process drives, another is refused; after it closed, the device is free."""
    with wpy_vjoy.start("-c", HOLD) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == "held"
        refused = wpy_vjoy("-c", TRY, timeout_s=PATIENCE_S)
        assert "vJoy device 1 is held by another program" in refused.stdout, refused.stderr
        out, err = holder.communicate("\n", timeout=PATIENCE_S)
        assert out.strip() == "closed", err
        after = wpy_vjoy("-c", TRY, timeout_s=PATIENCE_S)
        assert after.stdout.strip() == "free", after.stderr
