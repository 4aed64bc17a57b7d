"""Name to game. The only module that imports a concrete backend, and only when it is chosen."""

from __future__ import annotations

from typing import Literal

from ac_bridge.clock import Clock
from ac_bridge.game import Game
from ac_bridge_protocol.errors import SettingError

GAMES = ("standin",)
"""The games of this version. The doors of Assetto Corsa itself follow."""


def open_game(
    name: str,
    *,
    lockstep: bool = False,
    seed: int = 0,
    gearbox: Literal["automatic", "sequential"] = "automatic",
    clock: Clock | None = None,
) -> Game:
    """Open a game by its name.

    Args:
        name: one of `GAMES`.
        lockstep: let game time stand still until somebody waits on its clock.
        seed: of the game's own draws, where it has any.
        gearbox: of the stand-in's car.
        clock: the time it lives by; the machine's own unless given. Lockstep brings its own.

    Raises:
        SettingError: no such game, or one that cannot do what is asked.
    """
    if name == "standin":
        from ac_bridge.standin import StandinGame

        return StandinGame(lockstep=lockstep, seed=seed, gearbox=gearbox, clock=clock)
    raise SettingError(
        f"There is no game {name!r} in this version.",
        setting="game",
        hint=f"Choose one of: {', '.join(GAMES)}.",
    )
