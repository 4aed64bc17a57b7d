"""The track under the car: read once for each that is driven, and the car's place on it.

Files are read only when the game's static facts name another track, or after a failure when a new
process of the game appears; between that a place costs some 15 microseconds.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Any

from ac_bridge.track.library import TrackLibrary
from ac_bridge.track.track import Track, TrackPosition
from ac_bridge_protocol.errors import GameError, TrackError
from ac_bridge_protocol.frame import ROAD_FIELDS, GameStatics

log = logging.getLogger("ac_bridge.track")

NOWHERE: dict[str, Any] = dict.fromkeys(ROAD_FIELDS)
"""The fields of a car whose place is not known."""
DIGITS = 6
"""Decimals of a place: a micrometre. Beyond that the mathematics of two processors differ, and the
same drive would not be the same bytes."""
WORLD_M = 1e6
"""Positions beyond this are rubbish on a page."""


class TrackKeeper:
    """Keeps the track that the game is on, and places the car on it.

    Args:
        open_library: returns where tracks are read from; called when the first one is needed.

    Attributes:
        track: what was read; None while nothing was, or could not be.
        problem: why there is none, in words.
    """

    def __init__(self, open_library: Callable[[], TrackLibrary]) -> None:
        self.track: Track | None = None
        self.problem = "The game has not said on which track it is."
        self._open_library = open_library
        self._library: TrackLibrary | None = None
        self._named: tuple[str, str, float] | None = None
        self._launches = 0
        self._news = ""
        self._last: TrackPosition | None = None

    @property
    def why(self) -> str:
        """The problem as sentences of their own; empty if there is none."""
        return self.problem[:1].upper() + self.problem[1:]

    def take_news(self) -> str:
        """Return what became of reading a track's files, once; empty if nothing is new."""
        news, self._news = self._news, ""
        return news

    def place(self, values: dict[str, Any], statics: GameStatics, launches: int) -> None:
        """Add to the values of a frame where the car is.

        Args:
            values: of the frame, with position and yaw.
            statics: of the game.
            launches: how many processes of the game were seen so far.
        """
        named = statics.track, statics.track_configuration, statics.track_length_m
        again = self.track is None and launches != self._launches
        if named != self._named or again:
            self._named, self._launches = named, launches
            self._read(*named)
        values.update(self._placed(values["position"], values["yaw"]))

    def _read(self, track: str, layout: str, length_m: float) -> None:
        self.track = self._last = None
        called = f"{track} ({layout})" if layout else track
        try:
            if self._library is None:
                self._library = self._open_library()
            self.track = self._library.load(track, layout, length_m)
        except GameError as error:  # of the files, or of the folder that they are to be in
            log.warning("%s", error)
            # Everybody is told of it: nothing of where files are on this machine.
            reason = error.reason if isinstance(error, TrackError) else "no folder for them"
            self.problem = f"{reason}. {error.hint}"
            self._news = f"The track {called} is driven without its files: {self.problem}"
        else:
            self.problem = ""
            for note in self.track.notes:
                log.info("track %s: %s", called, note)
            self._news = f"The track {called} was read: {self.track.length_m:.0f} m."
            if count := len(self.track.notes):
                notes = "1 note" if count == 1 else f"{count} notes"
                self._news += f" Its files are not all well: {notes} in the log."

    def _placed(self, position: tuple[float, float, float], yaw: float) -> dict[str, Any]:
        x_m, _, z_m = position
        if self.track is None or not (abs(x_m) < WORLD_M and abs(z_m) < WORLD_M):
            self._last = None
            return NOWHERE
        place = self._last = self.track.project(x_m, z_m, self._last)
        return {
            "track_distance": round(place.distance_m, DIGITS),
            "line_offset": round(place.lateral_m, DIGITS),
            "line_heading_error": round(math.remainder(yaw - place.heading_rad, math.tau), DIGITS),
            "line_curvature": round(place.curvature_per_m, DIGITS),
            "centre_offset": round(place.centre_m, DIGITS),
            "left_edge": round(place.left_m, DIGITS),
            "right_edge": round(place.right_m, DIGITS),
        }
