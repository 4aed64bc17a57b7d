"""Pages that are written while they are read: the adversary of every reader.

`patterned` fills a page so that each of its 16-byte chunks tells which write it is of; `is_whole`
tells from the bytes alone whether a copy mixes two writes. `TornPages` is memory in simulated
time whose writes go on between the chunks of a reader's copies, the same for the same seed;
`torn_writer` does the same in a real process.
"""

from __future__ import annotations

import functools
import random
import struct

import numpy as np
import numpy.typing as npt

from ac_bridge.game import Page, PageSource
from ac_bridge.telemetry.layout import LAYOUTS, STATIC

CHUNK_BYTES = 16
MAX_PACKET_ID = (1 << 23) - 1
"""From here on a word of a page would repeat itself."""
LIVE = 2

_INTEGER = struct.Struct("<i")
_ONE_HALF = 0x3F000000
"""The bits of 0.5: with any 23 bits below them, a float from 0.5 to 1."""


@functools.lru_cache(maxsize=64)
def patterned(page: Page, packet_id: int) -> bytes:
    """Return the page that write ``packet_id`` publishes; the static page is always the same.

    Every float is from 0.5 to 1 and differs from write to write, every integer is from 0 to 4,
    text is capital letters. The status is LIVE.
    """
    if page is Page.STATIC:
        return STATIC.pack({"smVersion": "1.7", "acVersion": "1.16.4", "tyreRadius": [0.3] * 4})
    if not 0 < packet_id <= MAX_PACKET_ID:
        raise ValueError(f"packet ids are 1 to {MAX_PACKET_ID}, not {packet_id}")
    floats, integers, letters = _places(page)
    mixed = packet_id * 0x9E3779B1 + np.arange(page.size_bytes // 4, dtype=np.int64) * 0x85EBCA6B
    data = bytearray(page.size_bytes)
    words = np.frombuffer(data, "<u4")
    words[floats] = _ONE_HALF | (mixed[floats] & MAX_PACKET_ID)
    words[integers] = (mixed[integers] >> 7) % 5
    np.frombuffer(data, "<u2")[letters] = ord("A") + (packet_id + letters) % 26
    _INTEGER.pack_into(data, 0, packet_id)
    if page is Page.GRAPHICS:
        _INTEGER.pack_into(data, LAYOUTS[page].fields["status"].offset, LIVE)
    return bytes(data)


def packet_id_of(data: bytes) -> int:
    """Return the counter that a page begins with."""
    return int(_INTEGER.unpack_from(data)[0])


def is_whole(data: bytes, page: Page = Page.PHYSICS) -> bool:
    """Whether a copy of a `patterned` page is of one write, and of one only."""
    packet_id = packet_id_of(data)
    return 0 < packet_id <= MAX_PACKET_ID and data == patterned(page, packet_id)


class TornPages(PageSource):
    """Memory that somebody writes to without a lock, in simulated time.

    Each page is written 16 bytes at a time, over and over, with up to `LONGEST_GAP_US` from chunk
    to chunk and a random rest in between. A copy takes time too. Between two copies of the same
    page lie at least ``rest_us``, which stands for what a reader does in between: a reader that
    compares two copies is right exactly as long as that is more than the longest gap.

    Does not model: a writer that the system stops in the middle of a write, words that are torn
    themselves.

    Args:
        seed: of every gap and rest.
        rest_us: from the end of a copy to the beginning of the next of the same page, at least.
    """

    LONGEST_GAP_US = 3.0
    LONGEST_REST_US = 150.0

    def __init__(self, seed: int, *, rest_us: float = 20.0) -> None:
        self._random = random.Random(seed)
        self._rest_us = rest_us
        self._now_us = 0.0
        self._copied_us = dict.fromkeys(Page, float("-inf"))
        self._writers = {page: _Writer(page, self._random) for page in Page}
        self.copies = 0
        self.torn = 0
        """Copies given out that mix two writes."""

    def read(self, page: Page) -> bytes:
        """Copy ``page`` chunk by chunk while it is being written."""
        draw = self._random.random
        writer = self._writers[page]
        now_us = max(self._now_us + draw(), self._copied_us[page] + self._rest_us)
        chunks = []
        for offset in range(0, page.size_bytes, CHUNK_BYTES):
            now_us += 0.1 * draw()
            writer.go_on(now_us)
            chunks.append(bytes(writer.memory[offset : offset + CHUNK_BYTES]))
        self._now_us = self._copied_us[page] = now_us
        data = b"".join(chunks)
        self.copies += 1
        self.torn += not is_whole(data, page) if page is not Page.STATIC else 0
        return data

    def close(self) -> None:
        """Nothing to let go of."""


class _Writer:
    """Whoever writes one page."""

    def __init__(self, page: Page, source: random.Random) -> None:
        self.memory = bytearray(patterned(page, 1))
        self._page = page
        self._random = source
        self._packet_id = 1
        self._data = b""
        self._offset = 0
        self._due_us = float("inf") if page is Page.STATIC else 0.0

    def go_on(self, now_us: float) -> None:
        """Write the chunks that are due by now."""
        while self._due_us <= now_us:
            if self._offset == 0:
                self._packet_id += 1
                self._data = patterned(self._page, self._packet_id)
            end = self._offset + CHUNK_BYTES
            self.memory[self._offset : end] = self._data[self._offset : end]
            longest_us = TornPages.LONGEST_GAP_US
            self._offset = end
            if end >= self._page.size_bytes:
                self._offset = 0
                longest_us = TornPages.LONGEST_REST_US
            self._due_us += longest_us * self._random.random()


Words = npt.NDArray[np.int64]


@functools.cache
def _places(page: Page) -> tuple[Words, Words, Words]:
    """Return where the page's floats and integers are, in words, and its letters, in half words."""
    floats: list[int] = []
    integers: list[int] = []
    letters: list[int] = []
    for field in LAYOUTS[page].fields.values():
        if field.kind == "u":
            letters += range(field.offset // 2, field.offset // 2 + field.count - 1)
        else:
            into = floats if field.kind == "f" else integers
            into += range(field.offset // 4, field.offset // 4 + field.count)
    return np.array(floats), np.array(integers), np.array(letters, dtype=np.int64)
