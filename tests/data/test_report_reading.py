"""What a report gathers from a recording in one pass."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from ac_bridge.data.report_reading import NO_EPISODE, Gathered, gather
from ac_bridge_protocol.codec import CODECS, Codec
from ac_bridge_protocol.errors import RecordingError
from ac_bridge_protocol.messages import Event, EventKind, Message, Ping, Pong
from ac_bridge_recording.reader import Recording
from ac_bridge_recording.topics import (
    MODELS,
    Dropped,
    EpisodeEnd,
    EpisodeStart,
    Judgement,
    StepRecord,
    Topic,
    Way,
    WireFrame,
)
from helpers.circles import circle_laps, circle_statics
from helpers.frames import make_frame
from helpers.taped import ABOUT, Tape, taping
from helpers.wire import make_receipt, make_spec


def put_start(tape: Tape, episode: int, seed: int | None = None) -> None:
    """Record the beginning of an episode."""
    values: dict[str, Any] = {"spec": make_spec(), "statics": circle_statics(), "observation": ()}
    start = EpisodeStart(episode=episode, seed=seed, frame=make_frame(), **values)
    tape.put(Topic.EPISODE_START, start)


def put_step(tape: Tape, episode: int, *, late: bool = False) -> None:
    """Record a step, a tenth of a second after what was before."""
    receipt, action = make_receipt(late=late, ticks_held=3), (0.0, 0.0, 0.0)
    step = StepRecord(
        episode=episode,
        action=action,
        observation=(),
        frame=make_frame(),
        receipt=receipt,
        end=None,
    )
    tape.put(Topic.STEP, step, after_s=0.1)


def put_wire(tape: Tape, codec: Codec, way: Way, message: Message, after_s: float) -> None:
    """Record a message on the wire."""
    payload = codec.encode(message)
    text = None if codec.binary else payload.decode()
    data = base64.b64encode(payload).decode() if codec.binary else None
    frame = WireFrame(
        link=1, way=way, subprotocol=codec.subprotocol, text=text, data=data, masked=False
    )
    tape.put(Topic.WIRE, frame, after_s=after_s)


def gathered(path: Path) -> Gathered:
    """Return what a report gathers from a file."""
    return gather(Recording(path))


def test_episodes(tmp_path: Path) -> None:
    """Each with its steps, what was late, what it was worth, and how it ended."""
    path = tmp_path / "x.mcap"
    with taping(path) as tape:
        put_start(tape, 4, seed=9)
        put_step(tape, 4)
        put_step(tape, 4, late=True)
        for reward in (1.5, -0.25):
            judged = Judgement(
                episode=4, action_id=0, reward=reward, terminated=False, truncated=False
            )
            tape.put(Topic.REWARD, judged)
        tape.put(Topic.EPISODE_END, EpisodeEnd(episode=4, steps=2, reason="taken_over"))
        put_start(tape, 5)
        put_step(tape, 5)
    first, second = gathered(path).episodes
    assert (first.number, first.seed, first.mode, first.control_hz) == (4, 9, "latest", 10.0)
    assert (first.steps, first.late, first.reward, first.reason) == (2, 1, 1.25, "taken_over")
    assert (second.number, second.seed, second.steps, second.reward) == (5, None, 1, None)
    assert second.reason == ""
    assert list(gathered(path).steps["ticks_held"]) == [3.0, 3.0, 3.0]


def test_laps_are_cut_from_where_most_frames_are(tmp_path: Path) -> None:
    """A dense stream is preferred to the steps, and the steps to a sparse stream."""
    dense, sparse = tmp_path / "dense.mcap", tmp_path / "sparse.mcap"
    for path, frames in ((dense, 50), (sparse, 3)):
        with taping(path) as tape:
            put_start(tape, 1)
            for _ in range(10):
                put_step(tape, 1)
            for frame in circle_laps([30.0])[:frames]:
                tape.put(Topic.TELEMETRY, frame)
    assert gathered(dense).source is Topic.TELEMETRY
    assert len(gathered(dense).frames["x"]) == 50
    assert gathered(sparse).source is Topic.STEP
    assert len(gathered(sparse).frames["x"]) == 11


def test_frames_know_their_episode(tmp_path: Path) -> None:
    """By when they were recorded: before the first and after an end they belong to none."""
    path = tmp_path / "x.mcap"
    frames = iter(circle_laps([30.0]))
    with taping(path) as tape:
        tape.put(Topic.TELEMETRY, next(frames))
        put_start(tape, 2)
        tape.put(Topic.TELEMETRY, next(frames))
        tape.put(Topic.EPISODE_END, EpisodeEnd(episode=2, steps=0, reason="released"))
        tape.put(Topic.TELEMETRY, next(frames))
    assert list(gathered(path).frames["episode"]) == [NO_EPISODE, 2, NO_EPISODE]


@pytest.mark.parametrize("codec", CODECS.values(), ids=lambda codec: codec.name)
@pytest.mark.parametrize(
    ("recorded_by", "outward", "inward"),
    [
        ("learner", Way.TO_ACTOR, Way.TO_LEARNER),
        ("actor", Way.TO_LEARNER, Way.TO_ACTOR),
    ],
)
def test_round_trips(
    tmp_path: Path, codec: Codec, recorded_by: str, outward: Way, inward: Way
) -> None:
    """Of the recorder's own pings that were answered, less what the other side took."""
    path = tmp_path / "x.mcap"
    with taping(path, ABOUT | {"recorded_by": recorded_by}) as tape:
        put_wire(tape, codec, outward, Ping(id=1, t_sent=5.0), 1.0)
        put_wire(tape, codec, inward, Ping(id=1, t_sent=70.0), 0.0)
        theirs = Pong(id=1, t_ping=70.0, t_received=5.0, t_sent=5.0)
        put_wire(tape, codec, outward, theirs, 0.004)
        answer = Pong(id=1, t_ping=5.0, t_received=70.0, t_sent=70.003)
        put_wire(tape, codec, inward, answer, 0.016)
        put_wire(tape, codec, inward, answer, 0.5)
        put_wire(tape, codec, outward, Ping(id=2, t_sent=6.0), 0.0)
    assert gathered(path).round_trips_s == [pytest.approx(0.017)]


def test_wire_frames_that_are_no_messages(tmp_path: Path) -> None:
    """Are passed over: what somebody else sent may be anything."""
    path = tmp_path / "x.mcap"
    values: dict[str, Any] = {"link": 1, "way": Way.TO_ACTOR, "masked": False}
    with taping(path) as tape:
        for subprotocol, text, data in (
            ("ac-bridge.v1.json", '{"type": "ping"', None),
            ("ac-bridge.v1.json", None, "!"),
            ("another", '{"type":"ping"}', None),
            ("ac-bridge.v1.msgpack", None, ""),
        ):
            frame = WireFrame(subprotocol=subprotocol, text=text, data=data, **values)
            tape.put(Topic.WIRE, frame)
    assert gathered(path).round_trips_s == []


def test_what_else_was_recorded(tmp_path: Path) -> None:
    """Events, static facts, and the last word on what was dropped."""
    path = tmp_path / "x.mcap"
    with taping(path) as tape:
        tape.put(Topic.STATICS, circle_statics())
        tape.put(Topic.EVENT, Event(kind=EventKind.WHEEL_LOST, message="It is gone."))
        tape.put(Topic.DROPPED, Dropped(topic="/wire", count=3))
        tape.put(Topic.DROPPED, Dropped(topic="/wire", count=8))
    found = gathered(path)
    assert found.statics["track"] == "circle"
    assert [(one.kind, one.message) for one in found.happenings] == [("wheel_lost", "It is gone.")]
    assert found.dropped == {"/wire": 8}
    assert found.laps == []


def test_progress_is_told(tmp_path: Path) -> None:
    """Every thousand records."""
    path, told = tmp_path / "x.mcap", list[int]()
    with taping(path) as tape:
        for _ in range(2100):
            tape.put(Topic.DROPPED, Dropped(topic="/wire", count=1))
    gather(Recording(path), told.append)
    assert told == [1000, 2000]


@pytest.mark.parametrize(
    ("field", "value"), [("speed_kmh", None), ("speed_kmh", "fast"), ("car_damage", 3.0)]
)
def test_a_record_that_is_not_as_this_version_writes_it(
    tmp_path: Path, field: str, value: object
) -> None:
    """Is an error of ours that says so, whatever it is."""
    path = tmp_path / "x.mcap"
    frame = make_frame().model_copy(update={field: value})
    with taping(path) as tape:
        tape.put(Topic.TELEMETRY, frame)
    with pytest.raises(RecordingError, match=r"cannot read.*Error") as caught:
        gathered(path)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("topic", "said"),
    [
        (Topic.EVENT, {"type": "event", "kind": 3, "message": "one"}),
        (Topic.EVENT, {"type": "event", "kind": "driver_joined", "message": ["one"]}),
        (Topic.STATICS, {"track": "imola", "track_length_m": "long"}),
        (Topic.EPISODE_END, {"episode": 1, "steps": 0, "reason": {}}),
        (Topic.DROPPED, {"topic": "/wire", "count": "many"}),
    ],
)
def test_what_the_page_repeats_is_looked_at(
    tmp_path: Path, topic: Topic, said: dict[str, object]
) -> None:
    """Of the wrong type it would fail where nobody expects it."""
    path = tmp_path / "x.mcap"
    with taping(path) as tape:
        record = MODELS[topic].model_construct()
        record.__dict__.clear()
        record.__dict__.update(said)
        tape.put(topic, record)
    with pytest.raises(RecordingError, match="cannot be read"):
        gathered(path)
