"""What does recording cost the ticks, and what does a killed recorder leave?

    uv run python benchmarks/recording.py [--quick] [--json] [--only cost] [--kills 100]

Two rows. Cost: an actor in real time, control at 60 Hz and telemetry at 333 Hz, a learner that
steps at every tick and a spectator who gets every frame; by turns recorded, wire frames included,
and not, in the same process. Kills: programs that record a seeded stream, and actors that record
while they are driven, are killed at random moments; their files are compared with what was handed
over, read by mcap's own reader, and mended. Linux only. A full run takes about twenty minutes, and
says something about the cost only where nothing else runs.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent))
from _faults.row import Row
from _recording import kills, turns
from _recording.stream import template
from _recording.switched import CONTROL_HZ, TELEMETRY_HZ

ROWS = ("cost", "kills")
ALLOWED_PERCENT = round(100 * (turns.ALLOWED_RATIO - 1))
COST = (
    f"An actor records telemetry at {TELEMETRY_HZ:g} Hz, control at {CONTROL_HZ:g} Hz, wire frames",
    f"tick error p99 at most {ALLOWED_PERCENT} % higher, nothing dropped",
)
KILLS = (
    "A recorder is killed at a random moment",
    "nothing lost but the unfinished chunk and what waited; the rest is read and mended",
)

Say = Callable[[int, int, str], None]


def measure_cost(options: argparse.Namespace, say: Say) -> tuple[Row, dict[str, Any]]:
    """Drive by turns."""
    found = turns.add_up(turns.by_turns(options.pairs, options.seconds, say), options.seed)
    verdict = turns.judge(found, quick=options.quick)
    return Row(*COST, verdict.measured, verdict.holds), dataclasses.asdict(found)


def measure_kills(options: argparse.Namespace, say: Say) -> tuple[Row, dict[str, Any]]:
    """Kill recorders and actors."""
    killed, actors = kills.kill_all(options.kills, options.actors, options.seed, template(), say)
    verdict = kills.judge(killed, actors)
    figures = {
        "recorders": [dataclasses.asdict(kill.finding) for kill in killed],
        "actors": [dataclasses.asdict(finding) for finding in actors],
    }
    return Row(*KILLS, verdict.measured, verdict.holds), figures


def show(rows: list[Row], figures: dict[str, dict[str, Any]]) -> None:
    """Print what was found."""
    console = Console()
    if "cost" in figures:
        console.print(table_of(figures["cost"]))
    for row in rows:
        holds = "[green]holds[/]" if row.holds else "[red]does not hold[/]"
        console.print(f"\n[bold]{row.fault}[/] ({row.promise}): {holds}\n{row.measured}")


def table_of(cost: dict[str, Any]) -> Table:
    """Return the ticks with and without recording."""
    table = Table(title="tick error, us")
    for column in ("", "p50", "p99", "p99 of a block", "max", "ticks", "missed"):
        table.add_column(column, justify="right" if column else "left")
    for name, key in (("recording", "with_recording"), ("without", "without")):
        way = cost[key]
        shares = (way[share] for share in ("p50_us", "p99_us", "block_p99_us", "worst_us"))
        counts = str(way["ticks"]), str(way["missed"])
        table.add_row(name, *(f"{share:.0f}" for share in shares), *counts)
    return table


def main() -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="little of each, within a minute")
    parser.add_argument("--json", action="store_true", help="print one JSON object, nothing else")
    parser.add_argument("--only", choices=ROWS, help="only this row")
    parser.add_argument("--pairs", type=int, help="of blocks, with and without (default 60)")
    parser.add_argument("--seconds", type=float, help="of a block (default 8)")
    parser.add_argument("--kills", type=int, help="of recorders (default 100)")
    parser.add_argument("--actors", type=int, help="killed while they record (default 10)")
    parser.add_argument("--seed", type=int, default=1, help="of all draws (default 1)")
    options = parser.parse_args()
    small = {"pairs": 2, "seconds": 2.0, "kills": 6, "actors": 1}
    full = {"pairs": 60, "seconds": 8.0, "kills": 100, "actors": 10}
    for name, value in (small if options.quick else full).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    rows, figures = measure(options)
    if options.json:
        print(json.dumps({"rows": [dataclasses.asdict(row) for row in rows], **figures}))
    else:
        show(rows, figures)
    return 0 if all(row.holds for row in rows) else 1


def measure(options: argparse.Namespace) -> tuple[list[Row], dict[str, dict[str, Any]]]:
    """Measure the rows that were asked for, telling on stderr how far it is."""
    columns = TextColumn("{task.description:<6}"), BarColumn(), MofNCompleteColumn()
    told = TextColumn("{task.fields[what]}")
    rows: list[Row] = []
    figures: dict[str, dict[str, Any]] = {}
    with Progress(*columns, TimeElapsedColumn(), told, console=Console(stderr=True)) as progress:
        for name, measure_row in zip(ROWS, (measure_cost, measure_kills), strict=True):
            if options.only not in (None, name):
                continue
            task = progress.add_task(name, total=None, what="")

            def say(done: int, total: int, what: str, task: Any = task) -> None:
                progress.update(task, completed=done, total=total, what=what)

            row, figures[name] = measure_row(options, say)
            rows.append(row)
            progress.update(task, total=1, completed=1, what="holds" if row.holds else "[red]no")
            progress.stop_task(task)
    return rows, figures


if __name__ == "__main__":
    sys.exit(main())
