"""The command line: one file a group of commands. The only place that joins both sides."""

from __future__ import annotations

import io
import sys
from inspect import cleandoc

import typer

from ac_bridge.cli.actor import actor
from ac_bridge.cli.actors import actors
from ac_bridge.cli.cert import cert
from ac_bridge.cli.console import exit_on_error
from ac_bridge.cli.control import try_controls
from ac_bridge.cli.demo import demo
from ac_bridge.cli.doctor import doctor
from ac_bridge.cli.export import export_recordings
from ac_bridge.cli.inspect import inspect
from ac_bridge.cli.link_test import link_test
from ac_bridge.cli.record import record
from ac_bridge.cli.relay import relay
from ac_bridge.cli.replay import replay
from ac_bridge.cli.replay_check import replay_check
from ac_bridge.cli.report import report
from ac_bridge.cli.reset import reset
from ac_bridge.cli.schema import schema
from ac_bridge.cli.setup import setup
from ac_bridge.cli.simulate import simulate
from ac_bridge.cli.smoke import smoke_test
from ac_bridge.cli.telemetry import watch_telemetry
from ac_bridge.cli.token import token
from ac_bridge.cli.track import track

app = typer.Typer(
    name="ac-bridge",
    help="The plumbing between a racing agent and Assetto Corsa.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


def flowing(text: str) -> str:
    """Return a command's help with each paragraph in one line, for any width of a terminal.

    Of several paragraphs typer keeps the line breaks of the source. Examples keep theirs.
    """
    said, examples, shown = cleandoc(text).partition("\n\nExamples:\n")
    paragraphs = [" ".join(one.split("\n")) for one in said.split("\n\n")]
    return "\n\n".join(paragraphs) + examples + shown


# In the order in which somebody with a new machine needs them.
app.command()(demo)
app.command()(doctor)
app.command()(setup)
app.command("test-telemetry")(watch_telemetry)
app.command("test-control")(try_controls)
app.command()(reset)
app.command()(smoke_test)
app.command()(actor)
app.command()(relay)
app.command()(simulate)
app.command()(actors)
app.command("link-test")(link_test)
app.command()(record)
app.command()(inspect)
app.command()(replay)
app.command()(replay_check)
app.command("export")(export_recordings)
app.command()(report)
app.command()(schema)
app.add_typer(token)
app.add_typer(cert)
app.add_typer(track)
for group in (app, token, cert, track):
    for command in group.registered_commands:
        command.help = flowing(command.callback.__doc__ or "")


def main() -> None:
    """Run the command that was typed."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A pipe on Windows has a code page of 256 characters: paths and tables have more.
            stream.reconfigure(errors="backslashreplace")
    with exit_on_error():
        app()
