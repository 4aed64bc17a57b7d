"""Cutting a stream of frames into laps, whoever drove them. Pure.

A frame here is a mapping by the names of `TelemetryFrame`: a model's ``__dict__``, or the plain
JSON of a recording, so that nobody has to validate what is only to be cut.
"""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Iterable, Mapping
from typing import Any

from ac_bridge.control.reset import SPARE_M, SPARE_SHARE, drove_over_line
from ac_bridge_protocol.frame import GameState

GAP_S = 2.0
"""Between two frames this far apart anything may have happened: slower recordings have no laps."""

SAME_LINE_S = 1.0
"""The game does not write everything about a finished lap at once: for so long after the line, more
signs of it are of the same crossing."""

TIMED_S = 0.5
"""So long after the line its time is there."""

Frame = Mapping[str, Any]


class Cut(enum.StrEnum):
    """Why one stretch of driving ended."""

    LINE = "lap"
    """The car crossed the line."""
    RESTART = "restarted"
    """The session began anew, or a new process of the game."""
    TELEPORT = "teleported"
    """The car is elsewhere: in the pits, or put back on the track."""
    NOT_LIVE = "not_live"
    """The game was paused, in a menu, or hung."""
    GAP = "gap"
    """Nothing was recorded for a while."""
    END = "recording_ended"
    """There is no more of it."""


class Cutter:
    """Says, frame by frame, where one stretch of driving ends and the next one begins."""

    def __init__(self) -> None:
        self._before: Frame | None = None
        self._line_s = -math.inf

    def see(self, frame: Frame) -> Cut | None:
        """Return why the stretch before this frame is over; None if this frame continues it.

        After `Cut.LINE` the frame is both: the last of one lap and the first of the next. After
        every other cut it belongs to the next stretch alone, and after `Cut.NOT_LIVE` to none.
        """
        before = self._before
        if frame["state"] != GameState.LIVE:
            self._before = None
            return None if before is None else Cut.NOT_LIVE
        self._before = frame
        if before is None:
            return None
        cut = _broken(before, frame)
        if cut is not None:
            self._line_s = -math.inf
        elif self._crossed(before, frame):
            cut = Cut.LINE
        return cut

    def _crossed(self, before: Frame, frame: Frame) -> bool:
        """Return whether the line was crossed, as the game counts or as its lap clock says."""
        counted = frame["completed_laps"] > before["completed_laps"]
        if not counted and frame["current_time"] >= before["current_time"]:
            return False
        now_s: float = frame["t_wall"]
        if now_s - self._line_s < SAME_LINE_S:
            return False
        self._line_s = now_s
        return True


def _broken(before: Frame, frame: Frame) -> Cut | None:
    """Return why the two frames are not of the same drive."""
    since_s = frame["t_wall"] - before["t_wall"]
    if (
        since_s < 0.0  # a recording in lockstep, which was reset
        or frame["packet_id"] < before["packet_id"]
        or frame["completed_laps"] < before["completed_laps"]
    ):
        return Cut.RESTART
    if since_s > GAP_S:
        return Cut.GAP
    clock_back = frame["current_time"] < before["current_time"]
    counted = frame["completed_laps"] > before["completed_laps"]
    if (
        clock_back
        and not counted
        and not drove_over_line(
            before["normalized_position"], frame["normalized_position"], frame["speed_kmh"]
        )
    ):
        return Cut.RESTART
    fastest_ms = max(before["speed_kmh"], frame["speed_kmh"]) / 3.6
    reach_m = SPARE_M + SPARE_SHARE * fastest_ms * since_s
    if math.dist(before["position"], frame["position"]) > reach_m:
        return Cut.RESTART if clock_back and not counted else Cut.TELEPORT
    return None


@dataclasses.dataclass(slots=True)
class Lap:
    """A stretch of driving: a lap, or what there is of one.

    Attributes:
        number: which lap of the session it is, from 1.
        first: index of its first frame.
        last: index of its last frame. Where the line was crossed that is the next lap's first.
        cut: why it ended.
        from_line: whether it began at the line, rather than where the car stood.
        time_ms: as the game timed it; None if it was not finished, or not counted.
        valid: whether it has no cut so far.
        sectors_ms: times of the sectors that were finished.
    """

    number: int
    first: int
    last: int
    cut: Cut = Cut.END
    from_line: bool = False
    time_ms: int | None = None
    valid: bool = True
    sectors_ms: tuple[int, ...] = ()

    def extend(self, index: int, before: Frame, frame: Frame) -> None:
        """Take the next frame, of that index."""
        self.last = index
        self.number = frame["completed_laps"] + 1  # may be counted a moment after the line
        self.valid = self.valid and frame["is_valid_lap"]
        sector, done = frame["current_sector_index"], len(self.sectors_ms)
        if sector == before["current_sector_index"] + 1 == done + 1:
            self.sectors_ms += (frame["last_sector_time"],)
        elif done and sector == done:  # its time may follow a moment later
            self.sectors_ms = (*self.sectors_ms[:-1], frame["last_sector_time"])


def laps(frames: Iterable[Frame]) -> list[Lap]:
    """Return every stretch of driving in a stream of frames, in order.

    Frames of a game that is not live are of none of them.
    """
    cutter, found = Cutter(), list[Lap]()
    lap: Lap | None = None
    before: Frame = {}
    timing: _Timing | None = None
    for index, frame in enumerate(frames):
        cut = cutter.see(frame)
        live = frame["state"] == GameState.LIVE
        if lap is not None and cut is not None:
            lap.cut = cut
            if cut is Cut.LINE:
                lap.last = index
                timing = _Timing(lap, frame["t_wall"], before["completed_laps"])
            lap = None
        if lap is None and live:
            number = frame["completed_laps"] + 1
            lap = Lap(number, index, index, from_line=cut is Cut.LINE)
            lap.valid = frame["is_valid_lap"]
            found.append(lap)
        elif lap is not None:
            lap.extend(index, before, frame)
        if timing is not None and timing.see(frame):
            timing = None
        before = frame
    return found


class _Timing:
    """Waits for the time of a lap whose line was just crossed."""

    def __init__(self, lap: Lap, line_s: float, completed_laps: int) -> None:
        self._lap = lap
        self._line_s = line_s
        self._completed_laps = completed_laps

    def see(self, frame: Frame) -> bool:
        """Take the time if it is there for sure; return whether there is no more to wait for."""
        lap, since_s = self._lap, frame["t_wall"] - self._line_s
        if not 0.0 <= since_s <= SAME_LINE_S:
            return True
        if frame["completed_laps"] <= self._completed_laps:
            return False
        if lap.time_ms is None:
            lap.number = frame["completed_laps"]
        lap.time_ms = frame["last_time"]
        if since_s < TIMED_S:
            return False
        rest_ms = lap.time_ms - sum(lap.sectors_ms)
        if lap.sectors_ms and all(lap.sectors_ms) and rest_ms > 0:
            lap.sectors_ms += (rest_ms,)
        return True
