"""`ac-bridge simulate`: the stand-in game as a process of its own."""

from __future__ import annotations

import contextlib
import math
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from ac_bridge.clock import SystemClock
from ac_bridge.game.shared_pages import AC_PREFIX
from ac_bridge.machine.endings import ending_signals
from ac_bridge.standin.layouts import DEFAULT as DEFAULT_TRACK
from ac_bridge.standin.process import open_simulation
from ac_bridge.standin.shared import WHEEL_NAME

READY = "Publishing "
"""What the first line on stdout begins with; programs that start a simulation wait for it."""


def simulate(
    prefix: Annotated[
        str, typer.Option(help="What the names of the pages begin with.")
    ] = AC_PREFIX,
    wheel: Annotated[str, typer.Option(help="Name of the wheel it is driven with.")] = WHEEL_NAME,
    seed: Annotated[int, typer.Option(min=0, help="Of the stand-in's draws.")] = 0,
    gearbox: Annotated[
        str, typer.Option(help="Of the stand-in's car: automatic or sequential.")
    ] = "automatic",
    track: Annotated[
        str, typer.Option(help="standin_ring, or made_1, made_2 ... drawn from the number.")
    ] = DEFAULT_TRACK,
    game_dir: Annotated[
        Path | None,
        typer.Option(
            help="Write the track's files into this folder, for an actor with the same --game-dir."
        ),
    ] = None,
    for_s: Annotated[
        float | None, typer.Option("--for", min=0, help="End by itself after so many seconds.")
    ] = None,
    with_parent: Annotated[
        bool, typer.Option(hidden=True, help="End when standard input is closed.")
    ] = False,
) -> None:
    """Play Assetto Corsa: publish its pages, and be driven by a virtual wheel, until Ctrl+C.

    The pages appear where the game's own would: as named mappings on Windows, in /dev/shm on
    Linux. Lines on standard input are commands: pause, resume, stall 0.5, freeze, tear on,
    relaunch, exit, crash; help explains them.

    Examples:
        ac-bridge simulate

        ac-bridge simulate --gearbox sequential --seed 7 --for 60

        ac-bridge simulate --track made_3 --game-dir /tmp/game
    """
    commands: queue.SimpleQueue[str] = queue.SimpleQueue()
    for number in ending_signals():
        signal.signal(number, lambda *_: commands.put("exit"))
    with (
        contextlib.closing(SystemClock()) as clock,
        open_simulation(
            clock,
            prefix=prefix,
            wheel_name=wheel,
            seed=seed,
            gearbox=gearbox,
            track=track,
            game_dir=game_dir,
        ) as simulation,
    ):
        _say(f"{READY}{prefix}physics, {prefix}graphics, {prefix}static; driven by {wheel}.")
        threading.Thread(
            target=_listen, args=(commands, with_parent), name="ac-bridge-commands", daemon=True
        ).start()
        simulation.run(clock, commands, _say, for_s=math.inf if for_s is None else for_s)


def _say(line: str) -> None:
    """Print a line; once nobody is left to read it, it goes nowhere and the game goes on."""
    try:
        typer.echo(line)
    except OSError:  # a closed pipe, which Windows calls an invalid argument, or a closed terminal
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())  # also for what is still to be flushed at the end
        os.close(nowhere)


def _listen(commands: queue.SimpleQueue[str], with_parent: bool) -> None:
    """Hand over what is typed; its end ends the simulation too if it was a parent's."""
    with contextlib.suppress(OSError):  # what a terminal that was closed reads like
        for line in sys.stdin:
            if line.strip():
                commands.put(line)
    if with_parent:
        commands.put("exit")
