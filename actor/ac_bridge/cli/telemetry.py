"""`ac-bridge test-telemetry`: what the game publishes, as it changes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from ac_bridge.cli.console import configure_log
from ac_bridge.cli.frame_table import frame_table, in_one_line
from ac_bridge.cli.options import (
    ConfigOption,
    GameOption,
    PrefixOption,
    TrackOption,
    interruptible,
    trial_settings,
)
from ac_bridge.games import open_to_watch
from ac_bridge.machine.punctual import Punctuality
from ac_bridge.rigs import choice_from
from ac_bridge.trials.bench import Look
from ac_bridge.trials.watching import Watch
from ac_bridge_protocol.frame import GameState

DRAWN_HZ = 4.0
"""Nobody reads faster than this, and drawing the table costs tens of milliseconds."""
SWITCH_S = 5e-4
"""After so long the thread that draws makes way for the one that looks."""
LINES_HZ = 1.0
"""Lines a second where there is no terminal to draw a table on."""


def watch_telemetry(
    hz: Annotated[float, typer.Option(min=1, max=333, help="Looks a second.")] = 10.0,
    duration: Annotated[
        float | None, typer.Option(min=0.1, help="End after so many seconds. Default: Ctrl+C.")
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="One JSON object a line: each frame, or why there is none."),
    ] = False,
    game: GameOption = None,
    page_prefix: PrefixOption = None,
    track: TrackOption = None,
    config: ConfigOption = None,
) -> None:
    """Show what the game publishes, in place, until Ctrl+C. Needs no wheel, and moves none.

    It waits for a game that is not there yet, and goes on when a game comes back. The exit status
    is 0 if the game was seen live.

    Examples:
        ac-bridge test-telemetry

        ac-bridge test-telemetry --hz 60 --duration 10

        ac-bridge test-telemetry --json --duration 5 > drive.jsonl
    """
    configure_log("error")
    settings = trial_settings(config, game=game, page_prefix=page_prefix, track=track)
    with open_to_watch(choice_from(settings)) as source:
        watch = Watch(source, hz)
        looks = watch.looks(duration)
        try:
            with interruptible(), Punctuality(raise_priority=settings.raise_priority):
                _show(looks, watch, as_json=as_json)
        except KeyboardInterrupt:
            pass  # the way to end it
        if not as_json:
            typer.echo(_summary(watch))
        watch.require_live()


def _show(looks: Iterator[Look], watch: Watch, *, as_json: bool) -> None:
    console = Console()
    if as_json:
        _print_objects(looks)
    elif console.is_terminal:
        _draw(looks, watch, console)
    else:
        _print_lines(looks, watch)


def _print_objects(looks: Iterator[Look]) -> None:
    for look in looks:
        if look.frame is not None:
            said = look.frame.model_dump(mode="json")
        else:
            said = {"state": look.state.value, "message": look.message, "hint": look.hint}
        typer.echo(json.dumps(said))  # ASCII: stdout may know no other characters


def _draw(looks: Iterator[Look], watch: Watch, console: Console) -> None:
    """Keep a table up to date; it is drawn by a thread of its own, so that no look is late."""
    every = max(1, round(watch.hz / DRAWN_HZ))
    look = next(looks)
    newest = look, watch.reading()
    switch_s = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    try:
        with Live(
            console=console,
            get_renderable=lambda: frame_table(*newest),
            refresh_per_second=DRAWN_HZ,
        ):
            for count, look in enumerate(looks):
                if count % every == 0:
                    newest = look, watch.reading()
    finally:
        sys.setswitchinterval(switch_s)


def _print_lines(looks: Iterator[Look], watch: Watch) -> None:
    """Print a line each second, and one whenever the game's state changes."""
    every = max(1, round(watch.hz / LINES_HZ))
    state: GameState | None = None
    for count, look in enumerate(looks):
        if count % every == 0 or look.state is not state:
            typer.echo(in_one_line(look))
        state = look.state


def _summary(watch: Watch) -> str:
    stats = watch.stats
    return (
        f"{watch.live} of {stats.ticks} looks found the game live. "
        f"{watch.achieved_hz:.1f} Hz of {watch.hz:g} asked, {stats.missed} ticks missed, tick "
        f"error p50 / p99 {stats.error_s(0.5) * 1e6:.0f} / {stats.error_s(0.99) * 1e6:.0f} us, "
        f"{watch.torn_reads} torn reads."
    )
