"""`ac-bridge relay`: let actors and learners meet that cannot reach each other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ac_bridge.cli.actor import LogLevel, end_with_parent
from ac_bridge.cli.console import configure_log
from ac_bridge.relay import run_relay
from ac_bridge.relay.settings import load_relay_settings

READY = "Relaying on "
"""What the one line on stdout begins with; programs that start a relay wait for it."""


def relay(
    listen: Annotated[
        str | None, typer.Option(help="HOST:PORT; port 0 takes a free one. Default 127.0.0.1:8765.")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="File of park and list tokens (ac-bridge token new).")
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option(help="PEM file of a certificate; with --tls-key, serve wss://.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM file of its private key.")] = None,
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(help="A proxy whose X-Forwarded-For is believed; may be repeated."),
    ] = None,
    connections: Annotated[
        int | None, typer.Option(help="Most connections at once. Default 4096.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="A TOML file of settings. Default relay.toml, if any.")
    ] = None,
    log_level: Annotated[LogLevel, typer.Option(help="From what on to log.")] = LogLevel.INFO,
    with_parent: Annotated[
        bool, typer.Option(hidden=True, help="End when standard input is closed.")
    ] = False,
) -> None:
    """Relay between actors and learners that cannot reach each other, until Ctrl+C.

    Both dial wss://HOST/actors/NAME: an actor with --relay, a learner as if it were the actor.
    Every option is also a variable (AC_BRIDGE_RELAY_LISTEN) and a key of the TOML file; what is
    typed wins.

    Examples:
        ac-bridge relay

        ac-bridge relay --listen 0.0.0.0:8765 --token-file tokens.txt --tls-cert cert.pem
        --tls-key key.pem
    """
    configure_log(log_level)
    settings = load_relay_settings(
        config,
        listen=listen,
        token_file=token_file,
        tls_cert=tls_cert,
        tls_key=tls_key,
        trusted_proxies=tuple(trusted_proxy) if trusted_proxy else None,
        connections=connections,
    )

    def on_ready(port: int) -> None:
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        scheme = "wss" if settings.tls_cert is not None else "ws"
        typer.echo(f"{READY}{scheme}://{host}:{port}")

    if with_parent:
        end_with_parent()
    run_relay(settings, on_ready)
