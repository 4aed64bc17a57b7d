"""How far the game can be trusted, from what its counters do rather than from what it says. Pure.

A killed game's pages say LIVE for as long as anybody holds them, and Assetto Corsa sometimes
pauses without saying PAUSE. So the counters decide: the physics counter goes up every 3 ms while
the car is simulated, the graphics counter whenever a picture is drawn.
"""

from __future__ import annotations

import math

from ac_bridge_protocol.frame import GameState, GameStatus

STILL_S = 0.05
"""Physics that has not moved for this long has stopped: that is sixteen steps of 3 ms."""
LOST_S = 1.0
"""A game that has not moved for this long hangs, or is gone."""


class Liveness:
    """Follows the counters of one game, over all its processes.

    Attributes:
        state: what was decided last.
        launches: processes of the game that were seen to begin after the first one; pages that
            were gone and came back count as one.
        still_s: for how long neither counter has moved, in seconds, at the last look; infinite
            while there is nothing to look at.
    """

    def __init__(self) -> None:
        self.state = GameState.ABSENT
        self.launches = 0
        self.still_s = math.inf
        self._seen = False
        self._packet = self._picture = 0
        self._moving = False
        """Whether the physics counter was ever seen to move, since the pages are there."""
        self._moved_s = 0.0
        self._drawn_s = 0.0

    def see(self, packet: int, picture: int, status: GameStatus, now_s: float) -> GameState:
        """Look at the pages' counters and status, and return the game's state.

        Args:
            packet: the physics page's counter.
            picture: the graphics page's counter.
            status: the graphics page's.
            now_s: when they were read.
        """
        self._follow(packet, picture, now_s)
        self.still_s = now_s - max(self._moved_s, self._drawn_s)
        self.state = self._decide(status, now_s)
        return self.state

    def missing(self, state: GameState) -> GameState:
        """There is nothing to look at: no pages, empty ones, or another game's."""
        self.state = state
        self.still_s = math.inf
        if self._moving:
            self.launches += 1  # whatever comes next is another process, as far as we know
        self._seen = self._moving = False
        return state

    def _follow(self, packet: int, picture: int, now_s: float) -> None:
        if not self._seen:
            # A first look cannot tell a running game from what a dead one left behind.
            self._seen = True
            self._moved_s = self._drawn_s = now_s
        elif packet != self._packet:
            if packet < self._packet:
                self.launches += 1
            self._moving = True
            self._moved_s = now_s
        if picture != self._picture:
            self._drawn_s = now_s
        self._packet, self._picture = packet, picture

    def _decide(self, status: GameStatus, now_s: float) -> GameState:
        if status is GameStatus.PAUSE:
            return GameState.PAUSED
        stopped_s = now_s - self._moved_s
        if status is not GameStatus.LIVE:
            gone = status is GameStatus.OFF and stopped_s >= LOST_S
            return GameState.ABSENT if gone else GameState.WAITING
        if stopped_s < STILL_S:
            return GameState.LIVE if self._moving else GameState.WAITING
        if self._moving and self._drawn_s - self._moved_s >= STILL_S and self.still_s < LOST_S:
            return GameState.PAUSED  # pictures went on when physics had stopped
        if stopped_s < LOST_S:
            return GameState.STALLED if self._moving else GameState.WAITING
        return GameState.LOST
