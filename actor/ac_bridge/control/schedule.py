"""Which action is for which tick, whatever order they came in. Pure.

An action is known by the tick that it is for and by the number of the step that brought it. Later
beats earlier, first by tick and then by number: the last write wins. So each action is handed out
at most once, and never an older one after a newer one.
"""

from __future__ import annotations

from typing import Generic, TypeVar

A = TypeVar("A")


class Schedule(Generic[A]):
    """Actions that wait for their ticks. Holds one for each tick, the newest."""

    def __init__(self) -> None:
        self._waiting: dict[int, tuple[int, A]] = {}
        self._taken = (-1, -1)

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, tick: int, number: int, action: A) -> None:
        """Keep an action for a tick, unless a step with a higher number has brought one for it."""
        before = self._waiting.get(tick)
        if before is None or before[0] < number:
            self._waiting[tick] = number, action

    def take(self, tick: int) -> tuple[int, A] | None:
        """Return the newest action for ``tick`` or before, with the tick that it was for.

        Whatever else was for these ticks is forgotten: its time has passed.

        Returns:
            None where there is none, or what was taken last is newer.
        """
        waiting = self._waiting
        passed = [at for at in waiting if at <= tick] if waiting else None
        if not passed:
            return None
        newest = max(passed)
        number, action = waiting[newest]
        for at in passed:
            del waiting[at]
        if (newest, number) <= self._taken:
            return None
        self._taken = newest, number
        return newest, action

    def drop(self) -> None:
        """Forget every action that waits. What was taken stays the mark for what is newer."""
        self._waiting.clear()
