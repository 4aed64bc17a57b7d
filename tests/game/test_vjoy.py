"""The vJoy wheel over a driver that is faked in Python, on any system."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from ac_bridge.game.vjoy import VJoyWheel
from ac_bridge.game.vjoy_driver import DeviceStatus, VJoyFacts, load_driver, version_text
from ac_bridge_protocol.errors import WheelError
from game.contract import DRIVING
from game.vjoy_cases import VJoyCases, range_of
from helpers.vjoy_stub import DEVICE, Position, VJoyStub

US = 1
"""The id of this process, to the fake."""
FIRST_USAGE = 0x30


class FakeDriver:
    """The functions of the driver's DLL over a state of the stub's layout, call by call like it.

    Attributes:
        versions: of the DLL and of the driver.
        holder: the process that the driver names as the owner of a busy device.
    """

    def __init__(self, stub: VJoyStub) -> None:
        self.stub = stub
        self.versions = [0x218, 0x218]
        self.holder = 4711

    def dll(self) -> SimpleNamespace:
        """Return the functions; like ctypes' own they take prototypes as attributes."""
        return SimpleNamespace(
            vJoyEnabled=lambda: not self.stub.disabled,
            DriverMatch=lambda *args: self._match(*args),
            GetVJDStatus=lambda device: self._status(device),
            GetOwnerPid=lambda _: self.holder if self.stub.busy else -11,
            GetVJDAxisExist=lambda device, usage: int(self._has_axis(device, usage)),
            GetVJDAxisMin=lambda *args: self._tell(args[-1], range_of(self.stub).low),
            GetVJDAxisMax=lambda *args: self._tell(args[-1], range_of(self.stub).high),
            GetVJDButtonNumber=lambda device: (
                -2 if device != DEVICE or self.stub.buttons < 0 else self.stub.buttons or 32
            ),
            AcquireVJD=lambda device: self._acquire(device),
            RelinquishVJD=lambda device: self._relinquish(device),
            UpdateVJD=lambda device, address: self._update(device, address),
        )

    def _match(self, dll: Any, driver: Any) -> bool:
        self._tell(dll, self.versions[0])
        self._tell(driver, self.versions[1] + bool(self.stub.version_mismatch))
        return self.versions[0] == self.versions[1] and not self.stub.version_mismatch

    def _tell(self, out: Any, value: int) -> bool:
        out._obj.value = value
        return True

    def _status(self, device: int) -> int:
        if self.stub.disabled or self.stub.missing or device != DEVICE:
            return DeviceStatus.MISSING
        if self.stub.busy:
            return DeviceStatus.BUSY
        return DeviceStatus.OWN if self.stub.owner == US else DeviceStatus.FREE

    def _has_axis(self, device: int, usage: int) -> bool:
        return device == DEVICE and not self.stub.axes_absent & (1 << (usage - FIRST_USAGE))

    def _acquire(self, device: int) -> bool:
        if self._status(device) != DeviceStatus.FREE:
            return False
        self.stub.owner = US
        self.stub.acquired += 1
        return True

    def _relinquish(self, device: int) -> None:
        if self._status(device) == DeviceStatus.OWN:
            self.stub.owner = 0
            self.stub.relinquished += 1

    def _update(self, device: int, address: int) -> bool:
        if self.stub.updates_to_lose > 0:
            self.stub.updates_to_lose -= 1
            self.stub.owner = 0
        if self._status(device) != DeviceStatus.OWN:
            self.stub.updates_failed += 1
            return False
        ctypes.memmove(ctypes.addressof(self.stub.position), address, ctypes.sizeof(Position))
        self.stub.updates += 1
        return True


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> FakeDriver:
    """A fresh driver with one free device, reached by importing pyvjoy."""
    fake = FakeDriver(VJoyStub())
    sdk = ModuleType("pyvjoy._sdk")
    sdk._vj = fake.dll()  # type: ignore[attr-defined]
    sdk.CreateDataStructure = lambda device: Position(bDevice=device)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pyvjoy", ModuleType("pyvjoy"))
    monkeypatch.setitem(sys.modules, "pyvjoy._sdk", sdk)
    return fake


class TestVJoyWheel(VJoyCases):
    """Everything that it keeps over any driver."""

    @pytest.fixture(autouse=True)
    def _fresh(self, driver: FakeDriver) -> None:
        self.stub = driver.stub


@pytest.mark.parametrize("versions", [(0x218, 0x221), (0x221, 0x221), (0x205, 0x205)])
def test_another_series_is_refused_by_its_versions(
    driver: FakeDriver, versions: tuple[int, int]
) -> None:
    """A driver or DLL of another series orders a report otherwise."""
    driver.versions[:] = versions
    told = f"driver is version {version_text(versions[1])} .* DLL is {version_text(versions[0])}"
    with pytest.raises(WheelError, match=f"{told}; both must be 2.1.x.*install vJoy 2.1.9.1"):
        VJoyWheel()
    assert driver.stub.acquired == 0


def test_the_holder_of_a_busy_device_is_named(driver: FakeDriver) -> None:
    """By its process id, before the device is taken and after it was taken away."""
    driver.stub.busy = 1
    with pytest.raises(WheelError, match=r"held by another program \(process 4711\)"):
        VJoyWheel()
    driver.stub.busy = 0
    wheel = VJoyWheel()
    driver.stub.busy = 1
    with pytest.raises(WheelError, match=r"taken by another program \(process 4711\)"):
        wheel.close()


def test_a_device_that_the_driver_holds_for_us_in_vain_is_acquired_anew(
    driver: FakeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If updates fail although the device is ours, it is let go of and acquired."""
    wheel = VJoyWheel()
    answers = iter([False, True])
    monkeypatch.setattr(wheel, "_update", lambda *_: next(answers))
    wheel.apply(DRIVING)
    assert (driver.stub.relinquished, driver.stub.acquired) == (1, 2)


def test_looking_acquires_nothing(driver: FakeDriver) -> None:
    """Doctor may look at a device while another program drives with it."""
    driver.stub.busy = 1
    facts = load_driver().look_at(1)
    assert (facts.status, facts.owner_pid, facts.buttons) == (DeviceStatus.BUSY, 4711, 32)
    assert facts.missing_axes == ()
    assert driver.stub.acquired == 0


def test_a_disabled_driver_is_asked_nothing_more(driver: FakeDriver) -> None:
    """Its other answers would mean nothing."""
    driver.stub.disabled = 1
    assert load_driver().look_at(3) == VJoyFacts(3)


def test_a_status_of_another_number_is_unknown(
    driver: FakeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later driver may know more."""
    monkeypatch.setattr(driver, "_status", lambda _: 17)
    assert load_driver().status_of(1) is DeviceStatus.UNKNOWN


def test_a_library_without_a_function_is_named(driver: FakeDriver) -> None:
    """It says which function, and how to get a library that has it."""
    del sys.modules["pyvjoy._sdk"]._vj.UpdateVJD
    with pytest.raises(WheelError, match=r"no function UpdateVJD.*pip install"):
        VJoyWheel()


def test_an_older_library_need_not_know_the_owner(driver: FakeDriver) -> None:
    """Then the other program has no number."""
    del sys.modules["pyvjoy._sdk"]._vj.GetOwnerPid
    driver.stub.busy = 1
    with pytest.raises(WheelError, match=r"held by another program\."):
        VJoyWheel()


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (SystemExit("Unable to load vJoy SDK DLL."), "cannot load vJoyInterface.dll: Unable"),
        (ModuleNotFoundError("No module named 'pyvjoy'"), "not installed.*pip install pyvjoy"),
    ],
)
def test_no_pyvjoy_is_our_error(
    monkeypatch: pytest.MonkeyPatch, raised: BaseException, said: str
) -> None:
    """Neither a missing package nor one that ends the interpreter gets past the wheel."""

    def refuse(name: str) -> ModuleType:
        raise raised

    monkeypatch.setattr("ac_bridge.game.vjoy_driver.importlib.import_module", refuse)
    with pytest.raises(WheelError, match=said):
        VJoyWheel()


def test_pyvjoy_is_imported_when_a_wheel_is_made() -> None:
    """Not before: importing the module needs neither package nor driver."""
    code = "import ac_bridge.game.vjoy, sys; sys.exit('pyvjoy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_versions_read_as_people_write_them() -> None:
    """One hexadecimal digit for each part."""
    assert version_text(0x219) == "2.1.9"
