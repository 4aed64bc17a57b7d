"""What became of a drive's steps and links, in figures. Pure, and of bounded memory."""

from __future__ import annotations

import collections
import dataclasses
import math

from ac_bridge_client.recommend import ms, percentiles
from ac_bridge_protocol.messages import Receipt

KEPT = 20_000
"""Ages and round trips kept for percentiles: the last seventeen minutes at 20 Hz, in 2 MB."""


@dataclasses.dataclass(frozen=True, slots=True)
class Spread:
    """How a quantity was spread, in seconds; NaN while nothing was measured."""

    least: float
    p50: float
    p99: float


@dataclasses.dataclass(frozen=True, slots=True)
class EnvStats:
    """What became of an environment's steps and of its link. `str` of it is a table.

    Percentiles are of the last 20,000 values, everything else is of all.
    """

    steps: int
    """Steps answered."""
    episodes: int
    """Resets that succeeded."""
    late: int
    """Steps whose action did not reach the wheel in the control period it was meant for."""
    ticks_held: int
    """Ticks that no action came for."""
    ticks_eased: int
    """How many of these the wheel was being eased to neutral, or was neutral."""
    ticks_planned: int
    """Ticks under an action of an earlier step's plan."""
    ticks_missed: int
    """Ticks that the actor itself was too late for."""
    action_age_s: Spread
    """From an action's application to its frame."""
    observation_age_s: Spread
    """From a frame's sampling to its step's return, in the learner's own clock."""
    round_trip_s: Spread
    """Of the pings that go with the steps, without what the actor took to answer."""
    clock_offset_s: float
    """Actor's clock less learner's; NaN while unknown."""
    clock_offset_error_s: float
    """How far off that may be at most."""
    reconnects: int
    """Links that were lost and replaced, the session going on."""
    requests_repeated: int
    """Requests asked once more over a new link."""
    stale_answers: int
    """Answers that came when nobody waited for them any more, and were thrown away."""

    @property
    def late_share(self) -> float:
        """Share (0..1) of the steps that were late; 0 of none."""
        return self.late / self.steps if self.steps else 0.0

    def __str__(self) -> str:
        rows = [
            ("steps, episodes", f"{self.steps}, {self.episodes}"),
            ("late actions", f"{self.late} ({self.late_share:.2%})"),
            (
                "ticks held, eased, planned, missed",
                f"{self.ticks_held}, {self.ticks_eased}, {self.ticks_planned}, {self.ticks_missed}",
            ),
            ("action age p50, p99", _spread(self.action_age_s)),
            ("observation age p50, p99", _spread(self.observation_age_s)),
            ("round trip p50, p99", _spread(self.round_trip_s)),
            ("round trip, least", _time(self.round_trip_s.least)),
            ("clock offset", self._offset()),
            ("links replaced", f"{self.reconnects}"),
            ("requests repeated", f"{self.requests_repeated}"),
            ("stale answers", f"{self.stale_answers}"),
        ]
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)

    def summary(self) -> str:
        """Return the gist in a paragraph."""
        return (
            f"{self.steps} steps in {self.episodes} episodes; {self.late} actions late "
            f"({self.late_share:.2%}); ticks held {self.ticks_held}, of these eased "
            f"{self.ticks_eased}, missed by the actor {self.ticks_missed}; action age p50, p99 "
            f"{_spread(self.action_age_s)}; observation age {_spread(self.observation_age_s)}; "
            f"round trip {_spread(self.round_trip_s)}; clock offset {self._offset()}; "
            f"{self.reconnects} links replaced, {self.requests_repeated} requests repeated, "
            f"{self.stale_answers} stale answers."
        )

    def _offset(self) -> str:
        if math.isnan(self.clock_offset_s):
            return "-"
        return f"{self.clock_offset_s:+.6f} s, to within {_time(self.clock_offset_error_s)}"


def _samples() -> collections.deque[float]:
    return collections.deque(maxlen=KEPT)


@dataclasses.dataclass
class Tally:
    """Counts for `EnvStats`, as things happen."""

    steps: int = 0
    episodes: int = 0
    late: int = 0
    ticks_held: int = 0
    ticks_eased: int = 0
    ticks_planned: int = 0
    ticks_missed: int = 0
    reconnects: int = 0
    requests_repeated: int = 0
    stale_answers: int = 0
    action_ages_s: collections.deque[float] = dataclasses.field(default_factory=_samples)
    observation_ages_s: collections.deque[float] = dataclasses.field(default_factory=_samples)
    round_trips_s: collections.deque[float] = dataclasses.field(default_factory=_samples)

    def count(self, receipt: Receipt, observation_age_s: float | None) -> None:
        """Take in a step's receipt, and its observation's age where that is known."""
        self.steps += 1
        self.late += receipt.late
        self.ticks_held += receipt.ticks_held
        self.ticks_eased += receipt.ticks_eased
        self.ticks_planned += receipt.ticks_planned
        self.ticks_missed += receipt.ticks_missed
        self.action_ages_s.append(receipt.action_age_s)
        if observation_age_s is not None:
            self.observation_ages_s.append(observation_age_s)

    def stats(self, offset_s: float | None, error_s: float | None) -> EnvStats:
        """Return the figures so far.

        Args:
            offset_s: actor's clock less learner's, in seconds; None while unknown.
            error_s: how far off that may be.
        """
        return EnvStats(
            steps=self.steps,
            episodes=self.episodes,
            late=self.late,
            ticks_held=self.ticks_held,
            ticks_eased=self.ticks_eased,
            ticks_planned=self.ticks_planned,
            ticks_missed=self.ticks_missed,
            action_age_s=spread_of(self.action_ages_s),
            observation_age_s=spread_of(self.observation_ages_s),
            round_trip_s=spread_of(self.round_trips_s),
            clock_offset_s=math.nan if offset_s is None else offset_s,
            clock_offset_error_s=math.nan if error_s is None else error_s,
            reconnects=self.reconnects,
            requests_repeated=self.requests_repeated,
            stale_answers=self.stale_answers,
        )


def spread_of(values: collections.deque[float]) -> Spread:
    """Return how values are spread."""
    if not values:
        return Spread(math.nan, math.nan, math.nan)
    p50, p99 = percentiles(values, 0.5, 0.99)
    return Spread(min(values), p50, p99)


def _spread(spread: Spread) -> str:
    return f"{_time(spread.p50)}, {_time(spread.p99)}"


def _time(seconds: float) -> str:
    return "-" if math.isnan(seconds) else ms(seconds)
