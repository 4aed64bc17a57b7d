"""Changes of the wire, as if they had been made in the models, to see whether anybody notices."""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ac_bridge_protocol import codec, session
from ac_bridge_protocol.codec import JsonCodec, MsgpackCodec
from ac_bridge_protocol.messages import MESSAGE_TYPES
from ac_bridge_protocol.session import ACTOR, SessionState, Table, Way
from ac_bridge_protocol.starts import StartAt
from ac_bridge_protocol.wire import WireModel
from replays.cover import parts_of

Plain = dict[str, Any]
OnModel = Callable[[type[WireModel], Plain], Plain]

CHANGED = "_changed"
"""Goes behind what gets another name."""


def renamed_field(
    model: type[WireModel], name: str, *, inside: bool = False
) -> tuple[OnModel, OnModel]:
    """Return what gives a field another name where it is written, and where it is read.

    Args:
        model: that has the field.
        name: of the field.
        inside: whether to read it so inside of messages too: few that an actor reads have models
            in them, and looking for them takes time.
    """

    def write(written: type[WireModel], plain: Plain) -> Plain:
        if written is not model:
            return plain
        return {one + CHANGED if one == name else one: value for one, value in plain.items()}

    def read(read_as: type[WireModel], plain: Plain) -> Plain:
        if read_as is not model:
            return plain
        new_names = {name + CHANGED: name, name: name + CHANGED}
        return {new_names.get(one, one): value for one, value in plain.items()}

    return write, within(read) if inside else read


def within(read: OnModel) -> OnModel:
    """Return what reads the models inside of a model so, too."""

    def change(read_as: type[WireModel], value: Any) -> Any:
        if isinstance(value, list):
            return [change(read_as, one) for one in value]
        return read_inside(read_as, value) if isinstance(value, dict) else value

    def read_inside(read_as: type[WireModel], plain: Plain) -> Plain:
        parts = {
            one: part
            for one, field in read_as.model_fields.items()
            for part in parts_of(field.annotation)
            if issubclass(part, WireModel)
        }
        changed = {
            one: change(parts[one], value) if one in parts else value
            for one, value in plain.items()
        }
        return read(read_as, changed)

    return read_inside


def changed_value(member: enum.Enum) -> tuple[OnModel, OnModel]:
    """Return what gives a member of an enum another value where it is written, and read."""
    value = member.value
    new = value + 100 if isinstance(value, int) else value + CHANGED

    def written(one: Any) -> Any:
        if isinstance(one, tuple):
            return tuple(map(written, one))
        return new if one is member else one

    def write(_: type[WireModel], plain: Plain) -> Plain:
        return {name: written(one) for name, one in plain.items()}

    def read(model: type[WireModel], plain: Plain) -> Plain:
        def is_of(name: str) -> bool:
            field = model.model_fields.get(name)
            return field is not None and type(member).__name__ in str(field.annotation)

        other = {new: value, value: new}
        return {
            name: other.get(one, one) if is_of(name) and not isinstance(one, dict) else one
            for name, one in plain.items()
        }

    return write, within(read) if type(member) is StartAt else read


def renamed_type(kind: str) -> tuple[OnModel, OnModel]:
    """Return what gives a message type another name where it is written, and where it is read."""
    other = {kind + CHANGED: kind, kind: kind + CHANGED}

    def change(_: type[WireModel], plain: Plain) -> Plain:
        return (
            plain | {"type": other.get(plain["type"], plain["type"])} if "type" in plain else plain
        )

    return change, change


@contextlib.contextmanager
def wire_with(write: OnModel, read: OnModel) -> Iterator[None]:
    """Speak another protocol for a while."""

    def fields(value: Any) -> Plain:
        assert isinstance(value, WireModel)
        return write(type(value), value.__dict__)

    with pytest.MonkeyPatch.context() as patching:
        patching.setattr(codec, "fields_of", fields)
        for one in (JsonCodec, MsgpackCodec):
            patching.setattr(one, "_dump", _dumping(one._dump, write))
            patching.setattr(one, "_load", _loading(one._load, read))
        yield


@contextlib.contextmanager
def table_with(
    state: SessionState, move: tuple[Way, str], into: SessionState | None
) -> Iterator[None]:
    """Let a move lead elsewhere for a while, or be none, in the tables of both sides."""
    changed: Table = {
        one: {
            each: into if (one, each) == (state, move) else following
            for each, following in moves.items()
            if (one, each) != (state, move) or into is not None
        }
        for one, moves in ACTOR.items()
    }
    with pytest.MonkeyPatch.context() as patching:
        patching.setattr(session, "ACTOR", changed)
        patching.setattr(session, "LEARNER", session._mirror(changed))
        yield


def _dumping(dump: Any, write: OnModel) -> Any:
    def dumping(self: Any, plain: Plain) -> bytes:
        return dump(self, write(MESSAGE_TYPES[plain["type"]], plain))

    return dumping


def _loading(load: Any, read: OnModel) -> Any:
    def loading(self: Any, data: bytes) -> Any:
        plain = load(self, data)
        if not isinstance(plain, dict):
            return plain
        kind = plain.get("type", plain.get("type" + CHANGED))
        kind = kind.removesuffix(CHANGED) if isinstance(kind, str) else ""
        model = MESSAGE_TYPES.get(kind)
        return plain if model is None else read(model, plain)

    return loading
