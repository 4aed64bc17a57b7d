"""`ac-bridge actor`: serve a game over WebSocket."""

from __future__ import annotations

import enum
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from ac_bridge.cli.console import EXIT_ERROR, configure_log, exit_on_error
from ac_bridge.cli.options import (
    ConfigOption,
    ControllerOption,
    DeviceOption,
    GameDirOption,
    PrefixOption,
    TrackOption,
    WheelOption,
)
from ac_bridge.cli.supervise import supervise_actor
from ac_bridge.guardian.restarts import EXIT_SETTING
from ac_bridge.server import run_actor
from ac_bridge.settings import load_settings

READY = "Serving on "
"""What the one line on stdout begins with, before the address; programs that start an actor wait
for it."""


class LogLevel(enum.StrEnum):
    """How much to log."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def actor(
    game: Annotated[
        str | None, typer.Option(help="The game to drive: shm, standin, or auto. Default auto.")
    ] = None,
    controller: ControllerOption = None,
    device_id: DeviceOption = None,
    page_prefix: PrefixOption = None,
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
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(help="Origin of web pages that may connect. May be given several times."),
    ] = None,
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(help="Address of a proxy whose X-Forwarded-For is believed. May be repeated."),
    ] = None,
    relay: Annotated[
        str | None,
        typer.Option(
            help="Also park at a relay: wss://HOST/actors/NAME. Its token is read from "
            "AC_BRIDGE_RELAY_TOKEN."
        ),
    ] = None,
    relay_ca_file: Annotated[
        Path | None, typer.Option(help="Authority (PEM) of the relay's certificate.")
    ] = None,
    relay_fingerprint: Annotated[
        str | None, typer.Option(help="Of the relay's certificate, if it is self-signed.")
    ] = None,
    announce: Annotated[
        bool | None,
        typer.Option(
            "--announce/--no-announce", help="Let ac-bridge actors find it at home. Default off."
        ),
    ] = None,
    announce_name: Annotated[
        str | None, typer.Option(help="The name for that. Default the machine's.")
    ] = None,
    control_hz: Annotated[
        float | None, typer.Option(help="Control ticks a second, 1 to 100. Default 10.")
    ] = None,
    telemetry_hz: Annotated[
        float | None, typer.Option(help="Frames a second, 10 to 333. Default 60.")
    ] = None,
    lockstep: Annotated[
        bool | None,
        typer.Option("--lockstep/--real-time", help="Let game time stand still between steps."),
    ] = None,
    smoothing: Annotated[
        str | None,
        typer.Option(help="none, conservative, moderate or aggressive. Default moderate."),
    ] = None,
    hold_s: Annotated[
        float | None,
        typer.Option(help="Seconds after the last action when the car is let go. Default 0.5."),
    ] = None,
    late_hold_ticks: Annotated[
        int | None,
        typer.Option(help="Ticks that hold without an action, before easing. Default 2."),
    ] = None,
    late_brake: Annotated[
        float | None, typer.Option(help="Brake while easing to neutral, 0 to 1. Default 0.3.")
    ] = None,
    grace_s: Annotated[
        float | None, typer.Option(help="Seconds a lost link keeps the car. Default 30.")
    ] = None,
    spectators: Annotated[
        int | None, typer.Option(help="Most spectators at once. Default 56.")
    ] = None,
    emergency_key: Annotated[
        str | None,
        typer.Option(help="Key that stops the car, on Windows; none for no such key. Default f12."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of the stand-in's draws. Default 0.")] = None,
    gearbox: Annotated[
        str | None, typer.Option(help="Of the stand-in's car: automatic or sequential.")
    ] = None,
    track: TrackOption = None,
    game_dir: GameDirOption = None,
    wheel_name: WheelOption = None,
    gears: Annotated[
        str | None, typer.Option(help="Who shifts: game, actor or learner. Default game.")
    ] = None,
    shift_up_button: Annotated[
        int | None, typer.Option(help="Button that shifts up, from 1. Default 1.")
    ] = None,
    shift_down_button: Annotated[
        int | None, typer.Option(help="Button that shifts down. Default 2.")
    ] = None,
    restart_button: Annotated[
        int | None, typer.Option(help="Button that restarts the session. Default 7.")
    ] = None,
    start_button: Annotated[
        int | None, typer.Option(help="Button that starts a waiting session. Default 9.")
    ] = None,
    reset_by: Annotated[
        str | None,
        typer.Option(help="buttons, or command_port (experimental). Default buttons."),
    ] = None,
    record: Annotated[
        Path | None, typer.Option(help="Folder to record into, a file for each run.")
    ] = None,
    record_wire: Annotated[
        bool | None,
        typer.Option(
            "--record-wire/--no-record-wire", help="Record WebSocket messages too. Default on."
        ),
    ] = None,
    spool: Annotated[
        Path | None,
        typer.Option(help="Folder for learners whose policy acts here; without one, none may."),
    ] = None,
    spool_mib: Annotated[
        int | None, typer.Option(help="How much may wait for them, in MiB. Default 1024.")
    ] = None,
    spool_when_full: Annotated[
        str | None, typer.Option(help="Then stop, or drop_oldest. Default stop.")
    ] = None,
    raise_priority: Annotated[
        bool | None,
        typer.Option(
            "--raise-priority/--normal-priority",
            help="One priority class up, on Windows. Default on.",
        ),
    ] = None,
    restart: Annotated[
        bool | None,
        typer.Option("--restart/--no-restart", help="Start it again when it died. Default off."),
    ] = None,
    config: ConfigOption = None,
    log_level: Annotated[LogLevel, typer.Option(help="From what on to log.")] = LogLevel.INFO,
    with_parent: Annotated[
        bool, typer.Option(hidden=True, help="End when standard input is closed.")
    ] = False,
    supervised: Annotated[
        bool, typer.Option(hidden=True, help="Tell whoever restarts it when that is no use.")
    ] = False,
) -> None:
    """Serve a game to one driver and any number of spectators, until Ctrl+C.

    Every option is also a variable (AC_BRIDGE_CONTROL_HZ=20) and a key of the TOML file
    (control_hz = 20); what is typed wins. Secrets (driver_token, spectator_token, relay_token,
    takeover_key) are variables and keys only: other users of a machine can read what is typed. The
    wheel is neutral when the actor ends.

    Examples:
        ac-bridge actor --control-hz 20

        ac-bridge actor --game shm --controller vjoy

        ac-bridge actor --game standin --listen 127.0.0.1:9000 --lockstep

        ac-bridge actor --listen 0.0.0.0:8765 --token-file tokens.txt --tls-cert cert.pem
        --tls-key key.pem

        ac-bridge actor --token-file tokens.txt --relay wss://relay.example/actors/my-pc

        ac-bridge actor --record recordings
    """
    configure_log(log_level)
    settings = load_settings(
        config,
        game=game,
        controller=controller,
        device_id=device_id,
        page_prefix=page_prefix,
        wheel_name=wheel_name,
        listen=listen,
        token_file=token_file,
        tls_cert=tls_cert,
        tls_key=tls_key,
        allow_origins=allow_origin or None,
        trusted_proxies=trusted_proxy or None,
        relay=relay,
        relay_ca_file=relay_ca_file,
        relay_fingerprint=relay_fingerprint,
        announce=announce,
        announce_name=announce_name,
        control_hz=control_hz,
        telemetry_hz=telemetry_hz,
        lockstep=lockstep,
        smoothing=smoothing,
        hold_s=hold_s,
        late_hold_ticks=late_hold_ticks,
        late_brake=late_brake,
        grace_s=grace_s,
        spectators=spectators,
        emergency_key=emergency_key,
        seed=seed,
        gearbox=gearbox,
        track=track,
        game_dir=game_dir,
        gears=gears,
        shift_up_button=shift_up_button,
        shift_down_button=shift_down_button,
        restart_button=restart_button,
        start_button=start_button,
        reset_by=reset_by,
        record=record,
        record_wire=record_wire,
        spool=spool,
        spool_mib=spool_mib,
        spool_when_full=spool_when_full,
        raise_priority=raise_priority,
        restart=restart,
    )

    def on_ready(port: int) -> None:
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        scheme = "wss" if settings.tls_cert else "ws"
        typer.echo(f"{READY}{scheme}://{host}:{port}")

    if with_parent:
        end_with_parent()
    if settings.restart:
        raise typer.Exit(supervise_actor())
    with exit_on_error(EXIT_SETTING if supervised else EXIT_ERROR):
        run_actor(settings, on_ready)


def end_with_parent() -> None:
    """End once the process that started us lets go of our standard input, however it ends."""
    threading.Thread(target=_wait_for_parents_end, name="ac-bridge-parent", daemon=True).start()


def _wait_for_parents_end() -> None:
    # Not through sys.stdin: a reader's lock that is held when the interpreter ends aborts it.
    while os.read(sys.stdin.fileno(), 1):
        pass
    signal.raise_signal(signal.SIGTERM)
