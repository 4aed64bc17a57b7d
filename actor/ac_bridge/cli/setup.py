"""`ac-bridge setup`: make the game's controls ready for the virtual wheel."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ac_bridge.cli.options import ConfigOption, DocumentsOption
from ac_bridge.clock import SystemClock
from ac_bridge.machine.mapping import mapping_for
from ac_bridge.machine.preset import (
    UDEV_RULE,
    UDEV_RULE_FILE,
    PresetPlan,
    plan_preset,
    write_preset,
)
from ac_bridge.machine.processes import running_games
from ac_bridge.machine.steam import find_places
from ac_bridge.settings import load_settings
from ac_bridge_protocol.errors import SettingError


def setup(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be written, and write nothing.")
    ] = False,
    documents: DocumentsOption = None,
    config: ConfigOption = None,
) -> None:
    """Write a controller preset for the virtual wheel into the game's saved setups.

    It starts from your own controls, binds the wheel and its buttons into them, and switches off
    what would bend its values. Your controls stay as they are until you load the preset. A preset
    of that name is backed up; while a game runs, nothing is written. On Linux, the udev rule that
    lets you make a virtual wheel is printed as well.

    Examples:
        ac-bridge setup --dry-run

        ac-bridge setup

        ac-bridge setup --documents "D:/Documents/Assetto Corsa"
    """
    settings = load_settings(config)
    if sys.platform != "win32":
        _show_udev_rule()
    folder = find_places(documents=documents).documents
    if folder is None:
        where = documents or "The game's folder of documents"
        raise SettingError(
            f"{where} was not found.",
            setting="documents",
            hint="Start the game once, so that it makes it, or say where it is: --documents.",
        )
    plan = plan_preset(folder, mapping_for(settings), SystemClock())
    if not dry_run:
        write_preset(plan, running_games())
    _show(plan, dry_run=dry_run)


def _show_udev_rule() -> None:
    typer.echo(f"For the virtual wheel, {UDEV_RULE_FILE} must say:\n")
    typer.echo(f"    {UDEV_RULE}")
    typer.echo(
        "Write it as root, then 'sudo udevadm control --reload', 'sudo modprobe uinput', and"
    )
    typer.echo("log in again.\n")


def _show(plan: PresetPlan, *, dry_run: bool) -> None:
    if not plan.changes:
        typer.echo(f"The preset is there already, and current: {plan.path}")
    else:
        would = "Would write" if dry_run else "Wrote"
        if plan.backup is not None:
            typer.echo(
                f"{'Would back' if dry_run else 'Backed'} up the present preset as {plan.backup}"
            )
        typer.echo(f"{would} the preset {plan.path}")
    if dry_run:
        typer.echo(f"\n{plan.text}", nl=False)
        return
    typer.echo(
        "Now load 'ac-bridge' in the game's control settings, check that the virtual wheel is"
    )
    typer.echo("the device that is shown there, and run 'ac-bridge doctor'.")
