"""Waits that grow from one failure to the next, so that nothing is tried in a frenzy. Pure."""

from __future__ import annotations


class GrowingWaits:
    """Doubles from the first wait to the longest one.

    Args:
        first_s: the wait after the first failure, in seconds.
        longest_s: no wait is longer.
    """

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._next_s = first_s

    def next_s(self) -> float:
        """Return how long to wait after one more failure."""
        wait_s, self._next_s = self._next_s, min(2.0 * self._next_s, self._longest_s)
        return wait_s

    def start_over(self) -> None:
        """Begin with the first wait again: something went well."""
        self._next_s = self._first_s
