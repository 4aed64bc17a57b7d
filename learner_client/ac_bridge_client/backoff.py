"""How long to wait between attempts to connect again. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ac_bridge_protocol.helpers import GrowingWaits

FIRST_S = 0.05
"""The first wait after an attempt that failed at once: a link that flickers is back by then."""

LONGEST_S = 2.0
"""No wait is longer: a link that came back is found within this time."""


def waits_s() -> Iterator[float]:
    """Yield the seconds to wait before each attempt, without end: none, then doubling ones."""
    yield 0.0
    waits = GrowingWaits(FIRST_S, LONGEST_S)
    while True:
        yield waits.next_s()
