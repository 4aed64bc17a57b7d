"""Name to game. The only module that imports a concrete backend, and only when it is chosen."""

from __future__ import annotations

from typing import Literal, TypeAlias

from ac_bridge.clock import Clock
from ac_bridge.game import Game
from ac_bridge_protocol.helpers import choose

Gearbox: TypeAlias = Literal["automatic", "sequential"]


def _open_standin(*, lockstep: bool, seed: int, gearbox: Gearbox, clock: Clock | None) -> Game:
    from ac_bridge.standin import StandinGame

    return StandinGame(lockstep=lockstep, seed=seed, gearbox=gearbox, clock=clock)


GAMES = {"standin": _open_standin}
"""How to open each game of this version. The doors of Assetto Corsa itself follow."""


def open_game(
    name: str,
    *,
    lockstep: bool = False,
    seed: int = 0,
    gearbox: Gearbox = "automatic",
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
    opened = choose(GAMES, name, setting="game")
    return opened(lockstep=lockstep, seed=seed, gearbox=gearbox, clock=clock)
