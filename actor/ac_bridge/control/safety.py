"""The dead-man's switch: an action holds for so long, then the car is let go. Pure."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass
class DeadMan:
    """Tells when the last action is too old to go on driving with.

    Args:
        hold_s: how long an action may hold without a new one, in seconds.
    """

    hold_s: float
    _fed_s: float | None = None

    def feed(self, now_s: float) -> None:
        """A good action was applied."""
        self._fed_s = now_s

    def release(self) -> None:
        """Nobody drives: there is nothing to expire."""
        self._fed_s = None

    @property
    def armed(self) -> bool:
        """Whether an action is in force."""
        return self._fed_s is not None

    def expired(self, now_s: float) -> bool:
        """Whether the action in force is older than it may be."""
        return self._fed_s is not None and now_s - self._fed_s > self.hold_s

    def deadline_s(self) -> float | None:
        """When the action in force expires, None if there is none."""
        return None if self._fed_s is None else self._fed_s + self.hold_s
