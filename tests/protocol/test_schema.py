"""The published schemas: valid, and as strict as the models wherever JSON Schema can say it."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest
from jsonschema import Draft7Validator, Draft202012Validator
from pydantic import ValidationError

from ac_bridge_protocol import relay
from ac_bridge_protocol.codec import CODECS, JSON
from ac_bridge_protocol.errors import ErrorCode
from ac_bridge_protocol.limits import MESSAGE_TYPE_BYTES
from ac_bridge_protocol.messages import MESSAGE, MESSAGE_TYPES, Message, StepResult
from ac_bridge_protocol.schema import (
    as_text,
    definitions,
    examples,
    json_schema,
    member_docs,
    plain,
)
from ac_bridge_protocol.wire import WireModel
from helpers.sessions import EVERY
from helpers.wire import make_step_result, make_welcome

DOCS = Path(__file__).parents[2] / "docs" / "protocol"
SCHEMA = json_schema()
VALID = Draft202012Validator(SCHEMA)


def on_the_wire(message: Message) -> dict[str, Any]:
    """Return what the other side reads."""
    read: dict[str, Any] = orjson.loads(JSON.encode(message))
    return read


def takes(value: Any) -> bool:
    """Whether schema and models agree to take a value; they must agree."""
    try:
        MESSAGE.validate_python(value)
    except ValidationError:
        assert not VALID.is_valid(value), value
        return False
    assert VALID.is_valid(value), value
    return True


SAMPLES = [on_the_wire(message) for message in EVERY]
ONE_OF_EACH = {message["type"]: message for message in SAMPLES}


def test_it_is_json_schema() -> None:
    """Of 2020-12, and of draft 07 too, on which AsyncAPI builds."""
    Draft202012Validator.check_schema(SCHEMA)
    Draft7Validator.check_schema(SCHEMA)
    assert "prefixItems" not in as_text(SCHEMA)


def test_the_published_one_is_current() -> None:
    """The file in the documentation is what the models say now."""
    published = (DOCS / "messages.schema.json").read_text(encoding="utf-8")
    assert published == as_text(SCHEMA), "run docs/generate_reference.py"


def test_there_is_one_of_each() -> None:
    """No type of message is left out of what follows."""
    assert ONE_OF_EACH.keys() == MESSAGE_TYPES.keys()


@pytest.mark.parametrize("message", SAMPLES, ids=lambda message: message["type"])
def test_takes_what_is_sent(message: dict[str, Any]) -> None:
    """Every message as it crosses the wire."""
    assert takes(message)


@pytest.mark.parametrize("message", ONE_OF_EACH.values(), ids=lambda message: message["type"])
def test_refuses_what_the_models_refuse(message: dict[str, Any]) -> None:
    """A field too many, one too few, and every field with another type."""
    assert not takes(message | {"colour": "red"})
    assert not takes({name: part for name, part in message.items() if name != "type"})
    for name in message:
        takes({other: part for other, part in message.items() if other != name})
        for wrong in ({}, [{}], "x" * 1025, -1, True):
            takes(message | {name: wrong})
        assert not takes(message | {name: {"no": "such thing"}})


WRONG_SOMEWHERE: list[Any] = [
    *(None, True, 0, 1, -1, 7, 2.5, "", "live", "driver", "x" * 1025, {}, {"name": "x"}),
    *([], [True], ["x"], ["latest"], [1], [0.5] * 2, [0.5] * 3, [0.5] * 4, [0.5] * 5, [0.5] * 17),
    *([[0.5]], [["x"]], [[0.5] * 3] * 4, [[0.5] * 2] * 4, [[0.5] * 3] * 3, [[0.5]] * 65),
]
"""Values that some field takes, and none that every one does."""


def all_models(model: type[WireModel]) -> set[type[WireModel]]:
    """Return a model and the models within it."""
    inside = {
        part
        for field in model.model_fields.values()
        for part in (field.annotation, *get_args(field.annotation))
        if isinstance(part, type) and issubclass(part, WireModel)
    }
    return {model}.union(*(all_models(part) for part in inside))


MODELS = sorted(
    set().union(*(all_models(model) for model in MESSAGE_TYPES.values())),
    key=lambda model: model.__name__,
)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_agrees_about_every_field(model: type[WireModel]) -> None:
    """Whatever is put into a field of any model: both take it, or neither."""
    properties = SCHEMA["$defs"][model.__name__]["properties"]
    valid = {
        name: Draft202012Validator({"$defs": SCHEMA["$defs"], **part})
        for name, part in properties.items()
    }
    assert properties.keys() == model.model_fields.keys()
    for value in WRONG_SOMEWHERE:
        refused = refused_fields(model, dict.fromkeys(properties, value))
        assert refused == {name for name, part in valid.items() if not part.is_valid(value)}, value


def refused_fields(model: type[WireModel], values: dict[str, Any]) -> set[str]:
    """Return the fields whose values a model refuses."""
    try:
        model.model_validate(values)
    except ValidationError as error:
        return {str(problem["loc"][0]) for problem in error.errors()}
    return set()


@pytest.mark.parametrize(
    ("message", "change", "taken"),
    [
        ("hello", {"role": "driver"}, True),
        ("hello", {"role": "passenger"}, False),
        ("hello", {"mode": None}, True),
        ("hello", {"delay_ticks": 64}, True),
        ("hello", {"delay_ticks": 65}, False),
        ("step", {"id": 2**53 - 1}, True),
        ("step", {"id": 2**53}, False),
        ("step", {"id": -1}, False),
        ("step", {"action": [0.0] * 16}, True),
        ("step", {"action": [0.0] * 17}, False),
        ("step", {"action": [1, 0, 0]}, True),
        ("step", {"plan": [[0.0]] * 64}, True),
        ("step", {"plan": [[0.0]] * 65}, False),
        ("subscribe", {"hz": 0}, False),
        ("failure", {"code": "busy"}, True),
        ("failure", {"code": "tired"}, False),
        ("event", {"state": "live"}, True),
        ("event", {"message": "x" * 1024}, True),
        ("event", {"message": "x" * 1025}, False),
    ],
)
def test_bounds_and_words(message: str, change: dict[str, Any], taken: bool) -> None:
    """The least and the most are in; words are those that there are."""
    assert takes(ONE_OF_EACH[message] | change) is taken


@pytest.mark.parametrize(
    ("mode", "delay_ticks", "taken"),
    [
        ("latest", 0, True),
        ("latest", 1, False),
        ("fixed_delay", 1, True),
        ("fixed_delay", 0, False),
    ],
)
def test_mode_and_delay_go_together(mode: str, delay_ticks: int, taken: bool) -> None:
    """What a spec demands of two fields at once is said, too."""
    welcome = on_the_wire(make_welcome())
    spec = welcome["spec"] | {"mode": mode, "delay_ticks": delay_ticks}
    assert takes(welcome | {"spec": spec}) is taken
    del spec["delay_ticks"]
    assert takes(welcome | {"spec": spec}) is (mode == "latest")


def test_what_it_cannot_say() -> None:
    """An integer with a fraction of nothing is one to JSON Schema, and none to the models."""
    ping = ONE_OF_EACH["ping"] | {"id": 1.0}
    assert VALID.is_valid(ping)
    with pytest.raises(ValidationError):
        MESSAGE.validate_python(ping)
    assert "without a fraction" in SCHEMA["description"]


# --- What it says to a reader ---------------------------------------------------------------------


def test_every_field_is_described() -> None:
    """No part is left without words, and none says None: that is Python's."""
    for name, part in SCHEMA["$defs"].items():
        assert part["title"] == name
        assert part["description"], name
        for field, said in part.get("properties", {}).items():
            assert field == "type" or said.get("description"), f"{name}.{field}"
    assert "None" not in as_text(SCHEMA)


def test_units_sources_and_ranges() -> None:
    """They are those of the frame; times and rates of other messages have theirs by name."""
    frame = SCHEMA["$defs"]["TelemetryFrame"]["properties"]
    assert frame["speed_kmh"]["x-unit"] == "km/h"
    assert frame["speed_kmh"]["x-source"] == "physics.speedKmh"
    assert frame["throttle"]["x-range"] == "0..1"
    assert frame["status"]["x-source"] == "graphics.status"
    assert "x-unit" not in frame["gear"]
    assert SCHEMA["$defs"]["StepResult"]["properties"]["t_sent"]["x-unit"] == "s"
    assert SCHEMA["$defs"]["Subscribe"]["properties"]["hz"]["x-unit"] == "Hz"


def test_each_word_has_its_meaning() -> None:
    """An enumeration lists its values, each with what stands below it in the source."""
    codes = {one["const"]: one["description"] for one in SCHEMA["$defs"]["ErrorCode"]["oneOf"]}
    assert codes["busy"] == "Another driver holds the car."
    assert codes.keys() == {code.value for code in ErrorCode}
    assert SCHEMA["$defs"]["Flag"]["type"] == "integer"


def test_sizes_and_limits() -> None:
    """How large a message may be, and every other bound with its reason."""
    for name, model in MESSAGE_TYPES.items():
        assert SCHEMA["$defs"][model.__name__]["x-max-bytes"] == MESSAGE_TYPE_BYTES[name]
    assert SCHEMA["x-limits"]["HEARTBEAT_S"]["value"] == 2.0
    assert SCHEMA["x-subprotocols"] == list(CODECS)


class Colour(enum.Enum):
    """A colour."""

    RED = 1
    BLUE = 2
    """Of the sky."""


def test_words_below_a_name() -> None:
    """A string below a name is its documentation, on one line; others have none."""
    assert member_docs(Colour) == {"BLUE": "Of the sky."}
    assert member_docs(StepResult)["end"].startswith("Why this is the last step")


def test_plain_words() -> None:
    """Docstrings' markup and Python's None are gone."""
    assert plain("See [`Flag`][]\n    or ``x``; None if not.") == "See `Flag` or `x`; null if not."


class Odd(WireModel):
    """Of two kinds of elements."""

    pair: tuple[int, str]


def test_a_tuple_of_two_kinds_is_noticed() -> None:
    """Draft 07 and 2020-12 have no common word for it: whoever adds one hears of it."""
    with pytest.raises(NotImplementedError, match="different elements"):
        definitions([Odd], "#/")


def test_parking_messages_have_schemas() -> None:
    """They are no messages of a session, and are described the same way."""
    made = definitions([relay.Paired], "#/$defs/")
    paired = {"type": "paired", "subprotocol": "x", "peer": "y", "digest": "0" * 64}
    assert Draft202012Validator(made["Paired"]).is_valid(paired)
    assert not Draft202012Validator(made["Paired"]).is_valid(paired | {"digest": "0"})


# --- Examples -------------------------------------------------------------------------------------


def test_examples_are_messages() -> None:
    """At least one of every type, each a message as it stands."""
    assert examples().keys() == MESSAGE_TYPES.keys(), "run docs/record_examples.py"
    for shown in examples().values():
        for said, example in shown:
            assert takes(example), said


def test_examples_have_every_field_of_the_actors() -> None:
    """The actor sends all fields: an example that lacks one is older than the model."""
    welcome, result = examples()["welcome"][0][1], examples()["step_result"][0][1]
    assert welcome.keys() == on_the_wire(make_welcome()).keys()
    assert result.keys() == on_the_wire(make_step_result(0)).keys()
    assert result["receipt"].keys() == on_the_wire(make_step_result(0))["receipt"].keys()
    assert result["frame"].keys() == on_the_wire(make_step_result(0))["frame"].keys()
