"""Time on the learner's side. The only module here that imports `time`."""

from __future__ import annotations

import time  # noqa: TID251 -- the one place


def monotonic_s() -> float:
    """Seconds since some start; never goes back. The system's finest: some others go by 15.6 ms."""
    return time.perf_counter()


_WALL_NS = time.time_ns() - time.perf_counter_ns()


def wall_ns() -> int:
    """Nanoseconds since 1970-01-01 UTC, as this machine's clock had it at the start; never back."""
    return _WALL_NS + time.perf_counter_ns()
