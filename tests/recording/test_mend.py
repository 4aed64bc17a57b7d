"""Mending: of a cut-off or damaged file a whole one, with everything that can be read."""

from __future__ import annotations

from pathlib import Path

import pytest
from mcap.opcode import Opcode
from mcap.reader import make_reader

from ac_bridge_protocol.errors import RecordingError
from ac_bridge_recording import Recording
from ac_bridge_recording.check import check
from ac_bridge_recording.file import RESULT, RecordingFile
from ac_bridge_recording.mend import mend
from ac_bridge_recording.raw import places
from ac_bridge_recording.topics import Dropped, Topic
from helpers.recordings import ABOUT, START_NS, in_chunks, moving, record


def assert_right(path: Path) -> None:
    """Check that a file is whole, by ourselves and by mcap's own reader."""
    checked = check(path)
    assert checked.ok, [str(problem) for problem in checked.problems]
    with path.open("rb") as stream:
        messages = list(make_reader(stream, validate_crcs=True).iter_messages())
    assert len(messages) == sum(topic.records for topic in checked.topics.values())


def test_cut_off_anywhere(tmp_path: Path) -> None:
    """Every whole chunk is in the new file, equal, with its times; of the last one perhaps more."""
    whole = tmp_path / "whole.mcap"
    sizes = in_chunks(whole)
    data = whole.read_bytes()
    every = list(Recording(whole).entries())
    cut = tmp_path / "cut.mcap"
    for number, size in enumerate([*sizes, *range(sizes[0] - 900, len(data), 1201)]):
        cut.write_bytes(data[:size])
        there = list(Recording(cut).entries())
        out = tmp_path / f"{number}.mcap"
        mended = mend(cut, out)
        found = list(Recording(out).entries())
        assert found[: len(there)] == there
        assert found == every[: len(found)]
        assert mended.records == len(found) == len(there) + mended.salvaged
        assert cut.read_bytes() == data[:size], "the old one stays as it is"
        assert Recording(out).about == Recording(whole).about
        if found:
            assert_right(out)


def test_a_whole_one_is_copied(tmp_path: Path) -> None:
    """Nothing is lost of it, and nothing salvaged."""
    path = record(tmp_path / "a.mcap", episodes=2)
    mended = mend(path, tmp_path / "b.mcap")
    assert (mended.lost_bytes, mended.lost_chunks, mended.salvaged) == (0, 0, 0)
    assert list(Recording(path).entries()) == list(Recording(tmp_path / "b.mcap").entries())
    assert_right(tmp_path / "b.mcap")


def test_of_a_chunk_that_was_cut_off(tmp_path: Path) -> None:
    """What came before the cut is taken: large chunks are compressed in parts."""
    path = tmp_path / "a.mcap"
    file = RecordingFile(path, ABOUT)
    for number in range(100):
        file.write(Topic.TELEMETRY, moving(number), START_NS + number)
    file.flush()
    file.abandon()
    data = path.read_bytes()
    with path.open("rb") as stream:
        (chunk,) = [one for one in places(stream, len(data)) if one.opcode == Opcode.CHUNK]
    path.write_bytes(data[: chunk.end - 100])
    assert list(Recording(path).frames()) == []
    mended = mend(path, tmp_path / "b.mcap")
    assert mended.salvaged > 100
    assert mended.lost_bytes == chunk.length + 9 - 100
    frames = list(Recording(tmp_path / "b.mcap").frames())
    assert frames == [moving(number) for number in range(len(frames))]
    assert len(frames) > 30
    assert_right(tmp_path / "b.mcap")


def test_a_damaged_chunk_is_left_out(tmp_path: Path) -> None:
    """The others are taken; what it told of channels is repeated at the end of a whole file."""
    path = tmp_path / "a.mcap"
    in_chunks(path, chunks=3, frames=2)
    data = bytearray(path.read_bytes())
    with path.open("rb") as stream:
        first = next(one for one in places(stream, len(data)) if one.opcode == Opcode.CHUNK)
    data[first.offset + 100] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(RecordingError):
        list(Recording(path).frames())
    mended = mend(path, tmp_path / "b.mcap")
    assert mended.lost_chunks == 1
    frames = list(Recording(tmp_path / "b.mcap").frames())
    assert frames == [moving(number) for number in range(2, 6)]
    assert_right(tmp_path / "b.mcap")


def test_what_was_dropped_is_still_told(tmp_path: Path) -> None:
    """Of a file without an end, as it was told last; and what was lost is said beside it."""
    path = tmp_path / "a.mcap"
    file = RecordingFile(path, ABOUT)
    for number in (2, 5):
        file.write(Topic.DROPPED, Dropped(topic="/wire", count=number), START_NS + number)
    file.flush()
    file.abandon()
    path.write_bytes(path.read_bytes() + b"\x06")
    mend(path, tmp_path / "b.mcap")
    result = Recording(tmp_path / "b.mcap").result
    assert result["dropped /wire"] == "5"
    assert "lost 1 bytes" in result["mended"]
    assert check(tmp_path / "b.mcap").dropped == {"/wire": 5}
    with (tmp_path / "b.mcap").open("rb") as stream:
        names = [one.name for one in make_reader(stream).iter_metadata()]
    assert names.count(RESULT) == 1


def test_where_it_goes(tmp_path: Path) -> None:
    """Never over another file, and not to nowhere; nothing is left of what failed at once."""
    path = record(tmp_path / "a.mcap")
    with pytest.raises(RecordingError, match="exists already"):
        mend(path, path)
    with pytest.raises(RecordingError, match="cannot be written"):
        mend(path, tmp_path / "none" / "b.mcap")
    with pytest.raises(RecordingError, match="cannot be read"):
        mend(tmp_path / "none.mcap", tmp_path / "b.mcap")
    assert not (tmp_path / "b.mcap").exists()


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is an error of ours, and leaves no half file."""
    path = record(tmp_path / "a.mcap")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mcap.writer.Writer.finish", full)
    with pytest.raises(RecordingError, match="No space left"):
        mend(path, tmp_path / "b.mcap")
    assert not (tmp_path / "b.mcap").exists()
