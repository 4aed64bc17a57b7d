"""Checks of the game: installed, running, publishing its pages, bound to our wheel."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from ac_bridge.clock import Clock
from ac_bridge.game import PageSource
from ac_bridge.game.shared_pages import SharedPages
from ac_bridge.machine.controls_ini import Difference, compare, decode_ini
from ac_bridge.machine.findings import Finding, Status, error, ok, warning
from ac_bridge.machine.mapping import WheelMapping
from ac_bridge.machine.processes import ASSETTO_CORSA, GAMES
from ac_bridge.machine.steam import EXECUTABLE, Places
from ac_bridge.telemetry.reader import TelemetryReader
from ac_bridge_protocol.errors import GameAbsentError, GameError, WrongGameError
from ac_bridge_protocol.frame import GameState

LOOK_S = 0.25
"""For how long the pages are watched: eighty steps of the game's physics."""
LOOKS = 25
NOT_RUNNING = "Assetto Corsa is not running."
LOAD_PRESET = (
    "Run 'ac-bridge setup', then load the preset 'ac-bridge' in the game's control settings."
)


def check_places(
    places: Places, *, game_folder: Path | None = None, documents: Path | None = None
) -> Iterator[Finding]:
    """Say where the game and its documents are.

    Args:
        places: what was found.
        game_folder: where the game should be, if somebody said so.
        documents: where its documents should be, if somebody said so.
    """
    if places.game is not None:
        yield ok("game", f"{places.game / EXECUTABLE}.")
    elif game_folder is not None:
        yield warning(
            "game", f"There is no {EXECUTABLE} in {game_folder}.", "Correct --game-folder."
        )
    else:
        searched = f"{len(places.libraries)} Steam libraries" if places.libraries else "no Steam"
        yield warning(
            "game",
            f"Assetto Corsa was not found ({searched} here). The stand-in works without it.",
            "Install it; if it is somewhere else, say where: --game-folder.",
        )
    if places.documents is not None:
        yield ok("documents", f"{places.documents}.")
    elif documents is not None:
        yield warning("documents", f"There is no folder {documents}.", "Correct --documents.")
    elif places.game is not None:
        yield warning(
            "documents",
            "The game's folder of documents was not found.",
            "Start the game once, so that it makes it, or say where it is: --documents.",
        )


def check_running(running: list[str]) -> Iterator[Finding]:
    """Say which games run."""
    others = [GAMES[executable] for executable in running if executable != ASSETTO_CORSA]
    if others:
        yield warning(
            "running",
            f"{' and '.join(others)} is running, which ac-bridge cannot drive.",
            "Close it: it may publish pages under the same names.",
        )
    elif running:
        yield ok("running", f"{ASSETTO_CORSA} is running.")
    else:
        yield ok("running", NOT_RUNNING)


def check_pages(clock: Clock, prefix: str, *, running: bool) -> Iterator[Finding]:
    """Watch the shared pages for a moment.

    Args:
        clock: to wait by.
        prefix: what the names of the pages begin with.
        running: whether the game's process is there.
    """
    with contextlib.closing(SharedPages(prefix)) as pages:
        if (foreign := pages.foreign_game()) is not None:
            yield warning(
                "pages", f"{foreign} publishes pages; ac-bridge cannot drive it.", "Close it."
            )
            return
        yield watch_pages(pages, clock, running=running)


def watch_pages(pages: PageSource, clock: Clock, *, running: bool) -> Finding:
    """Read ``pages`` for `LOOK_S` and say how far they can be trusted."""
    reader = TelemetryReader(pages)
    try:
        for _ in range(LOOKS):
            reader.read(clock.now())
            clock.sleep_until(clock.now() + LOOK_S / LOOKS)
        reader.read(clock.now())
    except WrongGameError as problem:
        return warning("pages", problem.message, problem.hint)
    except GameAbsentError as problem:
        if not running:
            return ok("pages", "None, as long as no game runs.")
        return warning("pages", f"The game runs, but: {problem.message}", problem.hint)
    except GameError as problem:
        return error("pages", problem.message, problem.hint)
    return _state_finding(reader, running=running)


def _state_finding(reader: TelemetryReader, *, running: bool) -> Finding:
    statics = reader.statics()
    what = f"{statics.car_model} at {statics.track}" if statics else "the game"
    match reader.state:
        case GameState.LIVE:
            return ok("pages", f"Live: {what}.")
        case GameState.PAUSED | GameState.WAITING if running:
            return ok("pages", f"There, but {what} is not being driven right now.")
        case _ if running:
            return warning(
                "pages",
                f"There, but {what} does not go on ({reader.state.value}).",
                "If the game is not loading, restart it.",
            )
        case _:
            return ok("pages", f"Left behind by a game that is gone, it seems ({what}): no harm.")


def check_controls(controls: Path | None, mapping: WheelMapping) -> Iterator[Finding]:
    """Compare the game's bindings with ours.

    Args:
        controls: the game's file; None where its folder was not found.
        mapping: what our wheel offers.
    """
    if controls is None:
        return
    if not controls.is_file():
        yield warning(
            "controls",
            f"{controls} does not exist.",
            "Start the game once and choose a wheel in its settings. " + LOAD_PRESET,
        )
        return
    differences = compare(decode_ini(controls.read_bytes()), mapping)
    if differences:
        yield from controls_findings(differences)
    else:
        yield ok("controls", f"{controls.name} binds our wheel, and leaves its values alone.")


def controls_findings(
    differences: Iterable[Difference], *, certain: bool = sys.platform == "win32"
) -> Iterator[Finding]:
    """Return one finding for each section of the game's file that differs. Pure.

    Args:
        differences: of at least one value.
        certain: whether the axis numbers are confirmed on this platform. Where they are not, even
            an essential difference is only a warning.
    """
    by_section: dict[str, list[Difference]] = {}
    for difference in differences:
        by_section.setdefault(difference.section, []).append(difference)
    for section in by_section.values():
        essential = certain and any(difference.essential for difference in section)
        yield Finding(
            "controls",
            Status.ERROR if essential else Status.WARNING,
            "; ".join(f"{difference}: {difference.why}" for difference in section) + ".",
            LOAD_PRESET,
        )
