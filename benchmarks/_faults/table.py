"""Every row in order, and the three forms in which the table is told."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from rich.table import Table

from _faults import (
    game_states,
    kills,
    link_cuts,
    punctual,
    relay_cuts,
    silent,
    stall,
    stream_cuts,
    stream_kills,
    wan,
)
from _faults.row import Fault, Row

FAULTS = (
    Fault(
        "link_cuts",
        "link cut 1,000 times at random moments during a driven session",
        "0 steps lost, 0 applied twice, 0 answers mismatched, the episode goes on",
        link_cuts.run,
        limit_s=1200,
    ),
    Fault(
        "relay_cuts",
        "either leg of a relay cut 200 times at random moments, and the relay killed 3 times, "
        "during a driven session",
        "0 steps lost, 0 applied twice, 0 answers mismatched, the episode goes on",
        relay_cuts.run,
        limit_s=900,
    ),
    Fault(
        "stream_cuts",
        "policy on the actor: link to the learner cut 500 times, at random moments and within "
        "messages",
        "every step the actor recorded is at the learner once, in order and unaltered",
        stream_cuts.run,
        limit_s=1200,
    ),
    Fault(
        "stream_kills",
        "policy on the actor: actor kill -9 50 times and learner kill -9 50 times",
        "every step that the actor's spool had is in the learner's checkpoints once, in order and "
        "as the actor recorded it; a killed actor loses the last moments before, and no more",
        stream_kills.run,
        limit_s=1800,
    ),
    Fault(
        "wan",
        "40 ms round trip, ±10 ms jitter, 2 % loss, 20 Hz, `fixed_delay(k)`",
        "applied at the asked tick in at least 99 % of ticks; the rest reported, none silent",
        wan.run,
        limit_s=400,
    ),
    # These share one game and actor; the last one breaks it.
    Fault(
        "stall",
        "220 ms stall of the actor's process",
        "no burst; missed ticks counted; next tick on the schedule",
        stall.run,
        limit_s=120,
    ),
    Fault(
        "game_states",
        "game paused, stalled, restarted, vanished and returned",
        "typed events; episode truncated with the reason; next reset works",
        game_states.run,
        limit_s=600,
    ),
    Fault(
        "silent_learner",
        "learner silent for 60 s while computing",
        "car neutral, session alive, next step works",
        silent.run,
        limit_s=180,
    ),
    Fault(
        "learner_kill",
        "learner kill -9 at speed",
        "neutral within dead-man time + one tick",
        kills.learner_kill,
        limit_s=300,
    ),
    Fault(
        "actor_kill",
        "actor kill -9 at speed",
        "neutral within 250 ms",
        kills.actor_kill,
        limit_s=300,
    ),
    Fault(
        "spectators",
        "50 spectators, 10 of them not reading",
        "tick error p99 no worse than 1.2 x without them",
        punctual.spectators,
        limit_s=600,
    ),
    Fault(
        "ten_thousand",
        "10,000 steps at 60 Hz",
        "drift 0; p99 tick error under 1 ms on an idle machine",
        punctual.ten_thousand,
        limit_s=400,
    ),
)
"""In the order in which they are measured and shown."""


def chosen(only: Sequence[str]) -> list[Fault]:
    """Return the faults of these names, or all.

    Raises:
        SystemExit: there is none of a name.
    """
    names = {fault.name: fault for fault in FAULTS}
    for name in only:
        if name not in names:
            raise SystemExit(f"error: there is no row {name!r}.\n  try: one of {', '.join(names)}")
    return [fault for fault in FAULTS if not only or fault.name in only]


def as_json(rows: Sequence[Row]) -> str:
    """Return the rows as one JSON object."""
    told = [
        {"fault": r.fault, "promise": r.promise, "measured": r.measured, "holds": r.holds}
        for r in rows
    ]
    return json.dumps({"rows": told}, ensure_ascii=False)


def as_table(rows: Sequence[Row]) -> Table:
    """Return the rows for a terminal."""
    table = Table(title="What was promised, and what was measured", show_lines=True)
    for column in ("fault", "promise", "measured", "holds"):
        table.add_column(column)
    for row in rows:
        table.add_row(row.fault, row.promise, row.measured, "yes" if row.holds else "NO")
    return table


def as_section(rows: Sequence[Row]) -> list[str]:
    """Return the rows as lines of the page `docs/reliability.md`."""
    return [
        "Written by the fault bench, which brings every fault about for real: processes are",
        "stopped and killed, links are cut in the middle of messages, packets are lost between two",
        "network namespaces, and the wheel is looked at where the game reads it. The game is the",
        "stand-in.",
        "",
        "| fault | promise | measured | holds |",
        "|---|---|---|---|",
        *(_line(row) for row in rows),
    ]


def with_rows(
    section: Sequence[str], rows: Sequence[Row], names: Sequence[str], made: Sequence[str]
) -> list[str]:
    """Return the section with some rows measured anew.

    Args:
        section: its lines before; the table is in it.
        rows: those that were measured.
        names: of these, as they were asked for; what is said of the same from before goes.
        made: lines that say how and when.
    """
    which = f"- Measured by themselves later: {', '.join(names)}."
    said = " ".join([which, *(line.removeprefix("- ") + "." for line in made)])
    lines = [line for line in section if not line.startswith(which)]
    for row in rows:
        begins = f"| {_cell(row.fault)} |"
        at = [number for number, line in enumerate(lines) if line.startswith(begins)]
        if at:
            lines[at[0]] = _line(row)
        else:
            last = max(number for number, line in enumerate(lines) if line.startswith("|"))
            lines.insert(last + 1, _line(row))
    return [*lines, said]


def _line(row: Row) -> str:
    cells = (_cell(row.fault), _cell(row.promise), _cell(row.measured))
    return f"| {' | '.join(cells)} | {'yes' if row.holds else '**no**'} |"


def command() -> str:
    """Return how the bench was started."""
    return " ".join(["uv run python benchmarks/faults.py", *sys.argv[1:]])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
