"""Does the link touch a policy that acts on the gaming PC, and do policies that arrive?

    uv run python benchmarks/edge_link.py [--seconds 40] [--repeats 3] [--quick] [--json]

A hand-made policy drives the stand-in in real time: on the actor, over loopback and over a bad
link; and beside it in the learner, by `RemoteEnv` in mode `fixed_delay`, the same policy over the
same. All by turns, several times over, each with an actor and a learner of its own, from the same
seeds. Tick error is how long after its scheduled moment a tick was sampled, as the actor says
itself in each receipt.

Then policies of 50 MB are pushed while the actor drives: its ticks from the push until a second
after the policy began to act, which is while it comes, is looked over, tried, and kept on disk;
beside them those of the same drive while nothing comes. Writes docs/reliability.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

sys.path.insert(0, str(Path(__file__).parent))
from _edge.ways import WAYS, Pushing, drive, push, pushes_table, rate, ways_table, what_link
from _report import circumstances, write_section

PUSHES = (
    Pushing("loopback", far=False, quiet_s=10.0, size_bytes=50_000_000, pushes=3),
    Pushing("link", far=True, quiet_s=10.0, size_bytes=50_000_000, pushes=1),
)
QUICK_PUSHES = (Pushing("loopback", far=False, quiet_s=1.0, size_bytes=10_000_000, pushes=1),)


def measure(seconds: float, repeats: int, *, quick: bool) -> dict[str, Any]:
    """Measure everything, telling on stderr how far it is."""
    ways = [way for way in WAYS if not quick or (way.far and way.order == "edge")]
    pushes = QUICK_PUSHES if quick else PUSHES
    found: dict[str, Any] = {"ways": {way.name: [] for way in ways}, "pushes": {}}
    columns = TextColumn("{task.description:<32}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=repeats * len(ways) + len(pushes))
        for turn in range(repeats):
            for way in ways:
                progress.update(task, description=way.name)
                figures = drive(way, seconds, seed=turn + 1, quick=quick)
                found["ways"][way.name].append(figures)
                progress.advance(task)
        for pushing in pushes:
            progress.update(task, description=f"a policy arrives, {pushing.name}")
            found["pushes"][pushing.name] = push(pushing, seed=1)
            progress.advance(task)
    return found


def as_lines(found: dict[str, Any], seconds: float, repeats: int) -> list[str]:
    """Return it in Markdown."""
    delays = {
        name: ", ".join(sorted({run["why"] for run in runs}))
        for name, runs in found["ways"].items()
        if name.startswith("fixed_delay")
    }
    return [
        "## The policy on the gaming PC, and the link",
        "",
        (
            f"A policy drives the stand-in at {rate()} in real time, {repeats} x {seconds:g} s in "
            f"each way by turns, from the same seeds. The link: {what_link()}. Figures are medians "
            "of the runs, with the least and the greatest: what differs less than these is noise. "
            "Beside it the same policy in the learner, through `RemoteEnv` in mode `fixed_delay` "
            f"({'; '.join(f'{name}: {said}' for name, said in delays.items()) or 'left out'})."
        ),
        "",
        *ways_table(found["ways"]),
        "",
        (
            "Ticks while a policy is on its way, and is looked over, tried and kept, to a second "
            "after it began to act:"
        ),
        "",
        *pushes_table(found["pushes"]),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=40.0, help="of one run (default 40)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each way (default 3)")
    parser.add_argument("--quick", action="store_true", help="one short run of some ways")
    parser.add_argument("--json", action="store_true", help="print one JSON object, nothing else")
    options = parser.parse_args()
    seconds, repeats = (2.0, 1) if options.quick else (options.seconds, options.repeats)
    found = measure(seconds, repeats, quick=options.quick)
    command = " ".join(["uv run python benchmarks/edge_link.py", *sys.argv[1:]])
    lines = [*as_lines(found, seconds, repeats), "", *circumstances(command)]
    if options.json:
        print(json.dumps(found))
    else:
        Console().print(Markdown("\n".join(lines)))
    if not options.quick:
        write_section("edge_link", lines)


if __name__ == "__main__":
    main()
