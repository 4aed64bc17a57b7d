"""The AsyncAPI document: everything has its place, and every reference leads somewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from ac_bridge_protocol import relay
from ac_bridge_protocol.asyncapi import REPLIES, TURNED_AWAY, asyncapi
from ac_bridge_protocol.codec import CODECS
from ac_bridge_protocol.messages import MESSAGE_TYPES
from ac_bridge_protocol.schema import as_text
from ac_bridge_protocol.session import ACTOR, Way

DOCUMENT = asyncapi()
PARKING = {"park", "parked", "paired", "taken", "declined"}


def resolve(reference: str) -> Any:
    """Return what a reference of the document names."""
    found: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def references(value: Any) -> Iterator[str]:
    """Return every reference in a part of the document."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for part in value.values():
            yield from references(part)
    elif isinstance(value, list):
        for part in value:
            yield from references(part)


def spoken(action: str, channel: str = "driving") -> set[str]:
    """Return the messages that the actor sends or receives by an operation of its own."""
    return {
        reference["$ref"].rpartition("/")[2]
        for operation in DOCUMENT["operations"].values()
        if operation["action"] == action and operation["channel"]["$ref"] == f"#/channels/{channel}"
        for reference in operation["messages"]
    }


def replied() -> set[str]:
    """Return the messages that the actor answers with."""
    return {reply for replies in REPLIES.values() for reply in replies}


def moves(way: Way) -> set[str]:
    """Return the messages that go one way, by the table."""
    return {name.partition(":")[0] for at in ACTOR.values() for on, name in at if on is way}


def test_the_published_one_is_current() -> None:
    """The file in the documentation is what the models say now."""
    published = Path(__file__).parents[2] / "docs" / "protocol" / "asyncapi.json"
    assert published.read_text(encoding="utf-8") == as_text(DOCUMENT), (
        "run docs/generate_reference.py"
    )


def test_every_reference_leads_somewhere() -> None:
    """And to something that is not empty."""
    assert all(resolve(reference) for reference in references(DOCUMENT))


def test_every_message_is_there() -> None:
    """In components, and in the one channel where it is said."""
    channels = DOCUMENT["channels"]
    assert channels["driving"]["messages"].keys() == MESSAGE_TYPES.keys()
    assert channels["parking"]["messages"].keys() == PARKING
    assert DOCUMENT["components"]["messages"].keys() == MESSAGE_TYPES.keys() | PARKING


def test_who_says_what_is_the_tables() -> None:
    """Each message that the table lets in is received; each that it lets out is sent or a reply."""
    assert spoken("receive") == moves(Way.IN)
    assert spoken("send") | replied() == moves(Way.OUT)
    unasked = {"reset_progress", "telemetry", "event", "ping", "failure"}
    assert spoken("send") == unasked | {"policy_status", "run_status", "records"}
    assert spoken("send", "parking") | spoken("receive", "parking") == {"park", "paired"}


@pytest.mark.parametrize("name", sorted(MESSAGE_TYPES))
def test_examples_fulfil_their_schema(name: str) -> None:
    """By the document's own schemas, as draft 07 reads them."""
    message = DOCUMENT["components"]["messages"][name]
    valid = Draft7Validator(DOCUMENT | {"allOf": [message["payload"]]})
    for example in message["examples"]:
        valid.validate(example["payload"])
    assert not valid.is_valid({"type": "nothing"})


def test_bindings_name_the_subprotocols() -> None:
    """Each channel says what to offer, and where a token goes."""
    for channel, subprotocols in (("driving", list(CODECS)), ("parking", [relay.PARKING])):
        headers = DOCUMENT["channels"][channel]["bindings"]["ws"]["headers"]
        assert headers["properties"]["Sec-WebSocket-Protocol"]["enum"] == subprotocols
        assert headers["required"] == ["Sec-WebSocket-Protocol"]
        assert "Authorization" in headers["properties"]


def test_requests_and_answers_are_matched() -> None:
    """Whatever has an id says so; hello has none."""
    for name, model in MESSAGE_TYPES.items():
        message = DOCUMENT["components"]["messages"][name]
        assert ("correlationId" in message) is ("id" in model.model_fields)


def test_statuses_are_listed_once() -> None:
    """Every way to be turned away, in the order of HTTP."""
    statuses = [turned.status for turned in TURNED_AWAY]
    assert statuses == sorted(set(statuses))
    listed = DOCUMENT["servers"]["actor"]["x-refusals"]["statuses"]
    assert [int(status) for status in listed] == statuses
