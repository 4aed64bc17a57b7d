"""A track's ini files: read in whatever encoding, numbers as the game takes them. Never fails."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from ac_bridge.machine.controls_ini import Ini, decode_ini, parse_ini

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?", re.ASCII | re.IGNORECASE)


def read_ini(data: bytes) -> Ini:
    """Return values by section and key, both in upper case; what is neither is passed over."""
    return parse_ini(decode_ini(data))


def number(section: Mapping[str, str], key: str) -> float:
    """Return the number that a value begins with; 0 where there is none, as the game does."""
    found = _NUMBER.match(section.get(key, "").strip())
    value = float(found[0]) if found else 0.0
    return value if math.isfinite(value) else 0.0
