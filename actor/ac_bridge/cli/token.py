"""`ac-bridge token`: secrets that open an actor or a relay."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from ac_bridge.cli.options import JsonOption, errors_as_json
from ac_bridge.net.token_file import add_token
from ac_bridge.net.tokens import Grant, check_park_name, new_token
from ac_bridge_protocol.errors import SettingError

token = typer.Typer(
    name="token",
    help="Make tokens: secrets that open an actor or a relay.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

SETTINGS = {
    Grant.DRIVER: "AC_BRIDGE_DRIVER_TOKEN for the actor, AC_BRIDGE_TOKEN for its learner",
    Grant.SPECTATOR: "AC_BRIDGE_SPECTATOR_TOKEN for the actor, AC_BRIDGE_TOKEN for who watches",
    Grant.PARK: "AC_BRIDGE_RELAY_PARK_TOKEN for the relay, AC_BRIDGE_RELAY_TOKEN for its actors",
    Grant.LIST: "AC_BRIDGE_RELAY_LIST_TOKEN for the relay, AC_BRIDGE_TOKEN for who asks",
}
"""The variables that take a token that is in no file."""


@token.callback()
def _group() -> None:
    """Make tokens: secrets that open an actor or a relay."""


@token.command("new")
def new(
    grant: Annotated[
        Grant,
        typer.Option(
            "--for",
            help="What it opens: an actor to drive or to watch, a relay "
            "to park at or to list actors.",
        ),
    ] = Grant.DRIVER,
    name: Annotated[
        str | None,
        typer.Option(help="With --for park: the only name an actor may park under. Default any."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(help="Add it to this file of tokens; a running server takes it at once."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a token, and print it: it is shown this once.

    Several tokens may open the same. To replace one: add a new one to the file, move the learners
    to it, and take the old line out. Nothing has to be started anew for that.

    Examples:
        ac-bridge token new --file tokens.txt

        ac-bridge token new --for spectator --file tokens.txt

        ac-bridge token new --for park --name my-pc --file relay-tokens.txt
    """
    with errors_as_json(as_json):
        if name is not None:
            _check_name(grant, name)
        secret = new_token()
        if file is not None:
            add_token(file, secret, grant, name or "")
    if as_json:
        said = {"token": secret, "for": grant.value, "name": name, "file": file and str(file)}
        typer.echo(json.dumps(said))
        return
    typer.echo(secret)
    note = f"Added to {file}." if file is not None else f"Set {SETTINGS[grant]}; or use --file."
    Console(stderr=True).print(Text(note, style="dim"), soft_wrap=True)


def _check_name(grant: Grant, name: str) -> None:
    if grant is not Grant.PARK:
        raise SettingError(
            f"A {grant} token has no name.",
            setting="name",
            hint="Leave --name out: only a park token is bound to the name of an actor.",
        )
    check_park_name(name, f"--name {name!r}")
