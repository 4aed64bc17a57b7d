"""What a feature is: a pure function of one look at the game, with all that a reader must know."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from ac_bridge.game import NEUTRAL, Controls
from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.frame import TelemetryFrame
from ac_bridge_protocol.limits import FEATURE_ELEMENTS
from ac_bridge_protocol.observing import FeatureOption
from ac_bridge_protocol.spec import FeatureSpec

Numbers: TypeAlias = Sequence[float]
Options: TypeAlias = Mapping[str, float]
Floats: TypeAlias = npt.NDArray[np.float64]


class Road(Protocol):
    """The shape of a track, as far as features ask; see `ac_bridge.track.track.Track`."""

    def ahead(self, distance_m: float, offsets_m: Floats) -> tuple[Floats, Floats, Floats]:
        """Return x, z (m) and curvature (1/m) of the line so many metres after a distance."""

    def rays(
        self, x_m: float, z_m: float, yaw_rad: float, angles_rad: Floats, range_m: float
    ) -> Floats:
        """Return metres to the nearest border in each direction, at most ``range_m``."""


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """One look at the game: everything that a feature may use."""

    frame: TelemetryFrame
    sent: Controls = NEUTRAL
    """The wheel and pedals as they were sent until then."""
    road: Road | None = None
    """The track under the car; None where its files were not read."""


@dataclasses.dataclass(frozen=True, slots=True)
class Option:
    """A number that a feature can be asked with."""

    default: float
    low: float
    high: float
    meaning: str
    whole: bool = False

    def read(self, feature: str, name: str, value: float) -> float:
        """Return a value that was asked for.

        Raises:
            SettingError: it is out of range, or not whole where it must be.
        """
        if not self.low <= value <= self.high or (self.whole and value != int(value)):
            kind = "a whole number" if self.whole else "a number"
            raise SettingError(
                f"{name} of feature {feature} is {kind} from {self.low:g} to {self.high:g}, "
                f"not {value:g}.",
                setting="observation",
            )
        return value


@dataclasses.dataclass(frozen=True, slots=True)
class Layout:
    """What the elements of a feature are, with its options."""

    suffixes: tuple[str, ...] = ("",)
    """Of each element's name, after the feature's."""
    scale: float = 1.0
    low: float = -1.0
    high: float = 1.0


@dataclasses.dataclass(frozen=True, slots=True)
class Feature:
    """A named part of an observation."""

    name: str
    unit: str
    """Of the quantity before scaling; empty for a plain number."""
    source: str
    """Fields of the frame, or whatever else it is made from."""
    meaning: str
    layout: Callable[[Options], Layout]
    make: Callable[[Options], Callable[[Look], Numbers]]
    """Returns what computes the elements, already scaled, before they are clipped."""
    options: Mapping[str, Option] = dataclasses.field(default_factory=dict)
    needs_road: bool = False
    """Whether it is 0 throughout without the track's files."""
    shape: bool = False
    """Whether it is worked out from the track's shape, which costs most."""

    def read(self, given: Options) -> dict[str, float]:
        """Return every option, with the defaults of those that were not given.

        Raises:
            SettingError: one that the feature does not have, or out of its range.
        """
        for name in given:
            if name not in self.options:
                has = f"It has {', '.join(self.options)}." if self.options else "It has none."
                raise SettingError(
                    f"Feature {self.name} has no option {name!r}.", setting="observation", hint=has
                )
        return {
            name: option.read(self.name, name, given.get(name, option.default))
            for name, option in self.options.items()
        }

    def spec(self, options: Options, ticks_ago: int = 0) -> FeatureSpec:
        """Describe it with its options, as the wire does.

        Raises:
            SettingError: it would have more elements than a feature may.
        """
        layout = self.layout(options)
        if len(layout.suffixes) > FEATURE_ELEMENTS:
            raise SettingError(
                f"Feature {self.name} would have {len(layout.suffixes)} elements; the most are "
                f"{FEATURE_ELEMENTS}.",
                setting="observation",
            )
        ago = f"[{ticks_ago} ago]" if ticks_ago else ""
        return FeatureSpec(
            name=self.name,
            unit=self.unit,
            size=len(layout.suffixes),
            scale=layout.scale,
            low=layout.low,
            high=layout.high,
            elements=tuple(f"{self.name}{suffix}{ago}" for suffix in layout.suffixes),
            options=tuple(FeatureOption(name=n, value=v) for n, v in options.items()),
            ticks_ago=ticks_ago,
        )


def fixed(layout: Layout) -> Callable[[Options], Layout]:
    """Return a layout that no option changes."""
    return lambda _options: layout


def of_frame(
    name: str,
    unit: str,
    source: str,
    meaning: str,
    values: Callable[[TelemetryFrame], Numbers],
    *,
    scale: float = 1.0,
    low: float = -1.0,
    high: float = 1.0,
    suffixes: tuple[str, ...] = ("",),
    needs_road: bool = False,
) -> Feature:
    """Return a feature that is read from the frame alone, and that no option changes.

    Args:
        name: of the feature.
        unit: of the quantity before scaling.
        source: fields of the frame.
        meaning: in words.
        values: its elements before scaling.
        scale: what they are divided by.
        low: least value of each, scaled.
        high: greatest value of each, scaled.
        suffixes: of each element's name.
        needs_road: whether it is of the road: 0 throughout where the car has no place on it.
    """
    nothing = (0.0,) * len(suffixes)

    def look(seen: Look) -> Numbers:
        if needs_road and seen.frame.line_offset is None:
            return nothing
        found = values(seen.frame)
        return found if scale == 1.0 else [value / scale for value in found]

    layout = fixed(Layout(suffixes, scale, low, high))
    return Feature(
        name, unit, source, meaning, layout, lambda _options: look, needs_road=needs_road
    )
