"""`ac-bridge replay`: serve a recording as if it were an actor."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from ac_bridge.cli.actor import READY, LogLevel, end_with_parent
from ac_bridge.cli.console import configure_log
from ac_bridge.cli.options import ConfigOption
from ac_bridge.replay.serve import run_replay
from ac_bridge.replay.stage import ReplayStage
from ac_bridge.replay.tape import Tape
from ac_bridge.settings import load_settings


class SpeedName(enum.StrEnum):
    """How fast to replay."""

    RECORDED = "1"
    MAX = "max"


def replay(
    file: Annotated[Path, typer.Argument(help="The recording, an .mcap file.")],
    speed: Annotated[
        SpeedName,
        typer.Option(
            help="1: steps come at their recorded intervals (modes latest, fixed_delay). max: at "
            "once (mode lockstep)."
        ),
    ] = SpeedName.RECORDED,
    hz: Annotated[
        float | None,
        typer.Option(
            help="Steps a second of a recording that has none, as of a human lap. Default: one a "
            "frame."
        ),
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="End with the recording, instead of beginning again.")
    ] = False,
    listen: Annotated[
        str | None, typer.Option(help="HOST:PORT; port 0 takes a free one. Default 127.0.0.1:8765.")
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(help="Tokens of those who may drive or watch; see ac-bridge token new."),
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option(help="Certificate (PEM), to serve wss://.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key (PEM).")] = None,
    config: ConfigOption = None,
    log_level: Annotated[LogLevel, typer.Option(help="From what on to log.")] = LogLevel.INFO,
    with_parent: Annotated[
        bool, typer.Option(hidden=True, help="End when standard input is closed.")
    ] = False,
) -> None:
    """Serve a recording as an actor would, until Ctrl+C: to RemoteEnv and to spectators.

    A reset begins the next recorded episode, one with a seed the episode that was recorded with it.
    A step is answered with the next one recorded: its action is checked, and has no effect. Who may
    come in is set as for the actor, by options, variables and the TOML file.

    Examples:
        ac-bridge replay drive.mcap

        ac-bridge replay drive.mcap --speed max --listen 127.0.0.1:9000

        ac-bridge replay lap.mcap --hz 20 --once
    """
    configure_log(log_level)
    settings = load_settings(
        config, listen=listen, token_file=token_file, tls_cert=tls_cert, tls_key=tls_key
    )
    stage = ReplayStage(Tape(file, hz), speed.value, once=once)

    def on_ready(port: int) -> None:
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        scheme = "wss" if settings.tls_cert else "ws"
        typer.echo(f"{READY}{scheme}://{host}:{port}")

    if with_parent:
        end_with_parent()
    run_replay(stage, settings, on_ready)
