"""Hypothesis strategies for everything on the wire, read off the models themselves."""

from __future__ import annotations

import enum
import types
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Len, Lt, MaxLen, MinLen
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ac_bridge.game import Page
from ac_bridge_protocol.frame import GameStatics, TelemetryFrame
from ac_bridge_protocol.limits import DELAY_TICKS
from ac_bridge_protocol.messages import MESSAGE_TYPES
from ac_bridge_protocol.spec import EnvSpec, FeatureSpec, Mode
from ac_bridge_protocol.starts import Start, StartAt
from helpers.frames import FRAME_VALUES, STATICS_VALUES

INT64 = 2**63
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
PLAUSIBLE = {TelemetryFrame: FRAME_VALUES, GameStatics: STATICS_VALUES}
"""Models of very many fields: a few at a time are drawn, the others stay as they are here."""


def messages(name: str) -> st.SearchStrategy[Any]:
    """Return a strategy for the messages of one type, all of them valid."""
    return models(MESSAGE_TYPES[name])


def any_message() -> st.SearchStrategy[Any]:
    """Return a strategy for valid messages of any type."""
    return st.sampled_from(sorted(MESSAGE_TYPES)).flatmap(messages)


def models(model: type[BaseModel]) -> st.SearchStrategy[Any]:
    """Return a strategy for valid instances of a model."""
    fields = {
        name: of_type(field.annotation, field.metadata)
        for name, field in model.model_fields.items()
    }
    if model is FeatureSpec:  # a name for each element, or none
        fields["elements"] = st.just(())
    if model is Start:
        return st.sampled_from([Start(at=at) for at in StartAt if at is not StartAt.DISTANCE]) | (
            fields["distance_m"]
            .filter(bool)
            .map(lambda m: Start(at=StartAt.DISTANCE, distance_m=m))
        )
    if model is EnvSpec:
        return st.fixed_dictionaries(fields).flatmap(_specs)
    if model not in PLAUSIBLE:
        return st.fixed_dictionaries(fields).map(lambda values: model(**values))
    some = st.lists(st.sampled_from(sorted(fields)), max_size=6, unique=True)
    drawn = some.flatmap(lambda names: st.fixed_dictionaries({n: fields[n] for n in names}))
    return drawn.map(lambda values: model(**(PLAUSIBLE[model] | values)))


def _specs(values: dict[str, Any]) -> st.SearchStrategy[EnvSpec]:
    """Return a strategy for specs that agree with themselves: only one mode has a delay."""
    delayed = values["mode"] is Mode.FIXED_DELAY
    delays = st.integers(1, DELAY_TICKS) if delayed else st.just(0)
    return delays.map(lambda delay_ticks: EnvSpec(**(values | {"delay_ticks": delay_ticks})))


def of_type(annotation: Any, metadata: Iterable[Any] = ()) -> st.SearchStrategy[Any]:
    """Return a strategy for valid values of a field's type, within its declared constraints."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        inner = [m for a in args[1:] for m in (a.metadata if isinstance(a, FieldInfo) else [a])]
        return of_type(args[0], [*metadata, *inner])
    if origin is Literal:
        return st.sampled_from(args)
    if origin in (Union, types.UnionType):
        return st.one_of([of_type(arg, metadata) for arg in args])
    if origin is tuple:
        return _tuples(args, metadata)
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return st.sampled_from(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return models(annotation)
    return _scalar(annotation, metadata)


def _tuples(args: tuple[Any, ...], metadata: Iterable[Any]) -> st.SearchStrategy[Any]:
    if args[-1] is not Ellipsis:
        return st.tuples(*(of_type(arg) for arg in args))
    bounds = list(metadata)
    longest = min(
        [m.max_length for m in bounds if isinstance(m, MaxLen | Len) and m.max_length], default=5
    )
    least = max([m.min_length for m in bounds if isinstance(m, Len)], default=0)
    return st.lists(of_type(args[0]), min_size=least, max_size=min(longest, 5)).map(tuple)


def _scalar(annotation: Any, metadata: Iterable[Any]) -> st.SearchStrategy[Any]:
    bounds = list(metadata)
    low = [m.ge for m in bounds if isinstance(m, Ge)]
    above = [m.gt for m in bounds if isinstance(m, Gt)]
    below = [m.lt for m in bounds if isinstance(m, Lt)]
    high = [m.le for m in bounds if isinstance(m, Le)]
    if annotation is bool:
        return st.booleans()
    if annotation is int:
        least = max([-INT64, *low, *(a + 1 for a in above)])
        return st.integers(least, min([INT64 - 1, *high, *(b - 1 for b in below)]))
    if annotation is float:
        return st.floats(
            min_value=max([*low, *above], default=None),
            max_value=min([*high, *below], default=None),
            exclude_min=bool(above),
            exclude_max=bool(below),
            allow_nan=False,
            allow_infinity=False,
        )
    if annotation is str:
        patterns = [m.pattern for m in bounds if getattr(m, "pattern", None)]
        if patterns:
            return st.from_regex(patterns[0], fullmatch=True)
        least = max([m.min_length for m in bounds if isinstance(m, MinLen)], default=0)
        return TEXT.filter(lambda text: len(text) >= least) if least else TEXT
    if annotation is type(None):
        return st.none()
    raise TypeError(f"no strategy for {annotation!r}: teach helpers.strategies about it")


PLAIN: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-INT64, 2 * INT64 - 1)
    | st.floats()
    | TEXT
    | st.sampled_from([*MESSAGE_TYPES, "driver", "lockstep"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)
"""Any value that both codecs can carry."""


def page_bytes(page: Page) -> st.SearchStrategy[bytes]:
    """Return a strategy for rubbish of a page's size."""
    return st.binary(min_size=page.size_bytes, max_size=page.size_bytes)
