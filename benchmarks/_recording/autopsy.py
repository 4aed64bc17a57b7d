"""What a killed recorder left: is all there that was safe, in order, and does everybody read it?"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterable, Iterator
from pathlib import Path

from mcap.exceptions import EndOfFile
from mcap.reader import make_reader
from mcap.records import Message
from mcap.stream_reader import StreamReader

from ac_bridge_protocol.errors import RecordingError
from ac_bridge_protocol.wire import WireModel
from ac_bridge_recording import Recording, plain
from ac_bridge_recording.check import check
from ac_bridge_recording.mend import mend
from ac_bridge_recording.topics import MODELS, Topic

Record = tuple[Topic, WireModel]


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """What is left of one recording."""

    records: int
    """Readable, all topics."""
    safe: int
    """So many were in finished chunks, by the recorder's own word."""
    lost_bytes: int
    """Behind the last whole chunk."""
    behind_s: float
    """From the last record to the kill: what was lost, in time."""
    wrong: tuple[str, ...] = ()
    """Whatever should not be so."""


def examine(
    path: Path, expected: Iterable[Record], *, safe: int, killed_ns: int, mended: Path
) -> Finding:
    """Look over what a killed recorder left.

    Args:
        path: of the recording.
        expected: what was handed over, in order, and more.
        safe: how many records were in finished chunks.
        killed_ns: when the recorder was killed, in nanoseconds since 1970-01-01 UTC.
        mended: where to put the file that is made whole; it must not exist.
    """
    try:
        recording = Recording(path)
        seen = [(entry.topic, entry.plain) for entry in recording.entries()]
        restored = (
            (topic, plain.restore(MODELS[topic], value)) for topic, value in seen if topic in MODELS
        )
        wrong = [*differences(restored, expected), *missing(len(seen), safe)]
        wrong += unlike_ours(path, recording.lost_bytes, len(seen))
        wrong += unmendable(path, mended, len(seen))
        _, last_ns = recording.span_ns()
    except RecordingError as error:
        return Finding(0, safe, path.stat().st_size, 0.0, (str(error),))
    behind_s = (killed_ns - last_ns) / 1e9 if seen else 0.0
    return Finding(len(seen), safe, recording.lost_bytes, behind_s, tuple(wrong))


def differences(records: Iterable[Record], expected: Iterable[Record]) -> Iterator[str]:
    """Yield the first difference between what was recorded and the beginning of what was to be."""
    for number, (record, wanted) in enumerate(zip(records, expected, strict=False)):
        if record != wanted:
            yield f"record {number} is not what was handed over: {record[0]}, not {wanted[0]}"
            return


def missing(records: int, safe: int) -> Iterator[str]:
    """Yield how many records are gone that were safe."""
    if records < safe:
        yield f"{safe - records} records of finished chunks are gone"


def unlike_ours(path: Path, lost_bytes: int, records: int) -> Iterator[str]:
    """Yield what mcap's own reader sees otherwise, up to the last whole chunk; and our check."""
    whole = path.read_bytes()[: path.stat().st_size - lost_bytes]
    stream = io.BytesIO(whole)
    seen = 0
    try:
        for record in StreamReader(stream, validate_crcs=True).records:
            seen += isinstance(record, Message)
    except EndOfFile:  # as a file without an end does end
        if stream.tell() != len(whole):
            yield f"mcap's reader stops at byte {stream.tell()} of {len(whole)}"
    except Exception as error:  # noqa: BLE001 -- whatever it raises is what is looked for
        yield f"mcap's reader: {error!r}"
    if seen != records:
        yield f"mcap's reader sees {seen} records, ours {records}"
    checked = check(path)
    yield from (f"our check: {problem}" for problem in checked.problems)


def unmendable(path: Path, mended: Path, records: int) -> Iterator[str]:
    """Mend a recording; yield what is wrong with what came out."""
    found = mend(path, mended)
    with mended.open("rb") as stream:
        reader = make_reader(stream, validate_crcs=True)
        summary = reader.get_summary()
        read = sum(1 for _ in reader.iter_messages(log_time_order=False))
    if summary is None or summary.statistics is None:
        yield "the mended file has no summary"
    elif summary.statistics.message_count != read:
        yield f"the mended file has {read} records, its summary {summary.statistics.message_count}"
    if read != found.records or read < records:
        yield f"the mended file has {read} records, the one before {records}"
    if not check(mended).ok:
        yield "our check finds fault with the mended file"
