"""`ac-bridge cert`: certificates for a home network, where no authority knows the machines."""

from __future__ import annotations

import datetime as dt
import json
import socket
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ac_bridge.cli.options import JsonOption, errors_as_json
from ac_bridge.clock import SystemClock
from ac_bridge.net.certificate import DAYS, Pair, self_signed, write_pair

PORT = 8765
"""In the line for the learner: the one that an actor or relay takes unless it is told another."""

cert = typer.Typer(
    name="cert",
    help="Make certificates, for wss:// without an authority.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@cert.callback()
def _group() -> None:
    """Make certificates, for wss:// without an authority."""


@cert.command("new")
def new(
    host: Annotated[
        list[str] | None,
        typer.Option(
            help="Name or IP address that learners dial; may be said several times. Default this "
            "machine's name, localhost and 127.0.0.1."
        ),
    ] = None,
    days: Annotated[
        int, typer.Option(min=DAYS[0], max=DAYS[1], help="How long it is valid, in days.")
    ] = 365,
    cert_file: Annotated[Path, typer.Option("--cert", help="File of the certificate.")] = Path(
        "ac-bridge-cert.pem"
    ),
    key_file: Annotated[
        Path, typer.Option("--key", help="File of its private key: for the server alone.")
    ] = Path("ac-bridge-key.pem"),
    force: Annotated[
        bool, typer.Option("--force", help="Replace the files if they are there.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a self-signed certificate, and print the fingerprint by which learners know it.

    For a relay or actor with a public name, let Caddy or another program get one from an authority
    instead: then learners need no fingerprint.

    Examples:
        ac-bridge cert new

        ac-bridge cert new --host gaming-pc --host 192.168.1.20

        ac-bridge cert new --force --days 90
    """
    hosts = list(dict.fromkeys(host or [socket.gethostname(), "localhost", "127.0.0.1"]))
    with errors_as_json(as_json):
        pair = self_signed(hosts, SystemClock().wall(), days)
        write_pair(pair, cert_file, key_file, force=force)
    said = {
        "cert": str(cert_file),
        "key": str(key_file),
        "hosts": hosts,
        "expires": dt.datetime.fromtimestamp(pair.expires_s, dt.UTC).isoformat(),
        "fingerprint": pair.fingerprint,
        "actor": f"ac-bridge actor --tls-cert {cert_file} --tls-key {key_file}",
        "python": learner_line(hosts[0], pair),
    }
    if as_json:
        typer.echo(json.dumps(said))
    else:
        _show(Console(), said)


def learner_line(host: str, pair: Pair) -> str:
    """Return the line to write in the learner."""
    address = f"[{host.strip('[]')}]" if ":" in host else host
    return f'env = RemoteEnv("wss://{address}:{PORT}", fingerprint="{pair.fingerprint}")'


def _show(console: Console, said: dict[str, Any]) -> None:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_row("certificate", said["cert"])
    table.add_row("private key", f"{said['key']} (keep it to yourself)")
    table.add_row("for", ", ".join(said["hosts"]))
    table.add_row("until", said["expires"][:10])
    console.print(table)
    for what, line in (
        ("Fingerprint:", said["fingerprint"]),
        ("On the actor:", said["actor"]),
        ("In the learner:", said["python"]),
    ):
        console.print(Text(what))
        console.print(Text(f"    {line}", style="bold"), soft_wrap=True)
