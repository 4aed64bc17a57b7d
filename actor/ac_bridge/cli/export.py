"""`ac-bridge export`: recordings as tables and datasets."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from ac_bridge.cli.options import GameDirOption, JsonOption, errors_as_json
from ac_bridge.data.export import ExportReport, Target, export, task_named
from ac_bridge.data.steps import Source, StepOptions
from ac_bridge_protocol.tasks import TASKS
from ac_bridge_recording import Recording
from ac_bridge_recording.topics import Topic

MOST_SHOWN = 30
"""Episodes that are shown one by one: more is nothing that anybody reads."""

TELL_EVERY = 200
"""Records between two movements of the progress bar."""


def export_recordings(
    files: Annotated[list[Path], typer.Argument(help="The recordings.")],
    to: Annotated[
        Target,
        typer.Option(
            help="parquet: a table with one row a step. minari: a dataset that "
            "minari.load_dataset reads."
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="The table's file; for minari the folder of all datasets."
        ),
    ],
    task: Annotated[
        str,
        typer.Option(
            help=f"What rewards the steps: {', '.join(TASKS)}, or module:factory of your own, "
            "called with the game's statics."
        ),
    ] = "progress",
    observation: Annotated[
        str | None,
        typer.Option(
            help="The observation profile, such as bridge15. Default: as it was recorded, and for "
            "laps from telemetry bridge15."
        ),
    ] = None,
    game_dir: GameDirOption = None,
    hz: Annotated[
        float | None,
        typer.Option(
            min=0.1, max=1000, help="Steps a second from telemetry. Default: every frame is one."
        ),
    ] = None,
    source: Annotated[
        Source,
        typer.Option(
            "--from",
            help="steps: what a learner drove. telemetry: laps, whoever drove them. auto: steps "
            "if there are any.",
        ),
    ] = Source.AUTO,
    dataset_id: Annotated[
        str | None,
        typer.Option(help="Minari's name for the dataset. Default: game/track-car-v0."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a table or a dataset of recordings, with rewards from any task.

    An episode ends where the task ends it. Laps from telemetry are episodes too, with actions as
    the game took them from the wheel. Needs what the extra "data" installs.

    Examples:
        ac-bridge export drive.mcap --to parquet -o drive.parquet

        ac-bridge export monday.mcap tuesday.mcap --to minari -o datasets --task my_tasks:fast

        ac-bridge export my_laps.mcap --to minari -o datasets --hz 20
    """
    with errors_as_json(as_json), _progress(quiet=as_json) as bar:
        if str(Path.cwd()) not in sys.path:
            sys.path.insert(0, str(Path.cwd()))  # where a module of one's own is looked for
        report = export(
            files,
            to,
            output,
            StepOptions(task_named(task), observation, game_dir, hz, source),
            task_name=task,
            dataset_id=dataset_id,
            progress=lambda recording: _follow(bar, recording),
        )
    if as_json:
        typer.echo(json.dumps(_figures(report)))
    else:
        _show(Console(), report)


def _progress(*, quiet: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True, quiet=quiet),
        transient=True,
    )


def _follow(bar: Progress, recording: Recording) -> Callable[[], None]:
    """Return what to call for every record that was read."""
    written = recording.result
    steps = int(written.get(f"written {Topic.STEP}", 0))
    total = steps or int(written.get(f"written {Topic.TELEMETRY}", 0)) or None
    shown = bar.add_task(recording.path.name, total=total)
    read = 0

    def advance() -> None:
        nonlocal read
        read += 1
        if read % TELL_EVERY == 0:
            bar.update(shown, completed=read)

    return advance


def _figures(report: ExportReport) -> dict[str, object]:
    figures = dataclasses.asdict(report)
    return {"ok": True, **figures, "output": str(report.output)}


def _show(console: Console, report: ExportReport) -> None:
    table = Table(title="Exported")
    table.add_column("recording")
    for name in ("episode", "steps", "return", "seconds"):
        table.add_column(name, justify="right")
    table.add_column("ended by")
    for episode in report.episodes[:MOST_SHOWN]:
        table.add_row(
            Text(episode.recording),
            str(episode.recorded_episode),
            f"{episode.steps:,}",
            f"{episode.total_reward:,.2f}",
            f"{episode.seconds:,.1f}",
            Text(episode.end_reason),
        )
    if (more := len(report.episodes) - MOST_SHOWN) > 0:
        table.add_row(f"and {more} more", "", "", "", "", "")
    table.add_section()
    table.add_row(
        "all",
        str(len(report.episodes)),
        f"{sum(one.steps for one in report.episodes):,}",
        f"{sum(one.total_reward for one in report.episodes):,.2f}",
        f"{sum(one.seconds for one in report.episodes):,.1f}",
        "",
    )
    console.print(table)
    for name, lost_bytes in report.cut_off.items():
        console.print(
            Text(f"{name} has no end: its last {lost_bytes:,} bytes could not be read.", "yellow")
        )
    if report.left_out:
        console.print(
            Text(f"{report.left_out:,} steps after the task's end were left out.", "yellow")
        )
    where = str(report.output)
    if report.dataset_id:
        where = f"{report.dataset_id} in {where}; MINARI_DATASETS_PATH={where} finds it"
    console.print(Text(f"Written: {where}", "green"), soft_wrap=True)
