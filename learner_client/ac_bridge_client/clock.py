"""Time on the learner's side: for timeouts alone. The only module here that imports `time`."""

from __future__ import annotations

import time  # noqa: TID251 -- the one place


def monotonic_s() -> float:
    """Seconds since some start; never goes back."""
    return time.monotonic()
