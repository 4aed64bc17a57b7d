"""Reading a recording: whole, or cut off by whatever ended its writer.

A file is read in the order in which it was written, which is the order in time. One that has no end
is read up to its last whole chunk; `Recording.lost_bytes` says how much lies behind it.
"""

from __future__ import annotations

import collections
import struct
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import orjson
from mcap.opcode import Opcode
from mcap.records import Channel, Chunk, Metadata

from ac_bridge_protocol.errors import RecordingError
from ac_bridge_protocol.frame import TelemetryFrame
from ac_bridge_protocol.wire import WireModel
from ac_bridge_recording import plain
from ac_bridge_recording.file import ABOUT, FORMAT, RESULT
from ac_bridge_recording.raw import (
    BROKEN,
    MAGIC,
    MOST_MESSAGE_BYTES,
    MOST_RECORD_BYTES,
    Place,
    parse,
    places,
    uncompressed,
)
from ac_bridge_recording.topics import MODELS, EpisodeEnd, EpisodeStart, StepRecord, Topic

_HEAD = 9
"""Bytes before a record's content: its kind, and its length."""

_MESSAGE_HEAD = 22
"""Bytes of a message before its data: channel 2, sequence 4, log and publish time 8 each."""

M = TypeVar("M", bound=WireModel)


class Entry(NamedTuple):
    """One record, as it is in the file."""

    topic: Topic
    time_ns: int
    """When it was handed over, in nanoseconds since 1970-01-01 UTC."""
    plain: dict[str, Any]
    """Its JSON, not validated; see `ac_bridge_recording.plain`."""


class RecordedEpisode(NamedTuple):
    """One episode of a recording."""

    start: EpisodeStart
    steps: list[StepRecord]
    end: EpisodeEnd | None
    """None if the recording was cut off before that."""


class Recording:
    """A recording that is there to be read.

    Args:
        path: of the file.

    Attributes:
        path: of the file.
        about: who recorded what, as text by name.
        result: what was said at the end; empty if it was cut off.
        lost_bytes: behind the last whole record, of a recording that was cut off; 0 of a whole one.
        whole: whether it was finished.

    Raises:
        RecordingError: it is not there, or not a recording of ours.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._channels: dict[int, Topic | None] = {}
        self._learned = 0  # up to which offset of the file the channels are known
        try:
            self._size = self.path.stat().st_size
            self._records = self._walk()
        except OSError as error:
            raise RecordingError(
                f"{path} cannot be read: {error.strerror}.", hint="Is the name right?"
            ) from error
        metadata = self._metadata()
        self.about = metadata.get(ABOUT, {})
        self.result = metadata.get(RESULT, {})
        if not self.about and not self.whole:
            raise self._damaged("it was cut off before anything was recorded")
        if not self.about:
            raise self._damaged("it is an MCAP file, and not one of ac-bridge's")
        if self.about.get("format") != FORMAT:
            raise RecordingError(
                f"{path} is of format {self.about.get('format')}; this version reads {FORMAT}.",
                hint="Read it with the version of ac-bridge that wrote it: "
                f"{self.about.get('software', 'unknown')}.",
            )

    def entries(self, *topics: Topic, since_ns: int = 0) -> Iterator[Entry]:
        """Yield the records of some topics, or of all, in order. Their JSON is not validated.

        Args:
            topics: which.
            since_ns: leave out what was handed over before. What was read through once is skipped.

        Raises:
            RecordingError: the file is damaged.
        """
        for topic, time_ns, data in self._messages(frozenset(topics or Topic), since_ns):
            try:
                yield Entry(topic, time_ns, orjson.loads(data))
            except orjson.JSONDecodeError as error:
                raise self._damaged(f"a record of {topic} is not JSON: {error}") from error

    def records(self, topic: Topic) -> Iterator[tuple[int, Any]]:
        """Yield the records of a topic as models, each with its time in nanoseconds.

        Raises:
            RecordingError: the file is damaged, or holds something that this version does not know.
        """
        model = MODELS[topic]
        for entry in self.entries(topic):
            yield entry.time_ns, plain.restore(model, entry.plain)

    def frames(self) -> Iterator[TelemetryFrame]:
        """Yield the frames of the telemetry stream."""
        for _, frame in self.records(Topic.TELEMETRY):
            yield frame

    def episodes(self) -> Iterator[RecordedEpisode]:
        """Yield the episodes that a learner drove, one at a time.

        Raises:
            RecordingError: the file is damaged, or holds something that this version does not know.
        """
        start: EpisodeStart | None = None
        steps: list[StepRecord] = []
        for entry in self.entries(Topic.EPISODE_START, Topic.STEP, Topic.EPISODE_END):
            record = plain.restore(MODELS[entry.topic], entry.plain)
            if isinstance(record, EpisodeStart):
                if start is not None:
                    yield RecordedEpisode(start, steps, None)
                start, steps = record, []
            elif not isinstance(record, StepRecord | EpisodeEnd):
                continue  # there is no other
            elif start is None or record.episode != start.episode:
                continue  # what it belongs to was dropped
            elif isinstance(record, StepRecord):
                steps.append(record)
            else:
                yield RecordedEpisode(start, steps, record)
                start = None
        if start is not None:
            yield RecordedEpisode(start, steps, None)

    def counts(self) -> dict[Topic, int]:
        """Return how many records each topic has."""
        return dict(collections.Counter(topic for topic, _, _ in self._messages(frozenset(Topic))))

    def span_ns(self) -> tuple[int, int]:
        """Return the times of the first and the last record; zeros if there are none."""
        spans = [(c.message_start_time, c.message_end_time) for _, c in self._chunks()]
        if not spans:
            return 0, 0
        return min(first for first, _ in spans), max(last for _, last in spans)

    # --- Inside -----------------------------------------------------------------------------------

    def _damaged(self, what: str) -> RecordingError:
        return RecordingError(
            f"{self.path} cannot be read: {what}.", hint="Is it the file that you mean?"
        )

    def _walk(self) -> list[Place]:
        """Return where what we read of the file lies, up to the last whole record."""
        with self.path.open("rb") as stream:
            if stream.read(len(MAGIC)) != MAGIC:
                raise self._damaged("it is not an MCAP file" if self._size else "it is empty")
            records: list[Place] = []
            opcode, end = 0, len(MAGIC)
            for place in places(stream, self._size):
                opcode, end = place.opcode, place.end
                if opcode in (Opcode.CHUNK, Opcode.METADATA):
                    records.append(place)
            stream.seek(end)
            self.whole = opcode == Opcode.FOOTER and stream.read(len(MAGIC) + 1) == MAGIC
        self.lost_bytes = 0 if self.whole else self._size - end
        return records

    def _read(self, opcode: Opcode, since_ns: int = 0) -> Iterator[tuple[Place, bytes]]:
        """Yield the records of a kind, each with its content.

        Args:
            opcode: the kind.
            since_ns: of chunks, leave out those that end before and have nothing new in them.
        """
        with self.path.open("rb") as stream:
            for record in self._records:
                if record.opcode != opcode:
                    continue
                if record.length > MOST_RECORD_BYTES:
                    raise self._damaged(f"a record claims {record.length} bytes")
                stream.seek(record.offset)
                if since_ns and record.offset <= self._learned:
                    _, end_ns = _CHUNK_TIMES.unpack(stream.read(_CHUNK_TIMES.size))
                    if end_ns < since_ns:
                        continue
                    stream.seek(record.offset)
                yield record, stream.read(record.length)

    def _metadata(self) -> dict[str, dict[str, str]]:
        try:
            found = [parse(Metadata.read, data) for _, data in self._read(Opcode.METADATA)]
        except BROKEN as error:
            raise self._damaged(str(error)) from error
        return {one.name: one.metadata for one in found}

    def _chunks(self, since_ns: int = 0) -> Iterator[tuple[int, Chunk]]:
        for record, data in self._read(Opcode.CHUNK, since_ns):
            try:
                chunk = parse(Chunk.read, data)
            except BROKEN as error:
                raise self._damaged(f"a chunk is damaged: {error}") from error
            yield record.offset, chunk

    def _messages(
        self, wanted: Collection[Topic], since_ns: int = 0
    ) -> Iterator[tuple[Topic, int, bytes]]:
        for offset, chunk in self._chunks(since_ns):
            for message in _messages(chunk, self._channels, wanted, self._damaged):
                if message[1] >= since_ns:
                    yield message
            self._learned = max(self._learned, offset)


Damaged = Callable[[str], RecordingError]


def _messages(
    chunk: Chunk,
    channels: dict[int, Topic | None],
    wanted: Collection[Topic],
    damaged: Damaged,
) -> Iterator[tuple[Topic, int, bytes]]:
    """Yield the messages of some topics; learn of the channels that the chunk opens.

    By hand, as most of a chunk is passed over: mcap's own reader makes an object of everything.
    """
    try:
        data = uncompressed(chunk)
    except BROKEN as error:
        raise damaged(f"a chunk is damaged: {error}") from error
    offset, size = 0, len(data)
    while offset + _HEAD <= size:
        opcode, length = _RECORD_HEAD.unpack_from(data, offset)
        offset += _HEAD
        if offset + length > size:
            raise damaged("a record reaches beyond its chunk")
        if opcode == Opcode.MESSAGE:
            if length < _MESSAGE_HEAD:
                raise damaged("a message is too short to be one")
            if length > MOST_MESSAGE_BYTES:
                raise damaged(f"a message claims {length} bytes")
            channel, _, time_ns = _MESSAGE.unpack_from(data, offset)
            topic = channels.get(channel)
            if topic is not None and topic in wanted:
                yield topic, time_ns, data[offset + _MESSAGE_HEAD : offset + length]
        elif opcode == Opcode.CHANNEL:
            try:
                opened = parse(Channel.read, data[offset : offset + length])
            except BROKEN as error:
                raise damaged(f"a channel is damaged: {error}") from error
            channels[opened.id] = _TOPICS.get(opened.topic)
        offset += length


_RECORD_HEAD = struct.Struct("<BQ")
_MESSAGE = struct.Struct("<HIQ")
_CHUNK_TIMES = struct.Struct("<QQ")
"""What a chunk begins with: the times of its first and its last message."""
_TOPICS: dict[str, Topic] = {topic.value: topic for topic in Topic}
