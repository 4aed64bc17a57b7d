"""What an actor records: the whole of what it serves, and no secret."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ac_bridge.clock import ManualClock
from ac_bridge.server.lease import Terms
from ac_bridge.server.recording import record_actor
from ac_bridge_client import RemoteEnv
from ac_bridge_protocol.codec import CODEC_NAMES, CODECS
from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.messages import Hello, StepResult, Welcome
from ac_bridge_recording import Recording
from ac_bridge_recording.topics import Topic, Way, WireFrame
from helpers.actors import make_rig, serving
from helpers.raw import HELLO, Served, cut, raw, step, stepping

KEY = "sesame-sesame-sesame"


@contextlib.contextmanager
def recorded(folder: Path, *, lockstep: bool = True, **rig: Any) -> Iterator[Served]:
    """Serve a stand-in that is recorded into a folder."""
    made = make_rig(lockstep=lockstep, **rig)
    with serving(made, terms=Terms(takeover_key=KEY), record=folder) as (uri, app):
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
    with recorded(tmp_path) as actor:
        with raw(actor) as peer:
            session = peer.ask(HELLO)["session"]
            peer.ask({"type": "reset", "id": 1, "takeover": KEY})
            cut(peer)
        with raw(actor) as peer:
            assert peer.ask(HELLO | {"session": session})["resumed"] is True
            peer.ask({"type": "reset", "id": 2, "takeover": KEY + "!"})
    recording = only_one(tmp_path)
    everything = b"".join(repr(entry.plain).encode() for entry in recording.entries())
    everything += b"".join(payload for _, payload in wire(recording))
    for secret in (session, KEY):
        assert secret.encode() not in everything
    messages = [
        CODECS[frame.subprotocol].decode(payload, binary=frame.text is None)
        for frame, payload in wire(recording)
        if frame.masked
    ]
    sessions = [one.session for one in messages if isinstance(one, Hello | Welcome)]
    assert sessions == ["session-1", "session-1", "session-1"]
    assert [frame.link for frame, _ in wire(recording) if frame.masked] == [1, 1, 2, 2, 2]


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
