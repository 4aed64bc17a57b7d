"""The command line: one file a group of commands. The only place that joins both sides."""

from __future__ import annotations

import typer

from ac_bridge.cli.actor import actor
from ac_bridge.cli.console import exit_on_error
from ac_bridge.cli.demo import demo

app = typer.Typer(
    name="ac-bridge",
    help="The plumbing between a racing agent and Assetto Corsa.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.command()(actor)
app.command()(demo)


def main() -> None:
    """Run the command that was typed."""
    with exit_on_error():
        app()
