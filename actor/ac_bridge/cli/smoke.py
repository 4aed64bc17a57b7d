"""`ac-bridge smoke-test`: telemetry and control together."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated, Any

import typer
from rich.console import Console
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
from ac_bridge.machine.punctual import Punctuality
from ac_bridge.rigs import choice_from
from ac_bridge.trials.bench import Bench
from ac_bridge.trials.smoke import Rate, SmokeReport, SmokeTest


def smoke_test(
    seconds: Annotated[
        float, typer.Option(min=0.5, max=600, help="How long the rates are measured.")
    ] = 5.0,
    game: GameOption = None,
    controller: ControllerOption = None,
    device_id: DeviceOption = None,
    page_prefix: PrefixOption = None,
    wheel_name: WheelOption = None,
    track: TrackOption = None,
    telemetry_hz: Annotated[
        float | None, typer.Option(help="Samples a second, 10 to 333. Default 60.")
    ] = None,
    control_hz: Annotated[
        float | None, typer.Option(help="Updates of the wheel a second, 1 to 100. Default 10.")
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Move the steering of a car that stands, and measure how soon telemetry shows it.

    Measures the rates of telemetry, of control and of the game's own physics as well. Only the
    steering moves. The exit status is 0 if all of it is good enough to drive with.

    Examples:
        ac-bridge smoke-test

        ac-bridge smoke-test --controller vjoy --telemetry-hz 120 --control-hz 20 --seconds 30

        ac-bridge smoke-test --json
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
            telemetry_hz=telemetry_hz,
            control_hz=control_hz,
        )
        console = Console(quiet=as_json)
        with open_game(choice_from(settings)) as opened:
            test = SmokeTest(
                Bench(opened),
                telemetry_hz=settings.telemetry_hz,
                control_hz=settings.control_hz,
                seconds=seconds,
            )
            with (
                console.status("Steering a little to the left and to the right ..."),
                Punctuality(raise_priority=settings.raise_priority),
            ):
                report = test.run()
        if as_json:
            typer.echo(json.dumps(_figures(report)))
        else:
            _show(console, report)
        if not report.ok:
            raise typer.Exit(EXIT_ERROR)


def _figures(report: SmokeReport) -> dict[str, Any]:
    return {
        "ok": report.ok,
        "latency_ms": {
            "p50": round(report.latency_s(0.5) * 1e3, 2),
            "max": round(report.latency_s(1.0) * 1e3, 2),
        },
        "steps_seen": len(report.latencies_s),
        "steps_unseen": report.unseen,
        "telemetry": _rate(report.telemetry, report.telemetry_error_s),
        "control": _rate(report.control, report.control_error_s),
        "physics_hz": round(report.physics.achieved_hz, 1),
        "torn_reads": report.torn_reads,
        "problems": [dataclasses.asdict(problem) for problem in report.problems],
    }


def _rate(rate: Rate, error_s: float) -> dict[str, float]:
    return {
        "asked_hz": rate.asked_hz,
        "achieved_hz": round(rate.achieved_hz, 2),
        "tick_error_p99_us": round(error_s * 1e6, 1),
    }


def _show(console: Console, report: SmokeReport) -> None:
    table = Table(title="Telemetry and control together", show_header=False)
    if report.latencies_s:
        p50_ms, max_ms = report.latency_s(0.5) * 1e3, report.latency_s(1.0) * 1e3
        table.add_row("command to telemetry p50 / max", f"{p50_ms:.1f} / {max_ms:.1f} ms")
    steps = len(report.latencies_s) + report.unseen
    table.add_row("steps of the steering seen", f"{len(report.latencies_s)} of {steps}")
    for name, rate, error_s in (
        ("telemetry", report.telemetry, report.telemetry_error_s),
        ("control", report.control, report.control_error_s),
    ):
        table.add_row(f"{name} rate", f"{rate.achieved_hz:.1f} of {rate.asked_hz:g} Hz")
        table.add_row(f"{name} tick error p99", f"{error_s * 1e6:.0f} us")
    physics = report.physics
    table.add_row("game's physics", f"{physics.achieved_hz:.0f} of {physics.asked_hz:.0f} Hz")
    table.add_row("torn reads", f"{report.torn_reads}")
    console.print(table)
    for problem in report.problems:
        console.print(Text("problem: ", "bold red").append(problem.message, "default"))
        console.print(Text("    try: ", "bold cyan").append(problem.fix, "default"))
    if report.ok:
        console.print(Text("Passed: the game can be seen and steered.", "green"))
    else:
        console.print(Text("Failed.", "bold red"))
