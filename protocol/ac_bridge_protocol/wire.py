"""What every model on the wire has in common."""

from __future__ import annotations

import functools
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Strict

# JSON and MessagePack have arrays, not tuples: these alone are read leniently. Their elements
# stay strict.
Vec2 = Annotated[tuple[float, float], Strict(False)]
Vec3 = Annotated[tuple[float, float, float], Strict(False)]
PerWheel = Annotated[tuple[float, float, float, float], Strict(False)]
Vec3PerWheel = Annotated[tuple[Vec3, Vec3, Vec3, Vec3], Strict(False)]
Five = Annotated[tuple[float, float, float, float, float], Strict(False)]
Indices = Annotated[tuple[int, ...], Strict(False)]
Names = Annotated[tuple[str, ...], Strict(False)]


class WireModel(BaseModel):
    """Frozen, strict, closed to unknown fields; numbers are finite."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


M = TypeVar("M", bound=WireModel)


def trusted(model: type[M], values: dict[str, Any]) -> M:
    """Build a model from values that need no validation, at a tenth of the cost.

    Only for values that this process made itself with fixed types: every field must be there, of
    its exact type, and finite. `values` belongs to the model afterwards.
    """
    made = model.__new__(model)
    object.__setattr__(made, "__dict__", values)
    object.__setattr__(made, "__pydantic_fields_set__", _field_names(model))
    object.__setattr__(made, "__pydantic_extra__", None)
    object.__setattr__(made, "__pydantic_private__", None)
    return made


@functools.cache
def _field_names(model: type[WireModel]) -> set[str]:
    return set(model.model_fields)
