"""A game that costs nothing to run, on a manual clock: for tests of time alone."""

from __future__ import annotations

from ac_bridge.clock import ManualClock
from ac_bridge.game import Controls, Game, GameAbility, Page, PageSource, RecordingWheel
from ac_bridge_protocol.errors import GameAbsentError, WheelError
from ac_bridge_protocol.frame import GameStatus
from helpers.frames import graphics_page, physics_page, static_page


class SteadyPages(PageSource):
    """Pages of a car at 72 km/h for ever. Does not model: any consequence of the wheel.

    Attributes:
        moves: whether the physics goes on; if not, the game stalls.
        status: of the game.
        packet_id: counts the reads, and may be set back, as by a restart.
        published: whether there are any.
    """

    atomic = True

    def __init__(self) -> None:
        self.moves = True
        self.status = GameStatus.LIVE
        self.packet_id = 1
        self.published = True
        self._static = static_page()

    def read(self, page: Page) -> bytes:
        if not self.published:
            raise GameAbsentError("No pages.")
        if page is Page.STATIC:
            return self._static
        if page is Page.PHYSICS:
            self.packet_id += self.moves
            return physics_page(packetId=self.packet_id)
        return graphics_page(status=self.status.value)

    def close(self) -> None:
        pass


class FragileWheel(RecordingWheel):
    """A wheel that can be broken.

    Attributes:
        broken: whether it refuses every state.
    """

    broken = False

    def apply(self, controls: Controls) -> None:
        if self.broken:
            raise WheelError("The device was taken.")
        super().apply(controls)


class SteadyGame(Game):
    """The pages above, with a wheel that remembers.

    Args:
        lockstep: whether to say that time stands still between steps.
    """

    name = "steady"
    clock: ManualClock
    pages: SteadyPages
    wheel: FragileWheel

    def __init__(self, *, lockstep: bool = False) -> None:
        self.abilities = GameAbility.LOCKSTEP if lockstep else GameAbility.NONE
        self.clock = ManualClock(start_s=100.0)
        self.pages = SteadyPages()
        self.wheel = FragileWheel()

    def close(self) -> None:
        """Let go of the wheel."""
        self.wheel.close()
