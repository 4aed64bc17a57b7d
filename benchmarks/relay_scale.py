"""What does the relay cost, and how many can it have?

Starts `ac-bridge relay` on one core, and on the other a crowd of light actors and learners that
speak its protocol. Measures, without TLS and with: what it adds to the round trip of a step, in
terms of what one bare hop adds; its memory and its core's load with a thousand actors parked and
200 of them driven, and where that ends; what is left once thousands of learners came and went.
Stays on the loopback interface. Linux only.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

sys.path.insert(0, str(Path(__file__).parent))
from _relay.judge import Found, as_json, as_lines, complaints
from _relay.round_trip import measure_round_trip
from _relay.scale import MOST_PAIRS, Say, measure_churn, measure_scale
from _relay.stage import Stage
from _report import circumstances, write_section

HZ = 10.0
"""Control ticks a second of the learners this is for."""
EXAMPLES = """
examples:
  uv run python benchmarks/relay_scale.py            everything; writes docs/reliability.md
  uv run python benchmarks/relay_scale.py --quick    fewer of each, within 40 s
  uv run python benchmarks/relay_scale.py --quick --json
"""


def measure(*, quick: bool) -> Found:
    """Measure everything, telling on stderr how far it is."""
    found = Found([], [], [])
    columns = TextColumn("{task.description:<16}"), BarColumn(), MofNCompleteColumn()
    told = TextColumn("{task.fields[what]}")
    with (
        contextlib.ExitStack() as stack,
        Progress(*columns, TimeElapsedColumn(), told, console=Console(stderr=True)) as progress,
    ):

        def part(name: str, *, secure: bool) -> Say:
            task = progress.add_task(name + (", TLS" if secure else ""), total=1, what="")
            stack.callback(progress.stop_task, task)
            return lambda done, total, what: progress.update(
                task, completed=done, total=total, what=what
            )

        for secure in (False, True):
            with Stage(secure=secure) as stage:
                trip = measure_round_trip(
                    stage,
                    blocks=9 if quick else 60,
                    count=100 if quick else 250,
                    say=part("round trip", secure=secure),
                )
            found.round_trips.append(trip)
            with Stage(secure=secure) as stage:
                scale = measure_scale(
                    stage,
                    parked=150 if quick else 1000,
                    driven=30 if quick else 200,
                    hz=HZ,
                    seconds=2.0 if quick else 20.0,
                    most=0 if quick else MOST_PAIRS,
                    say=part("scale", secure=secure),
                )
            found.scales.append(scale)
            with Stage(secure=secure) as stage:
                churn = measure_churn(
                    stage,
                    learners=100 if quick else 2000,
                    say=part("churn", secure=secure),
                )
            found.churns.append(churn)
    return found


def main() -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="fewer of each")
    parser.add_argument("--json", action="store_true", help="print one JSON object, nothing else")
    options = parser.parse_args()
    found = measure(quick=options.quick)
    command = " ".join(["uv run python benchmarks/relay_scale.py", *sys.argv[1:]])
    lines = ["## The relay", "", *as_lines(found), "", *circumstances(command)]
    if options.json:
        print(json.dumps(as_json(found)))
    else:
        Console().print(Markdown("\n".join(lines)))
    if not options.quick:
        write_section("relay", lines)
    return 1 if complaints(found) else 0


if __name__ == "__main__":
    sys.exit(main())
