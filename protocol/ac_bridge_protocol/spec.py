"""`EnvSpec`: what an environment offers, as the actor announces it and the client builds spaces."""

from __future__ import annotations

import enum
import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, Self, TypeVar, cast

import numpy as np
import numpy.typing as npt
import orjson
from pydantic import FailFast, Field, Strict, model_validator

from ac_bridge_protocol.errors import ActionError, ErrorCode, SettingError
from ac_bridge_protocol.helpers import choose
from ac_bridge_protocol.limits import (
    ACTION_COMPONENTS,
    DELAY_TICKS,
    FEATURE_ELEMENTS,
    OBSERVATION_ELEMENTS,
    PAST_TICKS,
)
from ac_bridge_protocol.observing import Options
from ac_bridge_protocol.wire import BY_VALUE, Names, WireModel

T = TypeVar("T")

ROUNDING = 1e-6
"""How far beyond a bound an action's component may lie and be taken for the bound: float32 rounding
of a value that was computed to be the bound."""


class Mode(enum.StrEnum):
    """How the actor's ticks and the learner's steps go together."""

    LOCKSTEP = "lockstep"
    """Game time stands still until the next step. Only for games that can; repeatable."""
    LATEST = "latest"
    """Real time. An action is applied when it arrives, the newest wins, and the answer is the
    frame of the next tick."""
    FIXED_DELAY = "fixed_delay"
    """Real time. An action is applied k ticks after the tick whose frame it answers, exactly; so
    the delay of the link is part of the problem, and always the same."""


def mode_named(name: str | None) -> Mode | None:
    """Return a mode by its name; None stands for whichever the actor runs in.

    Raises:
        SettingError: there is none of that name.
    """
    return None if name is None else choose({m.value: m for m in Mode}, name, setting="mode")


class FeatureSpec(WireModel):
    """One named part of the observation."""

    name: str
    """What it is."""
    unit: str
    """Of the quantity before scaling; empty for a plain number."""
    size: int = Field(default=1, ge=1, le=FEATURE_ELEMENTS)
    """Elements that it takes."""
    scale: float = 1.0
    """What the quantity was divided by."""
    low: float
    """Least value of an element, after scaling; values are clipped to it."""
    high: float
    """Greatest value of an element, after scaling; values are clipped to it."""
    elements: Names = Field(default=(), max_length=FEATURE_ELEMENTS)
    """A name for each element, no two alike in one observation; empty for the feature's own."""
    options: Options = ()
    """Every option that it was computed with."""
    ticks_ago: int = Field(default=0, ge=0, le=PAST_TICKS)
    """How many control ticks before the observation it was."""

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        if self.elements and len(self.elements) != self.size:
            raise ValueError("a feature's elements have a name each, or none has")
        return self

    @property
    def element_names(self) -> tuple[str, ...]:
        """A name for each element."""
        if self.elements or self.size == 1:
            return self.elements or (self.name,)
        return tuple(f"{self.name}_{number}" for number in range(self.size))


class ActionSpec(WireModel):
    """One component of the action."""

    name: str
    """What it moves."""
    low: float
    """Least value; less is refused."""
    high: float
    """Greatest value; more is refused."""


class EnvSpec(WireModel):
    """Everything a client needs to know before the first reset."""

    game: str
    """The backend, such as ``standin``: no record confuses simulation with the game."""
    mode: Annotated[Mode, BY_VALUE]
    """How ticks and steps go together on this connection."""
    delay_ticks: int = Field(default=0, ge=0, le=DELAY_TICKS)
    """The k of `fixed_delay`: ticks from an observation to the action that answers it; else 0."""
    modes: Annotated[tuple[Annotated[Mode, BY_VALUE], ...], Strict(False), FailFast()]
    """Every mode that this actor offers."""
    control_hz: float = Field(gt=0)
    """Control ticks a second."""
    telemetry_hz: float = Field(gt=0)
    """Frames a second that a spectator may ask for at most."""
    observation_profile: str
    """Name of the list of features; ``custom`` for one that a learner put together."""
    observation: Annotated[
        tuple[FeatureSpec, ...], Strict(False), FailFast(), Field(max_length=OBSERVATION_ELEMENTS)
    ]
    """Its features, in order."""
    action: Annotated[
        tuple[ActionSpec, ...], Strict(False), FailFast(), Field(max_length=ACTION_COMPONENTS)
    ]
    """Its components, in order."""
    smoothing: str
    """Name of the smoothing between action and wheel."""

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.observation_size > OBSERVATION_ELEMENTS:
            raise ValueError(f"an observation has at most {OBSERVATION_ELEMENTS} elements")
        if (self.delay_ticks > 0) is not (self.mode is Mode.FIXED_DELAY):
            raise ValueError("delay_ticks is above 0 in mode fixed_delay, and in no other")
        return self

    @property
    def observation_size(self) -> int:
        """Elements of the observation."""
        return sum(feature.size for feature in self.observation)

    @property
    def element_names(self) -> tuple[str, ...]:
        """A name for each element of the observation, in order."""
        return tuple(name for feature in self.observation for name in feature.element_names)

    def observation_bounds(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return the least and greatest observation, float32[observation_size] each."""
        low = [feature.low for feature in self.observation for _ in range(feature.size)]
        high = [feature.high for feature in self.observation for _ in range(feature.size)]
        return np.asarray(low, np.float32), np.asarray(high, np.float32)

    def check_rate(self, hz: float) -> float:
        """Return a rate that frames can be subscribed to at.

        Raises:
            SettingError: not above 0, or more frames a second than the actor samples.
        """
        if not 0 < hz <= self.telemetry_hz:
            raise SettingError(
                f"This actor samples {self.telemetry_hz:g} frames a second, not {hz:g}.",
                setting="hz",
                hint="Ask for less, or start it with a higher --telemetry-hz.",
            )
        return hz

    @property
    def neutral(self) -> tuple[float, ...]:
        """The action that asks for nothing: zero, or what is nearest to it within the bounds."""
        return tuple(min(max(0.0, one.low), one.high) for one in self.action)

    def check_action(self, action: Sequence[float]) -> tuple[float, ...]:
        """Return the action as floats within bounds.

        Raises:
            ActionError: wrong length, not finite, or out of range by more than rounding.
        """
        return check_action(self.action, action)


def check_action(spec: Sequence[ActionSpec], action: Sequence[float]) -> tuple[float, ...]:
    """Return ``action`` as floats within the bounds of ``spec``.

    Raises:
        ActionError: wrong length, not finite, or out of range by more than `ROUNDING`.
    """
    if len(action) != len(spec):
        names = ", ".join(component.name for component in spec)
        raise ActionError(
            ErrorCode.ACTION_LENGTH,
            f"An action has {len(spec)} components ({names}), this one has {len(action)}.",
        )
    return tuple(
        _check_component(component, float(value))
        for component, value in zip(spec, action, strict=True)
    )


def _check_component(spec: ActionSpec, value: float) -> float:
    if spec.low <= value <= spec.high:
        return value
    if not math.isfinite(value):
        raise ActionError(
            ErrorCode.ACTION_NOT_FINITE,
            f"The action's {spec.name} is {value}; it must be a number from {spec.low:g} to "
            f"{spec.high:g}. The car keeps its last good action.",
            component=spec.name,
            value=value,
        )
    if spec.low - ROUNDING <= value <= spec.high + ROUNDING:
        return min(max(value, spec.low), spec.high)
    raise ActionError(
        ErrorCode.ACTION_OUT_OF_RANGE,
        f"The action's {spec.name} is {value:g}, outside {spec.low:g} to {spec.high:g}. The car "
        "keeps its last good action.",
        component=spec.name,
        value=value,
    )


def as_components(action: Any) -> Sequence[float]:
    """Return an action in any of its forms (array, tuple, list) as a flat list of floats.

    Raises:
        ActionError: it is not made of real numbers.
    """
    if isinstance(action, np.ndarray) and action.ndim == 1 and action.dtype == np.float32:
        return cast("Sequence[float]", action.tolist())  # what a policy of this space returns
    try:
        array = np.asarray(action)
    except ValueError:  # of uneven depth
        array = np.asarray(None)
    if array.dtype.kind not in "fiu":
        raise ActionError(
            ErrorCode.ACTION_LENGTH, f"An action is a list of real numbers, not {action!r:.100}."
        )
    return cast("Sequence[float]", array.astype(np.float64).reshape(-1).tolist())


def read_plan(read: Callable[[Any], T], plan: Iterable[Any]) -> list[T]:
    """Return the actions of a plan, each as ``read`` understands it.

    Raises:
        ActionError: one cannot be applied; says which.
    """
    planned: list[T] = []
    try:
        planned.extend(map(read, plan))
    except ActionError as error:
        raise ActionError(
            error.code or ErrorCode.ACTION_LENGTH,
            f"Action {len(planned)} of the plan, which begins with 0: {error.message}",
            component=error.component,
            value=error.value,
        ) from None
    return planned


def check_seed(seed: Any) -> int | None:
    """Return a seed as both sides take it: None, or an integer from 0 to 2**53 - 1.

    Raises:
        SettingError: it is something else.
    """
    if seed is None:
        return None
    usable = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
    if not usable or not 0 <= seed < 2**53:
        raise SettingError(
            f"A seed is an integer from 0 to 2**53 - 1, not {seed!r:.100}.", setting="seed"
        )
    return int(seed)


DRIVING_ACTION = (
    ActionSpec(name="steer", low=-1.0, high=1.0),
    ActionSpec(name="throttle", low=0.0, high=1.0),
    ActionSpec(name="brake", low=0.0, high=1.0),
)
"""The action of every driver: steer (+ right), throttle, brake. The clutch is left to the game."""

SHIFTING_ACTION = (*DRIVING_ACTION, ActionSpec(name="shift", low=-1.0, high=1.0))
"""The same for a driver who shifts: 0.5 and more is a gear up, -0.5 and less a gear down."""


DEPENDED_ON = ("observation", "action", "control_hz", "mode", "delay_ticks", "smoothing")
"""Fields of a spec without which a policy would drive another car."""


def spec_digest(spec: EnvSpec) -> str:
    """Return the SHA-256 of what a policy depends on, in hexadecimal digits.

    That is observation, action, control rate, mode, delay and smoothing; not the game, the rate of
    the telemetry stream, or what else the actor offers.
    """
    plain = spec.model_dump(mode="json")
    parts = {name: plain[name] for name in DEPENDED_ON}
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()
