"""How bad a link is, and what that does to one thing sent over it. Pure: no clock, no socket."""

from __future__ import annotations

import dataclasses
import random


@dataclasses.dataclass(frozen=True, slots=True)
class LinkQuality:
    """What happens to whatever is sent, in each direction alike."""

    delay_s: float = 0.0
    """One way; the round trip takes twice as long."""
    jitter_s: float = 0.0
    """What is sent arrives up to this much earlier or later, evenly spread."""
    loss: float = 0.0
    """Share of what is sent that never arrives, 0..1."""
    reorder: bool = False
    """Whether jitter may let something overtake what was sent before it."""

    def __post_init__(self) -> None:
        if not (self.delay_s >= 0 and 0 <= self.jitter_s <= self.delay_s and 0 <= self.loss <= 1):
            raise ValueError(f"No link is like this: {self}.")


def seeded(seed: int, *what: object) -> random.Random:
    """Return draws of their own for each thing that is drawn for, repeatable from a seed."""
    return random.Random(f"{seed} {what}")  # noqa: S311 -- faults are drawn, not secrets


class Way:
    """One direction of a link. What becomes of the n-th thing sent follows from the seed alone.

    Args:
        quality: of the link; may be replaced at any time.
        seed: of the draws.
        name: tells this direction's draws from the other's.
    """

    def __init__(self, quality: LinkQuality, seed: int, name: str) -> None:
        self.quality = quality
        self._draws = seeded(seed, name)
        self._last_s = 0.0

    def arrival_s(self, now_s: float) -> float | None:
        """Return when something sent now arrives; None if it is lost."""
        # Two draws each time, needed or not: the fate of the next one must not depend on it.
        lost = self._draws.random() < self.quality.loss
        late = self._draws.uniform(-1.0, 1.0) * self.quality.jitter_s
        if lost:
            return None
        arrival_s = now_s + self.quality.delay_s + late
        if not self.quality.reorder:
            arrival_s = self._last_s = max(arrival_s, self._last_s)
        return arrival_s
