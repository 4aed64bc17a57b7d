"""Which observation is asked for: a profile by its name, or a list of one's own features. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeAlias

from annotated_types import Len
from pydantic import Field, Strict, ValidationError

from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.limits import FEATURE_OPTIONS, FEATURES_ASKED, PAST_TICKS
from ac_bridge_protocol.wire import WireModel

NAME = r"^[a-z][a-z0-9_]{0,39}$"
Name = Annotated[str, Field(pattern=NAME)]


class FeatureOption(WireModel):
    """A number that a feature is computed with."""

    name: Name
    """Which."""
    value: float
    """How much."""


# Not ended at the first bad element, as other lists are: these two are short.
Options = Annotated[tuple[FeatureOption, ...], Strict(False), Len(0, FEATURE_OPTIONS)]


class FeatureWish(WireModel):
    """One feature, as a learner asks for it."""

    name: Name
    """As the actor lists it."""
    options: Options = ()
    """What differs from the feature's own defaults."""
    ticks_ago: int = Field(default=0, ge=0, le=PAST_TICKS)
    """As it was so many control ticks before; at an episode's start as it is then."""


Wishes = Annotated[
    tuple[FeatureWish, ...], Strict(False), Len(min_length=1, max_length=FEATURES_ASKED)
]
ObservationWish: TypeAlias = str | tuple[FeatureWish, ...]
"""A profile's name, or features in the order in which they are wanted."""

FeatureLike: TypeAlias = str | Mapping[str, Any] | FeatureWish
ObservationLike: TypeAlias = str | Sequence[FeatureLike]
"""The same as people write it: ``"racing"``, or ``["speed", {"name": "border_rays", "n": 31}]``."""


def wished(observation: ObservationLike) -> ObservationWish:
    """Return an observation that somebody wrote down as the wire takes it.

    Args:
        observation: a profile's name, or a list of features: each its name, or a mapping with
            ``name``, perhaps ``ticks_ago``, and the feature's own options.

    Raises:
        SettingError: it is neither; says which entry cannot be read.
    """
    if isinstance(observation, str):
        return observation
    listed: object = observation  # whoever writes it down may write anything
    if not isinstance(listed, Sequence) or not 1 <= len(listed) <= FEATURES_ASKED:
        raise _refusal(
            "An observation is a profile's name, or a list of 1 to "
            f"{FEATURES_ASKED} features, not {observation!r:.100}."
        )
    return features_wished(observation)


def features_wished(features: Sequence[FeatureLike]) -> tuple[FeatureWish, ...]:
    """Return a list of features as the wire takes it; see `wished`.

    Raises:
        SettingError: an entry cannot be read.
    """
    return tuple(_wish(number, entry) for number, entry in enumerate(features))


def _wish(number: int, entry: FeatureLike) -> FeatureWish:
    if isinstance(entry, FeatureWish):
        return entry
    said: dict[str, Any] = {"name": entry} if isinstance(entry, str) else {}
    if isinstance(entry, Mapping):
        said = dict(entry)
    known = {key: said.pop(key) for key in ("name", "ticks_ago") if key in said}
    given = said.pop("options", ())  # as the wire has them
    try:
        return FeatureWish(
            **known,
            options=(*given, *(FeatureOption(name=n, value=v) for n, v in said.items())),
        )
    except (ValidationError, TypeError) as error:
        why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise _refusal(f"Feature {number} of the observation, {entry!r:.100}: {why}.") from None


def _refusal(message: str) -> SettingError:
    return SettingError(
        message,
        setting="observation",
        hint='Such as ["speed", {"name": "border_rays", "n": 31, "ticks_ago": 1}].',
    )
