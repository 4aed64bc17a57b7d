"""Does the actor bear what strangers send it?

Starts an actor, a driver who steps at 60 Hz, and attackers in other processes: half requests,
frames that break every rule, messages that are none, crowds, silence, readers that never read.
Counts every answer, and looks at the driver's ticks and at the actor's memory meanwhile. By turns
the attack is on a second actor instead: what that does to the ticks is the machine's doing. All is
drawn from a seed, bounded in number and time, and stays on the loopback interface. Linux only.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

sys.path.insert(0, str(Path(__file__).parent))
from _abuse.judge import Found, as_json, as_lines, complaints
from _abuse.siege import QUIET_S, ROUND, lay_siege
from _report import circumstances, write_section

INPUTS = 200_000
ROUNDS = 5
QUICK_INPUTS = 4000
QUICK_QUIET_S = 5.0
EXAMPLES = """
examples:
  uv run python benchmarks/abuse.py            200,000 inputs; writes docs/reliability.md
  uv run python benchmarks/abuse.py --quick    4,000 inputs, within a minute
  uv run python benchmarks/abuse.py --quick --json
"""


def measure(*, quick: bool, seed: int) -> Found:
    """Attack, telling on stderr how far it is."""
    columns = TextColumn("attack"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(
        *columns, TextColumn("{task.fields[what]}"), console=Console(stderr=True)
    ) as progress:
        task = progress.add_task("attack", what="")
        return lay_siege(
            QUICK_INPUTS if quick else INPUTS,
            blocks=ROUND if quick else ROUND * ROUNDS,
            attackers=2,
            seed=seed,
            quiet_s=QUICK_QUIET_S if quick else QUIET_S,
            say=lambda done, total, what: progress.update(
                task, completed=done, total=total, what=what
            ),
        )


def main() -> int:
    """Attack and print; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="fewer inputs")
    parser.add_argument("--json", action="store_true", help="print one JSON object, nothing else")
    parser.add_argument("--seed", type=int, default=1, help="of all draws (default 1)")
    options = parser.parse_args()
    found = measure(quick=options.quick, seed=options.seed)
    command = " ".join(["uv run python benchmarks/abuse.py", *sys.argv[1:]])
    lines = ["## What strangers send", "", *as_lines(found), "", *circumstances(command)]
    if options.json:
        print(json.dumps(as_json(found)))
    else:
        Console().print(Markdown("\n".join(lines)))
    if not options.quick:
        write_section("abuse", lines)
    return 1 if complaints(found) else 0


if __name__ == "__main__":
    sys.exit(main())
