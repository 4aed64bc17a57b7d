"""Models as plain JSON and back, and the schemas that tell other tools of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ac_bridge_protocol.errors import RecordingError
from ac_bridge_protocol.frame import TelemetryFrame
from ac_bridge_recording import foxglove, plain
from ac_bridge_recording.topics import MODELS, Dropped, StepRecord, Topic
from helpers.frames import make_frame
from helpers.strategies import models

SCHEMAS: dict[str, dict[str, Any]] = {
    **{topic.value: plain.schema(model) for topic, model in MODELS.items()},
    Topic.POSE.value: foxglove.POSE_SCHEMA,
    Topic.TRANSFORM.value: foxglove.TRANSFORM_SCHEMA,
}

PRIMITIVES = ("boolean", "string", "number", "integer")


def complaints(schema: Any, where: str, *, in_array: bool = False) -> Iterator[str]:
    """Yield what Foxglove's parser of JSON schemas would not take, by its own rules.

    It knows one type a field (no list of types, no null), flat primitives, objects with properties,
    and arrays whose items are primitives or objects; no references and no alternatives.
    """
    for key in ("$ref", "$defs", "anyOf", "oneOf", "allOf", "prefixItems"):
        if key in schema:
            yield f"{where}: {key}"
    kind = schema.get("type")
    if kind == "object":
        if not schema.get("properties"):
            yield f"{where}: an object without properties"
        for name, inner in schema.get("properties", {}).items():
            yield from complaints(inner, f"{where}.{name}")
    elif kind == "array":
        if in_array:
            yield f"{where}: an array in an array"
        if not isinstance(schema.get("items"), dict):
            yield f"{where}: items that are not one schema"
        else:
            yield from complaints(schema["items"], f"{where}[]", in_array=True)
    elif kind not in PRIMITIVES:
        yield f"{where}: type {kind!r}"


@pytest.mark.parametrize("topic", SCHEMAS)
def test_every_schema_is_flat(topic: str) -> None:
    """Foxglove's parser takes all of it; one field that it does not take would hide the topic."""
    schema = SCHEMAS[topic]
    assert list(complaints(schema, topic)) == []
    assert json.loads(json.dumps(schema)) == schema
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(
    "bad",
    [
        {"type": "object", "properties": {"x": {"type": "null"}}},
        {"type": "object", "properties": {"x": {"type": ["number", "null"]}}},
        {"type": "object", "properties": {"x": {"$ref": "#/$defs/x"}}},
        {"type": "object", "properties": {"x": {"anyOf": [{"type": "number"}]}}},
        {
            "type": "object",
            "properties": {
                "x": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}}
            },
        },
        {"type": "object"},
    ],
)
def test_the_rules_find_what_is_not_flat(bad: dict[str, Any]) -> None:
    """The test above cannot pass whatever the schemas are."""
    assert list(complaints(bad, "bad"))


@given(st.data())
@pytest.mark.parametrize("topic", MODELS)
def test_what_is_written_is_read_back(topic: Topic, data: st.DataObject) -> None:
    """Equal to the last bit, and valid by the schema in the file, whatever a record holds."""
    record = data.draw(models(MODELS[topic]))
    encoded = plain.encode(record)
    assert plain.restore(MODELS[topic], orjson.loads(encoded)) == record
    jsonschema.validate(orjson.loads(encoded), SCHEMAS[topic.value])


def test_none_is_left_out_and_vectors_are_named() -> None:
    """What tools that plot need differently from the wire."""
    frame = make_frame(session_time_left=None)
    said = orjson.loads(plain.encode(frame))
    assert "session_time_left" not in said
    assert "session_time_left" not in plain.schema(TelemetryFrame)["required"]
    assert said["tyre_contact_point"][0] == {"x": 1.0, "y": 0.0, "z": 2.0}
    assert said["position"] == [120.5, 2.25, -340.75]


def test_fields_keep_their_units() -> None:
    """Whoever opens the file sees what a number means."""
    speed = plain.schema(StepRecord)["properties"]["frame"]["properties"]["speed_kmh"]
    assert speed["type"] == "number"
    assert speed["unit"] == "km/h"


@pytest.mark.parametrize(
    "said",
    [{}, {"topic": "/x"}, {"topic": "/x", "count": "1"}, {"topic": "/x", "count": 1, "more": 2}],
)
def test_what_is_no_record_is_named(said: dict[str, Any]) -> None:
    """The model and the field; never another exception."""
    with pytest.raises(RecordingError, match=r"Dropped.*(topic|count|more)"):
        plain.restore(Dropped, said)


@pytest.mark.parametrize("said", [None, 3, "text", [], [1, 2]])
def test_what_is_no_map_is_no_record(said: Any) -> None:
    """Damaged JSON is still JSON at times."""
    with pytest.raises(RecordingError):
        plain.restore(StepRecord, said)
    with pytest.raises(RecordingError):
        plain.restore(StepRecord, {"frame": said, "receipt": said})


def test_only_models_are_encoded() -> None:
    """Anything else in a record is a mistake, and not written as what it is not."""
    with pytest.raises(TypeError):
        plain.encode({"x": object()})
