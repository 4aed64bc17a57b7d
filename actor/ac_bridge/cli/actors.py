"""`ac-bridge actors`: which actors there are, on the local network or at a relay."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ac_bridge.cli.options import (
    CaFileOption,
    FingerprintOption,
    JsonOption,
    TokenFileOption,
    errors_as_json,
)
from ac_bridge_client.access import Access
from ac_bridge_client.discovery import SECONDS, FoundActor, find_actors
from ac_bridge_client.relay import ParkedActor, actor_uri, parked_actors


def actors(
    relay: Annotated[
        str | None,
        typer.Argument(help="A relay's address, wss://HOST[:PORT]. Default the local network."),
    ] = None,
    seconds: Annotated[
        float,
        typer.Option(
            min=SECONDS[0], max=SECONDS[1], help="How long to listen on the local network."
        ),
    ] = 3.0,
    token_file: TokenFileOption = None,
    ca_file: CaFileOption = None,
    fingerprint: FingerprintOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the actors on the local network, or those that are parked at a relay.

    On the local network those are found that were started with --announce. At a relay a list token
    shows all actors, and an actor's own token those that it opens.

    Examples:
        ac-bridge actors

        ac-bridge actors wss://relay.example.org --token-file my.token

        ac-bridge actors wss://192.0.2.7:8765 --token-file my.token --fingerprint sha256:...
    """
    console = Console(quiet=as_json)
    with errors_as_json(as_json):
        if relay is None:
            with console.status(f"Listening on the local network for {seconds:g} s ..."):
                found = find_actors(seconds)
            entries = [dataclasses.asdict(one) for one in found]
            _show_found(console, found)
        else:
            access = Access.gather(None, token_file, ca_file, fingerprint)
            with console.status("Asking the relay ..."):
                parked = parked_actors(relay, access)
            entries = [{**one.model_dump(), "uri": actor_uri(relay, one.name)} for one in parked]
            _show_parked(console, relay, parked)
    if as_json:
        typer.echo(json.dumps({"actors": entries}))


def _show_found(console: Console, found: list[FoundActor]) -> None:
    if not found:
        console.print("No actor is announced on the local network.")
        _advise(
            console,
            "An actor is found if it was started with --announce, on this network, and if no "
            "firewall in between drops UDP port 5353. Guest networks often keep machines apart.",
        )
        return
    table = Table(title="Actors on the local network", title_justify="left")
    for heading in ("name", "address", "software", "token"):
        table.add_column(heading, overflow="fold")
    for one in found:
        needed = "needed" if one.tokens else "none"
        table.add_row(*map(Text, (one.name, one.uri, one.software, needed)))
    console.print(table)
    _advise(
        console,
        "Anybody on this network can announce anything. Pin the certificate's fingerprint, as the "
        "actor itself printed it, and never show a token over ws://.",
    )


def _show_parked(console: Console, relay: str, parked: list[ParkedActor]) -> None:
    if not parked:
        console.print("No actor is parked at this relay that the token may know of.")
        _advise(console, "Start one: ac-bridge actor --relay RELAY/actors/NAME.")
        return
    table = Table(title=f"Actors at {relay}", title_justify="left")
    for heading in ("name", "software", "parked for", "learners"):
        table.add_column(heading, overflow="fold")
    for one in parked:
        there = str(one.drivers + one.spectators)
        table.add_row(*map(Text, (one.name, one.software, _long(one.parked_s), there)))
    console.print(table)
    console.print(Text(f"Dial {actor_uri(relay, parked[0].name)} with a token of the actor's own."))


def _advise(console: Console, hint: str) -> None:
    console.print(Text("try: ", style="bold cyan").append(hint, style="default"))


def _long(seconds: float) -> str:
    """Return a time as people say it."""
    for unit, length_s in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= length_s:
            return f"{seconds / length_s:.0f} {unit}"
    return f"{seconds:.0f} s"
