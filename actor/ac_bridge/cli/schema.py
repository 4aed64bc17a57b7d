"""`ac-bridge schema`: the protocol as a document that other languages' tools read."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from ac_bridge.machine.output import write_text
from ac_bridge_protocol.asyncapi import asyncapi
from ac_bridge_protocol.schema import as_text, json_schema


class Format(enum.StrEnum):
    """The documents that there are."""

    JSONSCHEMA = "jsonschema"
    ASYNCAPI = "asyncapi"


MAKERS = {Format.JSONSCHEMA: json_schema, Format.ASYNCAPI: asyncapi}


def schema(
    format_: Annotated[
        Format,
        typer.Option(
            "--format",
            help="jsonschema: what every message looks like (2020-12). asyncapi: that, and who "
            "sends what where (AsyncAPI 3).",
        ),
    ] = Format.JSONSCHEMA,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write it to this file. Default: standard output."),
    ] = None,
) -> None:
    """Print the protocol for programs: every message with its fields, units, bounds and meaning.

    The same documents are in docs/protocol; docs/protocol.md is the manual for people.

    Examples:
        ac-bridge schema -o messages.schema.json

        ac-bridge schema --format asyncapi -o asyncapi.json
    """
    text = as_text(MAKERS[format_]())
    if output is None:
        typer.echo(text, nl=False)
        return
    write_text(output, text)
    Console(stderr=True).print(Text(f"Written to {output}.", style="dim"), soft_wrap=True)
