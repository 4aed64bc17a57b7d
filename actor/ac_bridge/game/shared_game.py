"""A game in another process: pages through shared memory, a virtual wheel, the machine's clock."""

from __future__ import annotations

import contextlib

from ac_bridge.clock import Clock, SystemClock
from ac_bridge.game.base import ControlSink, Game, GameAbility, GameCommand, PageSource
from ac_bridge.game.command_port import CommandPort


class SharedGame(Game):
    """Assetto Corsa, or a stand-in that plays it, in a process of its own.

    It can neither stand still between steps nor repeat itself from a seed.
    """

    name = "shm"
    abilities = GameAbility.COMMANDS

    def __init__(
        self, pages: PageSource, wheel: ControlSink, *, clock: Clock | None = None
    ) -> None:
        """Join the doors of a game; both are closed with it.

        Args:
            pages: what the game publishes.
            wheel: what it is driven with.
            clock: the time to live by; the machine's unless given.
        """
        self.pages = pages
        self.wheel = wheel
        self._owns_clock = clock is None
        self.clock = clock or SystemClock()
        self._port: CommandPort | None = None

    def command(self, command: GameCommand) -> None:
        """Send a command to the game's command port. Experimental, unverified on a live game.

        Raises:
            GameAbsentError: it could not be sent.
        """
        if self._port is None:
            self._port = CommandPort()
        self._port.send(command)

    def close(self) -> None:
        """Let go of the wheel (neutral first) and of the pages. May be called twice."""
        with contextlib.ExitStack() as closing:
            if self._owns_clock:
                closing.callback(self.clock.close)
            if self._port is not None:
                closing.callback(self._port.close)
            closing.callback(self.pages.close)
            self.wheel.close()
