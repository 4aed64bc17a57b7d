"""`ac-bridge test-control`: each axis and button in turn, with what the game reports back."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ac_bridge.cli.console import EXIT_ERROR, configure_log
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
from ac_bridge.games import open_game
from ac_bridge.rigs import choice_from, shifts_from
from ac_bridge.settings import ActorSettings
from ac_bridge.trials.bench import Bench
from ac_bridge.trials.controls import ControlTrial
from ac_bridge.trials.responses import Response, Verdict
from ac_bridge_protocol.errors import SettingError

STYLES = {Verdict.OK: "green", Verdict.UNSEEN: "yellow"}
"""Every other verdict is red."""


def try_controls(
    game: GameOption = None,
    controller: ControllerOption = None,
    device_id: DeviceOption = None,
    page_prefix: PrefixOption = None,
    wheel_name: WheelOption = None,
    track: TrackOption = None,
    session_buttons: Annotated[
        bool, typer.Option("--session-buttons", help="Press the restart and start buttons too.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Move each axis, press each shift button, and say what the game made of it.

    The car should stand. Its brake is held while the throttle is tried; even so it may move.
    Without a live game it only moves the wheel, which is what binding an axis in the game's menu
    takes. The exit status is 0 if every axis and button that could be seen does what it should.

    Examples:
        ac-bridge test-control

        ac-bridge test-control --yes --json

        ac-bridge test-control --controller vjoy --device-id 2 --session-buttons
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
        )
        _refuse_questions(asks=not yes)
        with open_game(choice_from(settings)) as opened:
            bench = Bench(opened)
            trial = _prepare(bench, settings, session_buttons=session_buttons)
            if not yes:
                typer.confirm(
                    "The wheel will move, and so may the car. Go on?", abort=True, err=True
                )
            try:
                responses = _run(trial, as_json=as_json, asks=not yes)
            finally:
                bench.let_go()
        _conclude(trial, responses, as_json=as_json)


def _prepare(bench: Bench, settings: ActorSettings, *, session_buttons: bool) -> ControlTrial:
    buttons = {"restart": settings.restart_button, "start": settings.start_button}
    return ControlTrial(bench, shifts_from(settings), buttons if session_buttons else None)


def _refuse_questions(*, asks: bool) -> None:
    if asks and not sys.stdin.isatty():
        raise SettingError(
            "This command asks before it moves the wheel, and nobody is there to answer.",
            setting="yes",
            hint="Add --yes if the car may move.",
        )


def _run(trial: ControlTrial, *, as_json: bool, asks: bool) -> list[Response]:
    if as_json:
        return [trying.run() for trying in trial.tries()]
    console = Console()
    if trial.blind:
        console.print(Text("Nothing can be compared: ", "yellow").append(trial.blind, "default"))
        return list(_run_one_by_one(trial, console, asks=asks))
    responses: list[Response] = []
    if not console.is_terminal:
        responses = [trying.run() for trying in trial.tries()]
        console.print(_table(responses))
        return responses
    with Live(_table(responses), console=console, auto_refresh=False) as live:
        for trying in trial.tries():
            live.update(_table(responses, trying.control), refresh=True)
            responses.append(trying.run())
        live.update(_table(responses), refresh=True)
    return responses


def _run_one_by_one(trial: ControlTrial, console: Console, *, asks: bool) -> Iterator[Response]:
    """Move one after the other, so that each can be bound in the game's menu on the way."""
    for trying in trial.tries():
        if asks:
            typer.prompt(f"Enter moves {trying.control} ", default="", show_default=False)
        else:
            console.print(f"Moving {trying.control}")
        yield trying.run()


def _table(responses: Sequence[Response], under_way: str = "") -> Table:
    table = Table(title="The wheel, and what the game makes of it")
    table.add_column("control", no_wrap=True)
    table.add_column("sent, and seen below", no_wrap=True)
    table.add_column("verdict", overflow="fold")
    for response in responses:
        mark = Text(response.verdict.value, style=STYLES.get(response.verdict, "bold red"))
        mark.append(f": {response.said}", "default")
        table.add_row(response.control, _numbers(response), mark)
    if under_way:
        table.add_row(under_way, "...", "")
    return table


def _numbers(response: Response) -> str:
    if response.button is not None:
        return f"button {response.button}"
    return f"{_aligned(response.sent)}\n{_aligned(response.seen)}"


def _aligned(values: Sequence[float]) -> str:
    return " ".join(f"{value:>5.2f}" for value in values)


def _conclude(trial: ControlTrial, responses: Sequence[Response], *, as_json: bool) -> None:
    ok = not trial.blind and not any(response.verdict.failed for response in responses)
    if as_json:
        report = {"ok": ok, "error": trial.blind, "hint": trial.hint}
        report |= {"controls": [dataclasses.asdict(response) for response in responses]}
        typer.echo(json.dumps(report))
    else:
        _show_conclusion(trial, responses, ok=ok)
    if not ok:
        raise typer.Exit(EXIT_ERROR)


def _show_conclusion(trial: ControlTrial, responses: Sequence[Response], *, ok: bool) -> None:
    console = Console()
    hints: dict[str, list[str]] = {}
    for response in responses:
        if response.hint:
            hints.setdefault(response.hint, []).append(response.control)
    for hint, controls in hints.items():
        said = Text(", ".join(controls), "bold").append(": try: ", "bold cyan")
        console.print(said.append(hint, "default"))
    if trial.blind:
        console.print("The wheel moved; nothing was compared.")
        if trial.hint:
            console.print(Text("try: ", "bold cyan").append(trial.hint, "default"))
    elif ok:
        console.print(
            Text("The game takes every control that could be seen as it is sent.", "green")
        )
    else:
        console.print(Text("Not every control arrives as it is sent.", "bold red"))
