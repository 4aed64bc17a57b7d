"""The look over a recording: nothing wrong in what we write, and a word for whatever is."""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from mcap.opcode import Opcode
from mcap.writer import CompressionType, Writer

from ac_bridge_protocol.errors import RecordingError
from ac_bridge_recording import Recorder, plain
from ac_bridge_recording.check import MOST_PROBLEMS, Checked, check
from ac_bridge_recording.content import misfits
from ac_bridge_recording.file import ABOUT as ABOUT_NAME
from ac_bridge_recording.file import RESULT, RecordingFile
from ac_bridge_recording.foxglove import POSE_SCHEMA, pose
from ac_bridge_recording.raw import places
from ac_bridge_recording.topics import (
    MODELS,
    Dropped,
    EpisodeEnd,
    EpisodeStart,
    Judgement,
    StepRecord,
    Topic,
)
from helpers.recordings import ABOUT, START_NS, begun, in_chunks, moving, record, stepped, ticking
from helpers.wire import make_spec


def said(checked: Checked) -> str:
    """Return everything that is wrong, in one text."""
    return " | ".join(str(problem) for problem in checked.problems)


def test_nothing_is_wrong_with_what_we_write(tmp_path: Path) -> None:
    """And everything in it is counted."""
    checked = check(record(tmp_path / "a.mcap", episodes=2, steps=4))
    assert checked.ok, said(checked)
    assert checked.topics[Topic.STEP].records == 8
    assert checked.topics[Topic.STEP].rate_hz
    assert checked.topics[Topic.STATICS].rate_hz is None
    assert [(d.episode, d.seed, d.steps, d.end, d.total_reward) for d in checked.drives] == [
        (1, 1, 4, "reset", 2.5),
        (2, 2, 4, "recording_stopped", 2.5),
    ]
    assert checked.about["recorded_by"] == "learner"
    assert not checked.dropped


def test_progress_is_told(tmp_path: Path) -> None:
    """From the beginning to the end."""
    told: list[float] = []
    in_chunks(tmp_path / "a.mcap")
    check(tmp_path / "a.mcap", told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(told) > 5


def test_laps_are_counted(tmp_path: Path) -> None:
    """When the game counts one more; not when a session begins anew."""
    path = tmp_path / "a.mcap"
    laps = [0, 0, 1, 1, 2, 0, 0, 1, 9]
    with Recorder(path, ABOUT, now_ns=ticking()) as recorder:
        for number, completed in enumerate(laps):
            recorder.frame(moving(number, completed_laps=completed))
    assert check(path).laps == 3


def test_nothing_is_wrong_wherever_it_was_cut_off(tmp_path: Path) -> None:
    """It is not whole, and says how much is behind its last record; that is all."""
    sizes = in_chunks(tmp_path / "a.mcap")
    data = (tmp_path / "a.mcap").read_bytes()
    cut = tmp_path / "cut.mcap"
    for size in [*sizes[:-1], *range(sizes[0], len(data), 501)]:
        cut.write_bytes(data[:size])
        checked = check(cut)
        assert not checked.whole
        assert not checked.ok
        assert checked.problems == (), (size, said(checked))


def test_drops_are_no_fault_of_the_file(tmp_path: Path) -> None:
    """An episode with holes is what it is; how many are missing is told."""
    path = tmp_path / "a.mcap"
    now_ns = ticking()
    file = RecordingFile(path, ABOUT)
    file.write(Topic.DROPPED, Dropped(topic="/episode/step", count=2), now_ns())
    file.write(Topic.EPISODE_START, start(1), now_ns())
    file.write(Topic.STEP, step(1), now_ns())
    file.write(Topic.DROPPED, Dropped(topic="/episode/step", count=5), now_ns())
    file.write(Topic.EPISODE_END, EpisodeEnd(episode=1, steps=6, reason="reset"), now_ns())
    close(file, {"dropped /episode/step": "7"})
    checked = check(path)
    assert checked.ok, said(checked)
    assert checked.dropped == {"/episode/step": 7}


# --- What it finds --------------------------------------------------------------------------------


def close(file: RecordingFile, more: dict[str, str] | None = None) -> None:
    """Finish a file as the recorder does."""
    file.close({f"written {t}": str(n) for t, n in file.counts.items()} | (more or {}))


def start(episode: int) -> EpisodeStart:
    """Return the beginning of an episode."""
    result = begun(episode)
    return EpisodeStart(
        episode=episode,
        seed=None,
        spec=make_spec(),
        statics=result.statics,
        observation=(),
        frame=result.frame,
    )


def step(episode: int) -> StepRecord:
    """Return a step of an episode."""
    answer = stepped(1)
    return StepRecord(
        episode=episode,
        action=(0.0, 1.0, 0.0),
        observation=(),
        frame=answer.frame,
        receipt=answer.receipt,
        end=None,
    )


def judged(action_id: int) -> Judgement:
    """Return a reward."""
    return Judgement(episode=1, action_id=action_id, reward=1.0, terminated=False, truncated=False)


END = EpisodeEnd(episode=1, steps=1, reason="reset")


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([step(1)], "step of episode 1, which is not under way"),
        ([start(1), step(2)], "step of episode 2, which is not under way"),
        ([start(1), start(2)], "episode 2 begins before the one before it has ended"),
        ([END], "episode 1 ends, which is not under way"),
        ([start(1), END], "ends after 1 steps, and 0 are here"),
        ([start(1), step(1), judged(7)], "a reward for action 7"),
    ],
)
def test_records_that_cannot_follow(tmp_path: Path, records: list[Any], expected: str) -> None:
    """An episode's records go together."""
    topics = {model: topic for topic, model in MODELS.items()}
    file = RecordingFile(tmp_path / "a.mcap", ABOUT)
    for number, one in enumerate(records):
        file.write(topics[type(one)], one, START_NS + number)
    close(file)
    assert expected in said(check(tmp_path / "a.mcap"))


def test_drops_that_shrink(tmp_path: Path) -> None:
    """Counts since the beginning only rise, and the end speaks of as many."""
    file = RecordingFile(tmp_path / "a.mcap", ABOUT)
    for number, count in enumerate((3, 3)):
        file.write(Topic.DROPPED, Dropped(topic="/wire", count=count), START_NS + number)
    close(file, {"dropped /wire": "2"})
    checked = check(tmp_path / "a.mcap")
    assert "3 dropped in all, and more before" in said(checked)
    assert "the end speaks of 2 dropped of /wire" in said(checked)


def test_an_end_that_counted_otherwise(tmp_path: Path) -> None:
    """What the end says of each topic is held against what is there."""
    file = RecordingFile(tmp_path / "a.mcap", ABOUT)
    file.write(Topic.TELEMETRY, moving(0), START_NS)
    file.close({"written /telemetry": "2", "written /event": "1"})
    text = said(check(tmp_path / "a.mcap"))
    assert "/telemetry has 1 records, and the end speaks of 2" in text
    assert "the end speaks of records of /event" in text


def test_time_that_goes_back(tmp_path: Path) -> None:
    """The recorder's clock never does."""
    file = RecordingFile(tmp_path / "a.mcap", ABOUT)
    file.write(Topic.EPISODE_START, start(1), START_NS)
    file.write(Topic.STEP, step(1), START_NS - 1_500_000_000)
    close(file)
    assert "time goes back by 1.5" in said(check(tmp_path / "a.mcap"))


def test_many_problems_are_counted(tmp_path: Path) -> None:
    """And only so many listed."""
    file = RecordingFile(tmp_path / "a.mcap", ABOUT)
    for number in range(MOST_PROBLEMS + 20):
        file.write(Topic.STEP, step(1), START_NS + number)
    close(file)
    checked = check(tmp_path / "a.mcap")
    assert len(checked.problems) == MOST_PROBLEMS
    assert checked.problems_in_all == MOST_PROBLEMS + 20


class Odd:
    """Writes a recording by mcap's own writer, which takes whatever it is given."""

    def __init__(self, path: Path) -> None:
        self._stream = path.open("wb")
        self.path = path
        self.writer = Writer(self._stream, compression=CompressionType.ZSTD)
        self.writer.start()
        self.writer.add_metadata(ABOUT_NAME, {"format": "1"})
        self.sequences: dict[int, itertools.count[int]] = {}

    def channel(self, topic: str, schema: bytes = b"{}", encoding: str = "json") -> int:
        """Open a channel."""
        schema_id = self.writer.register_schema("x", "jsonschema", schema)
        return self.writer.register_channel(topic, encoding, schema_id)

    def put(self, channel: int, data: bytes, sequence: int | None = None) -> None:
        """Write a message."""
        following = next(self.sequences.setdefault(channel, itertools.count()))
        number = following if sequence is None else sequence
        self.writer.add_message(channel, START_NS, data, START_NS, number)

    def problems(self, **result: str) -> str:
        """Finish it, and return what is wrong with it."""
        self.writer.add_metadata(RESULT, {k.replace("__", " /"): v for k, v in result.items()})
        self.writer.finish()  # type: ignore[no-untyped-call]
        self._stream.close()
        return said(check(self.path))


def test_odd_channels_and_records(tmp_path: Path) -> None:
    """Unknown topics, other encodings, broken JSON, what is no record, numbers that jump."""
    odd = Odd(tmp_path / "a.mcap")
    odd.put(odd.channel("/unknown"), b"{}")
    odd.put(odd.channel("/event", b"{"), b"{")
    odd.put(odd.channel("/episode/end", b"[]", "cbor"), b'{"episode":1}')
    pose_channel = odd.channel("/pose")
    good = plain.encode(pose(moving(1)))
    odd.put(pose_channel, good)
    odd.put(pose_channel, b'{"timestamp":{"sec":1,"nsec":true},"frame_id":3}', sequence=4)
    text = odd.problems(written__pose="2")
    for expected in (
        "no topic /unknown",
        "the schema x is not JSON",
        "a record of /event is not JSON",
        "/episode/end is cbor",
        "x is no schema",
        "A EpisodeEnd of the recording cannot be read: steps",
        "/pose goes on with number 4, not 1",
        "True is not of type integer",
        "3 is not of type string",
        "pose is missing",
        "/event has 1 records, and the end speaks of none",
    ):
        assert expected in text, expected


def test_a_good_pose_fits(tmp_path: Path) -> None:
    """The little check of schemas has no complaint where there is none."""
    assert list(misfits(POSE_SCHEMA, orjson.loads(plain.encode(pose(moving(1)))))) == []


def placed(data: bytes, tmp_path: Path) -> dict[int, Any]:
    """Return where the first record of each kind lies."""
    path = tmp_path / "placed.mcap"
    path.write_bytes(data)
    found: dict[int, Any] = {}
    with path.open("rb") as stream:
        for place in places(stream, len(data)):
            found.setdefault(place.opcode, place)
    return found


def replaced(data: bytes, offset: int, new: bytes) -> bytes:
    """Return data with something else at an offset."""
    return data[:offset] + new + data[offset + len(new) :]


Damage = Callable[[bytes, dict[int, Any]], bytes]


def in_record(opcode: Opcode, at: int, new: bytes) -> Damage:
    """Return a damage within the first record of a kind."""
    return lambda data, where: replaced(data, where[opcode].offset + at, new)


def swapped_kind(opcode: Opcode, other: int) -> Damage:
    """Return a damage of what the first record of a kind says it is."""
    return lambda data, where: replaced(data, where[opcode].start, bytes([other]))


def remade_chunk(change: Callable[[bytes], bytes]) -> Damage:
    """Return a damage within the first chunk, with a checksum that fits it."""

    def damage(data: bytes, where: dict[int, Any]) -> bytes:
        place = where[Opcode.CHUNK]
        content = data[place.offset : place.offset + place.length]
        inner = change(zstandard.decompress(content[44:], 1 << 24))
        packed = zstandard.compress(inner)
        head = content[:16] + struct.pack("<QII", len(inner), zlib.crc32(inner), 4) + b"zstd"
        new = head + struct.pack("<Q", len(packed)) + packed
        record_ = struct.pack("<BQ", Opcode.CHUNK, len(new)) + new
        return data[: place.start] + record_ + data[place.offset + place.length :]

    return damage


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (in_record(Opcode.CHUNK, 0, bytes(8)), "times are not its messages'"),
        (in_record(Opcode.CHUNK, 24, b"abcd"), "a chunk is damaged: its checksum is wrong"),
        (in_record(Opcode.CHUNK, 60, b"abcdefgh"), "a chunk is damaged"),
        (in_record(Opcode.MESSAGE_INDEX, 6, bytes(8)), "does not point at its messages"),
        (in_record(Opcode.MESSAGE_INDEX, 0, b"\x63"), "does not point at its messages"),
        (swapped_kind(Opcode.MESSAGE_INDEX, 0x70), "a record of an unknown kind, 112"),
        (swapped_kind(Opcode.CHUNK, 0x70), "a message index that no chunk is before"),
        (swapped_kind(Opcode.HEADER, 0x70), "a header is the first record"),
        (in_record(Opcode.DATA_END, 0, b"abcd"), "checksum of the data section is wrong"),
        (swapped_kind(Opcode.DATA_END, 0x70), "the data section has no end"),
        (in_record(Opcode.STATISTICS, 0, b"\x63"), "the figures in the summary"),
        (in_record(Opcode.CHUNK_INDEX, 0, b"\x01"), "the chunks in the summary"),
        (in_record(Opcode.CHUNK_INDEX, 0, b"\x01"), "the checksum of the summary is wrong"),
        (in_record(Opcode.METADATA_INDEX, 0, b"\x01"), "the metadata in the summary"),
        (in_record(Opcode.CHANNEL, 0, b"\x63"), "the channels in the summary"),
        (in_record(Opcode.SCHEMA, 0, b"\x63"), "the schemas in the summary"),
        (in_record(Opcode.SUMMARY_OFFSET, 1, b"\x01"), "an offset does not point at its group"),
        (in_record(Opcode.FOOTER, 0, b"\x01"), "the summary begins somewhere else"),
        (in_record(Opcode.FOOTER, 8, b"\x01"), "the offsets begin somewhere else"),
        (lambda data, _: data + b"more", "the file does not end there"),
        (remade_chunk(lambda inner: inner[:-1]), "a record reaches beyond its chunk"),
        (remade_chunk(lambda inner: inner.replace(b'"seq":0', b'"seq":"')), "is not JSON"),
        (remade_chunk(lambda inner: inner.replace(b'"rpm":', b'"rpx":')), "cannot be read: rp"),
        (
            remade_chunk(lambda inner: inner[9 + int.from_bytes(inner[1:9], "little") :]),
            "/telemetry has a schema that is unknown",
        ),
    ],
)
def test_damage_is_found_and_named(tmp_path: Path, damage: Damage, expected: str) -> None:
    """Each kind of it, with where it is."""
    path = tmp_path / "a.mcap"
    in_chunks(path, chunks=2)
    data = path.read_bytes()
    path.write_bytes(damage(data, placed(data, tmp_path)))
    assert expected in said(check(path))


@given(st.integers(0, 2**20), st.integers(1, 255))
def test_any_damage_is_found(tmp_path_factory: pytest.TempPathFactory, where: int, by: int) -> None:
    """One byte changed anywhere: never unnoticed, never another exception."""
    path = tmp_path_factory.getbasetemp() / "checked.mcap"
    damaged = bytearray(_whole(tmp_path_factory))
    at = where % len(damaged)
    damaged[at] ^= by
    path.write_bytes(damaged)
    try:
        checked = check(path)
    except RecordingError:
        return
    assert not checked.ok, at


_MADE: list[bytes] = []


def _whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    if not _MADE:
        made = record(tmp_path_factory.mktemp("whole") / "a.mcap", steps=1)
        assert check(made).ok
        _MADE.append(made.read_bytes())
    return _MADE[0]
