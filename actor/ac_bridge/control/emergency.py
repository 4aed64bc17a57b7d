"""What the operator at this machine wishes: that the car stops, or may be driven again. Pure."""

from __future__ import annotations

import enum

GO = "go"
"""The word that lets the car be driven again; any other line stops it, an empty one too."""


class Wish(enum.Enum):
    """Of the operator."""

    STOP = "stop"
    GO = "go"


class KeyWatch:
    """Tells a key's presses from its being held.

    The key stops the car. With Shift it lets a stopped one be driven again, so that who presses it
    over and over in alarm does not. One that is down at the first look was not pressed.
    """

    def __init__(self) -> None:
        self._down = True

    def look(self, *, down: bool, shift: bool, stopped: bool) -> Wish | None:
        """Take how the keys are.

        Args:
            down: the key is, or was since the last look.
            shift: Shift is down.
            stopped: the car is stopped already.

        Returns:
            What a press means; None where there was none.
        """
        pressed, self._down = down and not self._down, down
        if not pressed:
            return None
        return Wish.GO if shift and stopped else Wish.STOP


def wish_of(line: str) -> Wish:
    """Return what a line typed at the actor's terminal means."""
    return Wish.GO if line.strip().lower() == GO else Wish.STOP
