"""The state of the virtual wheel: what a driver's hands and feet do at one moment."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Controls:
    """One whole state of the wheel. Applied at once: no axis ever moves without the others."""

    steer: float = 0.0
    """-1 (full left) to 1 (full right), a fraction of the device's travel."""
    throttle: float = 0.0
    """0 (released) to 1 (floored)."""
    brake: float = 0.0
    """0 (released) to 1 (floored)."""
    clutch: float = 0.0
    """Pedal, 0 (released) to 1 (floored). The page's ``clutch`` is the opposite: engagement."""
    buttons: frozenset[int] = frozenset()
    """The buttons held down, numbered from 1 as vJoy numbers them."""


NEUTRAL = Controls()
"""Wheel straight, every pedal and button released."""
