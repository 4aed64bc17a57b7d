"""The recorder: whoever hands something over never waits, and is never told by an exception."""

from __future__ import annotations

import base64
import collections
import errno
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mcap.reader import make_reader

from ac_bridge_protocol.codec import JSON, MSGPACK, Codec
from ac_bridge_protocol.errors import RecordingError
from ac_bridge_protocol.limits import MESSAGE_BYTES
from ac_bridge_protocol.messages import EndReason, Ping
from ac_bridge_recording import Recorder, Recording
from ac_bridge_recording.file import RecordingFile
from ac_bridge_recording.recorder import (
    BEGINNING_BYTES,
    ENTRY_BYTES,
    FRAME_BYTES,
    WIRE_SHARE,
)
from ac_bridge_recording.topics import Topic, Way
from helpers.frames import make_statics
from helpers.recordings import ABOUT, START_NS, begun, fill, moving, record, stepped, ticking
from helpers.wire import make_spec

PATIENCE_S = 20.0


class Gate:
    """Holds the writer's thread before each record, as a disk that does not answer would."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened = threading.Event()
        self.reached = threading.Event()
        write = RecordingFile.write

        def held(file: RecordingFile, *arguments: Any) -> None:
            self.reached.set()
            assert self.opened.wait(PATIENCE_S)
            write(file, *arguments)

        monkeypatch.setattr(RecordingFile, "write", held)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """A writer that is held until the test lets it go."""
    gate = Gate(monkeypatch)
    yield gate
    gate.opened.set()


def threads() -> list[str]:
    """Return the threads of recorders that are there."""
    return [one.name for one in threading.enumerate() if one.name == "ac-bridge-recorder"]


def failing(monkeypatch: pytest.MonkeyPatch, name: str, error: Exception) -> threading.Event:
    """Let a method of the file fail; return what is set when it has."""
    failed = threading.Event()

    def fail(*_: object) -> None:
        failed.set()
        raise error

    monkeypatch.setattr(RecordingFile, name, fail)
    return failed


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until another thread has done its part."""
    pause = threading.Event()
    for _ in range(int(PATIENCE_S / 0.01)):
        if condition():
            return
        pause.wait(0.01)
    raise AssertionError("it did not happen")


def test_everything_is_written_in_order(tmp_path: Path) -> None:
    """As it was handed over, with rising times; the stats say how much."""
    path = tmp_path / "a.mcap"
    with Recorder(path, ABOUT, now_ns=ticking()) as recorder:
        fill(recorder, episodes=2)
    stats = recorder.stats()
    assert stats.written == {str(t): n for t, n in Recording(path).counts().items()}
    assert not stats.dropped
    assert not stats.failure
    assert stats.summary() == f"{sum(stats.written.values())} records in {path}"
    times = [entry.time_ns for entry in Recording(path).entries()]
    assert times == sorted(times)
    assert threads() == []


def test_a_full_queue_drops_and_never_waits(tmp_path: Path, gate: Gate) -> None:
    """What does not fit is counted by topic, told in the file and at the end; the rest is there."""
    room = 4
    with Recorder(
        tmp_path / "a.mcap", ABOUT, now_ns=ticking(), queue_bytes=room * FRAME_BYTES
    ) as recorder:
        for tick in range(10):
            recorder.frame(moving(tick))
        recorder.episode_started(begun(), make_spec(), seed=1)
        assert recorder.stats().dropped == {
            Topic.TELEMETRY: 10 - room,
            Topic.STATICS: 1,
            Topic.EPISODE_START: 1,
        }
        assert recorder.stats().most_waiting_bytes == room * FRAME_BYTES
        gate.opened.set()
        wait_for(lambda: recorder.stats().written.get(Topic.TELEMETRY) == room)
        recorder.frame(moving(99))
    assert "8 dropped" in recorder.stats().summary()
    recording = Recording(tmp_path / "a.mcap")
    assert [frame.seq for frame in recording.frames()] == [0, 1, 2, 3, 99]
    told = {one.topic: one.count for _, one in recording.records(Topic.DROPPED)}
    assert told == {"/telemetry": 6, "/statics": 1, "/episode/start": 1}
    assert recording.result["dropped /telemetry"] == "6"


def test_drops_at_the_very_end_are_told(tmp_path: Path, gate: Gate) -> None:
    """In what the file says at its end, also when nothing is written after them."""
    with Recorder(
        tmp_path / "a.mcap", ABOUT, now_ns=ticking(), queue_bytes=FRAME_BYTES
    ) as recorder:
        recorder.frame(moving(0))
        assert gate.reached.wait(PATIENCE_S)
        recorder.frame(moving(1))
        gate.opened.set()
    assert Recording(tmp_path / "a.mcap").result["dropped /telemetry"] == "1"


def test_large_messages_count_as_what_they_are(tmp_path: Path, gate: Gate) -> None:
    """The bound is of bytes: a wire message that is larger than its room never gets in."""
    room = int(100_000 * WIRE_SHARE)
    size = MESSAGE_BYTES - ENTRY_BYTES
    with Recorder(tmp_path / "a.mcap", ABOUT, now_ns=ticking(), queue_bytes=100_000) as recorder:
        recorder.wire(1, Way.TO_ACTOR, MSGPACK, bytes(size))
        recorder.wire(1, Way.TO_ACTOR, MSGPACK, bytes(room - MESSAGE_BYTES))
        recorder.wire(1, Way.TO_ACTOR, MSGPACK, bytes(room - MESSAGE_BYTES - ENTRY_BYTES))
        assert recorder.stats().dropped == {Topic.WIRE: 1}
        gate.opened.set()


def test_empty_messages_count_too(tmp_path: Path, gate: Gate) -> None:
    """A peer that sends nothing, again and again, does not fill the memory."""
    room = 9
    queue_bytes = int(room * ENTRY_BYTES / WIRE_SHARE)
    with Recorder(
        tmp_path / "a.mcap", ABOUT, now_ns=ticking(), queue_bytes=queue_bytes
    ) as recorder:
        for _ in range(3 * room):
            recorder.wire(1, Way.TO_ACTOR, MSGPACK, b"")
        assert recorder.stats().dropped == {Topic.WIRE: 2 * room}
        gate.opened.set()


def test_messages_leave_room_for_the_rest(tmp_path: Path, gate: Gate) -> None:
    """However many there are on the wire: what was driven is recorded."""
    with Recorder(
        tmp_path / "a.mcap", ABOUT, now_ns=ticking(), queue_bytes=16 * FRAME_BYTES
    ) as recorder:
        for _ in range(200):
            recorder.wire(1, Way.TO_LEARNER, MSGPACK, bytes(FRAME_BYTES - ENTRY_BYTES))
        recorder.frame(moving(0))
        assert recorder.stats().dropped == {Topic.WIRE: 200 - int(16 * WIRE_SHARE)}
        gate.opened.set()


def test_counting_drops_while_they_are_told(tmp_path: Path) -> None:
    """Whoever hands over may drop a first record of a topic at any moment, this one too."""

    class Growing(collections.Counter[Topic]):
        """A count that grows while it is looked through, as by another thread."""

        def __iter__(self) -> Iterator[Topic]:
            for topic in super().__iter__():
                self[Topic.EVENT] += 1
                yield topic

    recorder = Recorder(tmp_path / "a.mcap", ABOUT, now_ns=ticking())
    recorder._dropped = Growing({Topic.WIRE: 1})
    recorder.frame(moving(0))
    recorder.close()
    assert not recorder.failure


def test_a_disk_that_never_answers(
    tmp_path: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever closes does not hang for it, and is told."""
    monkeypatch.setattr("ac_bridge_recording.recorder.CLOSE_S", 0.0)
    recorder = Recorder(tmp_path / "a.mcap", ABOUT, now_ns=ticking())
    recorder.frame(moving(0))
    assert gate.reached.wait(PATIENCE_S)
    recorder.close()
    assert "was not finished" in recorder.failure
    gate.opened.set()
    wait_for(lambda: not threads())


def test_it_keeps_out_of_the_way(tmp_path: Path) -> None:
    """While a pause is asked for nothing is written; closing waits for no pause."""
    asked = threading.Event()
    pause_s = [0.005]

    def pause() -> float:
        asked.set()
        return pause_s[0]

    with Recorder(tmp_path / "a.mcap", ABOUT, now_ns=ticking(), pause_s=pause) as recorder:
        recorder.frame(moving(0))
        assert asked.wait(PATIENCE_S)
        asked.clear()
        assert asked.wait(PATIENCE_S), "it looks again"
        assert not recorder.stats().written
        pause_s[0] = 0.0
        wait_for(lambda: recorder.stats().written)
        pause_s[0] = 1000.0
        recorder.frame(moving(1))
    assert len(list(Recording(tmp_path / "a.mcap").frames())) == 2


@pytest.mark.parametrize("name", ["write", "flush", "close"])
def test_a_disk_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """It is said in the stats, once and for all; whoever hands over notices nothing."""
    full = OSError(errno.ENOSPC, "No space left on device")
    recorder = Recorder(tmp_path / "a.mcap", ABOUT, now_ns=_seconds())
    failed = failing(monkeypatch, name, full)
    recorder.frame(moving(0))
    if name != "close":
        assert failed.wait(PATIENCE_S)
        wait_for(lambda: recorder.failure)
    for tick in range(1, 5):
        recorder.frame(moving(tick))
    recorder.close()
    assert "No space left on device" in recorder.failure
    assert "No space left on device" in recorder.stats().summary()
    assert threads() == []
    assert not Recording(tmp_path / "a.mcap").whole


def _seconds() -> Callable[[], int]:
    """Return a clock that goes on by a second each time: a chunk is due at every look."""
    return iter(range(START_NS, 2 * START_NS, 1_000_000_000)).__next__


def test_a_real_disk_that_is_full(tmp_path: Path) -> None:
    """The kernel's own full device."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no such device here")
    link = tmp_path / "a.mcap"
    recorder = Recorder(link, ABOUT, now_ns=_seconds())
    raw = recorder._file._stream._raw  # the file becomes one on a full disk
    recorder._file._stream._raw = full.open("wb", buffering=0)
    recorder.frame(moving(0))
    wait_for(lambda: recorder.failure)
    recorder.close()
    raw.close()
    assert "No space left" in recorder.failure


def test_a_record_that_cannot_be_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Something that is no record ends the recording with a word; not the thread without one."""
    recorder = Recorder(tmp_path / "a.mcap", ABOUT, now_ns=ticking())
    recorder.frame(moving(0).model_copy(update={"rpm": 1 << 70}))
    wait_for(lambda: recorder.failure)
    recorder.frame(moving(1))
    recorder.close()
    assert "could not be written" in recorder.failure


def test_closing_twice(tmp_path: Path) -> None:
    """Changes nothing; and what is handed over afterwards is nothing to anybody."""
    recorder = Recorder(tmp_path / "a.mcap", ABOUT, now_ns=ticking())
    recorder.close()
    before = (tmp_path / "a.mcap").read_bytes()
    recorder.frame(moving(0))
    recorder.close()
    assert (tmp_path / "a.mcap").read_bytes() == before
    assert Recording(tmp_path / "a.mcap").whole


def test_closing_from_its_own_thread(tmp_path: Path) -> None:
    """What nobody refers to is closed in whichever thread finds it: its own, perhaps."""
    closed = threading.Event()
    recorders: list[Recorder] = []

    def pause() -> float:
        if recorders and not closed.is_set():
            closed.set()
            recorders[0].close()
        return 0.0

    recorder = Recorder(tmp_path / "a.mcap", ABOUT, now_ns=ticking(), pause_s=pause)
    recorder.frame(moving(0))
    recorders.append(recorder)
    assert closed.wait(PATIENCE_S)
    recorder.close()
    assert Recording(tmp_path / "a.mcap").whole
    assert len(list(Recording(tmp_path / "a.mcap").frames())) == 1


def test_a_chunk_is_finished_in_time(tmp_path: Path) -> None:
    """A program that is killed loses the last second at most."""
    recorder = Recorder(tmp_path / "a.mcap", ABOUT, now_ns=_seconds())
    recorder.frame(moving(0))
    wait_for(lambda: list(Recording(tmp_path / "a.mcap").frames()))
    recorder.close()


def test_episodes(tmp_path: Path) -> None:
    """One ends with its end, with the next one's beginning, or with the recording."""
    path = tmp_path / "a.mcap"
    with Recorder(path, ABOUT, now_ns=ticking()) as recorder:
        recorder.step((0.0, 0.0, 0.0), stepped(1))  # of no episode
        recorder.episode_started(begun(1), make_spec(), seed=None)
        last = stepped(2, end=EndReason.GAME_PAUSED)
        recorder.step((0.0, 0.0, 0.0), stepped(1))
        recorder.step((0.0, 0.0, 0.0), last)
        recorder.judged(last, 1.5, terminated=False, truncated=True)
        recorder.episode_ended("nothing goes on")
        recorder.episode_started(begun(2), make_spec(), seed=7)
        recorder.episode_started(begun(3), make_spec(), seed=8)
    recording = Recording(path)
    ends = [(end.episode, end.steps, end.reason) for _, end in recording.records(Topic.EPISODE_END)]
    assert ends == [(1, 2, "game_paused"), (2, 0, "reset"), (3, 0, "recording_stopped")]
    (judged,) = [one for _, one in recording.records(Topic.REWARD)]
    assert (judged.episode, judged.action_id, judged.reward) == (1, 1, 1.5)
    assert judged.truncated


@pytest.mark.parametrize("reward", [float("nan"), float("inf"), -float("inf")])
def test_a_reward_that_is_no_number(tmp_path: Path, reward: float) -> None:
    """JSON has none like it: it counts as dropped, and everything else can be read."""
    path = tmp_path / "a.mcap"
    with Recorder(path, ABOUT, now_ns=ticking()) as recorder:
        recorder.episode_started(begun(1), make_spec(), seed=None)
        recorder.step((0.0, 0.0, 0.0), stepped(1))
        recorder.judged(stepped(1), reward, terminated=False, truncated=False)
        recorder.frame(moving(1))
    assert recorder.stats().dropped == {Topic.REWARD: 1}
    recording = Recording(path)
    assert Topic.REWARD not in recording.counts()
    assert [one.topic for _, one in recording.records(Topic.DROPPED)] == ["/reward"]


def test_statics_are_recorded_when_they_change(tmp_path: Path) -> None:
    """Not each time that they are told."""
    path = tmp_path / "a.mcap"
    with Recorder(path, ABOUT, now_ns=ticking()) as recorder:
        recorder.statics(None)
        recorder.statics(make_statics())
        recorder.statics(make_statics())
        recorder.statics(make_statics(track="monza"))
    tracks = [one.track for _, one in Recording(path).records(Topic.STATICS)]
    assert tracks == ["imola", "monza"]


def test_wire_frames(tmp_path: Path) -> None:
    """Text as text, binary in base64; what is not UTF-8 is still recorded."""
    path = tmp_path / "a.mcap"
    text, binary = JSON.encode(Ping(id=1, t_sent=0.5)), MSGPACK.encode(Ping(id=2, t_sent=0.5))
    with Recorder(path, ABOUT, now_ns=ticking()) as recorder:
        recorder.wire(1, Way.TO_ACTOR, JSON, text)
        recorder.wire(2, Way.TO_LEARNER, MSGPACK, binary)
        recorder.wire(1, Way.TO_ACTOR, JSON, b"\xff{")
    first, second, third = (one for _, one in Recording(path).records(Topic.WIRE))
    assert (first.link, first.way, first.text, first.data) == (1, Way.TO_ACTOR, text.decode(), None)
    assert json.loads(first.text or "")["type"] == "ping"
    assert (second.link, second.way, second.text) == (2, Way.TO_LEARNER, None)
    assert second.subprotocol == "ac-bridge.v1+msgpack"
    assert third.text == "�{"


@pytest.mark.parametrize("codec", [JSON, MSGPACK])
def test_oversized_messages_are_cut(tmp_path: Path, codec: Codec) -> None:
    """A stranger's megabyte of nonsense must not hold the interpreter; what is cut says so."""
    path = tmp_path / "a.mcap"
    with Recorder(path, ABOUT, now_ns=ticking()) as recorder:
        recorder.wire(1, Way.TO_ACTOR, codec, b"x" * MESSAGE_BYTES)
        recorder.wire(1, Way.TO_ACTOR, codec, b"x" * (MESSAGE_BYTES + 1))
    whole, cut = (one for _, one in Recording(path).records(Topic.WIRE))
    sizes = [
        len(one.text if one.text is not None else base64.b64decode(one.data))
        for one in (whole, cut)
    ]
    assert sizes == [MESSAGE_BYTES, BEGINNING_BYTES]
    assert [whole.masked, cut.masked] == [False, True]


def test_what_is_no_text(tmp_path: Path) -> None:
    """Bytes on a connection that speaks text: their beginning is recorded, and they are marked."""
    path = tmp_path / "a.mcap"
    with Recorder(path, ABOUT, now_ns=ticking()) as recorder:
        recorder.wire(1, Way.TO_ACTOR, JSON, b"\xff" * MESSAGE_BYTES)
    ((_, frame),) = Recording(path).records(Topic.WIRE)
    assert frame.text == "\ufffd" * BEGINNING_BYTES
    assert frame.masked


def test_no_secret_is_in_the_file(tmp_path: Path) -> None:
    """Neither in its records, nor in what their base64 stands for."""
    path = record(tmp_path / "a.mcap")
    with path.open("rb") as stream:
        said = b"".join(message.data for _, _, message in make_reader(stream).iter_messages())
    frames = [one for _, one in Recording(path).records(Topic.WIRE)]
    wire = b"".join(base64.b64decode(frame.data) for frame in frames if frame.data)
    assert [frame.masked for frame in frames] == [True, True, False]
    assert b"session-1" in wire
    assert b"session-2" in wire
    for secret in (b"hidden", b"secret"):
        assert secret not in said
        assert secret not in wire


def test_no_file_no_thread(tmp_path: Path) -> None:
    """What cannot be made leaves nothing behind."""
    record(tmp_path / "a.mcap")
    with pytest.raises(RecordingError):
        Recorder(tmp_path / "a.mcap", ABOUT, now_ns=ticking())
    assert threads() == []
