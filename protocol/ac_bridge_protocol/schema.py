"""The protocol in JSON Schema 2020-12, for tools and other languages: made from the models.

The schemas keep to what draft 07 knows too, because AsyncAPI builds on that one. Words of their own
are ``x-unit``, ``x-range`` (where a value usually lies; nothing is refused for it), ``x-source``
(the game's page and field), ``x-max-bytes`` of a message and ``x-limits`` of the whole.

Not said by a schema, and checked all the same: an integer is written without a fraction (1, not
1.0), a message keeps to its size, and the features of a spec together keep to the size of an
observation.
"""

from __future__ import annotations

import ast
import enum
import functools
import inspect
import json
import re
import textwrap
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from typing import Any

from pydantic.json_schema import models_json_schema

from ac_bridge_protocol import limits
from ac_bridge_protocol.codec import CODECS
from ac_bridge_protocol.limits import MESSAGE_TYPE_BYTES
from ac_bridge_protocol.messages import MESSAGE_TYPES
from ac_bridge_protocol.wire import WireModel

Schema = dict[str, Any]

VERSION = 1
"""Of the protocol, as the subprotocols name it."""

URN = f"urn:ac-bridge:v{VERSION}"
"""Name of the published documents. Nothing is there to be fetched."""

_DIALECT = "https://json-schema.org/draft/2020-12/schema"

_UNITS = {"s": "s", "hz": "Hz"}
"""Units by the last word of a field's name, where the field itself names none."""

_TOGETHER: dict[str, Schema] = {
    "EnvSpec": {
        "if": {"properties": {"mode": {"const": "fixed_delay"}}},
        "then": {"properties": {"delay_ticks": {"minimum": 1}}, "required": ["delay_ticks"]},
        "else": {"properties": {"delay_ticks": {"maximum": 0}}},
    }
}
"""What holds of several fields of a model together."""


def json_schema() -> Schema:
    """Return one schema that every message of the protocol fulfils, and nothing else does."""
    root = "#/$defs/"
    return {
        "$schema": _DIALECT,
        "$id": URN,
        "title": f"A message of ac-bridge, version {VERSION}",
        "description": (
            "A message is one map with text keys; its 'type' says which. Unknown fields are "
            "refused, and so are values of another type than named: an integer is written without "
            "a fraction. A field with a default may be left out by who sends; the actor sends all. "
            "The same maps are sent as JSON or as MessagePack."
        ),
        "x-subprotocols": list(CODECS),
        "x-limits": limit_values(),
        "oneOf": [{"$ref": f"{root}{model.__name__}"} for model in MESSAGE_TYPES.values()],
        "$defs": definitions(tuple(MESSAGE_TYPES.values()), root),
    }


def definitions(models: Sequence[type[WireModel]], root: str) -> dict[str, Schema]:
    """Return the schemas of models, and of all that they are made of, by name.

    Args:
        models: the models.
        root: what stands before a name in a reference, such as ``#/$defs/``.
    """
    _, whole = models_json_schema(
        [(model, "validation") for model in models], ref_template=f"{root}{{model}}"
    )
    parts = {part.__name__: part for model in models for part in _parts(model)}
    words = {name: part for name, part in parts.items() if issubclass(part, enum.Enum)}
    made = {name: _enumeration(part) for name, part in words.items()}
    for name, part in parts.items():
        if issubclass(part, WireModel):
            made[name] = _model(part, _tidied(whole["$defs"][name], root, words))
    return dict(sorted(made.items()))


def limit_values() -> dict[str, Schema]:
    """Return the bounds of the wire by name, each with its value and its reason."""
    return {
        name: {"value": getattr(limits, name), "description": plain(said)}
        for name, said in member_docs(limits).items()
    }


@functools.cache
def examples() -> Mapping[str, Sequence[tuple[str, Mapping[str, Any]]]]:
    """Return messages of a real session as plain data, by type, each with what it is an example of.

    The file is written by `docs/record_examples.py`.
    """
    file = resources.files("ac_bridge_protocol") / "examples.json"
    found: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for said, message in json.loads(file.read_text(encoding="utf-8")):
        found.setdefault(message["type"], []).append((said, message))
    return found


def as_text(document: Schema) -> str:
    """Return a document as it is published."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def member_docs(source: type[Any] | types.ModuleType) -> dict[str, str]:
    """Return what stands below each name of a class or module, by name."""
    body: Sequence[ast.stmt] = ast.parse(textwrap.dedent(inspect.getsource(source))).body
    if isinstance(source, type) and isinstance(body[0], ast.ClassDef):
        body = body[0].body
    docs: dict[str, str] = {}
    name = ""
    for node in body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and name:
            docs[name] = one_line(str(node.value.value))
            name = ""
    return docs


def one_line(text: str) -> str:
    """Return a text without its line breaks."""
    return " ".join(text.split())


def plain(text: str) -> str:
    """Return a docstring as a reader of another language reads it: on one line, `null` for None."""
    text = re.sub(r"\[(`\w+`)\]\[\]", r"\1", text).replace("``", "`")
    return re.sub(r"\bNone\b", "null", one_line(text))


# --- From pydantic's schemas to ours --------------------------------------------------------------


def _parts(annotation: Any) -> Iterator[type[WireModel] | type[enum.Enum]]:
    """Return the models and enumerations that a type is made of, itself included."""
    if isinstance(annotation, type) and issubclass(annotation, WireModel | enum.Enum):
        yield annotation
        if issubclass(annotation, WireModel):
            for field in annotation.model_fields.values():
                yield from _parts(field.annotation)
    for part in typing.get_args(annotation):
        yield from _parts(part)


def _enumeration(words: type[enum.Enum]) -> Schema:
    docs = member_docs(words)
    choices = [
        {"const": word.value, "title": word.name}
        | ({"description": plain(docs[word.name])} if word.name in docs else {})
        for word in words
    ]
    return {
        "title": words.__name__,
        "description": plain(words.__doc__ or ""),
        "type": "integer" if issubclass(words, int) else "string",
        "oneOf": choices,
    }


def _model(model: type[WireModel], schema: Schema) -> Schema:
    docs = member_docs(model)
    properties = {
        name: _property(name, prop, docs.get(name, ""))
        for name, prop in schema["properties"].items()
    }
    required = list(schema.get("required", ()))
    kind = properties.get("type", {}).get("const")
    if kind:
        # It has a default in Python; on the wire nothing can be told without it.
        properties["type"].pop("default", None)
        required.insert(0, "type")
    made = {
        "title": model.__name__,
        "description": plain(model.__doc__ or ""),
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    if required:
        made["required"] = required
    if kind in MESSAGE_TYPE_BYTES:
        made["x-max-bytes"] = MESSAGE_TYPE_BYTES[kind]
    return made | _TOGETHER.get(model.__name__, {})


def _property(name: str, schema: Schema, said: str) -> Schema:
    extra = {f"x-{key}": schema.pop(key, "") for key in ("unit", "range", "source")}
    if not extra["x-unit"]:
        words = name.split("_")
        extra["x-unit"] = "s" if words[0] == "t" else _UNITS.get(words[-1], "")
    said = schema.pop("description", "") or said
    default = {"default": schema.pop("default")} if "default" in schema else {}
    if "$ref" in schema and (said or default):
        schema = {"allOf": [schema]}  # what stands beside a reference is not read in draft 07
    described = {"description": plain(said)} if said else {}
    return described | schema | default | {key: word for key, word in extra.items() if word}


def _tidied(node: Any, root: str, words: Mapping[str, type[enum.Enum]]) -> Any:
    """Return a schema without titles that repeat a name, its enumerations by reference."""
    if isinstance(node, list):
        return [_tidied(part, root, words) for part in node]
    if not isinstance(node, dict):
        return node
    if "enum" in node and node.get("title") in words:
        named = words[node["title"]]
        kept = {key: part for key, part in node.items() if key not in ("title", "enum", "type")}
        if kept.get("description") == inspect.getdoc(named):
            kept.pop("description")  # the field has none of its own
        return {"$ref": f"{root}{named.__name__}"} | kept
    tidied = {
        key: _tidied(part, root, words)
        for key, part in node.items()
        if key != "title" or not isinstance(part, str)
    }
    return _array_of_one_kind(tidied)


def _array_of_one_kind(schema: Schema) -> Schema:
    """Return the schema of a tuple whose elements are alike as that of an array of a fixed length.

    It says the same, and draft 07 has no other word for both.
    """
    each = schema.pop("prefixItems", None)
    if each is not None:
        if any(one != each[0] for one in each):
            raise NotImplementedError(f"A tuple of different elements: {each}")
        schema["items"] = each[0]
    return schema
