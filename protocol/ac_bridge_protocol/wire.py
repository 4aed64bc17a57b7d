"""What every model on the wire has in common."""

from __future__ import annotations

import enum
import functools
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    FailFast,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Strict,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from ac_bridge_protocol.limits import TEXT_CHARACTERS

# JSON and MessagePack have arrays, not tuples: these alone are read leniently. Their elements
# stay strict. The first bad element of a list ends its validation: a list may be as long as a whole
# message, and to note a problem for each of its elements would take longer than a tick may wait.
Vec2 = Annotated[tuple[float, float], Strict(False)]
Vec3 = Annotated[tuple[float, float, float], Strict(False)]
PerWheel = Annotated[tuple[float, float, float, float], Strict(False)]
Vec3PerWheel = Annotated[tuple[Vec3, Vec3, Vec3, Vec3], Strict(False)]
Five = Annotated[tuple[float, float, float, float, float], Strict(False)]
Indices = Annotated[tuple[int, ...], Strict(False), FailFast()]
Names = Annotated[tuple[str, ...], Strict(False), FailFast()]

Text = Annotated[str, Field(max_length=TEXT_CHARACTERS)]
"""For people, or a name that they chose."""


class ByValue:
    """Marks an enum field as read from its value, and from nothing that could be turned into it.

    Pydantic knows strict enums, which refuse the plain value, and lenient ones, which take text
    and booleans for integers. This is between the two, and quicker than either.
    """

    def __get_pydantic_core_schema__(
        self, source: type[enum.Enum], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        members = list(source)
        value: CoreSchema
        if issubclass(source, int):
            value = core_schema.int_schema(strict=True)
            member = core_schema.enum_schema(source, members, sub_type="int", strict=False)
        else:
            value = core_schema.str_schema(strict=True)
            member = core_schema.enum_schema(source, members, sub_type="str", strict=False)
        return core_schema.chain_schema([value, member])

    def __get_pydantic_json_schema__(
        self, schema: core_schema.ChainSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(schema["steps"][-1])


BY_VALUE = ByValue()


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
