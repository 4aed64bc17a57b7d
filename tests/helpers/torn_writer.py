"""A process that publishes `patterned` pages without a lock, 16 bytes at a time.

    python -m helpers.torn_writer PREFIX [HZ] [CHUNK_US]

It writes physics and graphics pages at that rate (0: without a rest) until its standard input
ends. A line on stdout says when the pages are there; the last one is a JSON object with how many
were written, and in which of them the system held it up between two chunks: a reader whose two
copies lie closer together than that cannot tell a copy of that moment from a whole page.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import sys
import threading
from typing import Any

from ac_bridge.clock import SystemClock
from ac_bridge.game import Page
from ac_bridge.game.regions import Region, create_region
from helpers.torn import CHUNK_BYTES, MAX_PACKET_ID, patterned

READY = "Publishing"
TOLD_US = 6.0
"""Pauses shorter than this are not worth telling: no reader is so quick."""
PAGES = (Page.PHYSICS, Page.GRAPHICS)


def write(region: Region, data: bytes, clock: SystemClock, chunk_s: float) -> float:
    """Write a page; return the longest time from one of its chunks to the next, in seconds."""
    longest_s = 0.0
    last_s = clock.now()  # a pause right after the first chunk counts too
    for offset in range(0, len(data), CHUNK_BYTES):
        region.write(offset, data[offset : offset + CHUNK_BYTES])
        now_s = clock.now()
        longest_s = max(longest_s, now_s - last_s)
        last_s = now_s
        while clock.now() - last_s < chunk_s:
            pass
    return longest_s


def publish(prefix: str, hz: float, chunk_s: float) -> dict[str, Any]:
    """Write until standard input ends; return what there is to report."""
    ended = threading.Event()
    gaps: list[tuple[str, int, float]] = []
    packet_id = 0
    with contextlib.ExitStack() as on_close:
        clock = on_close.enter_context(contextlib.closing(SystemClock()))
        regions = {
            page: on_close.enter_context(create_region(prefix + page.label, 4096)) for page in Page
        }
        regions[Page.STATIC].write(0, patterned(Page.STATIC, 1))
        for page in PAGES:
            regions[page].write(0, patterned(page, 1))
        threading.Thread(target=_wait_for_end, args=(ended,), daemon=True).start()
        print(READY, flush=True)  # noqa: T201 -- whoever started us waits for it
        due_s = clock.now()
        for packet_id in range(2, MAX_PACKET_ID):
            pages = [(page, patterned(page, packet_id)) for page in PAGES]
            if hz:
                due_s = max(due_s + 1.0 / hz, clock.now())
                clock.sleep_until(due_s)
            for page, data in pages:
                gap_us = write(regions[page], data, clock, chunk_s) * 1e6
                if gap_us > TOLD_US:
                    gaps.append((page.label, packet_id, round(gap_us, 1)))
            if ended.is_set():
                break
    return {"writes": packet_id, "gaps": gaps}


def _wait_for_end(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()


if __name__ == "__main__":
    gc.disable()  # a collection in the middle of a write would be a pause in it
    with contextlib.suppress(PermissionError, AttributeError):  # where we may: undisturbed
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    numbers = [float(argument) for argument in sys.argv[2:]]
    rate_hz, chunk_us = (numbers + [0.0, 0.0][len(numbers) :])[:2]
    print(json.dumps(publish(sys.argv[1], rate_hz, chunk_us * 1e-6)))  # noqa: T201
