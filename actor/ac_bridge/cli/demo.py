"""`ac-bridge demo`: an actor, a remote environment and a driver, one lap over WebSocket."""

from __future__ import annotations

import enum
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from ac_bridge.cli.child import actor_process
from ac_bridge.clock import SystemClock
from ac_bridge.pacing import percentile
from ac_bridge_client.drivers import LineDriver
from ac_bridge_client.env import RemoteEnv
from ac_bridge_client.laps import LapReport, drive_laps

SLOWEST_LAP_S = 240.0
"""When to give a lap up: twice what a careful driver takes."""

FAST_TELEMETRY_HZ = 10.0
"""Every 6 m at full speed, shorter than any cut: nobody watches in between."""


class CodecName(enum.StrEnum):
    """How messages are written."""

    MSGPACK = "msgpack"
    JSON = "json"


def demo(
    laps: Annotated[int, typer.Option(min=1, max=1000, help="How many laps to drive.")] = 1,
    fast: Annotated[
        bool, typer.Option("--fast", help="Lockstep: as fast as the machine can, and repeatable.")
    ] = False,
    codec: Annotated[CodecName, typer.Option(help="How messages are written.")] = CodecName.MSGPACK,
    control_hz: Annotated[
        float | None,
        typer.Option(
            min=5, max=100, help="Control ticks a second. Default 20, and 10 with --fast."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the stand-in's draws.")] = 1,
    record: Annotated[
        Path | None, typer.Option(help="Also keep the drive: in a new file, or a folder.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
) -> None:
    """Drive a lap on the stand-in game: the actor in one process, the environment in another.

    Ends with the figures; exit status 0 only if every lap was completed without a cut.

    Examples:
        ac-bridge demo

        ac-bridge demo --fast --laps 3 --codec json --json

        ac-bridge demo --fast --laps 2 --record lap.mcap
    """
    console = Console(quiet=as_json)
    control_hz = control_hz or (10.0 if fast else 20.0)
    options = ["--game", "standin", "--control-hz", str(control_hz), "--seed", str(seed)]
    options.append("--lockstep" if fast else "--real-time")
    if fast:  # nobody watches: sample only as often as lap validity wants
        options += ["--telemetry-hz", str(max(FAST_TELEMETRY_HZ, control_hz))]
    console.print("Starting an actor with the stand-in game ...")
    with actor_process(*options, "--log-level", "error") as uri:
        console.print(f"It serves {uri}. Connecting a RemoteEnv in this process.")
        env = RemoteEnv(uri, codec=codec.value, observation="racing", record=record)
        timed = TimedEnv(env)
        try:
            report = _drive(timed, console, laps=laps, control_hz=control_hz, seed=seed)
        finally:
            env.close()
    mode = env.env_spec.mode.value
    if as_json:
        typer.echo(json.dumps(_figures(report, timed, codec, mode)))
    else:
        _show(console, report, timed, codec, mode, laps)
    if not report.complete(laps):
        raise typer.Exit(1)


class TimedEnv:
    """An environment that remembers how long each of its steps took."""

    def __init__(self, env: RemoteEnv) -> None:
        self._env = env
        self.spec = env.env_spec
        self._clock = SystemClock()
        self.times_s: list[float] = []

    def reset(self, *, seed: int | None) -> tuple[Any, dict[str, Any]]:
        """As the environment does."""
        return self._env.reset(seed=seed)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """As the environment does."""
        began_s = self._clock.now()
        result = self._env.step(action)
        self.times_s.append(self._clock.now() - began_s)
        return result


def _drive(
    env: TimedEnv, console: Console, *, laps: int, control_hz: float, seed: int
) -> LapReport:
    driver = LineDriver(env.spec)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %  {task.fields[speed]:>3.0f} km/h"),
        console=console,
        transient=True,
    ) as progress:
        bar = progress.add_task("lap 1", total=laps, speed=0.0)

        def on_step(info: dict[str, Any]) -> None:
            done = info["completed_laps"] + max(0.0, info["normalized_position"])
            lap = min(laps, info["completed_laps"] + 1)
            progress.update(
                bar,
                completed=min(done, laps),
                description=f"lap {lap}",
                speed=info["speed_kmh"],
            )

        return drive_laps(
            env,
            driver,
            laps,
            seed=seed,
            max_steps=round(laps * SLOWEST_LAP_S * control_hz),
            on_step=on_step,
        )


def _figures(report: LapReport, timed: TimedEnv, codec: CodecName, mode: str) -> dict[str, Any]:
    def us(values: list[float], share: float) -> float:
        return round(percentile(values, share) * 1e6, 1)

    errors, steps = report.tick_errors_s, timed.times_s
    return {
        "lap_times_s": report.lap_times_s,
        "laps_valid": report.laps_valid,
        "steps": report.steps,
        "ticks_missed": report.ticks_missed,
        "tick_error_us": {"p50": us(errors, 0.5), "p99": us(errors, 0.99), "max": us(errors, 1.0)},
        "step_us": {"p50": us(steps, 0.5), "p99": us(steps, 0.99)},
        "game_s": round(report.game_s, 3),
        "wall_s": round(sum(steps), 3),
        "codec": codec.value,
        "mode": mode,
        "end_reason": report.end_reason,
    }


def _show(
    console: Console, report: LapReport, timed: TimedEnv, codec: CodecName, mode: str, laps: int
) -> None:
    figures = _figures(report, timed, codec, mode)
    errors, steps = figures["tick_error_us"], figures["step_us"]
    times = ", ".join(f"{time:.3f} s" for time in report.lap_times_s) or "none completed"
    table = Table(title=f"{laps} lap{'s' if laps > 1 else ''} over WebSocket", show_header=False)
    table.add_row("lap time", times)
    table.add_row("laps without a cut", f"{report.laps_valid} of {laps}")
    table.add_row("steps", f"{report.steps}")
    table.add_row("ticks missed", f"{report.ticks_missed}")
    table.add_row("tick error p50 / p99", f"{errors['p50']:.0f} / {errors['p99']:.0f} us")
    table.add_row(
        "step round trip p50 / p99", f"{steps['p50'] / 1000:.2f} / {steps['p99'] / 1000:.2f} ms"
    )
    table.add_row("game time / wall time", f"{figures['game_s']:.1f} / {figures['wall_s']:.1f} s")
    table.add_row("mode, codec", f"{mode}, {codec.value}")
    console.print(table)
    if not report.complete(laps):
        reason = report.end_reason or "a lap had a cut"
        console.print(f"[red]Not every lap was completed without a cut: {reason}.[/red]")
