"""The file: records in, MCAP out. No thread and no clock; whoever calls it says when it is.

What is handed over is in a chunk, and a chunk is in the file once it is full or `flush` is called.
A program that is killed loses the chunk that it was at, and nothing before it.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, cast

import mcap
from mcap.well_known import MessageEncoding, SchemaEncoding
from mcap.writer import CompressionType, Writer

from ac_bridge_protocol.errors import RecordingError
from ac_bridge_protocol.frame import TelemetryFrame
from ac_bridge_protocol.wire import WireModel
from ac_bridge_recording import foxglove, plain
from ac_bridge_recording.topics import MODELS, EpisodeStart, StepRecord, Topic

CHUNK_BYTES = 512 * 1024
"""Before compression: half a second of everything at 333 Hz, and some milliseconds to compress."""

POSE_S = 0.012
"""Least time between two poses: they are there to be looked at."""

ABOUT = "ac_bridge"
"""Name of the metadata that says by what and of what a recording was made."""

RESULT = "ac_bridge.result"
"""Name of the metadata at its end: how many records each topic has, and how many were dropped."""

FORMAT = "1"
"""Version of what `ac_bridge_recording.topics` describes; in the metadata as ``format``."""

_SCHEMAS: dict[Topic, tuple[str, dict[str, Any]]] = {
    Topic.POSE: ("foxglove.PoseInFrame", foxglove.POSE_SCHEMA),
    Topic.TRANSFORM: ("foxglove.FrameTransform", foxglove.TRANSFORM_SCHEMA),
}


class RecordingFile:
    """A recording that is being written.

    Args:
        path: of the file, which must not exist yet.
        about: who records what, as text by name; see `ABOUT`.

    Attributes:
        path: of the file.
        counts: records written so far, by topic.

    Raises:
        RecordingError: it cannot be made there.
    """

    def __init__(self, path: Path, about: Mapping[str, str]) -> None:
        self.path = path
        self.counts: collections.Counter[Topic] = collections.Counter()
        self._channels: dict[Topic, int] = {}
        self._posed_s = float("-inf")
        try:
            self._stream = _Stream(path)
        except FileExistsError:
            raise RecordingError(
                f"{path} exists already.", hint="Give another name, or move it away."
            ) from None
        except OSError as error:
            raise RecordingError(
                f"{path} cannot be written: {error.strerror}.",
                hint="Does the folder exist, and may you write there?",
            ) from error
        _prepare_schemas()
        self._writer = writer_to(cast("IO[bytes]", self._stream))
        try:
            self._writer.start(library=f"ac-bridge; mcap {mcap.__version__}")
            self._writer.add_metadata(ABOUT, {"format": FORMAT, **about})
            self._stream.flush()
        except OSError as error:
            self.abandon()
            with contextlib.suppress(OSError):
                path.unlink()  # there is nothing in it
            raise RecordingError(
                f"{path} cannot be written: {error.strerror}.", hint="Is there room on the disk?"
            ) from error

    def write(self, topic: Topic, record: WireModel, time_ns: int) -> None:
        """Write a record, and what follows from it for other tools.

        Args:
            topic: which.
            record: of the topic's model.
            time_ns: when it was handed over, in nanoseconds since 1970-01-01 UTC.
        """
        frame = _frame_in(record)
        seen_ns = time_ns if frame is None else foxglove.seen_ns(frame)
        self._add(topic, plain.encode(record), time_ns, seen_ns)
        if frame is not None and not 0.0 <= frame.t_wall - self._posed_s < POSE_S:
            self._posed_s = frame.t_wall
            self._pose(frame, time_ns)

    def flush(self) -> None:
        """Finish the chunk, and hand it to the system."""
        self._writer.flush()  # type: ignore[no-untyped-call]

    def close(self, result: Mapping[str, str]) -> None:
        """Finish the file.

        Args:
            result: what there is to say at the end, as text by name; see `RESULT`.
        """
        self._writer.flush()  # type: ignore[no-untyped-call]
        self._writer.add_metadata(RESULT, dict(result))
        self._writer.finish()  # type: ignore[no-untyped-call]
        self._stream.close()

    def abandon(self) -> None:
        """Close a file that cannot be finished: it ends as after a kill."""
        with contextlib.suppress(OSError):  # of a disk that failed before
            self._stream.close()

    def _pose(self, frame: TelemetryFrame, time_ns: int) -> None:
        if Topic.TRANSFORM not in self._channels:
            self._add(Topic.TRANSFORM, json.dumps(foxglove.transform(time_ns)).encode(), time_ns)
        self._add(Topic.POSE, plain.encode(foxglove.pose(frame)), time_ns)

    def _add(self, topic: Topic, data: bytes, time_ns: int, seen_ns: int | None = None) -> None:
        channel = self._channels.get(topic)
        if channel is None:
            channel = self._channels[topic] = self._open_channel(topic)
        self._writer.add_message(
            channel,
            log_time=time_ns,
            data=data,
            publish_time=time_ns if seen_ns is None else seen_ns,
            sequence=self.counts[topic],
        )
        self.counts[topic] += 1

    def _open_channel(self, topic: Topic) -> int:
        name, data = _schema(topic)
        schema_id = self._writer.register_schema(name, SchemaEncoding.JSONSchema, data)
        return self._writer.register_channel(topic, MessageEncoding.JSON, schema_id)


def writer_to(stream: IO[bytes]) -> Writer:
    """Return what writes MCAP as all of our files have it: every byte is under a checksum."""
    return Writer(stream, CHUNK_BYTES, CompressionType.ZSTD, enable_data_crcs=True)


@functools.cache
def _schema(topic: Topic) -> tuple[str, bytes]:
    """Return the name and the content of a topic's schema."""
    model = MODELS.get(topic)
    if model is None:
        name, schema = _SCHEMAS[topic]
    else:
        name, schema = f"ac_bridge.{model.__name__}", plain.schema(model)
    return name, json.dumps(schema).encode()


def _prepare_schemas() -> None:
    """Make every schema now: some take dozens of milliseconds, and later a tick may be due."""
    for topic in Topic:
        _schema(topic)


class _Stream:
    """A file without a buffer: what was written is the system's, whoever is killed or forked."""

    def __init__(self, path: Path) -> None:
        self._raw = path.open("xb", buffering=0)

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:  # one call may take a part of it only
            rest = rest[self._raw.write(rest) :]

    def tell(self) -> int:
        return self._raw.tell()

    def flush(self) -> None:
        """Do nothing: nothing waits."""

    def close(self) -> None:
        self._raw.close()


def _frame_in(record: WireModel) -> TelemetryFrame | None:
    if isinstance(record, TelemetryFrame):
        return record
    return record.frame if isinstance(record, StepRecord | EpisodeStart) else None
