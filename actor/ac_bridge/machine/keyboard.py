"""The keyboard of this machine, whichever window has the focus. Only Windows can be asked."""

from __future__ import annotations

import sys
from collections.abc import Callable

KEYS = {f"f{number}": 0x6F + number for number in range(8, 13)} | {
    "page_up": 0x21,
    "page_down": 0x22,
    "end": 0x23,
    "home": 0x24,
    "insert": 0x2D,
    "delete": 0x2E,
    "scroll_lock": 0x91,
}
"""Keys that can be watched, by Windows' virtual-key codes: none that the game has by itself (its
cameras are on F1 to F7, its menu on Escape, its shortcuts on Ctrl and a letter). Pause is none of
them: it comes up as soon as it is pressed, and would be missed."""
SHIFT = 0x10

IS_DOWN, WAS_PRESSED = 0x8000, 0x0001
"""Bits of what Windows says of a key: now, and since it was last asked."""

KeyState = Callable[[int], int]
"""Returns these bits for a virtual-key code."""


def key_state() -> KeyState | None:
    """Return what tells how a key is; None where no program is told of keys of another's window.

    Windows tells nothing while the focus is on a window of a program with more rights than this
    one: a game that runs as administrator, for instance.
    """
    if sys.platform != "win32":
        return None
    import ctypes

    get = ctypes.WinDLL("user32").GetAsyncKeyState
    get.argtypes, get.restype = (ctypes.c_int,), ctypes.c_ushort
    return lambda code: int(get(code))
