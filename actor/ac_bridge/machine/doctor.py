"""All checks of the machine, in the order in which their findings are read."""

from __future__ import annotations

import functools
import sys
from pathlib import Path

from ac_bridge.clock import Clock
from ac_bridge.machine.computer_checks import check_loop, check_port, check_python, check_timers
from ac_bridge.machine.findings import Check, Finding, run_check
from ac_bridge.machine.game_checks import (
    check_controls,
    check_pages,
    check_places,
    check_running,
)
from ac_bridge.machine.mapping import mapping_for
from ac_bridge.machine.processes import ASSETTO_CORSA, running_games
from ac_bridge.machine.steam import find_places
from ac_bridge.machine.wheel_checks import check_uinput, check_vjoy
from ac_bridge.settings import ActorSettings


def examine(
    settings: ActorSettings,
    clock: Clock,
    *,
    game_folder: Path | None = None,
    documents: Path | None = None,
) -> list[Finding]:
    """Look at the machine and return every finding. Nothing is changed, acquired or started.

    Takes about half a second, for the timers and the pages are watched.

    Args:
        settings: the actor's: where it would listen, its wheel and buttons, the pages' names.
        clock: measures the timers, so the machine's own outside tests.
        game_folder: where the game is, if somebody said so.
        documents: the player's ``Assetto Corsa`` folder, if somebody said so.
    """
    checks: dict[str, Check] = {
        "python": check_python,
        "event loop": check_loop,
        "timers": functools.partial(check_timers, clock, raise_priority=settings.raise_priority),
        "port": functools.partial(check_port, settings),
        "game": functools.partial(_check_game, settings, clock, game_folder, documents),
    }
    if sys.platform == "win32":
        needed = max(mapping_for(settings).buttons.values())
        checks["vjoy"] = functools.partial(check_vjoy, settings.device_id, needed)
    else:
        checks["uinput"] = check_uinput
    return [finding for name, check in checks.items() for finding in run_check(name, check)]


def _check_game(
    settings: ActorSettings, clock: Clock, game_folder: Path | None, documents: Path | None
) -> list[Finding]:
    places = find_places(game_folder, documents)
    running = running_games()
    mapping, prefix = mapping_for(settings), settings.page_prefix
    runs = ASSETTO_CORSA in running
    return [
        *run_check(
            "game",
            functools.partial(check_places, places, game_folder=game_folder, documents=documents),
        ),
        *run_check("running", functools.partial(check_running, running)),
        *run_check("pages", functools.partial(check_pages, clock, prefix, running=runs)),
        *run_check("controls", functools.partial(check_controls, places.controls, mapping)),
    ]
