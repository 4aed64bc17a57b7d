"""How many records a second go through a spool?

    uv run python benchmarks/spool.py [--batches 400] [--record-bytes 200] [--folder DIR] [--json]

Each batch of 256 records is appended, read and acknowledged. Beside it, in the same run and in turn
with it, the floors, writing the same bytes to a plain file: flushed, which a power cut may take
back, and forced onto the disk, which is what `append` promises. Then `put` of the keeper, a record
at a time while its thread writes: what a tick would notice of it. The budget: 20,000 records a
second.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ac_bridge.clock import SystemClock
from ac_bridge.edge.keeper import SpoolKeeper
from ac_bridge.edge.spool import Spool
from ac_bridge.pacing import percentile
from ac_bridge_protocol.errors import SpoolError

CLOCK = SystemClock()
BATCH_RECORDS = 256
MAX_BYTES = 1 << 30


class Times:
    """How long each call took."""

    def __init__(self) -> None:
        self.taken_s: list[float] = []

    def call(self, call: Callable[[], Any]) -> Any:
        """Call it, and take the time."""
        began_s = CLOCK.now()
        result = call()
        self.taken_s.append(CLOCK.now() - began_s)
        return result

    def row(self, records: int) -> dict[str, float]:
        """Return the figures, of calls for so many records each."""
        least, p50, p99 = (percentile(self.taken_s, share) * 1e3 for share in (0.0, 0.5, 0.99))
        return {
            "least_ms": round(least, 4),
            "p50_ms": round(p50, 4),
            "p99_ms": round(p99, 4),
            "records_per_s": round(records * len(self.taken_s) / sum(self.taken_s)),
        }


def batches(count: int, record_bytes: int) -> Iterator[list[bytes]]:
    """Yield batches of records that no two are alike."""
    for _ in range(count):
        noise = os.urandom(BATCH_RECORDS * record_bytes)
        yield [noise[at : at + record_bytes] for at in range(0, len(noise), record_bytes)]


def measure_batches(folder: Path, count: int, record_bytes: int) -> dict[str, dict[str, float]]:
    """Put batches through a spool and through the floors, in turn."""
    times = {
        name: Times()
        for name in (
            *("append", "read", "acknowledge", "spool, all three"),
            *("floor: file, flushed", "floor: file, forced"),
        )
    }
    with (
        Spool(folder / "batches.spool", max_bytes=MAX_BYTES) as spool,
        (folder / "flushed").open("wb") as flushed,
        (folder / "forced").open("wb") as forced,
    ):

        def go_through(records: list[bytes]) -> None:
            known = spool.stats().last
            last = times["append"].call(partial(spool.append, records))
            got = times["read"].call(partial(spool.read, known, BATCH_RECORDS, MAX_BYTES))
            assert [record for _, record in got] == records
            times["acknowledge"].call(partial(spool.acknowledge, last))

        def force(records: list[bytes]) -> None:
            forced.writelines(records)
            forced.flush()
            os.fsync(forced.fileno())

        def flush(records: list[bytes]) -> None:
            flushed.writelines(records)
            flushed.flush()

        for records in batches(count, record_bytes):
            times["spool, all three"].call(partial(go_through, records))
            times["floor: file, flushed"].call(partial(flush, records))
            times["floor: file, forced"].call(partial(force, records))
    return {name: one.row(BATCH_RECORDS) for name, one in times.items()}


def measure_puts(folder: Path, count: int, record_bytes: int) -> dict[str, float]:
    """Put records into a keeper, one at a time."""
    times = Times()
    spool = Spool(folder / "puts.spool", max_bytes=MAX_BYTES)
    with SpoolKeeper(spool, CLOCK, on_error=fail) as keeper:
        for records in batches(count, record_bytes):
            for record in records:
                times.call(partial(keeper.put, record))
            assert keeper.flush().result() == len(times.taken_s)
    return times.row(1)


def fail(error: SpoolError) -> None:
    """Say what the disk did: the figures are worth nothing then."""
    print(f"The disk failed: {error}")


def measure(folder: Path, count: int, record_bytes: int) -> dict[str, dict[str, float]]:
    """Measure all; the ratios are to the slower floor, which promises the same, and the faster."""
    costs = measure_batches(folder, count, record_bytes)
    costs["keeper: put"] = measure_puts(folder, count // 4 + 1, record_bytes)
    for name, cost in costs.items():
        if name != "keeper: put":
            for ratio, floor in (("x_forced", "forced"), ("x_flushed", "flushed")):
                floor_ms = costs[f"floor: file, {floor}"]["p50_ms"]
                cost[ratio] = round(cost["p50_ms"] / floor_ms, 2)
    return costs


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, default=400)
    parser.add_argument("--record-bytes", type=int, default=200)
    parser.add_argument("--folder", type=Path, help="on the disk to measure (default: temporary)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        costs = measure(Path(folder), options.batches, options.record_bytes)
    if options.json:
        print(json.dumps({"batches": options.batches, "costs": costs}))
        return
    table = Table(title=f"{options.batches} batches of {BATCH_RECORDS} records, in turn")
    columns = ("least_ms", "p50_ms", "p99_ms", "records_per_s", "x_forced", "x_flushed")
    for column in ("", *columns):
        table.add_column(column.replace("_", " "), justify="right" if column else "left")
    for name, cost in costs.items():
        table.add_row(name, *(f"{cost[column]:,}" if column in cost else "" for column in columns))
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
