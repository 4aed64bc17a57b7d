"""A game on the bench: send a state of the wheel, look what comes back, wait until it is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ac_bridge.game import NEUTRAL, Controls, Game
from ac_bridge.games import START_HINT
from ac_bridge.pacing import Pacer
from ac_bridge.rig import says
from ac_bridge.telemetry.reader import FrameStream, TelemetryReader
from ac_bridge_protocol.errors import GameAbsentError, GameError
from ac_bridge_protocol.frame import GameState, TelemetryFrame

POLL_HZ = 333.0
"""How often a bench looks while it waits: as often as the game computes."""
LIVE_WITHIN_S = 2.0
"""How long a game may take to show that it lives: its counter must be seen to move."""
STANDING_KMH = 2.0
"""A car slower than this stands."""
SAME = 0.005
"""Values closer than this count as the same one."""

_HINTS = {
    GameState.ABSENT: START_HINT,
    GameState.WAITING: "Start a drive and wait until its loading screen ends.",
    GameState.PAUSED: "Close the game's menu, and try again.",
    GameState.STALLED: "Wait until the game moves again.",
    GameState.LOST: "Start the game anew.",
}


class Look(NamedTuple):
    """One look at the game."""

    frame: TelemetryFrame | None
    """None while there is none."""
    state: GameState
    message: str
    """The state as a sentence, or what is wrong with the pages."""
    hint: str
    """What to do about it; empty while the game is live."""

    @property
    def live(self) -> bool:
        """Whether there is a frame that can be trusted."""
        return self.frame is not None and self.state is GameState.LIVE

    def error(self) -> GameError:
        """Return why nothing can be tried, as an error to raise."""
        kind = GameAbsentError if self.state is GameState.ABSENT else GameError
        return kind(self.message, hint=self.hint)


class Bench:
    """A game, its wheel and its reader, used by one thread.

    Args:
        game: stays the caller's to close.
    """

    def __init__(self, game: Game) -> None:
        self.game = game
        self.clock = game.clock
        self.reader = TelemetryReader(game.pages)
        self._stream = FrameStream(1.0 / POLL_HZ)

    def set_rate(self, hz: float) -> None:
        """Number the frames from 0 again, as those of a stream at this rate."""
        self._stream = FrameStream(1.0 / hz)

    def look(self) -> Look:
        """Return what is to be seen at this moment."""
        try:
            frame = self.reader.frame(self._stream, self.clock.now(), self.clock.wall())
        except GameAbsentError as error:
            state = self.reader.state
            return Look(None, state, says(state), _HINTS.get(state, error.hint))
        except GameError as error:  # another game's pages, or none that a game can have written
            return Look(None, self.reader.state, error.message, error.hint)
        return Look(frame, frame.state, says(frame.state), _HINTS.get(frame.state, ""))

    def send(self, controls: Controls) -> None:
        """Set the wheel."""
        self.game.wheel.apply(controls)

    def let_go(self) -> None:
        """Set the wheel neutral."""
        self.send(NEUTRAL)

    # --- Waiting ----------------------------------------------------------------------------------

    def polls(self, timeout_s: float) -> Iterator[Look]:
        """Look again and again, at `POLL_HZ`, for at most ``timeout_s``; the first look is now."""
        pacer = Pacer(POLL_HZ, self.clock.now())
        end_s = self.clock.now() + timeout_s
        while True:
            yield self.look()
            tick = pacer.next(self.clock.now())
            if tick.at_s > end_s:
                return
            self.clock.sleep_until(tick.at_s)
            pacer.reach(tick, self.clock.now())

    def pause(self, seconds: float) -> None:
        """Wait, whatever happens in the game."""
        self.clock.sleep_until(self.clock.now() + seconds)

    def until_live(self) -> Look:
        """Return the first look at a live game, or the last one of `LIVE_WITHIN_S`."""
        return self._until(lambda look: look.live, LIVE_WITHIN_S)

    def require_standing(self) -> TelemetryFrame:
        """Return a frame of a car that stands, live.

        Raises:
            GameError: there is none: no live game, or a car that moves.
        """
        look = self.until_live()
        if look.frame is None or not look.live:
            raise look.error()
        if look.frame.speed_kmh > STANDING_KMH:
            raise GameError(
                f"The car moves at {look.frame.speed_kmh:.0f} km/h.",
                hint="Let it stand, with nobody else driving, or run `ac-bridge reset` first.",
            )
        return look.frame

    def wait_for(
        self, wanted: Callable[[TelemetryFrame], bool], timeout_s: float
    ) -> TelemetryFrame | None:
        """Return the first live frame that is as ``wanted``, None if none came in time.

        Raises:
            GameError: at the end of that time the game was not live.
        """
        look = self._until(
            lambda look: look.live and look.frame is not None and wanted(look.frame), timeout_s
        )
        if not look.live or look.frame is None:
            raise look.error()
        return look.frame if wanted(look.frame) else None

    def settle(
        self, value: Callable[[TelemetryFrame], float], *, calm_s: float, timeout_s: float
    ) -> TelemetryFrame:
        """Return a live frame once ``value`` of it has stayed the same for ``calm_s``.

        It is returned after ``timeout_s`` in any case.

        Raises:
            GameError: at the end of that time the game was not live.
        """
        anchor: float | None = None
        calm_since_s = self.clock.now()

        def calm(look: Look) -> bool:
            nonlocal anchor, calm_since_s
            if look.frame is None or not look.live:
                return False
            newest = value(look.frame)
            if anchor is None or abs(newest - anchor) > SAME:
                # What follows a move of the wheel within `calm_s` is not missed: the first value
                # counts from the call on.
                calm_since_s = calm_since_s if anchor is None else self.clock.now()
                anchor = newest
            return self.clock.now() - calm_since_s >= calm_s

        look = self._until(calm, timeout_s)
        if not look.live or look.frame is None:
            raise look.error()
        return look.frame

    def _until(self, wanted: Callable[[Look], bool], timeout_s: float) -> Look:
        """Return the first look that is as ``wanted``, or the last one."""
        for look in self.polls(timeout_s):
            if wanted(look):
                break
        return look
