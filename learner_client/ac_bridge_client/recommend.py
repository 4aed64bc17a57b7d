"""What a link is good for: round trips in, mode, delay and control rate out. Pure."""

from __future__ import annotations

import dataclasses
import itertools
import math
import statistics
from collections.abc import Sequence

import numpy as np

from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.limits import DELAY_TICKS
from ac_bridge_protocol.spec import Mode

LATEST_SHARE = 0.25
"""In `latest` a round trip may take this share of the control period: an action then holds for at
least three quarters of the period that it is judged by, and the delay hardly varies."""

RESERVE_S = 0.005
"""Added to the round trip for the learner's own computing, in seconds."""

FAR_S = 0.01
"""A link whose round trips take this long leaves the building, and there packets are lost."""

TIMEOUT_S = 0.24
"""After a packet was lost, and what would have told of it as well, TCP waits a round trip and this
long before it sends the packet again: at least 200 ms on Linux, and the 40 ms for which the other
end may put off its acknowledgements count as part of the round trip."""

OUTLIER_S = 0.01
"""A round trip looks as if something was lost if it took this much more than twice the median."""

HIGHEST_HZ = 100.0
"""Highest control rate that an actor has."""


@dataclasses.dataclass(frozen=True, slots=True)
class LinkFigures:
    """What was measured of a link, in seconds."""

    round_trips: int
    """How many."""
    least_s: float
    p50_s: float
    p99_s: float
    worst_s: float
    jitter_s: float
    """Mean difference between one round trip and the next."""
    outliers: int
    """Round trips that look as if a packet was lost on the way."""


@dataclasses.dataclass(frozen=True, slots=True)
class Recommendation:
    """How to drive over a link."""

    mode: Mode
    delay_ticks: int
    """The k of mode `fixed_delay`; in any other mode 0."""
    control_hz: float
    """The control rate that this is for: the one asked about, or a lower one if that cannot be."""
    holds: bool
    """Whether the link holds the control rate that was asked about, in any mode."""
    latest_hz: float
    """Highest control rate that the link holds in mode `latest`."""
    why: str
    """All of that in a sentence or two."""

    def arguments(self) -> str:
        """Return the arguments of `RemoteEnv` that ask for it."""
        delay = f", delay_ticks={self.delay_ticks}" if self.delay_ticks else ""
        return f'mode="{self.mode.value}"{delay}'


def figures_of(round_trips_s: Sequence[float]) -> LinkFigures:
    """Sum up round trips, in the order in which they were made.

    Raises:
        SettingError: there are none.
    """
    if not round_trips_s:
        raise SettingError(
            "No round trip was measured.", setting="seconds", hint="Measure for longer."
        )
    p50_s, p99_s = percentiles(round_trips_s, 0.5, 0.99)
    steps = [abs(b - a) for a, b in itertools.pairwise(round_trips_s)]
    return LinkFigures(
        round_trips=len(round_trips_s),
        least_s=min(round_trips_s),
        p50_s=p50_s,
        p99_s=p99_s,
        worst_s=max(round_trips_s),
        jitter_s=statistics.fmean(steps) if steps else 0.0,
        outliers=sum(trip > 2 * p50_s + OUTLIER_S for trip in round_trips_s),
    )


def recommend(
    figures: LinkFigures, control_hz: float, *, reserve_s: float = RESERVE_S
) -> Recommendation:
    """Return how to drive over a link at a control rate, and why.

    Args:
        figures: of the link.
        control_hz: control ticks a second.
        reserve_s: what the learner takes to compute an action, in seconds.
    """
    latest_hz = min(LATEST_SHARE / max(figures.p99_s, 1e-6), HIGHEST_HZ)
    period_s = 1.0 / control_hz
    if figures.p99_s < LATEST_SHARE * period_s:
        why = (
            f"99 of 100 round trips take {ms(figures.p99_s)} or less, under a quarter of the "
            f"control period of {ms(period_s)}: actions hold from nearly the moment they are "
            "chosen at."
        )
        return Recommendation(Mode.LATEST, 0, control_hz, True, latest_hz, why)
    delay_ticks = ticks_needed(figures, control_hz, reserve_s=reserve_s)
    if delay_ticks <= DELAY_TICKS:
        lost = ", and a lost packet" if figures.p50_s >= FAR_S else ""
        why = (
            f"A round trip takes {ms(figures.p50_s)}, at worst {ms(figures.worst_s)}, which is "
            f"too much of the control period of {ms(period_s)} to be neglected. {delay_ticks} "
            f"tick{'s' if delay_ticks > 1 else ''} ({ms(delay_ticks * period_s)}) cover the worst "
            f"of them{lost}."
        )
        return Recommendation(Mode.FIXED_DELAY, delay_ticks, control_hz, True, latest_hz, why)
    slower_hz = _highest_hz(figures, reserve_s)
    why = (
        f"The link cannot hold {control_hz:g} control ticks a second: its round trips of up to "
        f"{ms(figures.worst_s)} would take {delay_ticks} ticks of {ms(period_s)}, and at most "
        f"{DELAY_TICKS} can be under way. At {slower_hz:g} Hz they fit."
    )
    ticks = min(ticks_needed(figures, slower_hz, reserve_s=reserve_s), DELAY_TICKS)
    return Recommendation(Mode.FIXED_DELAY, ticks, slower_hz, False, latest_hz, why)


def ticks_needed(figures: LinkFigures, control_hz: float, *, reserve_s: float = RESERVE_S) -> int:
    """Return the least delay in control ticks in which answer and action make their way.

    Even the worst round trip of those measured, and over a far link one that met a timeout.
    """
    return max(1, math.ceil((_longest_s(figures) + reserve_s) * control_hz - 1e-9))


def _longest_s(figures: LinkFigures) -> float:
    """Return the longest round trip that is reckoned with, in seconds."""
    if figures.p50_s < FAR_S:
        return figures.worst_s
    return max(figures.worst_s, 2 * figures.p50_s + TIMEOUT_S)


def percentiles(values: Sequence[float], *shares: float) -> list[float]:
    """Return for each share (0..1) the smallest value that so many do not exceed."""
    found: list[float] = np.quantile(values, shares, method="inverted_cdf").tolist()
    return found


def ms(seconds: float) -> str:
    """Return seconds as people read them here."""
    value = seconds * 1000
    return f"{value:.{0 if value >= 100 else 1 if value >= 1 else 2}f} ms"


def _highest_hz(figures: LinkFigures, reserve_s: float) -> float:
    """Return the highest control rate, in tenths of a Hz, that needs no more than all ticks."""
    return max(math.floor(DELAY_TICKS / (_longest_s(figures) + reserve_s) * 10 - 1e-9) / 10, 0.1)
