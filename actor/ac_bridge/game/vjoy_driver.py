"""What the vJoy driver says about itself and its devices, and what stands in a wheel's way.

The driver is reached through the DLL that the package pyvjoy brings and loads. pyvjoy is imported
when it is first needed, since its import ends the interpreter where it cannot load that DLL.

[`look_at`][] asks the driver; [`objection`][] decides. The wheel refuses what it objects to, and
`ac-bridge doctor` prints the same.
"""

from __future__ import annotations

import ctypes
import dataclasses
import enum
import importlib
from typing import Any

from ac_bridge.game.axes import BUTTON_BITS, AxisRange
from ac_bridge_protocol.errors import WheelError

SERIES = 0x21
"""The driver's versions 2.1.x, whose devices take the state that pyvjoy knows. The versions 2.2.x
order it otherwise: buttons would land in other fields."""
GOOD_VERSION = "2.1.9.1"
"""Runs on Windows 10 and 11 and is of the right series."""
AXIS_USAGES = {"X": 0x30, "Y": 0x31, "Z": 0x32, "RZ": 0x35}
"""The axes of our wheel by the names that vJoy's configuration shows, and their HID usages."""

_UINT, _BOOL, _TO_LONG = ctypes.c_uint, ctypes.c_int, ctypes.POINTER(ctypes.c_long)
_TO_WORD = ctypes.POINTER(ctypes.c_ushort)
_PROTOTYPES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "vJoyEnabled": (_BOOL, ()),
    "DriverMatch": (_BOOL, (_TO_WORD, _TO_WORD)),
    "GetVJDStatus": (ctypes.c_int, (_UINT,)),
    "GetVJDAxisExist": (ctypes.c_int, (_UINT, _UINT)),
    "GetVJDAxisMin": (_BOOL, (_UINT, _UINT, _TO_LONG)),
    "GetVJDAxisMax": (_BOOL, (_UINT, _UINT, _TO_LONG)),
    "GetVJDButtonNumber": (ctypes.c_int, (_UINT,)),
    "AcquireVJD": (_BOOL, (_UINT,)),
    "RelinquishVJD": (None, (_UINT,)),
    "UpdateVJD": (_BOOL, (_UINT, ctypes.c_void_p)),
}
"""Result and arguments of every function that is called here, as the driver's C header has them."""


class DeviceStatus(enum.IntEnum):
    """Who holds a device, in the driver's numbers."""

    OWN = 0
    """This process."""
    FREE = 1
    BUSY = 2
    """Another process."""
    MISSING = 3
    """It was never configured, or the driver is down."""
    UNKNOWN = 4

    @classmethod
    def _missing_(cls, value: object) -> DeviceStatus:  # noqa: ARG003 -- enum's signature
        """Take any other number as unknown."""
        return cls.UNKNOWN


@dataclasses.dataclass(frozen=True, slots=True)
class VJoyFacts:
    """What the driver says about one device. While it is disabled, it says nothing more."""

    device_id: int
    enabled: bool = False
    """Whether the driver is installed and enabled."""
    driver_version: int = 0
    """Such as 0x219 for 2.1.9."""
    dll_version: int = 0
    """Of the DLL that pyvjoy loaded."""
    status: DeviceStatus = DeviceStatus.MISSING
    owner_pid: int | None = None
    """The process that holds the device, where the driver knows."""
    axes: dict[str, AxisRange] = dataclasses.field(default_factory=dict)
    """Those of `AXIS_USAGES` that the device has."""
    buttons: int = 0

    @property
    def missing_axes(self) -> tuple[str, ...]:
        """The axes that our wheel needs and the device lacks."""
        return tuple(name for name in AXIS_USAGES if name not in self.axes)

    @property
    def versions_match(self) -> bool:
        """Whether driver and DLL are of one version. 2.1.8 and 2.1.9 are said to work together."""
        return self.driver_version == self.dll_version


class VJoyDriver:
    """The functions of the loaded DLL, each with its prototype."""

    def __init__(self, sdk: Any) -> None:
        """Take the functions from ``sdk``, which is pyvjoy's module of that name.

        Raises:
            WheelError: the DLL lacks a function.
        """
        self._sdk = sdk
        for name, (result, arguments) in _PROTOTYPES.items():
            try:
                function = getattr(sdk._vj, name)
            except AttributeError as error:
                raise WheelError(
                    f"pyvjoy's vJoyInterface.dll has no function {name}.",
                    hint="Reinstall it: pip install --force-reinstall pyvjoy==1.0.1",
                ) from error
            function.restype, function.argtypes = result, arguments
        dll = sdk._vj
        self._get_owner_pid = getattr(dll, "GetOwnerPid", None)  # older DLLs have none
        self.acquire = dll.AcquireVJD
        self.relinquish = dll.RelinquishVJD
        self.update = dll.UpdateVJD
        """Set a device's whole state from the address of a report; 0 if it was not taken."""

    def new_report(self, device_id: int) -> Any:
        """Return an empty state of the device; every hat is released."""
        report = self._sdk.CreateDataStructure(device_id)
        # Hats count in hundredths of a degree: 0 is pressed upwards, all ones is released.
        report.bHats = report.bHatsEx1 = report.bHatsEx2 = report.bHatsEx3 = 0xFFFFFFFF
        return report

    def look_at(self, device_id: int) -> VJoyFacts:
        """Ask the driver about itself and one device. Acquires nothing."""
        dll = self._sdk._vj
        if not dll.vJoyEnabled():
            return VJoyFacts(device_id)
        dll_version, driver_version = ctypes.c_ushort(), ctypes.c_ushort()
        dll.DriverMatch(ctypes.byref(dll_version), ctypes.byref(driver_version))
        axes = {name: self._range_of(device_id, usage) for name, usage in AXIS_USAGES.items()}
        return VJoyFacts(
            device_id=device_id,
            enabled=True,
            driver_version=driver_version.value,
            dll_version=dll_version.value,
            status=self.status_of(device_id),
            owner_pid=self.owner_of(device_id),
            axes={name: axis for name, axis in axes.items() if axis is not None},
            buttons=min(max(dll.GetVJDButtonNumber(device_id), 0), BUTTON_BITS),
        )

    def status_of(self, device_id: int) -> DeviceStatus:
        """Return who holds the device."""
        return DeviceStatus(self._sdk._vj.GetVJDStatus(device_id))

    def owner_of(self, device_id: int) -> int | None:
        """Return the id of the process that holds the device, None if nobody or unknown."""
        pid: int = self._get_owner_pid(device_id) if self._get_owner_pid is not None else 0
        return pid if pid > 0 else None

    def _range_of(self, device_id: int, usage: int) -> AxisRange | None:
        """Return the range of an axis, None if the device has no such axis that can be moved."""
        dll = self._sdk._vj
        if dll.GetVJDAxisExist(device_id, usage) <= 0:
            return None
        low, high = ctypes.c_long(), ctypes.c_long()
        told = dll.GetVJDAxisMin(device_id, usage, ctypes.byref(low)) and dll.GetVJDAxisMax(
            device_id, usage, ctypes.byref(high)
        )
        return AxisRange(low.value, high.value) if told and low.value < high.value else None


def load_driver() -> VJoyDriver:
    """Import pyvjoy and return the driver that it reaches.

    Raises:
        WheelError: there is no pyvjoy, or its DLL cannot be loaded.
    """
    try:
        sdk = importlib.import_module("pyvjoy._sdk")
    except ImportError as error:
        raise WheelError(
            "The package pyvjoy is not installed.",
            hint="Install it on Windows: pip install pyvjoy==1.0.1. On Linux use --controller "
            "uinput.",
        ) from error
    except SystemExit as error:  # how pyvjoy says that it cannot load its DLL
        raise WheelError(
            f"pyvjoy cannot load vJoyInterface.dll: {error}.",
            hint="vJoy exists on Windows only. There, install it and reinstall pyvjoy, then run "
            "ac-bridge doctor. On Linux use --controller uinput.",
        ) from error
    return VJoyDriver(sdk)


def version_text(version: int) -> str:
    """Return a version as people write it: 0x219 is 2.1.9."""
    return ".".join(f"{version:03x}")


def held_by(pid: int | None) -> str:
    """Return who holds a device, for a sentence."""
    return "another program" if pid is None else f"another program (process {pid})"


def objection(facts: VJoyFacts, buttons_needed: int) -> WheelError | None:
    """Return why a wheel cannot be made of the device, None if it can."""
    device = f"vJoy device {facts.device_id}"
    configure = f"In Configure vJoy, select device {facts.device_id}"
    if not facts.enabled:
        return WheelError(
            "The vJoy driver is not installed, or is disabled.",
            hint=f"Install vJoy {GOOD_VERSION}, or tick Enable vJoy in Configure vJoy; then run "
            "ac-bridge doctor.",
        )
    if {facts.driver_version >> 4, facts.dll_version >> 4} != {SERIES}:
        return WheelError(
            f"The vJoy driver is version {version_text(facts.driver_version)} and pyvjoy's DLL is "
            f"{version_text(facts.dll_version)}; both must be 2.1.x.",
            hint=f"Uninstall vJoy, restart Windows, and install vJoy {GOOD_VERSION}.",
        )
    if facts.status is DeviceStatus.BUSY:
        return WheelError(
            f"{device} is held by {held_by(facts.owner_pid)}.",
            hint="Close that program (a feeder, another actor), or choose another device.",
        )
    if facts.status is DeviceStatus.OWN:
        return WheelError(
            f"{device} is already held by this process.", hint="Close the other wheel first."
        )
    if facts.status is not DeviceStatus.FREE:
        return WheelError(
            f"{device} does not exist.", hint=f"{configure}, tick Enable vJoy, and press Apply."
        )
    if facts.missing_axes:
        return WheelError(
            f"{device} has no axis {', '.join(facts.missing_axes)}.",
            hint=f"{configure}, tick the axes {', '.join(AXIS_USAGES)}, and press Apply.",
        )
    if facts.buttons < buttons_needed:
        return WheelError(
            f"{device} has {facts.buttons} buttons, and {buttons_needed} are needed.",
            hint=f"{configure}, set Number of Buttons to {BUTTON_BITS}, and press Apply.",
        )
    return None
