"""Models as the plain JSON of a recording, and back. Pure.

Two things differ from the wire's JSON, both for tools that plot: a field that is None is left out,
and a list of vectors is a list of maps with x, y and z. Foxglove reads schemas of flat types only:
no null, no references, no lists of lists; one field of another kind and it shows nothing at all.
"""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from ac_bridge_protocol.errors import RecordingError
from ac_bridge_protocol.wire import WireModel

M = TypeVar("M", bound=WireModel)

AXES = ("x", "y", "z")
"""Of a vector in a list of vectors."""


def encode(model: WireModel | Mapping[str, Any]) -> bytes:
    """Return a model, or a map of what one is made of, as JSON."""
    return orjson.dumps(_plain(model), default=_plain)


def restore(model: type[M], plain: Any) -> M:
    """Return the model that `encode` wrote, from its JSON as Python has it.

    Raises:
        RecordingError: it is not what this version writes.
    """
    try:
        return model.model_validate(wire_plain(model, plain))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RecordingError(
            f"A {model.__name__} of the recording cannot be read: {where}: {first['msg']}.",
            hint="It was written by another version of ac-bridge, or damaged.",
        ) from None


def wire_plain(model: type[BaseModel], plain: Any) -> Any:
    """Return recorded JSON as the wire has it: with None, and with lists of lists."""
    if not isinstance(plain, dict):
        return plain  # validation says what is wrong with it
    shape = _shape(model)
    restored = {**shape.missing, **plain}
    for name in shape.vectors:
        value = plain.get(name)
        if isinstance(value, list):
            restored[name] = [_components(vector) for vector in value]
    for name, nested in shape.nested.items():
        value = plain.get(name)
        if isinstance(value, list):
            restored[name] = [wire_plain(nested, one) for one in value]
        elif value is not None:
            restored[name] = wire_plain(nested, value)
    return restored


def schema(model: type[WireModel]) -> dict[str, Any]:
    """Return the JSON Schema of what `encode` writes, in the flat types that tools read."""
    whole = model.model_json_schema(mode="serialization")
    flat: dict[str, Any] = _flat(whole, whole.get("$defs", {}))
    return flat


class _Shape(typing.NamedTuple):
    """What is special about a model's fields."""

    missing: dict[str, None]
    """Those that may be None, and are left out then."""
    vectors: tuple[str, ...]
    """Those that are lists of vectors."""
    nested: dict[str, type[BaseModel]]
    """Those that are models, or lists of models."""


@functools.cache
def _shape(model: type[BaseModel]) -> _Shape:
    missing: dict[str, None] = {}
    vectors: list[str] = []
    nested: dict[str, type[BaseModel]] = {}
    for name, field in model.model_fields.items():
        for kind in _alternatives(field.annotation):
            inner = _elements(kind) if _is_list(kind) else [kind]
            if kind is type(None):
                missing[name] = None
            if any(map(_is_list, inner)) and name not in vectors:
                vectors.append(name)
            nested.update((name, one) for one in inner if _is_model(one))
    return _Shape(missing, tuple(vectors), nested)


def _alternatives(annotation: Any) -> list[Any]:
    """Return the types that an annotation allows."""
    annotation = _bare(annotation)
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [_bare(one) for one in typing.get_args(annotation)]
    return [annotation]


def _elements(kind: Any) -> list[Any]:
    return [_bare(one) for one in typing.get_args(kind)]


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _bare(annotation: Any) -> Any:
    while typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    return annotation


def _is_list(kind: Any) -> bool:
    return typing.get_origin(kind) is tuple


def _plain(value: Any) -> dict[str, Any]:
    if isinstance(value, WireModel):
        fields, shape = value.__dict__, _shape(type(value))
        missing = [name for name in shape.missing if fields.get(name) is None]
        if not shape.vectors and not missing:
            return fields
        fields = fields.copy()
        for name in missing:
            fields.pop(name, None)
        for name in shape.vectors:
            fields[name] = [{"x": x, "y": y, "z": z} for x, y, z in fields[name]]
        return fields
    if isinstance(value, Mapping):
        return {name: field for name, field in value.items() if field is not None}
    raise TypeError(f"{type(value).__name__} is not part of any record")


def _components(vector: Any) -> Any:
    return list(map(vector.get, AXES)) if isinstance(vector, dict) else vector


def _flat(node: dict[str, Any], defs: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema without references, alternatives and lists of lists."""
    node = _resolved(node, defs)
    flat = {key: node[key] for key in _KEPT if key in node}
    if "properties" in node:
        properties = node["properties"]
        flat["properties"] = {name: _flat(one, defs) for name, one in properties.items()}
        optional = {name for name, one in properties.items() if _nullable(one)}
        flat["required"] = [name for name in node.get("required", []) if name not in optional]
    if node.get("type") == "array":
        inner = node.get("items") or node["prefixItems"][0]
        items = _flat(inner, defs)
        if items.get("type") == "array":
            components = {axis: {"type": "number"} for axis in AXES}
            items = {"type": "object", "properties": components, "required": list(AXES)}
        flat["items"] = items
    return flat


def _resolved(node: dict[str, Any], defs: Mapping[str, Any]) -> dict[str, Any]:
    said = {key: value for key, value in node.items() if key not in ("$ref", "anyOf")}
    if "$ref" in node:
        return {**_resolved(defs[node["$ref"].rpartition("/")[2]], defs), **said}
    if "anyOf" in node:
        first = next(one for one in node["anyOf"] if one.get("type") != "null")
        return {**_resolved(first, defs), **said}
    return node


def _nullable(node: Mapping[str, Any]) -> bool:
    return any(one.get("type") == "null" for one in node.get("anyOf", ()))


_KEPT = (
    *("title", "description", "type", "enum", "const", "contentEncoding"),
    *("unit", "source", "range", "minimum", "maximum", "minItems", "maxItems"),
)
"""What of a schema says something to a reader. The bounds hold for what is recorded, too."""
