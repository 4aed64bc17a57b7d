"""What an actor records: the whole of what it serves, and no secret."""

from __future__ import annotations

import base64
import contextlib
import errno
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcap.stream_reader import StreamReader
from structlog.testing import capture_logs

from ac_bridge.clock import ManualClock, SystemClock
from ac_bridge.net.token_file import TokenKeeper
from ac_bridge.net.tokens import TokenBook
from ac_bridge.server.drive import Drive
from ac_bridge.server.house import Access
from ac_bridge.server.lease import Terms
from ac_bridge.server.reach import Reach
from ac_bridge.server.recording import TELL_S, ActorRecorder, record_actor
from ac_bridge_client import RemoteEnv
from ac_bridge_protocol.codec import CODEC_NAMES, CODECS
from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.messages import Hello, Step, StepResult, Welcome
from ac_bridge_protocol.session import ACTOR, Course, SessionState
from ac_bridge_recording import Recorder, Recording
from ac_bridge_recording.topics import Topic, Way, WireFrame
from helpers.actors import make_rig, serving
from helpers.raw import HELLO, Served, cut, raw, step, stepping
from helpers.recordings import ABOUT, begun, moving, stepped, ticking
from helpers.wire import make_spec

KEY = "sesame-sesame-sesame"
TOKEN = "driver-token-" + "d" * 32
TOLD_WITHIN = 5_000
"""Steps within which the actor, which looks four times a second, has noticed what went wrong."""


@contextlib.contextmanager
def recorded(
    folder: Path, *, lockstep: bool = True, reach: Reach | None = None, **rig: Any
) -> Iterator[Served]:
    """Serve a stand-in that is recorded into a folder."""
    made = make_rig(lockstep=lockstep, **rig)
    terms = Terms(takeover_key=KEY)
    with serving(made, terms=terms, reach=reach, record=folder) as (uri, app):
        yield Served(uri, app, made.game.wheel)  # type: ignore[arg-type]


def only_one(folder: Path) -> Recording:
    """Return the recording in a folder."""
    (path,) = folder.iterdir()
    assert path.suffix == ".mcap"
    assert not set(path.name) & set(':*?"<>|')  # a name on every system
    recording = Recording(path)
    assert recording.whole
    return recording


def wire(recording: Recording) -> list[tuple[WireFrame, bytes]]:
    """Return the wire frames of a recording, each with its payload."""
    frames = [frame for _, frame in recording.records(Topic.WIRE)]
    return [(one, (one.text or "").encode() or base64.b64decode(one.data or "")) for one in frames]


@pytest.mark.parametrize("codec", CODEC_NAMES)
def test_a_drive_is_recorded_as_it_was_given(tmp_path: Path, codec: str) -> None:
    """Episodes, steps and receipts are those of the learner; the wire frames are its messages."""
    given: list[tuple[Any, ...]] = []
    with recorded(tmp_path / "new") as actor, RemoteEnv(actor.uri, codec=codec) as env:
        for seed in (5, 6):
            _, info = env.reset(seed=seed)
            given.append((info["episode"], seed))
            for throttle in (0.1, 0.4, 0.9):
                observation, *_, info = env.step([0.0, throttle, 0.0])
                given.append((throttle, observation.tolist(), info["receipt"]))
    recording = only_one(tmp_path / "new")
    assert recording.about["recorded_by"] == "actor"
    found: list[tuple[Any, ...]] = []
    for start, steps, end in recording.episodes():
        found.append((start.episode, start.seed))
        found += [(one.action[1], list(one.observation), one.receipt) for one in steps]
        assert end is not None
        assert (end.episode, end.steps) == (start.episode, 3)
        assert start.spec.mode == "lockstep"
        assert len(start.observation) == start.spec.observation_size
    assert [one[0] for one in found] == pytest.approx([one[0] for one in given])
    assert [one[1:] for one in found if len(one) == 3] == [
        (pytest.approx(one[1]), one[2]) for one in given if len(one) == 3
    ]
    assert [one for one in found if len(one) == 2] == [one for one in given if len(one) == 2]
    answers = [
        CODECS[frame.subprotocol].decode(payload, binary=CODEC_NAMES[codec].binary)
        for frame, payload in wire(recording)
        if frame.way is Way.TO_LEARNER
    ]
    receipts = [one.receipt for one in answers if isinstance(one, StepResult)]
    assert receipts == [one[2] for one in given if len(one) == 3]


def test_why_episodes_end(tmp_path: Path) -> None:
    """A reset, a release, an operator and an actor that is stopped each have a word."""
    with recorded(tmp_path) as actor:
        with raw(actor) as peer:
            peer.ask(HELLO)
            peer.ask({"type": "reset", "id": 1})
            step(peer, 2)
            peer.ask({"type": "reset", "id": 3})
            peer.send({"type": "release"})
            peer.ask({"type": "reset", "id": 4})
            with raw(actor) as other:
                other.ask(HELLO)
                other.ask({"type": "reset", "id": 1, "takeover": KEY})
        with raw(actor) as peer:
            peer.ask(HELLO)
            peer.ask({"type": "reset", "id": 1})
            step(peer, 2)
    ends = [end for _, _, end in only_one(tmp_path).episodes()]
    reasons = [(end.steps, end.reason) for end in ends if end is not None]
    assert reasons[:3] == [(1, "reset"), (0, "released"), (0, "taken_over")]
    assert [reason for _, reason in reasons[3:]] == ["driver_left", "driver_left"]


def test_no_secret_is_in_the_file(tmp_path: Path) -> None:
    """Sessions and the operator's key are words; who came back as whom can still be told."""
    reach = Reach(access=Access(TokenKeeper(None, TokenBook.of(driver=TOKEN))))
    shown = {"additional_headers": {"Authorization": f"Bearer {TOKEN}"}}
    with recorded(tmp_path, reach=reach) as actor:
        with raw(actor, **shown) as peer:
            session = peer.ask(HELLO)["session"]
            peer.ask({"type": "reset", "id": 1, "takeover": KEY})
            cut(peer)
        with raw(actor, **shown) as peer:
            assert peer.ask(HELLO | {"session": session})["resumed"] is True
            peer.ask({"type": "reset", "id": 2, "takeover": KEY + "!"})
    recording = only_one(tmp_path)
    everything = unpacked(tmp_path) + b"".join(payload for _, payload in wire(recording))
    assert b"session-1" in everything
    for secret in (session, KEY, TOKEN):
        assert secret.encode() not in everything
    messages = [
        CODECS[frame.subprotocol].decode(payload, binary=frame.text is None)
        for frame, payload in wire(recording)
        if frame.masked
    ]
    sessions = [one.session for one in messages if isinstance(one, Hello | Welcome)]
    assert sessions == ["session-1", "session-1", "session-1"]
    assert [frame.link for frame, _ in wire(recording) if frame.masked] == [1, 1, 2, 2, 2]


def unpacked(folder: Path) -> bytes:
    """Return all records of the file in a folder, as mcap's own reader unpacks them."""
    (path,) = folder.iterdir()
    with path.open("rb") as stream:
        return repr(list(StreamReader(stream).records)).encode()


def test_everybody_and_everything_on_the_wire(tmp_path: Path) -> None:
    """Spectators and what is no message are there too, in order, each on its link."""
    with recorded(tmp_path, lockstep=False) as actor, raw(actor) as peer, raw(actor) as watcher:
        peer.ask(HELLO)
        watcher.ask(HELLO | {"role": "spectator"})
        watcher.send({"type": "subscribe", "id": 1, "hz": 60.0})
        while watcher.receive()["type"] != "telemetry":
            pass
        peer.send("{rubbish")
        while peer.receive()["type"] != "failure":
            pass
    frames = wire(only_one(tmp_path))
    by_link = {
        link: [payload for frame, payload in frames if frame.link == link] for link in (1, 2)
    }
    assert b"{rubbish" in by_link[1]
    assert any(b'"malformed"' in payload for payload in by_link[1])
    assert any(b'"telemetry"' in payload for payload in by_link[2])
    recording = only_one(tmp_path)
    assert recording.counts()[Topic.TELEMETRY] > 0
    assert recording.counts()[Topic.STATICS] == 1
    events = [event.kind for _, event in recording.records(Topic.EVENT)]
    assert events[-1] == "shutting_down"


def test_steps_that_a_reset_opens_are_neutral(tmp_path: Path) -> None:
    """In fixed_delay each step has the action that held for it: at first none of the learner's."""
    with recorded(tmp_path, lockstep=False, control_hz=20.0) as actor, raw(actor) as peer:
        peer.ask(HELLO | {"mode": "fixed_delay", "delay_ticks": 2})
        peer.ask({"type": "reset", "id": 10})
        peer.send(stepping(13) | {"tick": 2, "action": [0.0, 0.7, 0.0]})
        answered = set()
        while 13 not in answered:
            answer = peer.receive()
            if answer["type"] == "step_result":
                answered.add(answer["id"])
    (episode,) = only_one(tmp_path).episodes()
    assert [one.action for one in episode.steps] == [(0.0,) * 3, (0.0,) * 3, (0.0, 0.7, 0.0)]


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    """A sentence, a hint, and no actor that believes it records."""
    taken = tmp_path / "taken"
    taken.write_text("a file")
    for folder in (taken, tmp_path / "no" / "parent"):
        with pytest.raises(SettingError, match="recordings") as caught:
            record_actor(folder, make_rig(), ManualClock(), wire=True)
        assert caught.value.setting == "record"


# --- When something is not well -------------------------------------------------------------------


FULL = OSError(errno.ENOSPC, "No space left on device")


def test_driving_goes_on_without_a_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails is for the log; the learner notices nothing."""
    with capture_logs() as logs, recorded(tmp_path) as actor, RemoteEnv(actor.uri) as env:
        env.reset(seed=1)
        monkeypatch.setattr("ac_bridge_recording.file._Stream.write", failing(FULL))
        for _ in range(TOLD_WITHIN):
            env.step([0.0, 0.5, 0.0])
            if told(logs):
                break
        *_, info = env.step([0.0, 0.5, 0.0])
    assert info["receipt"].sent.throttle > 0.0
    (line,) = told(logs)
    (path,) = tmp_path.iterdir()
    assert line["why"] == f"{path} could not be written: No space left on device."
    (end,) = (line for line in logs if line["event"] == "recorded")
    assert end["log_level"] == "warning"
    assert "No space left" in end["what"]


def test_a_failure_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often one looks."""
    failed = Recorder(tmp_path / "a.mcap", ABOUT, now_ns=ticking())
    monkeypatch.setattr("ac_bridge_recording.file._Stream.write", failing(FULL))
    failed.close()
    with capture_logs() as logs:
        recorder = ActorRecorder(failed)
        for now_s in (0.0, 0.25, 2 * TELL_S):
            recorder.look(now_s)
    assert len(told(logs)) == 1


def failing(error: OSError) -> Any:
    """Return what writes nothing."""

    def fail(*_: Any) -> None:
        raise error

    return fail


def told(logs: list[Any]) -> list[Any]:
    """Return what the log says of a recording that ended too early."""
    return [line for line in list(logs) if line["event"] == "nothing is recorded any more"]


def test_drops_are_told_once_a_minute(tmp_path: Path) -> None:
    """What is dropped without end does not fill the log; nor is a line said twice."""
    tight = Recorder(tmp_path / "a.mcap", ABOUT, now_ns=ticking(), queue_bytes=0)
    with capture_logs() as logs, ActorRecorder(tight) as recorder:
        looks = itertools.count(0.0, TELL_S / 4)
        for now_s in itertools.islice(looks, 9):
            recorder.frame(moving(0), None)
            recorder.look(now_s)
        for now_s in itertools.islice(looks, 9):
            recorder.look(now_s)
    counts = [line["count"] for line in logs if line["event"] == "records dropped"]
    assert counts == [1, 5, 9]


def test_a_step_whose_driver_is_away_is_recorded(tmp_path: Path) -> None:
    """The answer is kept for a driver who may come back, and recorded when it is given."""
    path = tmp_path / "a.mcap"
    with ActorRecorder(Recorder(path, ABOUT, now_ns=ticking())) as recorder:
        drive = Drive("secret", make_spec(), Course(ACTOR), None, "10.0.0.9:1", "client/1")
        drive.on_answer = recorder.answered
        recorder.answered(drive, begun())
        drive.course.state = SessionState.STEPPING
        answer = stepped(1)
        request = Step(id=answer.id, action=(0.25, 0.5, 0.0))
        drive.course.in_flight[answer.id] = request
        drive.send(answer)
    (episode,) = Recording(path).episodes()
    assert [one.action for one in episode.steps] == [request.action]


def test_without_wire_frames(tmp_path: Path) -> None:
    """Whoever does not want messages gets everything else."""
    with record_actor(tmp_path, make_rig(), SystemClock(), wire=False) as recorder:
        assert recorder.tap(CODECS["ac-bridge.v1+json"]) is None
        recorder.frame(moving(0), None)
    counts = only_one(tmp_path).counts()
    assert counts[Topic.TELEMETRY] == 1
    assert Topic.WIRE not in counts
