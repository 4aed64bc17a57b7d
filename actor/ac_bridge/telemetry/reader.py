"""The reader: pages that can be trusted, decoded and completed with what follows from them.

The game writes its pages without a lock, 16 bytes at a time from the front, while we read. So each
page is copied, decoded, and copied again: only if the second copies are the same bytes was nothing
written in between. Decoding takes longer than the game takes to write a page, so a write that was
going on at the first copy shows in the second. What no reader can see is a game that the system
stops in the middle of a write for longer than that.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeAlias

from ac_bridge.game import Page, PageSource
from ac_bridge.telemetry.decode import GRAPHICS_FRAME, PHYSICS_FRAME, decode_statics
from ac_bridge.telemetry.derived import NOMINAL_TYRE_RADIUS_M, LapValidity, derive
from ac_bridge.telemetry.liveness import LOST_S, Liveness
from ac_bridge_protocol.errors import GameAbsentError, GameError, PageError, WrongGameError
from ac_bridge_protocol.frame import GameState, GameStatics, TelemetryFrame
from ac_bridge_protocol.wire import trusted

COPY_TRIES = 8
"""A page is written within a microsecond every 3 ms, so even the second try hardly ever fails."""

SM_VERSION = "1.7"
"""What the static page of Assetto Corsa 1.16 calls its layout (from a capture of the game)."""

OTHER_GAMES = {"1.8": "Assetto Corsa Competizione", "1.9": "Assetto Corsa Competizione"}
"""Who else publishes under the same names, by the static page's ``smVersion``."""


NO_FRAME = (GameAbsentError, PageError, WrongGameError)
"""What reading raises while there is nothing to believe."""


Place: TypeAlias = Callable[[dict[str, Any], GameStatics, int], None]
"""Adds to the values of a frame where the car is on its track, given the game's static facts and
how many processes of the game were seen."""

_EMPTY: dict[str, Any] = dict.fromkeys(TelemetryFrame.model_fields)
"""Every name of a frame in its order: a copy of it never has to grow."""


@dataclasses.dataclass
class FrameStream:
    """The timing of one sequence of frames: its numbers and the time between them.

    Args:
        dt_s: nominal time between frames, in seconds.
    """

    dt_s: float
    seq: int = 0
    last_s: float | None = None

    def stamp(self, now_s: float, wall_s: float) -> dict[str, Any]:
        """Return the timing fields of the frame sampled now."""
        actual_s = 0.0 if self.last_s is None else now_s - self.last_s
        stamp = {"seq": self.seq, "t_wall": wall_s, "dt": self.dt_s, "dt_actual": actual_s}
        self.seq += 1
        self.last_s = now_s
        return stamp


class TelemetryReader:
    """Turns a game's pages into frames, and knows how far they can be trusted.

    Lap validity is latched over all frames read, whichever stream they belong to.

    Args:
        pages: where they come from.
        place: finds the car on its track; None leaves these fields at None.

    Attributes:
        torn_reads: copies thrown away because the game wrote while they were made.
        problem: why there was no frame at the last look, in words; empty if there was one.
    """

    def __init__(self, pages: PageSource, place: Place | None = None) -> None:
        self._place = place
        self.torn_reads = 0
        self.problem = ""
        self._pages = pages
        self._validity = LapValidity()
        self._liveness = Liveness()
        self._statics: GameStatics | None = None
        self._launches = 0
        self._trusted: dict[str, Any] | None = None
        self._looked_s = 0.0

    @property
    def state(self) -> GameState:
        """The game's state at the last look."""
        return self._liveness.state

    @property
    def launches(self) -> int:
        """New processes of the game seen since this reader began."""
        return self._liveness.launches

    def read(self, now_s: float) -> dict[str, Any]:
        """Return the newest values of every field but the timing.

        Raises:
            GameAbsentError: nothing publishes the pages, or nothing was written to them yet.
            WrongGameError: they are another game's.
            PageError: they never stood still.
        """
        self._look_anew_at_the_dead(now_s)
        try:
            values = self._look(now_s)
        except NO_FRAME as error:
            problem = self._explain(error)
            self._statics = self._trusted = None
            self.problem = problem.message
            wrong = isinstance(problem, WrongGameError)
            self._liveness.missing(GameState.WRONG_GAME if wrong else self._what_is_missing())
            raise problem from None
        self.problem = ""
        values["torn_reads"] = self.torn_reads
        values.update(derive(values, self._tyre_radius_m()))
        values["is_valid_lap"] = self._validity.update(values)
        if self._place is not None and self._statics is not None:
            self._place(values, self._statics, self._launches)
        return values

    def frame(self, stream: FrameStream, now_s: float, wall_s: float) -> TelemetryFrame:
        """Return the newest frame, stamped as the next of ``stream``.

        Raises:
            GameAbsentError: nothing publishes the pages, or nothing was written to them yet.
            WrongGameError: they are another game's.
            PageError: they never stood still.
        """
        values = self.read(now_s)
        values.update(stream.stamp(now_s, wall_s))
        return trusted(TelemetryFrame, values)

    def statics(self) -> GameStatics | None:
        """Return the game's static facts, or None while it has not written them.

        Raises:
            WrongGameError: they are another game's, or of a version that is not known.
        """
        if self._statics is None:
            try:
                statics = self._copy_statics()
            except GameAbsentError:
                return None
            if statics.sm_version:  # empty: the page is there, but not written yet
                _check_version(statics.sm_version)
                self._statics = statics
        return self._statics

    def _look(self, now_s: float) -> dict[str, Any]:
        """Return the decoded pages of the game that they should be of, with its state."""
        self._await_statics()
        values = self._copy()
        values["state"] = self._liveness.see(
            values["packet_id"], values["graphics_packet_id"], values["status"], now_s
        )
        if self._liveness.launches != self._launches:
            self._launches = self._liveness.launches
            self._statics = None  # a new game process: perhaps another car, or another game
            self._await_statics()
        return values

    def _await_statics(self) -> None:
        if self.statics() is None:
            raise GameAbsentError(
                "The game has not written its pages yet.", hint="Start it, or wait until it loaded."
            )

    def _copy(self) -> dict[str, Any]:
        """Return the decoded pages, from copies during which nothing was written."""
        pages = self._pages
        problem: PageError | None = None
        for _ in range(COPY_TRIES):
            values = _EMPTY.copy()
            try:
                physics, graphics = pages.read(Page.PHYSICS), pages.read(Page.GRAPHICS)
                bad = PHYSICS_FRAME.decode_into(values, physics)
                values["nonfinite"] = bad + GRAPHICS_FRAME.decode_into(values, graphics)
                if pages.atomic or (
                    pages.read(Page.PHYSICS) == physics and pages.read(Page.GRAPHICS) == graphics
                ):
                    self._trusted = values
                    return values
            except PageError as error:  # a bridge may empty its file before it fills it
                problem = error
            self.torn_reads += 1
        if self._trusted is None:
            raise problem or _restless(Page.PHYSICS)
        # What was read last is still true of its moment, and its counter says which one that was.
        return self._trusted.copy()

    def _copy_statics(self) -> GameStatics:
        for _ in range(COPY_TRIES):
            copy = self._pages.read(Page.STATIC)
            statics = decode_statics(copy)
            if self._pages.atomic or self._pages.read(Page.STATIC) == copy:
                return statics
            self.torn_reads += 1
        raise _restless(Page.STATIC)

    def _explain(self, error: GameError) -> GameError:
        """Return the error to raise: where our game is absent, another one may be the reason."""
        other = self._pages.foreign_game() if isinstance(error, GameAbsentError) else None
        if other is None:
            return error
        return WrongGameError(
            f"The pages of Assetto Corsa are not there, but those of {other} are.",
            found=other,
            hint="Start Assetto Corsa itself, and close the other game.",
        )

    def _what_is_missing(self) -> GameState:
        """Return whether there are no pages at all, or some that say nothing yet."""
        try:
            self._pages.read(Page.STATIC)
        except GameAbsentError:
            return GameState.ABSENT
        except PageError:
            pass  # a bridge that is still making its file, or not for us: `problem` says which
        return GameState.WAITING

    def _look_anew_at_the_dead(self, now_s: float) -> None:
        """Let go of a dead game's pages once a second: only then can the system remove them."""
        if self._liveness.still_s < LOST_S or now_s - self._looked_s < LOST_S:
            return
        self._looked_s = now_s
        self._pages.reopen()
        self._statics = None

    def _tyre_radius_m(self) -> tuple[float, float, float, float]:
        statics = self._statics
        assert statics is not None  # noqa: S101 -- no frame is read without them
        if min(statics.tyre_radius) <= 0:
            return (NOMINAL_TYRE_RADIUS_M,) * 4
        return statics.tyre_radius


def _restless(page: Page) -> PageError:
    return PageError(
        f"The {page.label} page changed during each of {COPY_TRIES} copies.",
        hint="Is more than one game or bridge publishing it?",
    )


def _check_version(sm_version: str) -> None:
    if sm_version == SM_VERSION:
        return
    game = OTHER_GAMES.get(sm_version, "an unknown game or version")
    raise WrongGameError(
        f"The pages are those of {game} (smVersion {sm_version!r}); "
        f"Assetto Corsa 1.16 writes {SM_VERSION!r}.",
        found=sm_version,
        hint="Start Assetto Corsa itself, and close the other game.",
    )
