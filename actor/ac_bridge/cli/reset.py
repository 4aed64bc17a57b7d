"""`ac-bridge reset`: restart the game once, phase by phase."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.status import Status

from ac_bridge.cli.console import configure_log
from ac_bridge.cli.options import (
    ConfigOption,
    ControllerOption,
    DeviceOption,
    GameOption,
    JsonOption,
    PrefixOption,
    TrackOption,
    WheelOption,
    errors_as_json,
    interruptible,
    trial_settings,
)
from ac_bridge.rig import Rig
from ac_bridge.rigs import rig_from
from ac_bridge.trials.bench import Bench
from ac_bridge_protocol.frame import GameState
from ac_bridge_protocol.messages import ResetPhase

SAYINGS = {
    ResetPhase.RESTARTING: "until the session begins anew",
    ResetPhase.STARTING: "the session waits for its start button",
    ResetPhase.SETTLING: "until the car stands, live, its lap clock fresh",
    ResetPhase.GEARING: "selecting first gear",
}


def reset(
    game: GameOption = None,
    controller: ControllerOption = None,
    device_id: DeviceOption = None,
    page_prefix: PrefixOption = None,
    wheel_name: WheelOption = None,
    track: TrackOption = None,
    reset_by: Annotated[
        str | None,
        typer.Option(help="buttons, or command_port (experimental). Default buttons."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Start from this seed: the stand-in only.")
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Restart the session once, as the actor does at each reset, and say how long it took.

    The exit status is 0 once the car stands ready; otherwise the error names the phase that did not
    end and what was seen in it.

    Examples:
        ac-bridge reset

        ac-bridge reset --controller vjoy --json
    """
    configure_log("error")
    with errors_as_json(as_json), interruptible():
        settings = trial_settings(
            config,
            game=game,
            controller=controller,
            device_id=device_id,
            page_prefix=page_prefix,
            wheel_name=wheel_name,
            track=track,
            reset_by=reset_by,
        )
        rig = rig_from(settings)
        try:
            phases, took_s = _reset(rig, seed, Console(quiet=as_json))
        finally:
            rig.close()
    if as_json:
        typer.echo(json.dumps({"ok": True, "seconds": round(took_s, 3), "phases": phases}))
    else:
        typer.echo(f"{took_s:6.2f} s  The car stands ready.")


def _reset(rig: Rig, seed: int | None, console: Console) -> tuple[list[dict[str, Any]], float]:
    """Reset, showing each phase; return the phases, and how long the whole took in seconds."""
    _require_game(rig)
    clock = rig.clock
    began_s = clock.now()
    phases: list[dict[str, Any]] = []

    with console.status("Resetting ...") as status:

        def on_phase(phase: ResetPhase, attempt: int) -> None:
            at_s = clock.now() - began_s
            phases.append({"phase": phase.value, "attempt": attempt, "at_s": round(at_s, 3)})
            _show_phase(console, status, phase, attempt, at_s)

        for deadline_s in rig.reset(seed, on_phase):
            clock.sleep_until(deadline_s)
    return phases, clock.now() - began_s


def _require_game(rig: Rig) -> None:
    """Say at once what a reset would find out at its end: that there is no game to restart.

    Raises:
        GameError: no game, or another one.
    """
    look = Bench(rig.game).until_live()
    if look.state in (GameState.ABSENT, GameState.WRONG_GAME):
        raise look.error()


def _show_phase(
    console: Console, status: Status, phase: ResetPhase, attempt: int, at_s: float
) -> None:
    again = f" (attempt {attempt})" if attempt > 1 else ""
    console.print(
        f"{at_s:6.2f} s  {phase.value}{again}: {SAYINGS[phase]}", highlight=False, soft_wrap=True
    )
    status.update(f"{SAYINGS[phase]} ...")
