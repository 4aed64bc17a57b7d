"""Makes a whole file of one that was cut off, or damaged: of all that can be read in it.

Of a chunk that was cut off in the midst, what came before the cut is taken as well.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import io
import struct
from collections.abc import Iterator
from pathlib import Path

import mcap
import orjson
import zstandard
from mcap.opcode import Opcode
from mcap.records import Channel, Chunk, Metadata, Schema
from mcap.writer import Writer

from ac_bridge_protocol.errors import RecordingError
from ac_bridge_recording import plain
from ac_bridge_recording.file import RESULT, writer_to
from ac_bridge_recording.raw import (
    BROKEN,
    MAGIC,
    MOST_RECORD_BYTES,
    RawMessage,
    in_chunk,
    parse,
    places,
    uncompressed,
)
from ac_bridge_recording.reader import Recording
from ac_bridge_recording.topics import Dropped, Topic


@dataclasses.dataclass(frozen=True, slots=True)
class Mended:
    """What became of a file.

    Attributes:
        path: of the new one.
        records: in it.
        lost_bytes: of the old one, behind its last whole record.
        salvaged: records that could be read in these all the same.
        lost_chunks: damaged ones of the old file, of which nothing could be read.
    """

    path: Path
    records: int
    lost_bytes: int
    salvaged: int
    lost_chunks: int


def mend(path: str | Path, out: Path) -> Mended:
    """Write a whole recording with everything that can be read of another.

    Args:
        path: of the one that was cut off; it stays as it is.
        out: of the new one, which must not exist yet.

    Raises:
        RecordingError: nothing can be read there, or not be written here.
    """
    recording = Recording(path)
    try:
        stream = out.open("xb")
    except FileExistsError:
        raise RecordingError(f"{out} exists already.", hint="Give another name.") from None
    except OSError as error:
        raise _unwritable(out, error) from error
    try:
        with stream:
            mending = _Mending(recording, writer_to(stream))
            mending.run()
    except OSError as error:
        with contextlib.suppress(OSError):
            out.unlink()  # it is ours, and not whole
        raise _unwritable(out, error) from error
    records = mending.counts.total()
    return Mended(out, records, mending.lost_bytes, mending.salvaged, mending.lost_chunks)


def _unwritable(out: Path, error: OSError) -> RecordingError:
    return RecordingError(
        f"{out} cannot be written: {error.strerror or error}.",
        hint="Does the folder exist, may you write there, and is there room?",
    )


class _Mending:
    """Copies one file."""

    def __init__(self, recording: Recording, writer: Writer) -> None:
        self.counts: collections.Counter[str] = collections.Counter()
        self.lost_bytes = recording.lost_bytes
        self.lost_chunks = self.salvaged = 0
        self._recording = recording
        self._writer = writer
        self._schemas: dict[int, Schema] = {}
        self._channels: dict[int, Channel] = {}
        self._written: dict[str, int] = {}
        self._dropped: dict[str, str] = {}

    def run(self) -> None:
        self._writer.start(library=f"ac-bridge; mcap {mcap.__version__}")
        size = self._recording.path.stat().st_size
        end = len(MAGIC)
        with self._recording.path.open("rb") as stream:
            # The end of a whole file repeats what a damaged chunk may have told.
            for place in places(stream, size):
                end = place.end
                if place.opcode in (Opcode.SCHEMA, Opcode.CHANNEL):
                    stream.seek(place.offset)
                    self._learn(place.opcode, stream.read(min(place.length, MOST_RECORD_BYTES)))
            for place in places(stream, size):
                if place.opcode in (Opcode.CHUNK, Opcode.METADATA):
                    stream.seek(place.offset)
                    self._copy(place.opcode, stream.read(min(place.length, MOST_RECORD_BYTES)))
            stream.seek(end)
            for record in _unfinished(stream.read(MOST_RECORD_BYTES)):
                self._put(record)
                self.salvaged += isinstance(record, RawMessage)
        self._writer.add_metadata(RESULT, self._result())
        self._writer.finish()  # type: ignore[no-untyped-call]

    def _result(self) -> dict[str, str]:
        result = {f"written {topic}": str(count) for topic, count in self.counts.items()}
        result |= {f"dropped {topic}": count for topic, count in self._dropped.items()}
        said = {n: v for n, v in self._recording.result.items() if n.startswith("dropped ")}
        lost = f"lost {self.lost_bytes} bytes at the end (but {self.salvaged} records in them) and "
        lost += f"{self.lost_chunks} damaged chunks"
        return result | said | {"mended": lost}

    def _copy(self, opcode: int, data: bytes) -> None:
        try:
            if opcode == Opcode.METADATA:
                metadata = parse(Metadata.read, data)
                if metadata.name != RESULT:
                    self._writer.add_metadata(metadata.name, metadata.metadata)
                return
            records = list(in_chunk(uncompressed(parse(Chunk.read, data))))
        except BROKEN:
            self.lost_chunks += 1
            return
        for record in records:
            self._put(record)

    def _put(self, record: Schema | Channel | RawMessage) -> None:
        if isinstance(record, Schema):
            self._schemas[record.id] = record
        elif isinstance(record, Channel):
            self._channels[record.id] = record
        elif record.channel in self._channels:
            self._put_message(self._channels[record.channel], record)

    def _put_message(self, channel: Channel, message: RawMessage) -> None:
        topic = channel.topic
        if topic not in self._written:
            schema = self._schemas.get(channel.schema_id)
            schema_id = 0
            if schema is not None:
                schema_id = self._writer.register_schema(schema.name, schema.encoding, schema.data)
            self._written[topic] = self._writer.register_channel(
                topic, channel.message_encoding, schema_id, channel.metadata
            )
        self._writer.add_message(
            self._written[topic],
            log_time=message.log_time,
            data=message.data,
            publish_time=message.publish_time,
            sequence=self.counts[topic],
        )
        self.counts[topic] += 1
        if topic == Topic.DROPPED:
            told = plain.restore(Dropped, orjson.loads(message.data))
            self._dropped[told.topic] = str(told.count)

    def _learn(self, opcode: int, data: bytes) -> None:
        try:
            if opcode == Opcode.SCHEMA:
                self._put(parse(Schema.read, data))
            else:
                self._put(parse(Channel.read, data))
        except BROKEN:
            return  # said once more than is needed


def _unfinished(rest: bytes) -> Iterator[Schema | Channel | RawMessage]:
    """Yield what can be read of the chunk that a file was cut off in; it has no checksum to trust.

    Args:
        rest: of the file, from behind its last whole record.
    """
    if len(rest) < _UNFINISHED.size:
        return
    opcode, *_, size, _, letters, compression, _ = _UNFINISHED.unpack_from(rest)
    if (opcode, letters, compression) != (Opcode.CHUNK, 4, b"zstd"):
        return
    compressed = io.BytesIO(rest[_UNFINISHED.size :])
    try:
        with zstandard.ZstdDecompressor().stream_reader(compressed) as stream:
            for record in in_chunk(stream.read(min(size, MOST_RECORD_BYTES))):
                if isinstance(record, RawMessage):
                    orjson.loads(record.data)
                yield record
    except BROKEN:
        return  # here it was cut off


_UNFINISHED = struct.Struct("<BQQQQII4sQ")
"""What a chunk begins with: kind and length, two times, size, checksum, compression, and length."""
