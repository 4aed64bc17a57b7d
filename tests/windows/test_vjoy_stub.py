"""The stub of the vJoy driver behaves as its tests rely on, called through the real pyvjoy."""

from __future__ import annotations

from helpers.wine import WindowsPython

FREE, BUSY = "1\n", "2\n"
"""The driver's words for a device, as lines."""

FEED = """
import ctypes, mmap, struct
from helpers.vjoy_stub import DEVICE, Position, VJoyStub
stub = VJoyStub.fresh()
assert ctypes.sizeof(Position) == 108
import pyvjoy
from pyvjoy import _sdk

def versions():
    # Never pyvjoy's own DriverMatch: it passes no addresses, and the library writes to chance ones.
    library, driver = ctypes.c_uint16(), ctypes.c_uint16()
    match = _sdk._vj.DriverMatch(ctypes.byref(library), ctypes.byref(driver))
    return match, library.value, driver.value

device = pyvjoy.VJoyDevice(DEVICE)
assert versions() == (1, 0x218, 0x218) and _sdk.GetVJDStatus(DEVICE) == pyvjoy.VJD_STAT_OWN
device.data.wAxisX, device.data.wAxisY, device.data.wAxisZ = 20000, 32768, 1
device.data.wAxisZRot, device.data.lButtons = 16000, 0b101
assert device.update() == 1
assert (stub.updates, stub.position.wAxisX, stub.position.lButtons) == (1, 20000, 0b101)
wheel = mmap.mmap(-1, 20, tagname="Local\\\\ac_bridge_wheel")
assert struct.unpack("<4iI", wheel) == (20000, 32768, 1, 16000, 0b101)

stub.axis_min, stub.axis_max = 0, 32767
device.data.wAxisX, device.data.wAxisY = 16383, 0
assert device.update() == 1
assert struct.unpack("<4iI", wheel)[:2] == (16384, 1), "other ranges reach the game alike"

stub.updates_to_lose = 1
assert device.update() == 0 and _sdk.GetVJDStatus(DEVICE) == pyvjoy.VJD_STAT_FREE
assert device.update() == 0, "a device that was lost is not fed until it is acquired"
assert _sdk.AcquireVJD(DEVICE) and device.update() == 1
assert (stub.acquired, stub.updates, stub.updates_failed) == (2, 3, 2)

_sdk.RelinquishVJD(DEVICE)
assert stub.owner == 0 and stub.relinquished == 1
assert struct.unpack("<4iI", wheel)[0] == 16384, "it keeps its state when it is let go"

def refusal():
    try:
        pyvjoy.VJoyDevice(DEVICE)
    except pyvjoy.vJoyException as error:
        return type(error).__name__

stub.busy = 1
assert _sdk.GetVJDStatus(DEVICE) == pyvjoy.VJD_STAT_BUSY
assert refusal() == "vJoyFailedToAcquireException"
stub.busy, stub.missing = 0, 1
assert _sdk.GetVJDStatus(DEVICE) == pyvjoy.VJD_STAT_MISS
assert refusal() == "vJoyFailedToAcquireException"
stub.missing, stub.disabled = 0, 1
assert refusal() == "vJoyNotEnabledException"
stub.disabled, stub.version_mismatch = 0, 1
assert versions() == (0, 0x218, 0x219)

counts = ctypes.c_int32()
stub.axis_min, stub.axis_max, stub.axes_absent, stub.buttons = -5, 5, 0b10, 8
assert _sdk._vj.GetVJDAxisMax(DEVICE, pyvjoy.HID_USAGE_X, ctypes.byref(counts)) == 1
assert counts.value == 5
assert _sdk._vj.GetVJDAxisExist(DEVICE, pyvjoy.HID_USAGE_Y) == 0
assert _sdk._vj.GetVJDButtonNumber(DEVICE) == 8
print("all as told")
"""

OWN = """
import pyvjoy
from helpers.vjoy_stub import DEVICE
device = pyvjoy.VJoyDevice(DEVICE)
print("mine", flush=True)
input()
"""

WATCH = """
from helpers.vjoy_stub import DEVICE, VJoyStub
from pyvjoy import _sdk
while True:
    print(_sdk.GetVJDStatus(DEVICE), flush=True)
    if not input():
        break
"""

MISSING = """
import pyvjoy
try:
    pyvjoy.VJoyDevice(1)
except pyvjoy.vJoyNotEnabledException:
    print("not enabled")
"""


def test_pyvjoy_feeds_the_stub_and_meets_each_failure(wpy_vjoy: WindowsPython) -> None:
    """Updates arrive in both sections, and each switch plays its failure."""
    done = wpy_vjoy("-c", FEED)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "all as told\n"


def test_a_device_belongs_to_one_process_until_it_ends(wpy_vjoy: WindowsPython) -> None:
    """What one process acquired is busy for another, and free once its owner was killed."""
    with wpy_vjoy.start("-c", OWN) as owner:
        assert owner.stdout.readline() == "mine\n", owner.stderr.read()
        with wpy_vjoy.start("-c", WATCH) as other:
            assert other.stdout.readline() == BUSY, other.stderr.read()
            owner.kill()
            owner.wait()
            other.stdin.write("again\n")
            other.stdin.flush()
            assert other.stdout.readline() == FREE


def test_the_library_that_pyvjoy_ships_finds_no_driver(wpy: WindowsPython) -> None:
    """Without the stub it is the real library that answers: there is no driver here."""
    done = wpy("-c", MISSING)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "not enabled\n"
