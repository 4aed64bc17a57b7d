"""When a connection will be cut, and how: drawn from a seed. Pure: no clock, no socket."""

from __future__ import annotations

import dataclasses

from links.quality import seeded


@dataclasses.dataclass(frozen=True, slots=True)
class CutPlan:
    """What cuts are drawn from."""

    count: int = 0
    """Cuts in all; after them every connection lives."""
    longest_s: float = 0.25
    """A connection that is cut at a moment is cut at one within this time of its opening."""
    most_units: int = 40
    """One that is cut at a message is cut at one of its first so many, in either direction."""
    torn: int = 1
    """For each one that is cut before a message and one that is cut after it, so many are cut in
    the midst of it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Fate:
    """How one connection ends: at a moment, or at a message."""

    after_s: float | None
    """Seconds from its opening; None if it ends at a message."""
    at_unit: int | None
    """Messages in either direction that pass before the one it ends at; None if at a moment."""
    share: float
    """How much of that message is still passed on: nothing, a part, or all of it."""
    abrupt: bool
    """With a reset, which may throw away what arrived but was not read; else in good order."""


class Cutter:
    """Draws the fate of one connection after the other.

    Args:
        plan: what is drawn from.
        seed: of the draws.
    """

    def __init__(self, plan: CutPlan, seed: int) -> None:
        self._plan = plan
        self._draws = seeded(seed, "cuts")
        self.left = plan.count

    def next(self) -> Fate | None:
        """Return the fate of a new connection; None if it lives."""
        if self.left <= 0:
            return None
        draws, plan = self._draws, self._plan
        abrupt = draws.random() < 0.5
        if draws.random() < 0.5:
            return Fate(draws.uniform(0.0, plan.longest_s), None, 0.0, abrupt)
        share = draws.choice((0.0, *[draws.random()] * plan.torn, 1.0))
        return Fate(None, draws.randrange(plan.most_units), share, abrupt)
