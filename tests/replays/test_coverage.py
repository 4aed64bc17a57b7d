"""The golden transcripts show all of the protocol: what they leave out is listed, with reasons."""

from __future__ import annotations

import pytest

from ac_bridge.replay.scene import play
from ac_bridge.replay.transcript import Transcript, load
from ac_bridge_protocol.messages import MESSAGE_TYPES
from replays.cover import ALL_MOVES, Covered, covered_by, enums, models, moves_of
from replays.write import FOLDER, files

NEVER_TELLING = {
    "Receipt.replayed": "only true where a recording is served in place of a game",
    "TelemetryFrame.torn_reads": "the pages of a game in the same process are never torn",
}
"""Fields that are always there, and only ever with one value."""

NEVER_SENT = {
    "RunEnd.TASK_FAILED": "only where a track has no files that the task needs",
    "RunEnd.SPOOL_FULL": "the spool of a transcript lets go of the oldest",
    "RunEnd.NOT_KEPT": "the spool of a transcript has no disk that could fail",
    "EventKind.NOT_OBSERVED": "only where a track has no files, and the stand-in's always has",
    "ErrorCode.SHUTTING_DOWN": "an actor says it to a relay alone, which hands it on",
    "EndReason.ACTOR_STOPPED": "the client's own word, for a link that ended so",
    "EndReason.LINK_LOST": "the client's own word",
    "EndReason.SESSION_LOST": "the client's own word",
    "EndReason.TAKEN_OVER": "the client's own word for the failure of that code",
    "EndReason.RECORDING_ENDED": "only where a recording is served in place of a game",
}
"""Values that no actor with a game sends to a learner."""


@pytest.fixture(scope="module")
def transcripts() -> list[Transcript]:
    """Every golden transcript of the version that is being worked on."""
    return [load(path.read_bytes(), path.name) for path in sorted(FOLDER.glob("*.jsonl"))]


@pytest.fixture(scope="module")
def covered(transcripts: list[Transcript]) -> Covered:
    """What they show."""
    return covered_by(transcripts)


@pytest.mark.parametrize("binary", [False, True])
def test_every_type_is_shown(transcripts: list[Transcript], *, binary: bool) -> None:
    """Each type of message is there, in both codecs."""
    shown = covered_by(
        transcript for transcript in transcripts if transcript.head.codec.binary is binary
    )
    assert {f"{model.__name__}.type" for model in MESSAGE_TYPES.values()} <= shown.fields


def test_every_field_is_shown(covered: Covered) -> None:
    """Each field of each model is there, once with a value that nobody gets by accident."""
    fields = {f"{model.__name__}.{name}" for model in models() for name in model.model_fields}
    assert fields - covered.fields == set()
    assert fields - covered.telling == set(NEVER_TELLING)


def test_every_value_of_an_enum_is_shown(covered: Covered) -> None:
    """Each error code, event, mode, state and so on is there."""
    values = {f"{kind.__name__}.{one.name}" for kind in enums() for one in kind}
    assert values - covered.values == set(NEVER_SENT)


def test_every_move_is_taken() -> None:
    """Each move of the actor's table is taken by some scenario."""
    taken = {
        move
        for name, (head, done) in files().items()
        if ".json." in name
        for move in moves_of(play, head, done)
    }
    assert sorted(ALL_MOVES - taken) == []
