"""The doors to a game: what every backend must offer, and nothing about how.

A game is reached through two small doors. A [`PageSource`][] gives the bytes of the three
shared-memory pages; a [`ControlSink`][] takes the state of the virtual wheel. [`Game`][] joins
them with the clock that the game lives by and with what the game is able to do.
"""

from ac_bridge.game.base import (
    ControlSink,
    Game,
    GameAbility,
    GameCommand,
    Inheritance,
    Page,
    PageSource,
)
from ac_bridge.game.controls import NEUTRAL, Controls
from ac_bridge.game.recording import RecordingWheel

__all__ = [
    "NEUTRAL",
    "ControlSink",
    "Controls",
    "Game",
    "GameAbility",
    "GameCommand",
    "Inheritance",
    "Page",
    "PageSource",
    "RecordingWheel",
]
