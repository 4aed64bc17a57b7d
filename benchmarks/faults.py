"""Are the promises kept when things go wrong?

Brings each fault about for real, against the stand-in, and prints what was promised and what was
measured. Everything is drawn from a seed and bounded in time. Linux only: processes are stopped
with signals, and links are network namespaces.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

sys.path.insert(0, str(Path(__file__).parent))
from _faults.row import Bench, Fault, Row
from _faults.table import FAULTS, as_json, as_section, as_table, chosen, command, with_rows
from _report import RELIABILITY, circumstances, section_of, write_section

EXAMPLES = f"""
rows:
  {", ".join(fault.name for fault in FAULTS)}

examples:
  uv run python benchmarks/faults.py                    every row; writes docs/reliability.md
  uv run python benchmarks/faults.py --quick            a smaller number of each, within a minute
  uv run python benchmarks/faults.py --only link_cuts   one row, in full
  uv run python benchmarks/faults.py --quick --only stall --only wan --json
"""


def measure(faults: list[Fault], *, quick: bool, seed: int) -> list[Row]:
    """Measure rows, telling on stderr how far it is."""
    columns = TextColumn("{task.description:<15}"), BarColumn(), MofNCompleteColumn()
    told = TextColumn("{task.fields[what]}")
    rows = []
    with (
        Progress(*columns, TimeElapsedColumn(), told, console=Console(stderr=True)) as progress,
        contextlib.ExitStack() as stack,
    ):
        bench = Bench(stack, quick=quick, seed=seed)
        tasks = {f.name: progress.add_task(f.name, start=False, total=1, what="") for f in faults}
        for fault in faults:
            task = tasks[fault.name]
            progress.start_task(task)

            def say(done: int, total: int, what: str, task: object = task) -> None:
                progress.update(task, completed=done, total=total, what=what)  # type: ignore[arg-type]

            bench.say = say
            row = fault.measure(bench)
            rows.append(row)
            progress.update(
                task, completed=1, total=1, what="holds" if row.holds else "[red]does not hold"
            )
            progress.stop_task(task)
    return rows


def main() -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="a smaller number of each")
    parser.add_argument("--json", action="store_true", help="print one JSON object, nothing else")
    parser.add_argument("--only", metavar="NAME", action="append", default=[], help="only this row")
    parser.add_argument("--seed", type=int, default=1, help="of all draws (default 1)")
    options = parser.parse_args()
    faults = chosen(options.only)
    rows = measure(faults, quick=options.quick, seed=options.seed)
    if options.json:
        print(as_json(rows))
    else:
        Console().print(as_table(rows))
    if not options.quick:
        made = circumstances(command())
        if options.only:  # the other rows stay as they were measured
            before = section_of(RELIABILITY.read_text(), "faults")
            write_section("faults", with_rows(before, rows, options.only, made))
        else:
            write_section("faults", [*as_section(rows), "", *made])
    return 0 if all(row.holds for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
