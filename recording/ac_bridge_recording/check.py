"""Looks a recording over, from its first byte to its last, and says what is wrong with it.

Two questions are kept apart. Is it whole? One that was cut off is not, and everything in it may be
right all the same. And is anything in it wrong: damaged, contradicting itself, or nothing that we
would have written? That is a `Problem`.
"""

from __future__ import annotations

import collections
import dataclasses
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
from mcap.data_stream import ReadDataStream
from mcap.opcode import Opcode
from mcap.records import (
    Attachment,
    AttachmentIndex,
    Channel,
    Chunk,
    ChunkIndex,
    DataEnd,
    Footer,
    Header,
    MessageIndex,
    Metadata,
    MetadataIndex,
    Schema,
    Statistics,
    SummaryOffset,
)

from ac_bridge_protocol.errors import RecordingError
from ac_bridge_recording.content import Content, RecordedDrive, TopicCount
from ac_bridge_recording.raw import (
    BROKEN,
    MAGIC,
    MOST_RECORD_BYTES,
    Place,
    RawMessage,
    in_chunk,
    parse,
    places,
    uncompressed,
)
from ac_bridge_recording.reader import Recording

MOST_PROBLEMS = 50
"""So many are listed; of the rest there is a count."""


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong."""

    offset: int
    """Where in the file, in bytes."""
    what: str
    """In a sentence."""

    def __str__(self) -> str:
        return f"byte {self.offset:,}: {self.what}"


@dataclasses.dataclass(frozen=True, slots=True)
class Checked:
    """What was found out about a recording.

    Attributes:
        path: of the file.
        about: who recorded what.
        result: what was said at the end; empty if it was cut off.
        whole: whether it was finished.
        lost_bytes: behind the last whole record, of one that was cut off.
        problems: what is wrong, as far as it is listed.
        problems_in_all: how many there are.
        topics: what each topic holds.
        drives: the episodes.
        laps: completed while it was recorded.
        dropped: records that were not written, by topic, as far as it was told.
    """

    path: Path
    about: Mapping[str, str]
    result: Mapping[str, str]
    whole: bool
    lost_bytes: int
    problems: tuple[Problem, ...]
    problems_in_all: int
    topics: Mapping[str, TopicCount]
    drives: tuple[RecordedDrive, ...]
    laps: int
    dropped: Mapping[str, int]

    @property
    def ok(self) -> bool:
        """Whether it is whole and nothing in it is wrong."""
        return self.whole and not self.problems_in_all


def check(path: str | Path, on_progress: Callable[[float], None] = lambda _: None) -> Checked:
    """Look a recording over.

    Args:
        path: of the file.
        on_progress: gets the part of the file that was looked at, 0 to 1.

    Raises:
        RecordingError: it is not there, or nothing of it can be read as a recording of ours.
    """
    recording = Recording(path)
    check = _Check(recording)
    try:
        check.run(on_progress)
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error.strerror or error}.") from error
    content = check.content
    return Checked(
        path=recording.path,
        about=recording.about,
        result=recording.result,
        whole=recording.whole,
        lost_bytes=recording.lost_bytes,
        problems=tuple(check.problems),
        problems_in_all=check.problems_in_all,
        topics=dict(sorted(content.topics.items())),
        drives=tuple(content.drives),
        laps=content.laps,
        dropped=content.dropped_in_all(recording.result),
    )


_READERS: dict[int, Callable[[ReadDataStream], Any]] = {
    Opcode.HEADER: Header.read,
    Opcode.FOOTER: Footer.read,
    Opcode.SCHEMA: Schema.read,
    Opcode.CHANNEL: Channel.read,
    Opcode.CHUNK: Chunk.read,
    Opcode.MESSAGE_INDEX: MessageIndex.read,
    Opcode.CHUNK_INDEX: ChunkIndex.read,
    Opcode.ATTACHMENT: Attachment.read,
    Opcode.ATTACHMENT_INDEX: AttachmentIndex.read,
    Opcode.STATISTICS: Statistics.read,
    Opcode.METADATA: Metadata.read,
    Opcode.METADATA_INDEX: MetadataIndex.read,
    Opcode.SUMMARY_OFFSET: SummaryOffset.read,
    Opcode.DATA_END: DataEnd.read,
}


class _Check:
    """One pass over a file: what its data section holds, then whether its summary says the same."""

    def __init__(self, recording: Recording) -> None:
        self.problems: list[Problem] = []
        self.problems_in_all = 0
        self.content = Content()
        self._recording = recording
        self._schemas: dict[int, Schema] = {}
        self._channels: dict[int, Channel] = {}
        self._chunk: Place | None = None
        self._indexed: dict[int, list[tuple[int, int]]] = {}
        """Of the chunk that was read last: what its message indexes must say, by channel."""
        self._index_offsets: dict[int, int] = {}
        self._chunks: list[ChunkIndex] = []
        self._metadata: list[MetadataIndex] = []
        self._summary: list[tuple[Place, Any]] = []
        self._in_summary = False
        self._ended_at: int | None = None
        self._counts: collections.Counter[int] = collections.Counter()
        self._first_ns = self._last_ns = 0
        self._here = 0

    def run(self, on_progress: Callable[[float], None]) -> None:
        path = self._recording.path
        size = path.stat().st_size
        last = None
        with path.open("rb") as stream:
            for place in places(stream, size):
                self._here = place.start
                on_progress(place.start / size)
                stream.seek(place.offset)
                self._take(place, stream.read(min(place.length, MOST_RECORD_BYTES)))
                last = place
            self._close_chunk(at_the_end=not self._recording.whole)
            if last is not None and last.opcode == Opcode.FOOTER:
                self._here = last.end
                stream.seek(last.end)
                self._expect(stream.read(len(MAGIC) + 1) == MAGIC, "the file does not end there")
                self._check_summary(stream, last)
        if self._recording.whole:
            for said in self.content.contradictions(self._recording.result):
                self._say(said)
        on_progress(1.0)

    # --- Findings ---------------------------------------------------------------------------------

    def _say(self, what: str) -> None:
        self.problems_in_all += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(self._here, what))

    def _expect(self, holds: bool, else_: str) -> None:
        if not holds:
            self._say(else_)

    # --- Records, as they lie in the file ---------------------------------------------------------

    def _take(self, place: Place, data: bytes) -> None:
        self._expect(
            (place.start == len(MAGIC)) is (place.opcode == Opcode.HEADER),
            "a header is the first record, and no other",
        )
        if place.opcode not in _READERS:
            self._say(f"a record of an unknown kind, {place.opcode}")
            return
        name = Opcode(place.opcode).name.lower().replace("_", " ")
        try:
            record = parse(_READERS[place.opcode], data)
        except BROKEN as error:
            self._say(f"a {name} is damaged: {error}")
            return
        if place.opcode != Opcode.MESSAGE_INDEX:
            self._close_chunk()
        if self._in_summary or place.opcode == Opcode.FOOTER:
            self._summary.append((place, record))
        elif isinstance(record, Chunk):
            self._take_chunk(place, record)
        elif isinstance(record, MessageIndex):
            self._take_index(place, record)
        elif isinstance(record, Metadata):
            index = MetadataIndex(offset=place.start, length=9 + place.length, name=record.name)
            self._metadata.append(index)
        elif isinstance(record, DataEnd):
            self._take_data_end(place, record)
        elif not isinstance(record, Header):
            self._say(f"a {name} outside of the summary and of any chunk")

    def _take_data_end(self, place: Place, end: DataEnd) -> None:
        self._in_summary, self._ended_at = True, place.end
        if end.data_section_crc == 0:
            return  # nobody computed it
        with self._recording.path.open("rb") as stream:
            crc, left = 0, place.start
            while left and (data := stream.read(min(left, 1 << 20))):
                crc, left = zlib.crc32(data, crc), left - len(data)
        self._expect(crc == end.data_section_crc, "the checksum of the data section is wrong")

    # --- Chunks -----------------------------------------------------------------------------------

    def _take_chunk(self, place: Place, chunk: Chunk) -> None:
        self._chunk = place
        self._indexed = collections.defaultdict(list)
        times: list[int] = []
        try:
            for record in in_chunk(uncompressed(chunk)):
                if isinstance(record, RawMessage):
                    times.append(record.log_time)
                    self._take_message(record)
                else:
                    self._define(record)
        except BROKEN as error:
            self._say(f"a chunk is damaged: {error}")
        if times:
            span = (chunk.message_start_time, chunk.message_end_time)
            self._expect(span == (min(times), max(times)), "a chunk's times are not its messages'")
        index = ChunkIndex(
            chunk_length=9 + place.length,
            chunk_start_offset=place.start,
            compression=chunk.compression,
            compressed_size=len(chunk.data),
            message_end_time=chunk.message_end_time,
            message_index_length=0,
            message_index_offsets={},
            message_start_time=chunk.message_start_time,
            uncompressed_size=chunk.uncompressed_size,
        )
        self._chunks.append(index)

    def _define(self, record: Schema | Channel) -> None:
        """Take a schema or a channel; said again it must be the same."""
        known: dict[int, Any] = self._schemas if isinstance(record, Schema) else self._channels
        kind = type(record).__name__.lower()
        self._expect(known.setdefault(record.id, record) == record, f"a {kind} is changed")
        if isinstance(record, Channel):
            self._expect(
                record.schema_id in self._schemas, f"{record.topic} has a schema that is unknown"
            )
            self._expect(
                record.message_encoding == "json", f"{record.topic} is {record.message_encoding}"
            )
            return
        try:
            self._expect(isinstance(orjson.loads(record.data), dict), f"{record.name} is no schema")
        except orjson.JSONDecodeError as error:
            self._say(f"the schema {record.name} is not JSON: {error}")

    def _take_message(self, message: RawMessage) -> None:
        self._indexed[message.channel].append((message.log_time, message.offset))
        if not self._counts:
            self._first_ns = self._last_ns = message.log_time
        elif message.log_time < self._last_ns:
            self._say(f"time goes back by {(self._last_ns - message.log_time) / 1e9:.6f} s")
        self._first_ns = min(self._first_ns, message.log_time)
        self._last_ns = max(self._last_ns, message.log_time)
        channel = self._channels.get(message.channel)
        if channel is None:
            self._counts[message.channel] += 1
            self._say(f"a message of channel {message.channel}, which is unknown")
            return
        expected = self._counts[message.channel]
        self._counts[message.channel] += 1
        if message.sequence != expected:
            self._say(f"{channel.topic} goes on with number {message.sequence}, not {expected}")
        for said in self.content.take(channel.topic, message.log_time, message.data):
            self._say(said)

    def _take_index(self, place: Place, index: MessageIndex) -> None:
        if self._chunk is None:
            self._say("a message index that no chunk is before")
            return
        self._index_offsets[index.channel_id] = place.start
        last = self._chunks[-1]
        last.message_index_offsets[index.channel_id] = place.start
        last.message_index_length += 9 + place.length
        found = self._indexed.pop(index.channel_id, None)
        topic = getattr(self._channels.get(index.channel_id), "topic", index.channel_id)
        self._expect(
            sorted(index.records) == sorted(found or []),
            f"the index of {topic} does not point at its messages in the chunk before",
        )

    def _close_chunk(self, *, at_the_end: bool = False) -> None:
        """Look whether every message of the last chunk was in an index.

        Args:
            at_the_end: of a file that was cut off: its last chunk need not have any.
        """
        if self._chunk is not None and self._indexed and not at_the_end:
            self._say(f"{len(self._indexed)} channels of a chunk have no index")
        self._chunk = None
        self._indexed = {}

    # --- The summary ------------------------------------------------------------------------------

    def _check_summary(self, stream: Any, last: Place) -> None:
        *records, (_, footer) = self._summary
        self._here = last.start
        if self._ended_at is None:
            self._say("the data section has no end")
            return
        if not isinstance(footer, Footer):
            return  # it was damaged, and that was said
        self._expect(footer.summary_start == self._ended_at, "the summary begins somewhere else")
        stream.seek(self._ended_at)
        crc = zlib.crc32(stream.read(last.offset + 16 - self._ended_at))
        self._expect(footer.summary_crc in (0, crc), "the checksum of the summary is wrong")
        groups: dict[int, list[tuple[Place, Any]]] = collections.defaultdict(list)
        for place, record in records:
            groups[place.opcode].append((place, record))
        found = {opcode: [record for _, record in group] for opcode, group in groups.items()}
        self._compare("schemas", list(self._schemas.values()), found.get(Opcode.SCHEMA, []))
        self._compare("channels", list(self._channels.values()), found.get(Opcode.CHANNEL, []))
        self._compare("chunks", self._chunks, found.get(Opcode.CHUNK_INDEX, []))
        self._compare("metadata", self._metadata, found.get(Opcode.METADATA_INDEX, []))
        self._compare("figures", [self._statistics()], found.get(Opcode.STATISTICS, []))
        offsets = found.get(Opcode.SUMMARY_OFFSET, [])
        self._compare_offsets(offsets, groups, footer)

    def _compare(self, what: str, data: list[Any], summary: list[Any]) -> None:
        self._expect(data == summary, f"the {what} in the summary are not those of the data")

    def _statistics(self) -> Statistics:
        return Statistics(
            attachment_count=0,
            channel_count=len(self._channels),
            channel_message_counts=dict(self._counts),
            chunk_count=len(self._chunks),
            message_count=self._counts.total(),
            message_end_time=self._last_ns,
            message_start_time=self._first_ns,
            metadata_count=len(self._metadata),
            schema_count=len(self._schemas),
        )

    def _compare_offsets(
        self,
        offsets: list[SummaryOffset],
        groups: Mapping[int, list[tuple[Place, Any]]],
        footer: Footer,
    ) -> None:
        for offset in offsets:
            group = [place for place, _ in groups.get(offset.group_opcode, [])]
            if not group:
                self._expect(offset.group_length == 0, "an offset points at nothing")
                continue
            start, end = group[0].start, group[-1].end
            self._expect(
                (offset.group_start, offset.group_length) == (start, end - start),
                "an offset does not point at its group of the summary",
            )
        said = {offset.group_opcode for offset in offsets}
        missing = [kind for kind in groups if kind not in said and kind != Opcode.SUMMARY_OFFSET]
        self._expect(not missing, "a group of the summary has no offset")
        first = groups.get(Opcode.SUMMARY_OFFSET)
        if first:
            self._expect(
                footer.summary_offset_start == first[0][0].start, "the offsets begin somewhere else"
            )
