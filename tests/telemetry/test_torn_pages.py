"""The reader against pages that are written while it reads them.

`AC_BRIDGE_TORN_READS` says how many frames to read in each of the long tests.
"""

from __future__ import annotations

import contextlib
import functools
import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ac_bridge.clock import SystemClock
from ac_bridge.game import Page
from ac_bridge.game.regions import create_region
from ac_bridge.game.shared_pages import SharedPages
from ac_bridge.telemetry.decode import GRAPHICS_FRAME, PHYSICS_FRAME
from ac_bridge.telemetry.layout import LAYOUTS
from ac_bridge.telemetry.reader import TelemetryReader
from helpers import torn_writer
from helpers.torn import MAX_PACKET_ID, TornPages, is_whole, packet_id_of, patterned

READS = int(os.environ.get("AC_BRIDGE_TORN_READS", "3000"))
FRAME_S = 1 / 60
TESTS = Path(__file__).parents[1]
PREFIX = f"ac_bridge_test_torn_{os.getpid()}_"
ALTERNATING = (Page.PHYSICS, Page.GRAPHICS)
packet_ids = st.integers(1, MAX_PACKET_ID)
written = st.sampled_from([Page.PHYSICS, Page.GRAPHICS])


@functools.lru_cache(maxsize=256)
def published(page: Page, packet_id: int) -> dict[str, Any]:
    """Return the part of a frame that a whole page gives."""
    decoder = PHYSICS_FRAME if page is Page.PHYSICS else GRAPHICS_FRAME
    return decoder.decode(patterned(page, packet_id))[0]


def mixed(values: dict[str, Any]) -> set[tuple[str, int]]:
    """Return the pages of a frame that are not as they were published, with their counters."""
    ids = {Page.PHYSICS: values["packet_id"], Page.GRAPHICS: values["graphics_packet_id"]}
    return {
        (page.label, packet_id)
        for page, packet_id in ids.items()
        if any(values[name] != value for name, value in published(page, packet_id).items())
    }


@given(page=written, packet_id=packet_ids)
def test_whole_pages_are_known(page: Page, packet_id: int) -> None:
    """A page as published is whole, is a LIVE one, and every number in it is finite."""
    data = patterned(page, packet_id)
    assert is_whole(data, page)
    assert packet_id_of(data) == packet_id
    assert LAYOUTS[page].all_finite(LAYOUTS[page].values(data))
    assert page is Page.PHYSICS or LAYOUTS[page].unpack(data)["status"] == 2


@given(
    page=written,
    ids=st.lists(packet_ids, min_size=2, max_size=2, unique=True),
    cut=st.floats(0.0, 1.0, exclude_max=True),
)
def test_mixed_pages_are_known(page: Page, ids: list[int], cut: float) -> None:
    """Any page that begins as one write and ends as another is not whole."""
    before, after = (patterned(page, packet_id) for packet_id in ids)
    chunks = page.size_bytes // 16
    at = 16 * (1 + int(cut * (chunks - 1)))
    assert not is_whole(after[:at] + before[at:], page)
    assert not is_whole(b"\xff\xff\xff\xff" + after[4:], page)


def test_the_adversary_repeats_itself() -> None:
    """The same seed tears the same copies; another one tears others."""
    one, same, other = (TornPages(seed) for seed in (7, 7, 8))
    copies = [[pages.read(Page.PHYSICS) for _ in range(50)] for pages in (one, same, other)]
    assert copies[0] == copies[1] != copies[2]


def test_single_copies_are_fooled() -> None:
    """Whoever takes one copy gets torn pages; so does who only compares the counter."""
    pages = TornPages(1)
    fooled = same_counter = 0
    for _ in range(500):
        first, second = pages.read(Page.PHYSICS), pages.read(Page.PHYSICS)
        fooled += not is_whole(first)
        same_counter += packet_id_of(first) == packet_id_of(second) and not is_whole(first)
    assert pages.torn >= fooled > 100
    assert same_counter > 10


def test_hasty_readers_are_fooled() -> None:
    """Two equal copies prove nothing if the second follows faster than the writer's next chunk."""
    pages = TornPages(1, rest_us=0.0)
    fooled = 0
    for _ in range(20_000):
        first = pages.read(Page.GRAPHICS)
        fooled += first == pages.read(Page.GRAPHICS) and not is_whole(first, Page.GRAPHICS)
    assert fooled > 0


@pytest.mark.parametrize("seed", [1, 2])
def test_the_reader_is_not_fooled_in_simulated_time(seed: int) -> None:
    """Every frame is of whole pages, although a third of the copies are torn."""
    pages = TornPages(seed)
    reader = TelemetryReader(pages)
    for number in range(READS):
        assert mixed(reader.read(number * FRAME_S)) == set()
    assert reader.torn_reads > READS / 2
    assert pages.torn > READS / 2


def test_a_trusting_reader_is_fooled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same reader, told that copies are never torn, hands on frames of mixed pages."""
    monkeypatch.setattr(TornPages, "atomic", True)
    reader = TelemetryReader(TornPages(1))
    assert any(mixed(reader.read(number * FRAME_S)) for number in range(100))
    assert reader.torn_reads == 0


class TimedPages(SharedPages):
    """Shared pages that know how soon a reader copies the physics page for the second time."""

    def __init__(self, prefix: str) -> None:
        super().__init__(prefix)
        self.shortest_us = math.inf
        self._clock = SystemClock()
        self._first_s: float | None = None

    def read(self, page: Page) -> bytes:
        if page is not Page.PHYSICS:
            return super().read(page)
        if self._first_s is not None:
            self.shortest_us = min(self.shortest_us, (self._clock.now() - self._first_s) * 1e6)
        data = super().read(page)
        self._first_s = self._clock.now() if self._first_s is None else None
        return data


@pytest.mark.parametrize("chunk_us", [0.0, 1.5])
def test_the_reader_is_not_fooled_by_a_real_process(chunk_us: float) -> None:
    """Every frame is of whole pages, but where the system held the writer up within a page.

    Held up for longer than lies between two copies, that is: no reader could tell.
    """
    command = [sys.executable, "-m", torn_writer.__name__, PREFIX, "1000", str(chunk_us)]
    wrong: set[tuple[str, int]] = set()
    with (
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=TESTS
        ) as writer,
        contextlib.closing(TimedPages(PREFIX)) as pages,
    ):
        assert writer.stdout is not None
        assert writer.stdout.readline().startswith(torn_writer.READY)
        reader = TelemetryReader(pages)
        for number in range(10 * READS):
            wrong |= mixed(reader.read(number * FRAME_S))
        report = json.loads(writer.communicate("")[0])
    held_up = {
        (page, packet_id) for page, packet_id, us in report["gaps"] if us > pages.shortest_us
    }
    print(  # noqa: T201 -- shown with -s: what the machine did to this run
        f"\n{10 * READS} reads during {report['writes']} writes: {reader.torn_reads} copies thrown "
        f"away, {len(wrong)} pages wrong; {len(held_up)} writes held up for more than "
        f"{pages.shortest_us:.0f} us"
    )
    assert reader.torn_reads > 0
    assert wrong <= held_up


# --- A writer as quick as the game ----------------------------------------------------------------

RECORDS = 20_000
REST_NS = 60_000
"""Between two writes: 3 ms in the game; so much more often that a million reads meet many."""


class RememberingPages(SharedPages):
    """Shared pages that know the first copy of each page in the newest try."""

    def __init__(self, prefix: str) -> None:
        super().__init__(prefix)
        self.copies: list[bytes] = []

    def read(self, page: Page) -> bytes:
        data = super().read(page)
        if page is Page.PHYSICS and len(self.copies) != 2:
            self.copies.clear()
        self.copies.append(data)
        return data


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """A file of pages, physics and graphics by turns."""
    path = tmp_path / "pages"
    with path.open("wb") as file:
        for packet_id in range(1, RECORDS + 1):
            file.write(patterned(Page.PHYSICS, packet_id) + patterned(Page.GRAPHICS, packet_id))
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="the writer is compiled for Linux")
@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler here")
def test_no_frame_is_wrong_beside_a_writer_as_quick_as_the_game(
    tmp_path: Path, records: Path
) -> None:
    """Compiled code writes 16 bytes at a time: every frame is of pages that were published.

    But for pages during whose writing the system held even that writer up: no reader could tell.
    """
    writer = tmp_path / "torn_writer"
    source = TESTS / "helpers" / "torn_writer.c"
    subprocess.run(["cc", "-O2", "-o", writer, source], check=True)
    whole = {patterned(page, n) for n in range(1, RECORDS + 1) for page in ALTERNATING}
    wrong: set[int] = set()
    with contextlib.ExitStack() as stack:
        for page in Page:
            region = stack.enter_context(create_region(PREFIX + page.label, 4096))
            region.write(0, patterned(page, 1))
        files = [f"/dev/shm/{PREFIX}{page.label}" for page in ALTERNATING]  # noqa: S108
        process = stack.enter_context(
            subprocess.Popen(
                [writer, *files, records, str(REST_NS)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        pages = stack.enter_context(contextlib.closing(RememberingPages(PREFIX)))
        reader = TelemetryReader(pages)
        for number in range(20 * READS):
            values = reader.read(number * FRAME_S)
            physics, graphics = pages.copies[:2]
            if values["packet_id"] == packet_id_of(physics):
                wrong |= {packet_id_of(copy) for copy in (physics, graphics) if copy not in whole}
        report = json.loads(process.communicate("")[0])
    print(  # noqa: T201 -- shown with -s: what the machine did to this run
        f"\n{20 * READS} reads during {report['writes']} writes: {reader.torn_reads} copies thrown "
        f"away, {len(wrong)} pages wrong; {len(report['held_up'])} of {RECORDS} different writes "
        "held up"
    )
    assert reader.torn_reads > 0
    assert report["writes"] > READS
    assert wrong <= set(report["held_up"])
