"""The MCAP file that is written: mcap's own reader is the judge of it."""

from __future__ import annotations

import errno
import json
import os
import sys
from pathlib import Path

import jsonschema
import pytest
from mcap.reader import make_reader
from mcap.stream_reader import StreamReader

from ac_bridge_protocol.errors import RecordingError
from ac_bridge_recording import Recording
from ac_bridge_recording.file import ABOUT, FORMAT, POSE_S, RESULT, RecordingFile
from ac_bridge_recording.topics import MODELS, Topic
from helpers.recordings import MILLISECOND_NS, START_NS, in_chunks, moving, record

WRITTEN = set(Topic) - {Topic.DROPPED}
"""Nothing is dropped here."""


def test_mcaps_own_reader_finds_nothing_wrong(tmp_path: Path) -> None:
    """Every record of every topic, in order, with checksums checked; by index and by stream."""
    path = record(tmp_path / "a.mcap", episodes=2)
    with path.open("rb") as stream:
        reader = make_reader(stream, validate_crcs=True)
        summary = reader.get_summary()
        assert summary is not None
        assert summary.statistics is not None
        messages = list(reader.iter_messages())
        metadata = {one.name: one.metadata for one in reader.iter_metadata()}
    assert {channel.topic for _, channel, _ in messages} == WRITTEN
    assert len(messages) == summary.statistics.message_count
    times = [message.log_time for _, _, message in messages]
    assert times == sorted(times)
    with path.open("rb") as stream:
        assert len(list(StreamReader(stream, validate_crcs=True).records)) > len(messages)
    assert metadata[ABOUT]["format"] == FORMAT
    counted = Recording(path).counts()
    assert metadata[RESULT] == {f"written {topic}": str(n) for topic, n in counted.items()}


def test_every_record_is_valid_by_the_schema_in_the_file(tmp_path: Path) -> None:
    """What another program is told of a record is true of each of them."""
    path = record(tmp_path / "a.mcap", episodes=2)
    with path.open("rb") as stream:
        for schema, channel, message in make_reader(stream).iter_messages():
            assert schema is not None
            assert (schema.encoding, channel.message_encoding) == ("jsonschema", "json")
            jsonschema.validate(json.loads(message.data), json.loads(schema.data))
            if channel.topic in set(MODELS):
                assert schema.name == f"ac_bridge.{MODELS[Topic(channel.topic)].__name__}"


def test_times(tmp_path: Path) -> None:
    """Handed over by the recorder's clock; published at the frame's own time."""
    path = tmp_path / "a.mcap"
    file = RecordingFile(path, {})
    file.write(Topic.TELEMETRY, moving(7), START_NS)
    file.write(Topic.TELEMETRY, moving(8, t_wall=-1.0), START_NS + 1)
    file.close({})
    with path.open("rb") as stream:
        first, second = make_reader(stream).iter_messages(topics=[Topic.TELEMETRY])
    assert first[2].log_time == START_NS
    assert first[2].publish_time == pytest.approx(START_NS + 700 * MILLISECOND_NS, abs=1000)
    assert second[2].publish_time == 0, "a time before 1970 has no place in the format"


@pytest.mark.parametrize("t_wall", [1e300, 2e10, -1e300])
def test_times_beyond_all_clocks(tmp_path: Path, t_wall: float) -> None:
    """An actor elsewhere may say what it likes: it is recorded, and the recording goes on."""
    path = tmp_path / "a.mcap"
    file = RecordingFile(path, {})
    file.write(Topic.TELEMETRY, moving(7, t_wall=t_wall), START_NS)
    file.close({"written /telemetry": "1"})
    (frame,) = Recording(path).frames()
    assert frame.t_wall == t_wall


def test_a_disk_that_is_full_already(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said at once, and no empty file is left there."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("ac_bridge_recording.file._Stream.write", fail)
    with pytest.raises(RecordingError, match="No space left on device"):
        RecordingFile(tmp_path / "a.mcap", {})
    assert list(tmp_path.iterdir()) == []


def test_poses_are_thinned(tmp_path: Path) -> None:
    """They are there to be looked at; a game whose time starts again is shown again."""
    path = tmp_path / "a.mcap"
    file = RecordingFile(path, {})
    times = [0.0, POSE_S / 3, POSE_S / 2, POSE_S, 2.5 * POSE_S, 0.0]
    for number, t_wall in enumerate(times):
        file.write(Topic.TELEMETRY, moving(number, t_wall=t_wall), START_NS + number)
    file.close({})
    counts = Recording(path).counts()
    assert counts == {Topic.TELEMETRY: 6, Topic.POSE: 4, Topic.TRANSFORM: 1}


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A recording cannot be made again."""
    path = record(tmp_path / "a.mcap")
    before = path.read_bytes()
    with pytest.raises(RecordingError, match="exists already") as caught:
        RecordingFile(path, {})
    assert caught.value.hint
    assert path.read_bytes() == before


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """Says which file, and what to look at."""
    with pytest.raises(RecordingError, match="cannot be written") as caught:
        RecordingFile(tmp_path / "none" / "a.mcap", {})
    assert "folder" in caught.value.hint


def test_what_was_flushed_is_in_the_file(tmp_path: Path) -> None:
    """The system has it: nothing of it is lost with the process, and nothing waits in it."""
    path = tmp_path / "a.mcap"
    file = RecordingFile(path, {"software": "test"})
    assert Recording(path).about["software"] == "test", "who it is by is there from the start"
    for number in range(5):
        file.write(Topic.TELEMETRY, moving(number), START_NS + number)
    file.flush()
    recording = Recording(path)
    assert not recording.whole
    assert recording.lost_bytes == 0
    assert recording.counts()[Topic.TELEMETRY] == 5
    file.abandon()
    file.abandon()


@pytest.mark.skipif(sys.platform == "win32", reason="no fork there")
def test_a_fork_writes_nothing(tmp_path: Path) -> None:
    """A forked process that lets go of its copy does not write into the file."""
    path = tmp_path / "a.mcap"
    file = RecordingFile(path, {})
    file.write(Topic.TELEMETRY, moving(1), START_NS)
    child = os.fork()
    if child == 0:
        del file
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    file.close({})
    assert Recording(path).whole


def test_chunks_end_where_they_are_said_to(tmp_path: Path) -> None:
    """The helper of the other tests: each flush is a chunk, and nothing but the end comes after."""
    sizes = in_chunks(tmp_path / "a.mcap")
    assert sizes == sorted(set(sizes))
