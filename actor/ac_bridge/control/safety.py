"""The dead-man's switch: so long after the last action came in the car is let go. Pure."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass
class DeadMan:
    """Tells when the last action came in too long ago to go on driving.

    Args:
        hold_s: how long the car may be driven without a new one, in seconds.
    """

    hold_s: float
    _fed_s: float | None = None

    def feed(self, now_s: float) -> None:
        """A good action arrived: the driver is there, whenever that action's tick comes."""
        self._fed_s = now_s

    def release(self) -> None:
        """Nobody drives: there is nothing to expire."""
        self._fed_s = None

    @property
    def armed(self) -> bool:
        """Whether somebody drives."""
        return self._fed_s is not None

    def expired(self, now_s: float) -> bool:
        """Whether the last action came in longer ago than it may have."""
        return self._fed_s is not None and now_s - self._fed_s > self.hold_s

    def deadline_s(self) -> float | None:
        """When the car is let go of unless an action comes in; None if nobody drives."""
        return None if self._fed_s is None else self._fed_s + self.hold_s
