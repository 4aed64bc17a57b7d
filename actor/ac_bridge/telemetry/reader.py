"""The reader: one bulk copy of each page, decoded and completed with what follows from it."""

from __future__ import annotations

import dataclasses
from typing import Any

from ac_bridge.game import Page, PageSource
from ac_bridge.telemetry.decode import GRAPHICS_FRAME, PHYSICS_FRAME, decode_statics
from ac_bridge.telemetry.derived import NOMINAL_TYRE_RADIUS_M, LapValidity, derive
from ac_bridge_protocol.errors import GameAbsentError
from ac_bridge_protocol.frame import GameStatics, TelemetryFrame
from ac_bridge_protocol.wire import trusted


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
    """Turns a game's pages into frames.

    Lap validity is latched over all frames read, whichever stream they belong to.
    """

    def __init__(self, pages: PageSource) -> None:
        self._pages = pages
        self._validity = LapValidity()
        self._statics: GameStatics | None = None
        self._packet_id = -1

    def read(self) -> dict[str, Any]:
        """Return the newest values of every field but the timing.

        Raises:
            GameAbsentError: nothing publishes the pages.
        """
        values, bad_physics = PHYSICS_FRAME.decode(self._pages.read(Page.PHYSICS))
        graphics, bad_graphics = GRAPHICS_FRAME.decode(self._pages.read(Page.GRAPHICS))
        values.update(graphics)
        if values["packet_id"] < self._packet_id:
            self._statics = None  # a new game process: perhaps another car
        self._packet_id = values["packet_id"]
        values.update(derive(values, self._tyre_radius_m()))
        values["is_valid_lap"] = self._validity.update(values)
        values["nonfinite"] = bad_physics + bad_graphics
        return values

    def frame(self, stream: FrameStream, now_s: float, wall_s: float) -> TelemetryFrame:
        """Return the newest frame, stamped as the next of ``stream``.

        Raises:
            GameAbsentError: nothing publishes the pages.
        """
        values = self.read()
        values.update(stream.stamp(now_s, wall_s))
        return trusted(TelemetryFrame, values)

    def statics(self) -> GameStatics | None:
        """Return the game's static facts, or None while it has not written them."""
        if self._statics is None:
            try:
                statics = decode_statics(self._pages.read(Page.STATIC))
            except GameAbsentError:
                return None
            if statics.sm_version:  # empty: the page is there, but not written yet
                self._statics = statics
        return self._statics

    def _tyre_radius_m(self) -> tuple[float, float, float, float]:
        statics = self.statics()
        if statics is None or min(statics.tyre_radius) <= 0:
            return (NOMINAL_TYRE_RADIUS_M,) * 4
        return statics.tyre_radius
