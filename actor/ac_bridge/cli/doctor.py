"""`ac-bridge doctor`: look at the machine and say what to do next."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ac_bridge.cli.console import configure_log
from ac_bridge.cli.options import ConfigOption, DeviceOption, DocumentsOption, JsonOption
from ac_bridge.clock import SystemClock
from ac_bridge.machine.doctor import examine
from ac_bridge.machine.findings import Finding, Status, error, worst
from ac_bridge.settings import load_settings
from ac_bridge_protocol.errors import SettingError

_STYLES = {Status.OK: "green", Status.WARNING: "yellow", Status.ERROR: "bold red"}
_SUMMARY = {
    Status.OK: "Everything is as it should be.",
    Status.WARNING: "It works, apart from what the warnings name.",
    Status.ERROR: "The game cannot be driven until the errors are fixed.",
}


def doctor(
    as_json: JsonOption = False,
    game_folder: Annotated[
        Path | None, typer.Option(help="Where the game is. Default: ask Steam.")
    ] = None,
    documents: DocumentsOption = None,
    listen: Annotated[
        str | None, typer.Option(help="Where the actor will listen. Default 127.0.0.1:8765.")
    ] = None,
    device_id: DeviceOption = None,
    config: ConfigOption = None,
) -> None:
    """Look at this machine and say what to do next. Changes nothing.

    The exit status is 0 if all is well, 1 with warnings, 2 with errors.

    Examples:
        ac-bridge doctor

        ac-bridge doctor --json --device-id 2

        ac-bridge doctor --game-folder "D:/Games/assettocorsa"
    """
    configure_log("error")  # what is refused on the way becomes a finding, not a line of the log
    clock = SystemClock()
    try:
        settings = load_settings(config, listen=listen, device_id=device_id)
        findings = examine(settings, clock, game_folder=game_folder, documents=documents)
    except SettingError as problem:  # nobody knows what to look for
        findings = [error("settings", problem.message, problem.hint)]
    finally:
        clock.close()
    status = worst(findings)
    if as_json:
        report = {
            "status": status.value,
            "findings": [dataclasses.asdict(finding) for finding in findings],
        }
        typer.echo(json.dumps(report))
    else:
        _show(findings, status)
    raise typer.Exit(status.exit_status)


def _show(findings: Sequence[Finding], status: Status) -> None:
    # Words, no symbols: a Windows console may know no other characters.
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for finding in findings:
        said = Text(finding.message)
        if finding.fix:
            said.append("\ntry: ", style="bold cyan").append(finding.fix, style="default")
        mark = Text(finding.status.value, style=_STYLES[finding.status])
        table.add_row(mark, finding.name, said)
    console = Console()
    console.print(table)
    console.print(Text(f"\n{_SUMMARY[status]}", style=_STYLES[status]))
