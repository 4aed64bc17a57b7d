"""What a set of transcripts covers: types, fields, values of enums, moves of the actor's table."""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from ac_bridge.replay.masks import plain_of
from ac_bridge.replay.transcript import Done, Head, In, Out, Transcript, TurnedAway
from ac_bridge.server.broadcast import Broadcast
from ac_bridge.server.connection import Connection
from ac_bridge_protocol.messages import MESSAGE_TYPES
from ac_bridge_protocol.session import ACTOR, Course, Session, SessionState, Way
from ac_bridge_protocol.wire import WireModel

MoveOf = tuple[SessionState, Way, str]

ALL_MOVES: set[MoveOf] = {
    (state, way, name) for state, moves in ACTOR.items() for way, name in moves
}
"""Every move of the actor's table."""


@dataclasses.dataclass
class Covered:
    """What was seen on the wire.

    Attributes:
        fields: paths with the model's name, such as ``Receipt.tick``; of all that were there.
        telling: those of them that once had a value which no default has.
        values: every value of an enum, by the enum's and the member's name.
    """

    fields: set[str] = dataclasses.field(default_factory=set)
    telling: set[str] = dataclasses.field(default_factory=set)
    values: set[str] = dataclasses.field(default_factory=set)

    def take(self, model: type[WireModel], plain: Any) -> None:
        """Note a message, or part of one."""
        for name, value in plain.items():
            field = model.model_fields.get(name)
            if field is None:
                return
            path = f"{model.__name__}.{name}"
            self.fields.add(path)
            if is_telling(field, value):
                self.telling.add(path)
            for part in parts_of(field.annotation):
                self._take_part(part, value)

    def _take_part(self, part: type, value: Any) -> None:
        for one in value if isinstance(value, list) else [value]:
            if issubclass(part, WireModel) and isinstance(one, dict):
                self.take(part, one)
            elif issubclass(part, enum.Enum) and any(one == each.value for each in part):
                self.values.add(f"{part.__name__}.{part(one).name}")


def covered_by(transcripts: Iterable[Transcript]) -> Covered:
    """Return what is seen in the messages of transcripts, refusals of requests included."""
    covered = Covered()
    for transcript in transcripts:
        for line in transcript.lines:
            plain: Any = None
            if isinstance(line, In | Out):
                plain = plain_of(line.payload, binary=line.binary)
            elif isinstance(line, TurnedAway):
                plain = plain_of(line.body.encode(), binary=False)
            if isinstance(plain, dict) and plain.get("type") in MESSAGE_TYPES:
                if isinstance(line, In) and not _allowed(plain):
                    continue
                covered.take(MESSAGE_TYPES[plain["type"]], plain)
    return covered


def moves_of(play: Any, head: Head, done: list[Done]) -> set[MoveOf]:
    """Return the moves of the actor's table that are taken when this is done.

    Args:
        play: does it.
        head: of the transcript.
        done: its lines to do.
    """
    seen: set[MoveOf] = set()
    following, take, offer = Course.following, Session._take, Connection.offer
    way = Way.IN

    def noting_following(course: Course, asked: Way, message: Any) -> SessionState | None:
        nonlocal way
        way = asked
        return following(course, asked, message)

    def noting_take(session: Session, message: Any, into: SessionState) -> None:
        seen.add((session.state, way, session.course._name(message)))
        take(session, message, into)

    def noting_offer(connection: Connection, frame: Broadcast) -> None:
        # Encoded once for all readers, and so past their sessions.
        if connection.course is not None and not connection._congested:
            seen.add((connection.course.state, Way.OUT, "telemetry"))
        offer(connection, frame)

    with pytest.MonkeyPatch.context() as patching:
        patching.setattr(Course, "following", noting_following)
        patching.setattr(Session, "_take", noting_take)
        patching.setattr(Connection, "offer", noting_offer)
        play(head, done)
    return seen


def models() -> Iterator[type[WireModel]]:
    """Return every model that a message is made of."""
    found: dict[type[WireModel], None] = {}

    def add(model: type[WireModel]) -> None:
        if model not in found:
            found[model] = None
            for field in model.model_fields.values():
                for part in parts_of(field.annotation):
                    if issubclass(part, WireModel):
                        add(part)

    for model in MESSAGE_TYPES.values():
        add(model)
    yield from found


def enums() -> set[type[enum.Enum]]:
    """Return every enum that a message has values of."""
    return {
        part
        for model in models()
        for field in model.model_fields.values()
        for part in parts_of(field.annotation)
        if issubclass(part, enum.Enum)
    }


def parts_of(annotation: Any) -> Iterator[type]:
    """Return every class that an annotation is made of."""
    arguments = typing.get_args(annotation)
    if typing.get_origin(annotation) is typing.Literal:
        return
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        yield annotation
    for argument in arguments:
        yield from parts_of(argument)


def is_telling(field: FieldInfo, value: Any) -> bool:
    """Whether a value differs from the default, or from nothing where there is none."""
    if field.default is not PydanticUndefined and field.annotation is not None:
        default = field.default.value if isinstance(field.default, enum.Enum) else field.default
        literal = typing.get_origin(field.annotation) is typing.Literal
        return literal or (list(default) if isinstance(default, tuple) else default) != value
    return not is_nothing(value)


def is_nothing(value: Any) -> bool:
    """Whether a value is what an empty page would give: none, zero, false, empty, or all such."""
    if isinstance(value, list):
        return all(is_nothing(one) for one in value)
    return value is None or value in (0, "") or value is False


def _allowed(plain: dict[str, Any]) -> bool:
    """Whether a learner's message is one by its model; unknown fields of rubbish cover nothing."""
    return set(plain) <= set(MESSAGE_TYPES[plain["type"]].model_fields)
