"""`ac-bridge inspect`: what is in a recording, whether it is whole, and whether it is right."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from ac_bridge.cli.console import EXIT_ERROR
from ac_bridge.cli.options import JsonOption, errors_as_json
from ac_bridge_recording.check import Checked, check
from ac_bridge_recording.mend import Mended, mend

EPISODES_SHOWN = 10
"""Of more, the last ones are left out of the table for people."""
REFRESH = 0.02
"""Of the file, between two drawings of the progress bar."""


def inspect(
    file: Annotated[Path, typer.Argument(help="The recording.")],
    mend_as: Annotated[
        Path | None,
        typer.Option(
            "--mend",
            metavar="OUT",
            help="Write a whole file with everything that can be read of this one, and look that "
            "over too.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what is in a recording, and look it over from its first byte to its last.

    The exit status is 1 if it was cut off or if anything in it is wrong; with --mend, if anything
    is wrong with the new file.

    Examples:
        ac-bridge inspect evening.mcap

        ac-bridge inspect evening.mcap --mend whole.mcap

        ac-bridge inspect evening.mcap --json
    """
    with errors_as_json(as_json):
        console = Console(quiet=as_json, highlight=False)
        checked = judged = _check(file, console)
        _show(console, checked, mending=mend_as is not None)
        mended = None
        if mend_as is not None:
            mended = mend(file, mend_as)
            judged = _check(mend_as, console)
            _show_mended(console, mended, judged)
    if as_json:
        typer.echo(json.dumps(_report(checked, mended, judged)))
    if not judged.ok:
        raise typer.Exit(EXIT_ERROR)


def _check(file: Path, console: Console) -> Checked:
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        console=console,
        transient=True,
        auto_refresh=False,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task(f"Reading {file.name}", total=1.0)
        drawn = 0.0

        def draw(part: float) -> None:
            nonlocal drawn
            if part - drawn >= REFRESH:
                drawn = part
                progress.update(task, completed=part, refresh=True)

        return check(file, draw)


# --- For people -----------------------------------------------------------------------------------


def _show(console: Console, checked: Checked, *, mending: bool) -> None:
    _show_about(console, checked)
    _show_topics(console, checked)
    _show_drives(console, checked)
    if checked.dropped:
        dropped = ", ".join(f"{count:,} of {topic}" for topic, count in checked.dropped.items())
        said = f"Not recorded, as the disk or the processor was too slow: {dropped}."
        console.print(Text(said, style="yellow"), soft_wrap=True)
    _show_verdict(console, checked)
    if not checked.ok and not mending:
        hint = "--mend OUT makes a whole file of what can be read of it."
        console.print(Text("  try: ", style="bold cyan").append(hint, style="default"))


def _show_about(console: Console, checked: Checked) -> None:
    table = Table(title=str(checked.path), show_header=False, title_justify="left")
    for name, said in checked.about.items():
        table.add_row(name, Text(said, overflow="fold"))
    table.add_row("size", f"{checked.path.stat().st_size:,} bytes")
    console.print(table)


def _show_topics(console: Console, checked: Checked) -> None:
    if not checked.topics:
        console.print("Nothing was recorded.")
        return
    start_ns = min(topic.first_ns for topic in checked.topics.values())
    table = Table()
    table.add_column("topic", no_wrap=True)
    for name in ("records", "from s", "to s", "a second", "JSON MB"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, topic in checked.topics.items():
        table.add_row(
            name,
            f"{topic.records:,}",
            f"{(topic.first_ns - start_ns) / 1e9:.3f}",
            f"{(topic.last_ns - start_ns) / 1e9:.3f}",
            "" if topic.rate_hz is None else f"{topic.rate_hz:.2f}",
            f"{topic.json_bytes / 1e6:.2f}",
        )
    console.print(table)


def _show_drives(console: Console, checked: Checked) -> None:
    if checked.drives:
        table = Table()
        for name in ("episode", "seed", "steps", "return"):
            table.add_column(name, justify="right")
        table.add_column("ended by")
        for drive in checked.drives[:EPISODES_SHOWN]:
            table.add_row(
                str(drive.episode),
                "" if drive.seed is None else str(drive.seed),
                f"{drive.steps:,}",
                "" if drive.total_reward is None else f"{drive.total_reward:,.3f}",
                drive.end or "the end of the recording",
            )
        console.print(table)
    more = len(checked.drives) - EPISODES_SHOWN
    said = f"{_counted(len(checked.drives), 'episode')}, {_counted(checked.laps, 'lap')} completed"
    console.print(f"{said}{f'; {more:,} of them not shown' if more > 0 else ''}.")


def _show_verdict(console: Console, checked: Checked) -> None:
    if checked.problems_in_all:
        _show_problems(console, checked)
    if not checked.whole:
        said = (
            f"It was cut off. What is behind its last whole record, {checked.lost_bytes:,} bytes, "
            "is not read; all before it is there."
            if checked.lost_bytes
            else "It was cut off between two records: it has no end, and all before it is there."
        )
        console.print(Text(said, style="bold yellow"), soft_wrap=True)
    elif not checked.problems_in_all:
        console.print(Text("It is whole, and nothing in it is wrong.", style="bold green"))


def _show_problems(console: Console, checked: Checked) -> None:
    said = f"{_counted(checked.problems_in_all, 'thing')} wrong:"
    console.print(Text(said, style="bold red"))
    for problem in checked.problems:
        console.print(Text(f"  {problem}"), soft_wrap=True)
    if checked.problems_in_all > len(checked.problems):
        console.print(f"  and {checked.problems_in_all - len(checked.problems):,} more")


def _show_mended(console: Console, mended: Mended, checked: Checked) -> None:
    said = f"{mended.path}: {_counted(mended.records, 'record')}"
    if mended.salvaged:
        said += f", {mended.salvaged:,} of them from what was cut off"
    elif mended.lost_bytes:
        said += f"; nothing could be read of the {mended.lost_bytes:,} bytes at the end"
    if mended.lost_chunks:
        said += f"; {_counted(mended.lost_chunks, 'damaged chunk')} could not be read"
    console.print(Text(f"\n{said}."), soft_wrap=True)
    _show_verdict(console, checked)


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


# --- For programs ---------------------------------------------------------------------------------


def _report(checked: Checked, mended: Mended | None, judged: Checked) -> dict[str, Any]:
    report: dict[str, Any] = {
        "ok": judged.ok,
        "file": str(checked.path),
        "whole": checked.whole,
        "lost_bytes": checked.lost_bytes,
        "problems": [dataclasses.asdict(problem) for problem in checked.problems],
        "problems_in_all": checked.problems_in_all,
        "about": dict(checked.about),
        "result": dict(checked.result),
        "topics": {
            name: dataclasses.asdict(topic) | {"rate_hz": topic.rate_hz}
            for name, topic in checked.topics.items()
        },
        "episodes": [dataclasses.asdict(drive) for drive in checked.drives],
        "laps": checked.laps,
        "dropped": dict(checked.dropped),
    }
    if mended is not None:
        report["mended"] = {
            "file": str(mended.path),
            "records": mended.records,
            "lost_bytes": mended.lost_bytes,
            "salvaged": mended.salvaged,
            "lost_chunks": mended.lost_chunks,
            "problems_in_all": judged.problems_in_all,
        }
    return report
