"""A spectator that records: over as many links as it takes, and all in one file."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import pytest

from ac_bridge_client import RemoteEnv
from ac_bridge_client.exchange import Notice
from ac_bridge_client.spectator import Spectator
from ac_bridge_client.tape import Tape
from ac_bridge_protocol.errors import (
    ConnectError,
    ErrorCode,
    RecordingError,
    RefusedError,
    SettingError,
)
from ac_bridge_protocol.frame import GameState
from ac_bridge_protocol.messages import (
    Event,
    EventKind,
    Refusal,
    Role,
    Subscribe,
    Telemetry,
)
from ac_bridge_recording import Recording
from ac_bridge_recording.check import check
from ac_bridge_recording.topics import Topic
from helpers.actors import make_rig, serving
from helpers.frames import make_frame, make_statics
from helpers.scripted import Peer, scripted
from helpers.wire import make_welcome

DRIVE = [0.0, 0.5, 0.0]
SLICE_S = 0.05
SLICES = 400


def assert_right(path: Path) -> None:
    """Check that a recording is whole and that nothing in it is wrong."""
    checked = check(path)
    assert checked.ok, [str(problem) for problem in checked.problems]


def listen_until(spectator: Spectator, condition: object) -> None:
    """Listen until something is so."""
    assert callable(condition)
    for _ in range(SLICES):
        if condition():
            return
        spectator.listen(SLICE_S)
    raise AssertionError("it did not happen")


def welcome(peer: Peer, track: str | None = "imola") -> None:
    """Take a hello and welcome a spectator to a track."""
    peer.any()
    statics = None if track is None else make_statics(track=track)
    peer.send(make_welcome(Role.SPECTATOR).model_copy(update={"statics": statics}))


def frame(seq: int, **overrides: object) -> Telemetry:
    """Return a message of the stream."""
    return Telemetry(frame=make_frame(seq=seq, **overrides), dropped=0)


def seqs(path: Path) -> list[int]:
    """Return the numbers of the frames that were recorded."""
    return [one.seq for one in Recording(path).frames()]


@pytest.mark.parametrize("codec", ["msgpack", "json"])
def test_what_somebody_else_drives(lockstep_uri: str, tmp_path: Path, codec: str) -> None:
    """Every frame that is shown, events, statics and the wire; no episode, and no reward."""
    path = tmp_path / "a.mcap"
    seen: list[Notice] = []
    with (
        Spectator(lockstep_uri, Tape(path), codec=codec, on_notice=seen.append) as spectator,
        RemoteEnv(lockstep_uri) as env,
    ):
        env.reset(seed=2)
        for _ in range(20):
            env.step(DRIVE)
        listen_until(spectator, lambda: len(seen) > 100)
        spectator.close()
    assert_right(path)
    recording = Recording(path)
    assert list(recording.frames()) == [n.frame for n in seen if isinstance(n, Telemetry)]
    counts = recording.counts()
    assert counts[Topic.EVENT] == sum(isinstance(one, Event) for one in seen)
    assert counts[Topic.STATICS] == 1
    assert counts[Topic.WIRE] > counts[Topic.TELEMETRY]
    assert not counts.keys() & {Topic.EPISODE_START, Topic.STEP, Topic.EPISODE_END, Topic.REWARD}
    assert recording.about["recorded_by"] == "spectator"
    assert recording.about["uri"] == lockstep_uri


def test_without_the_wire(tmp_path: Path) -> None:
    """Where that is not wanted, nothing of it is in the file."""
    path = tmp_path / "a.mcap"

    def script(peer: Peer) -> None:
        welcome(peer)
        peer.next(Subscribe)
        peer.send(frame(1))

    with scripted(script) as uri, Spectator(uri, Tape(path, wire=False)) as spectator:
        listen_until(spectator, lambda: path.exists() and seen_so_far(spectator))
    assert Topic.WIRE not in Recording(path).counts()
    assert seqs(path) == [1]


def seen_so_far(spectator: Spectator) -> int:
    """Return how many frames were handed to the recorder."""
    stats = spectator._tape.stats()
    return 0 if stats is None else stats.written.get(Topic.TELEMETRY, 0)


def test_a_link_that_is_lost(tmp_path: Path) -> None:
    """Is replaced, subscribed again, and said; the file goes on, and what is left out adds up."""
    path = tmp_path / "a.mcap"
    news: list[str] = []
    asked: list[float] = []

    def first(peer: Peer) -> None:
        welcome(peer)
        asked.append(peer.next(Subscribe).hz)
        peer.send(frame(1), Telemetry(frame=make_frame(seq=2), dropped=3))
        peer.close()

    def second(peer: Peer) -> None:
        welcome(peer)
        asked.append(peer.next(Subscribe).hz)
        peer.send(Telemetry(frame=make_frame(seq=3), dropped=2))

    with (
        scripted(first, second) as uri,
        Spectator(uri, Tape(path), hz=30.0, on_news=news.append) as spectator,
    ):
        listen_until(spectator, lambda: seen_so_far(spectator) == 3)
        assert spectator.links_lost == 1
        assert spectator.connected
        assert spectator.dropped == 5
    assert asked == [30.0, 30.0]
    assert_right(path)
    assert seqs(path) == [1, 2, 3]
    assert "Connecting again" in news[0]
    assert "again" in news[1]
    assert {one.link for _, one in Recording(path).records(Topic.WIRE)} == {1, 2}


def test_an_actor_that_is_started_anew(tmp_path: Path) -> None:
    """It is waited for as long as it takes; that it samples less often now is no obstacle."""
    path = tmp_path / "a.mcap"
    with contextlib.ExitStack() as closing:
        with serving(make_rig(lockstep=False, telemetry_hz=60.0)) as (uri, _):
            spectator = closing.enter_context(Spectator(uri, Tape(path), hz=60.0))
            listen_until(spectator, lambda: seen_so_far(spectator) > 5)
        listen_until(spectator, lambda: not spectator.connected)
        spectator.listen(0.3)
        before = seen_so_far(spectator)
        with serving(make_rig(lockstep=False, telemetry_hz=20.0), port=int(uri.rsplit(":", 1)[1])):
            listen_until(spectator, lambda: seen_so_far(spectator) > before + 5)
            spectator.close()
    assert_right(path)


@pytest.mark.parametrize(
    ("code", "goes_on"),
    [(ErrorCode.SHUTTING_DOWN, True), (ErrorCode.FULL, True), (ErrorCode.UNAUTHORIZED, False)],
)
def test_a_refusal_on_the_way_back(tmp_path: Path, code: ErrorCode, goes_on: bool) -> None:
    """One that may pass is waited out; another ends the recording, which is finished then."""
    path = tmp_path / "a.mcap"

    def first(peer: Peer) -> None:
        welcome(peer)
        peer.next(Subscribe)
        peer.send(frame(1))
        peer.close()

    def second(peer: Peer) -> None:
        peer.any()
        peer.send(Refusal(code=code, message="Not now."))
        peer.close()

    def third(peer: Peer) -> None:
        welcome(peer)
        peer.next(Subscribe)
        peer.send(frame(2))

    scripts = (first, second, third) if goes_on else (first, second)
    with scripted(*scripts) as uri, Spectator(uri, Tape(path)) as spectator:
        if goes_on:
            listen_until(spectator, lambda: seen_so_far(spectator) == 2)
        else:
            with pytest.raises(RefusedError, match="Not now"):
                listen_until(spectator, lambda: False)
    assert_right(path)
    assert seqs(path) == ([1, 2] if goes_on else [1])


@pytest.mark.parametrize("first_track", ["imola", None])
def test_static_facts_are_asked_for_anew(tmp_path: Path, first_track: str | None) -> None:
    """When the game begins anew, and where it had not told them before: over a second link."""
    path = tmp_path / "a.mcap"
    known, subscribed = threading.Event(), threading.Event()

    def first(peer: Peer) -> None:
        welcome(peer, first_track)
        peer.next(Subscribe)
        assert subscribed.wait(10.0)
        peer.send(Event(kind=EventKind.EASING, message="Nothing to do with it."))
        peer.send(frame(1, state=GameState.WAITING))
        if first_track is None:
            peer.send(frame(2))
        else:
            peer.send(Event(kind=EventKind.GAME_RESTARTED, message="Another car."), frame(2))
        assert known.wait(10.0)
        peer.send(frame(3))

    with (
        scripted(first) as uri,
        scripted(lambda peer: welcome(peer, "monza")) as another,
        Spectator(uri, Tape(path)) as spectator,
    ):
        # A scripted actor serves one connection after the other: the second link goes elsewhere.
        spectator._uri = another
        subscribed.set()
        listen_until(spectator, lambda: tracks(spectator) == "monza")
        known.set()
        listen_until(spectator, lambda: seen_so_far(spectator) == 3)
    assert_right(path)
    assert seqs(path) == [1, 2, 3]
    recorded = [one.track for _, one in Recording(path).records(Topic.STATICS)]
    assert recorded == ([first_track, "monza"] if first_track else ["monza"])
    assert {one.link for _, one in Recording(path).records(Topic.WIRE)} == {1, 2}


def tracks(spectator: Spectator) -> str:
    """Return the track that the spectator knows of."""
    return "" if spectator._statics is None else spectator._statics.track


def test_nobody_there(tmp_path: Path) -> None:
    """No file is made for nothing."""
    with pytest.raises(ConnectError):
        Spectator("ws://127.0.0.1:9", Tape(tmp_path / "a.mcap"))
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_had(lockstep_uri: str, tmp_path: Path) -> None:
    """More frames than there are, and a file that is there: said at once."""
    with pytest.raises(SettingError, match="frames a second"):
        Spectator(lockstep_uri, Tape(tmp_path / "a.mcap"), hz=999.0)
    (tmp_path / "a.mcap").write_bytes(b"precious")
    with pytest.raises(RecordingError, match="exists already"):
        Spectator(lockstep_uri, Tape(tmp_path / "a.mcap"))
    assert (tmp_path / "a.mcap").read_bytes() == b"precious"
