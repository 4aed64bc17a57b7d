"""Constants of tasks and rules, checked when they are given."""

from __future__ import annotations

import math
import numbers
from typing import Any

from ac_bridge_protocol.errors import SettingError


def at_least(low: float, name: str, value: float, *, hint: str = "") -> float:
    """Return a constant that is a number from ``low``.

    Raises:
        SettingError: it is not.
    """
    if not (_is_number(value) and value >= low):
        raise SettingError(
            f"{name} is a number from {low:g}, not {value!r:.80}.", setting=name, hint=hint
        )
    return value


def above_zero(name: str, value: float) -> float:
    """Return a constant that is a number above 0.

    Raises:
        SettingError: it is not.
    """
    if not (_is_number(value) and value > 0):
        raise SettingError(f"{name} is a number above 0, not {value!r:.80}.", setting=name)
    return value


def whole(low: int, name: str, value: int, *, high: int | None = None) -> int:
    """Return a constant that is a whole number from ``low``, and to ``high`` if there is one.

    Raises:
        SettingError: it is not.
    """
    fits = _is_number(value) and value == int(value) and value >= low
    if not fits or (high is not None and value > high):
        limits = f"from {low}" if high is None else f"from {low} to {high}"
        raise SettingError(f"{name} is a whole number {limits}, not {value!r:.80}.", setting=name)
    return int(value)


def is_asked(given: Any) -> bool:
    """Whether something has the methods that tasks and rules are asked by; a class is none yet."""
    methods = (getattr(given, name, None) for name in ("reset", "step"))
    return not isinstance(given, type) and all(map(callable, methods))


def _is_number(value: Any) -> bool:
    """Whether a value is a finite number; True and False, though Python counts them, are none."""
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return number and -math.inf < value < math.inf
