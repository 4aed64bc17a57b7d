"""Whatever is changed of the protocol, a replay of some transcript fails, and says where."""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable
from pathlib import Path

import pytest

from ac_bridge.replay.check import check_actor
from ac_bridge.replay.scene import play
from ac_bridge.replay.transcript import Advance, Transcript, load
from ac_bridge_protocol.messages import MESSAGE_TYPES
from ac_bridge_protocol.observing import FeatureOption, FeatureWish
from ac_bridge_protocol.runs import RunTerms
from ac_bridge_protocol.session import ACTOR, SessionState, Way
from ac_bridge_protocol.starts import Start
from ac_bridge_protocol.tasks.told import Constant, RuleSpec, TaskSpec
from ac_bridge_protocol.wire import WireModel
from replays.cover import Covered, MoveOf, covered_by, enums, models, moves_of, parts_of
from replays.mutating import (
    changed_value,
    renamed_field,
    renamed_type,
    table_with,
    wire_with,
)
from replays.test_coverage import NEVER_SENT

FOLDER = Path(__file__).parent / "v1"
SAID_INSIDE = (FeatureWish, FeatureOption, Start, RunTerms, TaskSpec, RuleSpec, Constant)
"""Models inside of what learners say."""


def name_of(member: enum.Enum) -> str:
    """Return what a member of an enum is called."""
    return f"{type(member).__name__}.{member.name}"


FIELDS = [(model, name) for model in models() for name in model.model_fields]
VALUES = [
    member
    for each in sorted(enums(), key=lambda one: one.__name__)
    for member in each
    if name_of(member) not in NEVER_SENT
]
MOVES = [(state, way, name) for state, moves in ACTOR.items() for way, name in moves]


@functools.cache
def transcripts() -> list[Transcript]:
    """Return the golden transcripts, each in one of its codecs in turn, the quickest first."""
    files: dict[str, list[Path]] = {}
    for path in sorted(FOLDER.glob("*.jsonl")):
        files.setdefault(path.name.partition(".")[0], []).append(path)
    chosen = [paths[number % len(paths)] for number, paths in enumerate(files.values())]
    return sorted((load(path.read_bytes(), path.name) for path in chosen), key=cost)


def cost(transcript: Transcript) -> tuple[float, int]:
    """Return what playing a transcript takes: mostly the seconds that the game lives through."""
    passed_s = sum(line.seconds for line in transcript.done if isinstance(line, Advance))
    return round(passed_s), len(transcript.lines)


@functools.cache
def covered(index: int) -> Covered:
    """Return what the messages of a transcript have in them."""
    return covered_by([transcripts()[index]])


@functools.cache
def moves(index: int) -> set[MoveOf]:
    """Return the moves that are taken when a transcript is played."""
    transcript = transcripts()[index]
    return moves_of(play, transcript.head, transcript.done)


def first(concerned: Callable[[int], bool]) -> Transcript:
    """Return the quickest transcript that a change concerns."""
    for index, transcript in enumerate(transcripts()):
        if concerned(index):
            return transcript
    raise AssertionError("No transcript has it.")


@pytest.mark.parametrize(
    ("model", "name"), FIELDS, ids=[f"{model.__name__}.{name}" for model, name in FIELDS]
)
def test_a_renamed_field_is_noticed(model: type[WireModel], name: str) -> None:
    """The message names the message, and the field in it."""
    transcript = first(lambda index: f"{model.__name__}.{name}" in covered(index).fields)
    with wire_with(*renamed_field(model, name, inside=model in SAID_INSIDE)):
        told = list(map(str, check_actor(transcript)))
    kinds = [kind for kind, one in MESSAGE_TYPES.items() if one is model] or list(MESSAGE_TYPES)
    assert any(name in text and any(kind in text for kind in kinds) for text in told), told


@pytest.mark.parametrize("kind", MESSAGE_TYPES)
def test_a_renamed_type_is_noticed(kind: str) -> None:
    """The message names the message whose type has another name."""
    transcript = first(
        lambda index: f"{MESSAGE_TYPES[kind].__name__}.type" in covered(index).fields
    )
    with wire_with(*renamed_type(kind)):
        told = list(map(str, check_actor(transcript)))
    assert any(kind in text for text in told), told


@pytest.mark.parametrize("member", VALUES, ids=map(name_of, VALUES))
def test_another_value_of_an_enum_is_noticed(member: enum.Enum) -> None:
    """The message names the field: of error codes, modes, roles, states and all others."""
    transcript = first(lambda index: name_of(member) in covered(index).values)
    with wire_with(*changed_value(member)):
        told = list(map(str, check_actor(transcript)))
    fields = [
        f".{name}"
        for model, name in FIELDS
        if type(member) in parts_of(model.model_fields[name].annotation)
    ]
    assert any(field in text for field in fields for text in told), told


@pytest.mark.parametrize(("state", "way", "name"), MOVES, ids=[".".join(move) for move in MOVES])
def test_a_move_that_is_gone_is_noticed(state: SessionState, way: Way, name: str) -> None:
    """The message names the message that is not allowed any more."""
    transcript = first(lambda index: (state, way, name) in moves(index))
    with table_with(state, (way, name), None):
        told = list(map(str, check_actor(transcript)))
    assert any(name.partition(":")[0] in text for text in told), told


@pytest.mark.parametrize(
    ("state", "way", "name"),
    [move for move in MOVES if move[2] != "refusal"],  # after it nothing can come on that link
)
def test_a_move_that_leads_elsewhere_is_noticed(state: SessionState, way: Way, name: str) -> None:
    """What may follow a move does follow in some transcript."""
    for index, transcript in enumerate(transcripts()):
        if (state, way, name) in moves(index):
            with table_with(state, (way, name), SessionState.CLOSED):
                if check_actor(transcript):
                    return
    raise AssertionError("No transcript notices.")
