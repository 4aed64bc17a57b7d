"""The records of an MCAP file as they lie there, each taken with suspicion.

mcap's own readers believe a file's lengths, and give back less than was asked for where it ends.
These do neither: what does not fit is an error in `BROKEN`, and nothing makes us fill our memory.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any, NamedTuple, TypeVar

import zstandard
from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Channel, Chunk, Schema

MAGIC = b"\x89MCAP0\r\n"

MOST_RECORD_BYTES = 256 * 1024 * 1024
"""A record, or a chunk, that claims to be larger is damaged, or made to fill our memory."""

MOST_MESSAGE_BYTES = 16 * 1024 * 1024
"""Likewise of a message, ten times the largest of ours: read as JSON it may take twenty times that.
"""

BROKEN = (McapError, struct.error, ValueError, zstandard.ZstdError)
"""What reading something damaged ends with."""

T = TypeVar("T")

_HEAD = struct.Struct("<BQ")
"""Before a record's content: its kind, and its length."""
_MESSAGE = struct.Struct("<HIQQ")
"""Before a message's data."""


class Place(NamedTuple):
    """Where a record of the file lies."""

    opcode: int
    offset: int
    """Of its content."""
    length: int
    """Of its content."""

    @property
    def start(self) -> int:
        """Where the record begins, its head included."""
        return self.offset - _HEAD.size

    @property
    def end(self) -> int:
        """Where the next one begins."""
        return self.offset + self.length


class RawMessage(NamedTuple):
    """One message of a chunk."""

    offset: int
    """Of the record in the uncompressed chunk."""
    channel: int
    sequence: int
    log_time: int
    publish_time: int
    data: bytes


class ExactStream(ReadDataStream):
    """Gives what was asked for, or an error."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self._size = len(data)

    def read(self, length: int) -> bytes:
        """Return so many bytes."""
        if length > self._size - self.count:
            raise ValueError("it ends in the midst of a field")
        return super().read(length)


def places(stream: IO[bytes], size: int) -> Iterator[Place]:
    """Yield where the records of a file lie, from the first to the footer or the last whole one.

    Args:
        stream: of the file; may be read elsewhere meanwhile.
        size: of the file, in bytes.
    """
    offset = len(MAGIC)
    while True:
        stream.seek(offset)
        head = stream.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return
        opcode, length = _HEAD.unpack(head)
        offset += _HEAD.size
        if opcode == 0 or length > size - offset:
            return  # the zeros of a disk that lost its power are no records either
        yield Place(opcode, offset, length)
        offset += length
        if opcode == Opcode.FOOTER:
            return


def parse(read: Callable[[ReadDataStream], T], data: bytes) -> T:
    """Return a record from its content.

    Raises:
        ValueError: one of `BROKEN`: it is not such a record, or there is more than one.
    """
    stream = ExactStream(data)
    record = read(stream)
    if stream.count != len(data):
        raise ValueError(f"{len(data) - stream.count} bytes follow its last field")
    return record


def uncompressed(chunk: Chunk) -> bytes:
    """Return what is in a chunk.

    Raises:
        ValueError: one of `BROKEN`: it is damaged, or claims to be larger than any chunk.
    """
    size = chunk.uncompressed_size
    if size > MOST_RECORD_BYTES:
        raise ValueError(f"it claims {size} bytes")
    if chunk.compression == "zstd":
        # zstd would make room for whatever the frame's own head claims.
        if zstandard.frame_content_size(chunk.data) not in (-1, size):
            raise ValueError("its compressed data claims another size than it does")
        data = zstandard.decompress(chunk.data, size)
    elif chunk.compression == "":
        data = chunk.data
    else:
        raise ValueError(f"it is compressed by {chunk.compression!r}, not by zstd")
    if len(data) != size:
        raise ValueError(f"it holds {len(data)} bytes, not {size}")
    if chunk.uncompressed_crc not in (0, zlib.crc32(data)):
        raise ValueError("its checksum is wrong")
    return data


def in_chunk(data: bytes) -> Iterator[Schema | Channel | RawMessage]:
    """Yield what an uncompressed chunk holds.

    Raises:
        ValueError: one of `BROKEN`.
    """
    offset = 0
    while offset < len(data):
        opcode, length = _HEAD.unpack_from(data, offset)
        start, offset = offset, offset + _HEAD.size
        if length > len(data) - offset:
            raise ValueError("a record reaches beyond its chunk")
        content = data[offset : offset + length]
        offset += length
        if opcode == Opcode.MESSAGE:
            if length > MOST_MESSAGE_BYTES:
                raise ValueError(f"a message claims {length} bytes")
            head = _MESSAGE.unpack_from(content)
            yield RawMessage._make((start, *head, content[_MESSAGE.size :]))
        elif opcode in _IN_CHUNKS:
            yield parse(_IN_CHUNKS[opcode], content)


_IN_CHUNKS: dict[int, Callable[[ReadDataStream], Any]] = {
    Opcode.SCHEMA: Schema.read,
    Opcode.CHANNEL: Channel.read,
}
