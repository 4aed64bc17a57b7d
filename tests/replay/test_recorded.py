"""Recordings as transcripts: seeded sessions in lockstep, held against the code like any other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ac_bridge.replay.check import check_actor
from ac_bridge.replay.learner import check_learner
from ac_bridge.replay.recorded import transcript_from, transcript_of
from ac_bridge.replay.transcript import Cut, HangUp, In, Out
from ac_bridge.standin.made import made_circuit
from ac_bridge_client import RemoteEnv
from ac_bridge_protocol.codec import MSGPACK
from ac_bridge_protocol.errors import RecordingError
from ac_bridge_protocol.messages import (
    Event,
    EventKind,
    Hello,
    Message,
    Ping,
    Release,
    Reset,
    ResetResult,
    Welcome,
)
from ac_bridge_recording import Recording
from ac_bridge_recording.topics import Dropped, Topic, Way, WireFrame
from helpers.actors import make_rig, serving
from helpers.recordings import record
from helpers.wire import make_reset_result, make_spec, make_welcome


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings of two learners, one after the other, and of the actor that both drove."""
    folder = tmp_path_factory.mktemp("recordings")
    (folder / "actor").mkdir()
    with serving(make_rig(), record=folder / "actor") as (uri, _):
        for number in (1, 2):
            with RemoteEnv(uri, record=folder / f"learner{number}.mcap") as env:
                env.reset(seed=number)
                for _ in range(3):
                    env.step([0.1, 0.8, 0.0])
                env.reset()
                env.step([0.0, 0.0, 1.0])
    (made,) = (folder / "actor").iterdir()
    made.rename(folder / "actor.mcap")
    return folder


@pytest.mark.parametrize("name", ["actor", "learner1", "learner2"])
def test_a_recorded_session_is_said_again(folder: Path, name: str) -> None:
    """Whoever recorded it, and whatever the actor did before: an actor says every byte again."""
    transcript = transcript_of(folder / f"{name}.mcap")
    assert check_actor(transcript) == []
    said = [line for _, line in transcript.messages()]
    links = 2 if name == "actor" else 1
    assert sum(line.says == "step_result" for line in said) == links * 4
    assert transcript.head.actor.driven_before is (name == "learner2")


def test_a_recorded_learner_gets_it_again(folder: Path) -> None:
    """RemoteEnv makes of the recorded answers the observations that it made of them before."""
    assert check_learner(transcript_of(folder / "learner1.mcap")) == []


def test_a_session_on_another_track_is_said_again(tmp_path: Path) -> None:
    """The statics say which circuit it was."""
    rig = make_rig(circuit=made_circuit(3))
    with serving(rig) as (uri, _), RemoteEnv(uri, record=tmp_path / "a.mcap") as env:
        env.reset(seed=1)
        env.step([0.0, 0.8, 0.0])
    transcript = transcript_of(tmp_path / "a.mcap")
    assert transcript.head.actor.track == "made_3"
    assert check_actor(transcript) == []


def test_a_change_is_noticed(folder: Path) -> None:
    """A recorded answer that was otherwise is a difference, and named."""
    path = folder / "learner1.mcap"
    frames = [frame for _, frame in Recording(path).records(Topic.WIRE)]
    messages = [MSGPACK.decode(_bytes(frame), binary=True) for frame in frames]
    result, changed = next(
        (number, message)
        for number, message in enumerate(messages)
        if isinstance(message, ResetResult)
    )
    observation = (0.5, *changed.observation[1:])
    frames[result] = wire(
        1, Way.TO_LEARNER, changed.model_copy(update={"observation": observation})
    )
    found = {one.where: one.what for one in check_actor(transcript_from(frames, "x"))}
    assert found["reset_result.observation[0]"].startswith("recorded 0.5, now ")


def _bytes(frame: WireFrame) -> bytes:
    return In(link="x", text=frame.text, data=frame.data).payload


def wire(link: int, way: Way, message: Message, **more: Any) -> WireFrame:
    """Return a message as a recording has it."""
    data = In.of("x", MSGPACK.encode(message), binary=True).data
    plain = {"link": link, "way": way, "subprotocol": MSGPACK.subprotocol, "text": None}
    return WireFrame(**plain | {"data": data, "masked": False} | more)


def frames_of(*said: tuple[int, Message]) -> list[WireFrame]:
    """Return what was said on which link; whoever is not the actor is a learner."""
    learners = Hello | Reset | Release | Ping
    return [
        wire(link, Way.TO_ACTOR if isinstance(message, learners) else Way.TO_LEARNER, message)
        for link, message in said
    ]


LOCKSTEP = make_spec(game="standin", mode="lockstep")
WELCOME = make_welcome().model_copy(update={"spec": LOCKSTEP, "session": "session-1"})
BEGUN = ((1, Hello(client="x")), (1, WELCOME), (1, Reset(id=1, seed=1)), (1, make_reset_result(1)))


def test_links_end_where_nothing_more_was_said() -> None:
    """By a cut if the session goes on elsewhere, else by a good-bye in place of the release."""
    back = WELCOME.model_copy(update={"resumed": True})
    told = Event(kind=EventKind.DRIVER_LEFT, message="It left.")
    said = frames_of(
        *BEGUN,
        (2, Hello(client="x", session="session-1")),
        (2, back),
        (2, Ping(id=1, t_sent=0.0)),
        (2, Release()),
        (2, told),
    )
    lines = transcript_from(said, "x").lines
    assert [(n, line.link) for n, line in enumerate(lines) if isinstance(line, Cut)] == [(6, "1")]
    assert lines[-1] == HangUp(link="2")
    assert not any(isinstance(line, Out) and line.says == "event" for line in lines)
    assert not any(isinstance(line, In) and line.says in ("ping", "release") for line in lines)


def test_the_actor_is_made_as_it_said() -> None:
    """Rates, smoothing and who shifts come from the welcome, the gearbox from the statics."""
    terms = transcript_from(frames_of(*BEGUN), "x").head.actor
    assert terms.control_hz == LOCKSTEP.control_hz
    assert terms.smoothing == LOCKSTEP.smoothing
    assert (terms.lockstep, terms.keeps_time) == (True, False)
    keyed = [*BEGUN[:2], (1, Reset(id=1, seed=1, takeover="key-1")), BEGUN[3]]
    assert transcript_from(frames_of(*keyed), "x").head.actor.takeover_key == "key-1"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ([], "no wire frames"),
        (BEGUN[:3], "nobody drove"),
        (BEGUN[2:], "nobody was welcomed"),
        ((*BEGUN[:2], (1, Reset(id=1)), BEGUN[3]), "without a seed"),
        (
            (
                (1, Welcome(**WELCOME.__dict__ | {"spec": make_spec(game="shm", mode="latest")})),
                *BEGUN[2:],
            ),
            "of shm in mode latest",
        ),
    ],
)
def test_what_cannot_be_repeated_is_refused(said: Any, why: str) -> None:
    """Sessions of another game, in real time, or without a seed are named as that."""
    with pytest.raises(RecordingError, match=why):
        transcript_from(frames_of(*said), "x")


def test_a_recording_with_gaps_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that misses messages would only show that it does."""

    def records(_recording: Recording, topic: Topic) -> Iterator[tuple[int, Any]]:
        assert topic is Topic.DROPPED
        yield 0, Dropped(topic=Topic.TELEMETRY, count=9)
        yield 0, Dropped(topic=Topic.WIRE, count=3)

    path = record(tmp_path / "a.mcap")
    monkeypatch.setattr(Recording, "records", records)
    with pytest.raises(RecordingError, match="misses 3 wire frames"):
        transcript_of(path)
