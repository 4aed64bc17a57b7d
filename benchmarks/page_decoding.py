"""What do a frame and a wheel update cost?

    uv run python benchmarks/page_decoding.py [--rounds 5000] [--json]

From three pages to a `TelemetryFrame` through `TelemetryReader`: pages in this process's memory,
pages in the operating system's shared memory, and beside them, in the same run and in turn with
them, the floors: `struct.unpack` of the same bytes, and a bare copy of them. Before each call both
counters of the pages go on, as in a game that lives. Then one update of the stand-in's wheel, in
memory and shared. The budgets: 40 us a frame, 50 us a wheel update.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import struct
from collections.abc import Callable, Iterator
from typing import Any

from rich.console import Console
from rich.table import Table

from ac_bridge.clock import SystemClock
from ac_bridge.game import NEUTRAL, Controls, Page, PageSource
from ac_bridge.game.regions import create_region
from ac_bridge.game.shared_pages import SharedPages
from ac_bridge.pacing import percentile
from ac_bridge.standin.game import StandinGame
from ac_bridge.standin.shared import SharedWheel, WheelRegion
from ac_bridge.standin.wheel import StandinWheel
from ac_bridge.telemetry.layout import GRAPHICS, PHYSICS, STATIC
from ac_bridge.telemetry.reader import FrameStream, TelemetryReader

CLOCK = SystemClock()
COUNTER = struct.Struct("<i")
TURNING = Controls(steer=0.3, throttle=0.8, clutch=0.1, buttons=frozenset({1}))
Call = Callable[[], Any]


class MemoryPages(PageSource):
    """Pages in a buffer of this process.

    Args:
        buffers: the bytes of each page.
        atomic: whether readers may trust a single copy.
    """

    def __init__(self, buffers: dict[Page, bytearray], *, atomic: bool) -> None:
        self._buffers = buffers
        self.atomic = atomic

    def read(self, page: Page) -> bytes:
        """Return one copy."""
        return bytes(self._buffers[page])

    def close(self) -> None:
        """Nothing is held."""


def pages_of_a_drive() -> dict[Page, bytearray]:
    """Return the pages of a stand-in that has driven for ten seconds."""
    with StandinGame(lockstep=True) as game:
        game.clock.sleep_until(2.0)
        for buttons in (frozenset({9}), frozenset[int]()):
            game.wheel.apply(Controls(throttle=0.5, buttons=buttons))
            game.clock.sleep_until(game.clock.now() + 5.0)
        return {page: bytearray(game.read_page(page)) for page in Page}


@contextlib.contextmanager
def frame_parts() -> Iterator[tuple[Call, dict[str, Call]]]:
    """Give what advances the pages, and each way to read them."""
    buffers = pages_of_a_drive()
    prefix = f"ac_bridge_bench_{os.getpid()}_"
    with contextlib.ExitStack() as stack:
        regions = {
            page: stack.enter_context(create_region(prefix + page.label, page.size_bytes))
            for page in Page
        }
        for page, region in regions.items():
            region.write(0, bytes(buffers[page]))
        shared = SharedPages(prefix)
        stack.callback(shared.close)
        packet = 1_000_000

        def advance() -> None:
            nonlocal packet
            packet += 5
            for page in (Page.PHYSICS, Page.GRAPHICS):
                COUNTER.pack_into(buffers[page], 0, packet)
                regions[page].write(0, COUNTER.pack(packet))

        advance()
        once = MemoryPages(buffers, atomic=True)
        twice = MemoryPages(buffers, atomic=False)
        copies = tuple(bytes(buffers[page]) for page in Page)
        yield (
            advance,
            {
                "frame, memory, copied once": reading(once),
                "frame, memory, copied twice": reading(twice),
                "frame, shared memory": reading(shared),
                "first frame, shared memory": reading(shared, anew=True),
                "floor: struct.unpack": lambda: unpack(copies),
                "floor: bare copy": lambda: [bytes(buffers[page]) for page in Page],
            },
        )


def reading(pages: PageSource, *, anew: bool = False) -> Call:
    """Return what makes a frame of pages.

    Args:
        pages: where they are.
        anew: read the static page too, as for the first frame of a game.
    """
    stream = FrameStream(1 / 60)
    reader = TelemetryReader(pages)

    def first_frame() -> Any:
        return TelemetryReader(pages).frame(stream, CLOCK.now(), CLOCK.wall())

    return first_frame if anew else lambda: reader.frame(stream, CLOCK.now(), CLOCK.wall())


def unpack(copies: tuple[bytes, ...]) -> list[tuple[Any, ...]]:
    """Take the pages apart, and nothing else."""
    layouts = (PHYSICS, GRAPHICS, STATIC)
    return [layout.values(data) for layout, data in zip(layouts, copies, strict=True)]


@contextlib.contextmanager
def wheel_parts() -> Iterator[dict[str, Call]]:
    """Give an update of each wheel."""
    name = f"ac_bridge_bench_{os.getpid()}_wheel"
    delivered: list[bytes] = [b""]
    with contextlib.ExitStack() as stack:
        stack.enter_context(WheelRegion(name))
        shared = SharedWheel(name)
        stack.callback(shared.close)
        yield {
            "wheel update, in memory": turning(
                StandinWheel(lambda device: delivered.__setitem__(0, device)).apply
            ),
            "wheel update, shared memory": turning(shared.apply),
        }


def turning(apply: Callable[[Controls], None]) -> Call:
    """Return what moves a wheel to and fro."""
    states = [TURNING, NEUTRAL]

    def move() -> None:
        states.reverse()
        apply(states[0])

    return move


def measure(parts: dict[str, Call], rounds: int, before: Call = lambda: None) -> dict[str, Any]:
    """Call each part in turn, so that whatever disturbs disturbs all, and return microseconds."""
    times: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(rounds):
        for name, part in parts.items():
            before()
            began = CLOCK.now()
            part()
            times[name].append(CLOCK.now() - began)
    shares = {"least": 0.0, "p50": 0.5, "p99": 0.99}
    return {
        name: {label: round(percentile(taken, share) * 1e6, 2) for label, share in shares.items()}
        for name, taken in times.items()
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5000)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with frame_parts() as (advance, parts):
        costs = measure(parts, options.rounds, advance)
    floor = costs["floor: struct.unpack"]["p50"]
    with wheel_parts() as parts:
        costs |= measure(parts, options.rounds)
    for name, cost in costs.items():
        if not name.startswith("wheel"):
            cost["ratio"] = round(cost["p50"] / floor, 1)
    if options.json:
        print(json.dumps({"rounds": options.rounds, "costs_us": costs}))
        return
    table = Table(title=f"{options.rounds} rounds, in turn")
    for column in ("", "least us", "p50 us", "p99 us", "x unpack"):
        table.add_column(column, justify="right" if column else "left")
    for name, cost in costs.items():
        ratio = f"{cost['ratio']:.1f}" if "ratio" in cost else ""
        times = (f"{cost[share]:.1f}" for share in ("least", "p50", "p99"))
        table.add_row(name, *times, ratio)
    Console().print(table)


if __name__ == "__main__":
    main()
