"""From features to an observation: which ones, in which order, and how far back they look. Pure."""

from __future__ import annotations

import collections
import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np

from ac_bridge.telemetry.observation.feature import Look, Numbers, Road
from ac_bridge_protocol.frame import TelemetryFrame
from ac_bridge_protocol.spec import FeatureSpec


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """Features that are computed together, as they were ``ticks_ago``."""

    features: tuple[FeatureSpec, ...]
    see: Callable[[Look], Numbers]
    """Their elements before clipping, already scaled."""
    ticks_ago: int = 0
    needs_road: bool = False


@dataclasses.dataclass(frozen=True)
class ObservationPlan:
    """A named list of features and how to compute them."""

    name: str
    parts: tuple[Part, ...]

    @functools.cached_property
    def features(self) -> tuple[FeatureSpec, ...]:
        """What the elements are, in order."""
        return tuple(feature for part in self.parts for feature in part.features)

    @functools.cached_property
    def needs_road(self) -> tuple[str, ...]:
        """Names of the features that are 0 without the track's files."""
        names = (f.name for part in self.parts if part.needs_road for f in part.features)
        return tuple(dict.fromkeys(names))

    @functools.cached_property
    def lows(self) -> tuple[float, ...]:
        """Least value of each element."""
        return tuple(f.low for f in self.features for _ in range(f.size))

    @functools.cached_property
    def highs(self) -> tuple[float, ...]:
        """Greatest value of each element."""
        return tuple(f.high for f in self.features for _ in range(f.size))

    @functools.cached_property
    def functions(self) -> tuple[Callable[[Look], Numbers], ...]:
        """What is computed at each tick, each once however often it is looked back on."""
        return tuple(dict.fromkeys(part.see for part in self.parts))

    @functools.cached_property
    def places(self) -> tuple[tuple[int, int], ...]:
        """Of each part: how many ticks ago, and which of `functions`."""
        return tuple((part.ticks_ago, self.functions.index(part.see)) for part in self.parts)

    def observe(self, frame: TelemetryFrame, road: Road | None = None) -> tuple[float, ...]:
        """Return what is seen at the first tick of an episode: its past is as its present."""
        return Observer(self).see(Look(frame, road=road))


class Observer:
    """Observes an episode tick by tick, and remembers as many as the plan looks back."""

    def __init__(self, plan: ObservationPlan) -> None:
        self._plan = plan
        deepest = max((ticks_ago for ticks_ago, _ in plan.places), default=0)
        self._low, self._high = np.array(plan.lows), np.array(plan.highs)
        self._past: collections.deque[Sequence[Numbers]] = collections.deque(maxlen=deepest + 1)

    def see(self, look: Look, missed: int = 0) -> tuple[float, ...]:
        """Return the observation of the next tick, each element within its bounds.

        Args:
            look: the tick.
            missed: ticks that were passed over just before it: they count as the last one seen.
        """
        past, plan = self._past, self._plan
        seen = tuple([function(look) for function in plan.functions])
        if past:
            past.extendleft([past[0]] * min(missed, len(past)))
            past.appendleft(seen)
        else:
            past.extend([seen] * (past.maxlen or 1))
        elements: list[float] = []
        for ticks_ago, number in plan.places:
            elements += past[ticks_ago][number]
        # Not a number is taken for the least value by fmax; adding zero leaves no zero a sign.
        clipped = np.fmin(np.fmax(np.array(elements, np.float64), self._low), self._high) + 0.0
        return tuple(clipped.tolist())
