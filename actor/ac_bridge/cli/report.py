"""`ac-bridge report`: a recording as one page to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from ac_bridge.data.report import write_report


def report(
    file: Annotated[Path, typer.Argument(help="The recording, as MCAP.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="The page. Default: beside the recording, as FILE.html."
        ),
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Show it in the browser.")] = False,
) -> None:
    """Make a page from a recording: laps, any two of them compared, map, timing, events.

    The page is one file that holds all it needs; it opens without a network. Which laps it shows
    can be given in its address: report.html#a=1&b=2.

    Examples:
        ac-bridge report drive.mcap

        ac-bridge report drive.mcap -o report.html --open
    """
    page = output or file.with_suffix(".html")
    console = Console(stderr=True)
    with console.status("Reading") as status:
        write_report(file, page, lambda count: status.update(f"Reading: {count:,} records"))
    said = Text(f"Written to {page}, {page.stat().st_size / 1e6:.1f} MB.", style="dim")
    console.print(said, soft_wrap=True)
    if open_:
        typer.launch(str(page))
