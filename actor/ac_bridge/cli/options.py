"""What several commands share: their options, and how those that try a machine out end."""

from __future__ import annotations

import contextlib
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer

from ac_bridge.cli.console import EXIT_ERROR
from ac_bridge.machine.endings import ending_signals
from ac_bridge.settings import ActorSettings, load_settings
from ac_bridge_protocol.errors import ACBridgeError, ResetFailedError

GameOption = Annotated[
    str | None,
    typer.Option(
        help="shm: whatever publishes the game's pages. standin: a stand-in of this process's own. "
        "Default shm."
    ),
]
ControllerOption = Annotated[
    str | None,
    typer.Option(help="The virtual wheel: vjoy, uinput, standin, or auto. Default auto."),
]
DeviceOption = Annotated[int | None, typer.Option(help="Number of the vJoy device. Default 1.")]
PrefixOption = Annotated[
    str | None, typer.Option(help="What the names of the pages begin with. Default acpmf_.")
]
WheelOption = Annotated[
    str | None,
    typer.Option(help="The wheel of an ac-bridge simulate. Default ac_bridge_wheel."),
]
TrackOption = Annotated[
    str | None,
    typer.Option(help="Of the stand-in: standin_ring, or made_1, made_2 ... drawn from it."),
]
GameDirOption = Annotated[
    Path | None,
    typer.Option(
        help="The game's folder, for its tracks' files. Default: where Steam has the game."
    ),
]
ConfigOption = Annotated[
    Path | None, typer.Option(help="A TOML file of settings. Default ac-bridge.toml, if any.")
]
DocumentsOption = Annotated[
    Path | None,
    typer.Option(help="The player's 'Assetto Corsa' folder. Default: ask the system."),
]
TokenFileOption = Annotated[
    Path | None,
    typer.Option(help="A file with the token in it. Default AC_BRIDGE_TOKEN, if any."),
]
CaFileOption = Annotated[
    Path | None,
    typer.Option(
        help="PEM file of certificates to believe. Default AC_BRIDGE_CA_FILE, else the system's."
    ),
]
FingerprintOption = Annotated[
    str | None,
    typer.Option(
        help="The one certificate to believe, as ac-bridge cert new prints it. Default "
        "AC_BRIDGE_FINGERPRINT, if any."
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON object and nothing else on stdout.")
]


def trial_settings(config: Path | None, **given: Any) -> ActorSettings:
    """Gather the actor's settings for a trial of what is there.

    Where the actor would take the stand-in for want of a game, a trial waits for the game.

    Raises:
        SettingError: names the setting that cannot be used.
    """
    settings = load_settings(config, **given)
    if settings.game == "auto":
        settings = settings.model_copy(update={"game": "shm"})
    return settings


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let whatever asks a command to end do it as Ctrl+C does: by way of every ``finally``.

    Only the first one counts: a terminal that is closed may say so twice, and the second must not
    cut short what sets the wheel neutral.
    """
    ending = False

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal ending
        if not ending:
            ending = True
            signal.default_int_handler(number, frame)

    before = {number: signal.signal(number, end) for number in ending_signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def errors_as_json(asked: bool) -> Iterator[None]:
    """Print an error of ours as one JSON object, if asked, and end with status 1."""
    try:
        yield
    except ACBridgeError as error:
        if not asked:
            raise
        said = {"ok": False, "error": error.message, "hint": error.hint}
        if isinstance(error, ResetFailedError):
            said["phase"] = error.phase
        typer.echo(json.dumps(said))
        raise typer.Exit(EXIT_ERROR) from None
