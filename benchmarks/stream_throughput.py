"""How many steps a second go from an actor's spool into a learner's arrays, and from many actors?

    uv run python benchmarks/stream_throughput.py [--records 200000] [--actors 20] [--quick]

A spool is filled by the actor's own code (an observation of 16 numbers, no frames), and served by
`ac-bridge actor` over loopback to an `ActorStream` in this process, to the last step in a batch of
256, from connecting on. Beside it, in turn with it, the floors: reading the spool alone, and the
same messages, made beforehand, over a bare websockets server to a bare client that looks at none.
The budget: 20,000 steps a second.

Then a learner over many actors in lockstep, each a process that drives the stand-in as fast as it
can: how many steps they make and it takes, how evenly, and in how much memory. Writes
docs/reliability.md. Linux only.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markdown import Markdown

sys.path.insert(0, str(Path(__file__).parent))
from _edge.throughput import crowd, one_spool
from _report import circumstances, write_section
from ac_bridge.pacing import percentile

BUDGET_PER_S = 20_000


def as_lines(spool: dict[str, Any], many: dict[str, Any]) -> list[str]:
    """Return it in Markdown."""
    rates = {what: list(map(float, found)) for what, found in spool["per_s"].items()}
    middle = percentile(rates["stream"], 0.5)

    def row(name: str, what: str) -> str:
        found = rates[what]
        each = f"{percentile(found, 0.5):,.0f} | {min(found):,.0f} to {max(found):,.0f}"
        return f"| {name} | {each} | {middle / percentile(found, 0.5):.3f} |"

    low, high = many["each_per_s"]
    return [
        "## Steps into a learner",
        "",
        (
            f"{spool['records']:,} records of {spool['record_bytes']} bytes, filled into a spool "
            f"and served over loopback to a learner's batches; {len(rates['stream'])} times, in "
            f"turn with the floors. Budget: {BUDGET_PER_S:,} a second; "
            f"{'held' if middle >= BUDGET_PER_S else 'missed'}."
        ),
        "",
        "| | steps a second | of all runs | the stream's part of it |",
        "|---|---|---|---|",
        row("actor to `ActorStream`, in batches", "stream"),
        row("the same messages over a bare WebSocket, not looked at", "websocket"),
        row("the spool read alone", "spool"),
        "",
        (
            f"{many['actors']} actors in lockstep, each a process of its own beside the learner on "
            f"the same cores, for {many['seconds']:g} s:"
        ),
        "",
        "| | |",
        "|---|---|",
        f"| steps a second in all | {many['per_s']:,} |",
        f"| of one actor, least to most | {low:,} to {high:,} (ratio {many['fairness']}) |",
        f"| steps that waited in the learner at the end | {many['waiting']:,} |",
        f"| records that never came | {many['gaps']} |",
        (
            f"| learner's memory, before and at the end | {many['learner_mib'][0]} / "
            f"{many['learner_mib'][1]} MiB |"
        ),
        (
            f"| an actor's memory, least to most | {many['actor_mib'][0]} to "
            f"{many['actor_mib'][1]} MiB |"
        ),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--actors", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20.0, help="of the many (default 20)")
    parser.add_argument("--quick", action="store_true", help="few of everything")
    parser.add_argument("--json", action="store_true", help="print one JSON object, nothing else")
    options = parser.parse_args()
    if options.quick:
        options.records, options.repeats, options.actors, options.seconds = 20_000, 1, 2, 1.0
    found = {
        "spool": one_spool(options.records, options.repeats),
        "crowd": crowd(options.actors, options.seconds),
    }
    command = " ".join(["uv run python benchmarks/stream_throughput.py", *sys.argv[1:]])
    lines = [*as_lines(found["spool"], found["crowd"]), "", *circumstances(command)]
    if options.json:
        print(json.dumps(found))
    else:
        Console().print(Markdown("\n".join(lines)))
    if not options.quick:
        write_section("stream_throughput", lines)


if __name__ == "__main__":
    main()
