"""Where an episode begins on the track, where the game can be told. Pure."""

from __future__ import annotations

import enum
import numbers
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.wire import BY_VALUE, WireModel

FARTHEST_M = 1e6
"""No track is longer."""


class StartAt(enum.StrEnum):
    """A place to start from; the car stands there, facing along the track."""

    LINE = "line"
    """On the timing line."""
    PIT = "pit"
    """In the pits."""
    RANDOM = "random"
    """Anywhere along the track, drawn from the episode's seed."""
    DISTANCE = "distance"
    """So many metres along the track from the line."""


class Start(WireModel):
    """Where an episode begins."""

    at: Annotated[StartAt, BY_VALUE]
    """What kind of place."""
    distance_m: float | None = Field(default=None, ge=0, le=FARTHEST_M)
    """Metres along the track, for a start at a distance."""

    @model_validator(mode="after")
    def _check_distance(self) -> Self:
        if (self.distance_m is None) is (self.at is StartAt.DISTANCE):
            raise ValueError("distance_m goes with a start at a distance, and with no other")
        return self

    def __str__(self) -> str:
        return self.at.value if self.distance_m is None else f"{self.distance_m:g} m"


def start_in(options: Mapping[str, Any]) -> Start | None:
    """Return the start among the options of a reset: a word, or ``{"distance": metres}``.

    Raises:
        SettingError: it is something else.
    """
    said = options.get("start")
    if said is None or isinstance(said, Start):
        return said
    if isinstance(said, str) and said in set(StartAt) - {StartAt.DISTANCE}:
        return Start(at=StartAt(said))
    if isinstance(said, Mapping) and set(said) == {"distance"}:
        metres = said["distance"]
        number = isinstance(metres, numbers.Real) and not isinstance(metres, bool)
        if number and 0 <= metres <= FARTHEST_M:
            return Start(at=StartAt.DISTANCE, distance_m=float(metres))
    raise SettingError(
        f"There is no start {said!r:.80}.",
        setting="start",
        hint='Choose "line", "pit", "random", or {"distance": metres from the line}.',
    )
