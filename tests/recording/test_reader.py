"""Reading: whole, cut off anywhere, damaged anywhere; right, or a clear no, and nothing else."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from mcap.opcode import Opcode
from mcap.writer import Writer

from ac_bridge_protocol.errors import RecordingError
from ac_bridge_recording import Recording
from ac_bridge_recording.file import RecordingFile, writer_to
from ac_bridge_recording.raw import MAGIC, MOST_MESSAGE_BYTES, places
from ac_bridge_recording.reader import RecordedEpisode
from ac_bridge_recording.topics import Dropped, EpisodeEnd, EpisodeStart, StepRecord, Topic
from helpers.recordings import ABOUT, START_NS, begun, in_chunks, moving, record, stepped
from helpers.wire import make_spec


def read_all(path: Path) -> dict[Topic, list[Any]]:
    """Return everything that a recording holds, as models."""
    recording = Recording(path)
    recording.span_ns()
    list(recording.episodes())
    list(recording.entries())
    return {topic: [one for _, one in recording.records(topic)] for topic in _MODELS}


_MODELS = [topic for topic in Topic if topic not in (Topic.POSE, Topic.TRANSFORM)]


def test_a_whole_recording(tmp_path: Path) -> None:
    """What was handed over comes back, equal, with who recorded it and what it ended with."""
    recording = Recording(record(tmp_path / "a.mcap", episodes=2, steps=4))
    assert recording.whole
    assert recording.lost_bytes == 0
    assert recording.about == {**ABOUT, "format": "1"}
    assert recording.result[f"written {Topic.STEP}"] == "8"
    assert recording.counts()[Topic.STEP] == 8
    first, second = recording.episodes()
    assert first.start.frame == begun().frame
    assert [step.frame for step in first.steps] == [stepped(tick).frame for tick in range(1, 5)]
    assert first.steps[0].action == (0.1, 0.5, 0.0)
    assert first.end == EpisodeEnd(episode=1, steps=4, reason="reset")
    assert (second.start.seed, second.start.episode) == (2, 2)
    assert second.end == EpisodeEnd(episode=2, steps=4, reason="recording_stopped")
    assert list(recording.frames()) == [moving(tick) for _ in range(2) for tick in range(1, 5)]
    started, ended = recording.span_ns()
    assert START_NS <= started < ended


def test_entries_since(tmp_path: Path) -> None:
    """What was handed over before a moment is left out, also when chunks are skipped for it."""
    path = tmp_path / "a.mcap"
    in_chunks(path)
    recording = Recording(path)
    every = list(recording.entries())
    for since_ns in (0, every[5].time_ns, every[5].time_ns + 1, every[-1].time_ns + 1):
        expected = [entry for entry in every if entry.time_ns >= since_ns]
        assert list(recording.entries(since_ns=since_ns)) == expected
        assert list(Recording(path).entries(since_ns=since_ns)) == expected


def test_an_episode_that_is_cut_off_or_whose_start_is_missing(tmp_path: Path) -> None:
    """The first has no end; of the second nothing is told."""
    path = tmp_path / "a.mcap"
    result, answer = begun(), stepped(1)
    step = StepRecord(
        episode=1,
        action=(0.0, 1.0, 0.0),
        observation=(),
        frame=answer.frame,
        receipt=answer.receipt,
        end=None,
    )
    start = EpisodeStart(
        episode=1,
        seed=None,
        spec=make_spec(),
        statics=result.statics,
        observation=(),
        frame=result.frame,
    )
    file = RecordingFile(path, ABOUT)
    for record_ in (step, start, step, start):
        topic = Topic.STEP if record_ is step else Topic.EPISODE_START
        file.write(topic, record_, START_NS)
    file.close({})
    assert list(Recording(path).episodes()) == [
        RecordedEpisode(start, [step], None),
        RecordedEpisode(start, [], None),
    ]


def small_chunks(path: Path, chunks: int, records: int) -> None:
    """Make a recording of some thousand bytes: short records, with a short schema."""
    file = RecordingFile(path, ABOUT)
    for number in range(chunks * records):
        file.write(Topic.DROPPED, Dropped(topic="/x", count=number), START_NS + number)
        if number % records == records - 1:
            file.flush()
    file.close({})


def test_cut_off_at_every_byte(tmp_path: Path) -> None:
    """Opens with every whole chunk before the cut, or says why not; never anything else."""
    whole, cut = tmp_path / "whole.mcap", tmp_path / "cut.mcap"
    small_chunks(whole, chunks=3, records=2)
    data = whole.read_bytes()
    ends = [place.end for place in placed(whole) if place.opcode == Opcode.CHUNK]
    assert len(ends) == 3
    about_there = next(p.end for p in placed(whole) if p.opcode == Opcode.METADATA)
    boundaries = {place.end for place in placed(whole)}
    for size in range(len(data)):
        cut.write_bytes(data[:size])
        if size < about_there:
            with pytest.raises(RecordingError, match=r"empty|not an MCAP file|cut off before"):
                Recording(cut)
            continue
        recording = Recording(cut)
        chunks = sum(end <= size for end in ends)
        found = [record.count for _, record in recording.records(Topic.DROPPED)]
        assert found == list(range(2 * chunks)), size
        assert not recording.whole
        assert recording.lost_bytes == size - max(end for end in boundaries if end <= size)


def placed(path: Path) -> list[Any]:
    """Return where the records of a file lie."""
    with path.open("rb") as stream:
        return list(places(stream, path.stat().st_size))


def test_zeros_at_the_end(tmp_path: Path) -> None:
    """What a file system leaves of a file after a power cut counts as cut off."""
    path = tmp_path / "a.mcap"
    sizes = in_chunks(path)
    path.write_bytes(path.read_bytes()[: sizes[1]] + bytes(100_000))
    recording = Recording(path)
    assert not recording.whole
    assert recording.lost_bytes == 100_000
    assert len(list(recording.frames())) == 6


def test_more_behind_the_end(tmp_path: Path) -> None:
    """A file that goes on behind its end is not whole."""
    path = record(tmp_path / "a.mcap")
    path.write_bytes(path.read_bytes() + b"more")
    assert not Recording(path).whole


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a small whole recording."""
    return record(tmp_path_factory.mktemp("small") / "a.mcap", steps=2).read_bytes()


CHANGES = st.lists(st.tuples(st.integers(0, 2**20), st.integers(1, 255)), min_size=1, max_size=4)
"""Bytes to change: where, by the file's length, and by what."""


@given(CHANGES)
def test_damaged_bytes(
    small: bytes, tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]]
) -> None:
    """Any bytes changed anywhere: the records are those that were written, or there is an error."""
    damaged = bytearray(small)
    for at, by in changes:
        damaged[at % len(small)] ^= by
    path = tmp_path_factory.getbasetemp() / "damaged.mcap"
    path.write_bytes(small)
    expected = read_all(path)
    path.write_bytes(damaged)
    try:
        found = read_all(path)
    except RecordingError:
        return
    for topic, records in found.items():
        assert records == expected[topic][: len(records)] or not records, topic


@given(st.binary(max_size=200))
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """Files of anything are refused as what they are not."""
    path = tmp_path_factory.getbasetemp() / "any.mcap"
    for head in (b"", MAGIC):
        path.write_bytes(head + data)
        with pytest.raises(RecordingError):
            Recording(path)


def chunk(
    content: bytes, size: int, compressed: bytes | None = None, kind: bytes = b"zstd"
) -> bytes:
    """Return a chunk record that says what it likes of itself."""
    data = zstandard.compress(content) if compressed is None else compressed
    fields = struct.pack("<QQQII", 0, 0, size, 0, len(kind)) + kind
    fields += struct.pack("<Q", len(data)) + data
    return struct.pack("<BQ", Opcode.CHUNK, len(fields)) + fields


def bomb() -> bytes:
    """Return compressed data whose head claims 64 GiB."""
    # A frame's head: magic, a descriptor (8 bytes of size, one segment), the size; then a block.
    return b"\x28\xb5\x2f\xfd" + b"\xe0" + struct.pack("<Q", 1 << 36) + b"\x01\x00\x00"


MESSAGE_OF_NOTHING = struct.pack("<BQ", Opcode.MESSAGE, 3) + b"abc"
LONG_MESSAGE = struct.pack("<BQ", Opcode.MESSAGE, 1 << 60)
SHORT_CHANNEL = struct.pack("<BQ", Opcode.CHANNEL, 2) + b"ab"


@pytest.mark.parametrize(
    "bad",
    [
        chunk(b"", 1 << 62),
        chunk(b"", 1 << 36, bomb()),
        chunk(b"", 100, bomb()),
        chunk(b"x" * 50, 49),
        chunk(b"x" * 50, 51),
        chunk(b"", 5, b"no zstd"),
        chunk(b"", 5, b"", kind=b"lz5"),
        chunk(b"", 5, b"", kind=b"\xff\xfe"),
        chunk(MESSAGE_OF_NOTHING, len(MESSAGE_OF_NOTHING)),
        chunk(LONG_MESSAGE, len(LONG_MESSAGE)),
        chunk(SHORT_CHANNEL, len(SHORT_CHANNEL)),
        struct.pack("<BQ", Opcode.CHUNK, 3) + b"abc",
        struct.pack("<BQ", Opcode.METADATA, 4) + struct.pack("<I", 1 << 31),
    ],
)
def test_what_claims_to_be_huge_or_is_not_what_it_claims(tmp_path: Path, bad: bytes) -> None:
    """Refused, by name; and no memory is taken for what is not there."""
    path = tmp_path / "a.mcap"
    sizes = in_chunks(path, chunks=1)
    path.write_bytes(path.read_bytes()[: sizes[0]] + bad)
    tracemalloc.start()
    try:
        with pytest.raises(RecordingError, match=r"damaged|cannot be read"):
            read_all(path)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_a_message_of_many_megabytes(tmp_path: Path) -> None:
    """A few bytes on the disk; as JSON it would fill our memory. It is not even looked at."""
    path = tmp_path / "a.mcap"
    with path.open("wb") as stream:
        writer = writer_to(stream)
        writer.start()
        writer.add_metadata("ac_bridge", {"format": "1"})
        channel = writer.register_channel("/event", "json", 0)
        writer.add_message(channel, START_NS, b"[" + b"[]," * (MOST_MESSAGE_BYTES // 3), START_NS)
        writer.finish()  # type: ignore[no-untyped-call]
    assert path.stat().st_size < 100_000
    with pytest.raises(RecordingError, match="a message claims"):
        read_all(path)


def test_what_is_not_there(tmp_path: Path) -> None:
    """Names the file."""
    with pytest.raises(RecordingError, match=r"none\.mcap cannot be read"):
        Recording(tmp_path / "none.mcap")
    with pytest.raises(RecordingError, match="cannot be read"):
        Recording(tmp_path)


def test_another_format(tmp_path: Path) -> None:
    """A file of a later version names the software that can read it."""
    RecordingFile(tmp_path / "a.mcap", {"format": "9", "software": "ac-bridge 7"}).close({})
    with pytest.raises(RecordingError, match="format 9") as caught:
        Recording(tmp_path / "a.mcap")
    assert "ac-bridge 7" in caught.value.hint


def test_somebody_elses_file(tmp_path: Path) -> None:
    """MCAP, and not ours."""
    with (tmp_path / "a.mcap").open("wb") as stream:
        writer = Writer(stream)
        writer.start()
        writer.finish()
    with pytest.raises(RecordingError, match="not one of ac-bridge's"):
        Recording(tmp_path / "a.mcap")
