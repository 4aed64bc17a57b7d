"""Whatever is changed of the protocol, a replay of some transcript fails, and says where."""

from __future__ import annotations

import enum
import functools
from pathlib import Path

import pytest

from ac_bridge.replay.check import check_actor
from ac_bridge.replay.scene import play
from ac_bridge.replay.transcript import Transcript, load
from ac_bridge_protocol.messages import MESSAGE_TYPES
from ac_bridge_protocol.session import ACTOR, SessionState, Way
from ac_bridge_protocol.wire import WireModel
from replays.cover import Covered, MoveOf, covered_by, enums, models, moves_of
from replays.mutating import (
    CHANGED,
    changed_value,
    renamed_field,
    renamed_type,
    table_with,
    wire_with,
)

FOLDER = Path("/tmp/lab/c2_v1")

FIELDS = [(model, name) for model in models() for name in model.model_fields]
VALUES = [member for each in sorted(enums(), key=lambda one: one.__name__) for member in each]
MOVES = [(state, way, name) for state, moves in ACTOR.items() for way, name in moves]


@functools.cache
def transcripts() -> list[Transcript]:
    """Return every golden transcript, the quickest to play first."""
    found = [load(path.read_bytes(), path.name) for path in sorted(FOLDER.glob("*.jsonl"))]
    return sorted(found, key=lambda one: (not one.head.actor.lockstep, len(one.dump())))


@functools.cache
def covered(index: int) -> Covered:
    """Return what the messages of a transcript have in them."""
    return covered_by([transcripts()[index]])


@functools.cache
def moves(index: int) -> set[MoveOf]:
    """Return the moves that are taken when a transcript is played."""
    transcript = transcripts()[index]
    return moves_of(play, transcript.head, transcript.done)


def indices() -> range:
    return range(len(transcripts()))


@pytest.mark.parametrize(
    ("model", "name"), FIELDS, ids=[f"{model.__name__}.{name}" for model, name in FIELDS]
)
def test_a_renamed_field_is_noticed(model: type[WireModel], name: str) -> None:
    """The message names the message, and the field in it."""
    path = f"{model.__name__}.{name}"
    index = next(i for i in indices() if path in covered(i).fields)
    with wire_with(*renamed_field(model, name)):
        found = check_actor(transcripts()[index])
    kinds = [kind for kind, one in MESSAGE_TYPES.items() if one is model] or list(MESSAGE_TYPES)
    told = [str(one) for one in found]
    assert any(name in text and any(kind in text for kind in kinds) for text in told), told
