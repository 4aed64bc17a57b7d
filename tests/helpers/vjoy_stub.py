"""The switches and counters of the vJoy stub (tests/windows/vjoy_stub.c), from Windows Python.

All zero is a fresh, working device. The section lives as long as any process holds it.
"""

from __future__ import annotations

import ctypes
import mmap

SECTION = "Local\\ac_bridge_vjoy_stub"
DEVICE = 1
"""The only device that the stub has."""


class Position(ctypes.Structure):
    """What a feeder hands over, field by field as in the driver's interface."""

    _fields_ = (
        ("bDevice", ctypes.c_uint8),
        *((name, ctypes.c_int32) for name in ("wThrottle", "wRudder", "wAileron")),
        *((f"wAxis{axis}", ctypes.c_int32) for axis in ("X", "Y", "Z", "XRot", "YRot", "ZRot")),
        *((name, ctypes.c_int32) for name in ("wSlider", "wDial", "wWheel")),
        *((f"wAxisV{axis}", ctypes.c_int32) for axis in ("X", "Y", "Z", "BRX", "RBY", "RBZ")),
        ("lButtons", ctypes.c_int32),
        *((name, ctypes.c_uint32) for name in ("bHats", "bHatsEx1", "bHatsEx2", "bHatsEx3")),
        *((f"lButtonsEx{i}", ctypes.c_int32) for i in (1, 2, 3)),
    )


class VJoyStub(ctypes.Structure):
    """The section; the C file says what each switch does."""

    _fields_ = (
        ("disabled", ctypes.c_int32),
        ("version_mismatch", ctypes.c_int32),
        ("missing", ctypes.c_int32),
        ("busy", ctypes.c_int32),
        ("updates_to_lose", ctypes.c_int32),
        ("axis_min", ctypes.c_int32),
        ("axis_max", ctypes.c_int32),
        ("axes_absent", ctypes.c_int32),
        ("buttons", ctypes.c_int32),
        ("owner", ctypes.c_int32),
        ("position", Position),
        ("acquired", ctypes.c_int32),
        ("relinquished", ctypes.c_int32),
        ("updates", ctypes.c_int32),
        ("updates_failed", ctypes.c_int32),
        ("single_changes", ctypes.c_int32),
        ("resets", ctypes.c_int32),
    )

    @classmethod
    def fresh(cls) -> VJoyStub:
        """Return the section, set to a fresh and working device; held until this is collected."""
        section = mmap.mmap(-1, ctypes.sizeof(cls), tagname=SECTION)  # type: ignore[call-arg]
        stub = cls.from_buffer(section)
        ctypes.memset(ctypes.addressof(stub), 0, ctypes.sizeof(stub))
        return stub
