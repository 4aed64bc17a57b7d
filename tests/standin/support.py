"""What the tests of the stand-in share."""

from __future__ import annotations

import dataclasses
from typing import Any

from ac_bridge.game import NEUTRAL, Controls, Page
from ac_bridge.standin import StandinGame
from ac_bridge.telemetry.layout import LAYOUTS

START = Controls(buttons=frozenset({9}))
RESTART = Controls(buttons=frozenset({7}))


def read(game: StandinGame, page: Page) -> dict[str, Any]:
    """Return a page's fields."""
    return LAYOUTS[page].unpack(game.pages.read(page))


def physics(game: StandinGame) -> dict[str, Any]:
    """Return the physics page's fields."""
    return read(game, Page.PHYSICS)


def graphics(game: StandinGame) -> dict[str, Any]:
    """Return the graphics page's fields."""
    return read(game, Page.GRAPHICS)


def pages(game: StandinGame) -> tuple[bytes, ...]:
    """Return the bytes of all three pages."""
    return tuple(game.pages.read(page) for page in Page)


def wait(game: StandinGame, seconds: float) -> None:
    """Let game time pass."""
    game.clock.sleep_until(game.clock.now() + seconds)


def hold(game: StandinGame, seconds: float, controls: Controls) -> None:
    """Hold the wheel in one state for a while, and leave it there."""
    game.wheel.apply(controls)
    wait(game, seconds)


def press(game: StandinGame, button: int, seconds: float = 0.06) -> None:
    """Press and release a button with everything else neutral."""
    hold(game, seconds, Controls(buttons=frozenset({button})))
    game.wheel.apply(NEUTRAL)


def launched(seed: int = 0, **options: Any) -> StandinGame:
    """Return a lockstep game on its session screen."""
    game = StandinGame(lockstep=True, seed=seed, **options)
    wait(game, 1.0)
    return game


def driving(seed: int = 0, **options: Any) -> StandinGame:
    """Return a lockstep game that is LIVE on the start line with the clock running."""
    game = launched(seed, **options)
    press(game, 9)
    return game


def with_buttons(controls: Controls, *buttons: int) -> Controls:
    """Return the same controls with buttons held."""
    return dataclasses.replace(controls, buttons=frozenset(buttons))
