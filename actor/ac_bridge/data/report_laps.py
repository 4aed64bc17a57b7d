"""Laps as a report shows them: a row of figures each, and a trace over distance. Pure.

Two laps are compared at the same place of the track, so distance is progress along the track's own
line, not what each car travelled; where the game tells no progress it is what the car travelled.
Time within a lap is counted in physics steps of the game and set by its lap clock, so that neither
a slow recording nor a busy machine shifts one lap against the other.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from ac_bridge.data.laps import Cut, Lap
from ac_bridge.data.report_reading import NO_EPISODE, Gathered

PHYSICS_STEP_S = 0.003
"""Of the game's, which `packet_id` counts."""

LAP_POINTS = 1500
"""Most points of a trace: about as many as a screen has pixels across."""

FEWEST_POINTS = 300
"""A trace is not thinned below this, however many laps there are."""

ALL_POINTS = 150_000
"""Of all traces together, about: 8 MB of the page."""

MOST_TRACES = ALL_POINTS // FEWEST_POINTS
"""Laps that can be drawn; those with a time come first."""

SHORTEST_M = 20.0
"""A stretch without a time that went less far is not listed: a car that was put somewhere."""

OFFSET_S = 3.0
"""A lap clock that says more than this at the line was not set to zero there."""

NEUTRAL = 1
"""`gear` between two gears."""

Values = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True)
class LapRow:
    """A line of the lap table.

    Attributes:
        lap: as it was cut.
        episode: that most of its frames belong to; None if they belong to none.
        travelled_m: how far it went.
        top_kmh: highest speed.
        least_kmh: lowest speed.
        tyres_out: most tyres that were off the track at once.
        out_s: how long any was.
        gear_changes: from one gear to another, neutral between them left out.
        damage_kmh: what the worst impact of this lap added to the car's record of them.
        trace: what is drawn; None if it is one lap too many.
    """

    lap: Lap
    episode: int | None
    travelled_m: float
    top_kmh: float
    least_kmh: float
    tyres_out: int
    out_s: float
    gear_changes: int
    damage_kmh: float
    trace: dict[str, Any] | None = None

    @property
    def timed(self) -> bool:
        """Whether the game gave it a time."""
        return self.lap.time_ms is not None


@dataclasses.dataclass(frozen=True, slots=True)
class LapRows:
    """The lap table.

    Attributes:
        rows: in the order in which they were driven.
        left_out: stretches that are too short to be listed.
        points: most points of each trace.
        along_track: whether distance is progress along the track's line.
    """

    rows: list[LapRow]
    left_out: int
    points: int
    along_track: bool


def lap_rows(gathered: Gathered) -> LapRows:
    """Return the lap table of a recording."""
    if not gathered.laps:
        return LapRows([], 0, LAP_POINTS, along_track=False)
    columns = {name: np.asarray(column) for name, column in gathered.frames.items()}
    length_m = float(gathered.statics.get("track_length_m", 0.0))
    along_track = length_m > 0.0 and bool(np.ptp(columns["normalized_position"]) > 0.0)
    rows = [_row(lap, columns) for lap in gathered.laps if lap.last > lap.first]
    listed = [row for row in rows if row.timed or row.travelled_m >= SHORTEST_M]
    drawn = set(map(id, sorted(listed, key=_worth)[:MOST_TRACES]))
    points = max(FEWEST_POINTS, min(LAP_POINTS, ALL_POINTS // max(len(drawn), 1)))
    tracer = _Tracer(columns, length_m if along_track else None, _line(listed, columns), points)
    traced = [
        dataclasses.replace(row, trace=tracer.trace(row.lap)) if id(row) in drawn else row
        for row in listed
    ]
    return LapRows(traced, len(gathered.laps) - len(listed), points, along_track)


def best_two(rows: list[LapRow]) -> tuple[int, int]:
    """Return the indices of the two laps to show first: the best, and the best but one."""
    order = sorted(range(len(rows)), key=lambda index: _worth(rows[index]))
    return order[0], order[min(1, len(order) - 1)]


def _worth(row: LapRow) -> tuple[bool, bool, float]:
    """Return what sorts the laps: timed and valid first, then by time or by length."""
    time_ms = row.lap.time_ms
    return time_ms is None, not row.lap.valid, -row.travelled_m if time_ms is None else time_ms


def _row(lap: Lap, columns: dict[str, Values]) -> LapRow:
    part = {name: column[lap.first : lap.last + 1] for name, column in columns.items()}
    times_s = _elapsed_s(part)
    out = part["tyres_out"] > 0
    gears = part["gear"][part["gear"] != NEUTRAL]
    episodes = Counter(part["episode"][part["episode"] != NO_EPISODE].tolist())
    return LapRow(
        lap,
        int(episodes.most_common(1)[0][0]) if episodes else None,
        float(_travelled_m(part)[-1]),
        float(part["speed_kmh"].max()),
        float(part["speed_kmh"].min()),
        max(0, int(part["tyres_out"].max())),
        float(np.diff(times_s)[out[1:]].sum()),
        int(np.count_nonzero(np.diff(gears))),
        max(0.0, float(part["damage"][-1] - part["damage"][0])),
    )


def _travelled_m(part: dict[str, Values]) -> Values:
    steps = np.hypot(np.diff(part["x"]), np.diff(part["z"]))
    return np.concatenate([[0.0], np.cumsum(steps)])


def _elapsed_s(part: dict[str, Values]) -> Values:
    packets = part["packet_id"]
    return np.asarray((packets - packets[0]) * PHYSICS_STEP_S)


def _line(rows: list[LapRow], columns: dict[str, Values]) -> float:
    """Return the progress at which laps begin: near 0, but the game does not promise that."""
    begun = [columns["normalized_position"][r.lap.first] for r in rows if r.lap.from_line]
    return float(begun[0] - round(begun[0])) if begun else 0.0


class _Tracer:
    """Makes the traces of laps, all over the same distance."""

    def __init__(
        self, columns: dict[str, Values], length_m: float | None, line: float, points: int
    ) -> None:
        self._columns = columns
        self._length_m = length_m
        self._line = line
        self._points = points

    def trace(self, lap: Lap) -> dict[str, Any]:
        """Return the columns of a lap's trace, thinned and rounded to what a screen can show."""
        part = {name: c[lap.first : lap.last + 1] for name, c in self._columns.items()}
        distance_m = self._distance_m(part)
        times_s = self._times_s(lap, part)
        kept = thinned(distance_m, self._points)
        return {
            "d": _rounded(distance_m[kept], 1),
            "t": _rounded(times_s[kept], 3),
            "speed": _rounded(part["speed_kmh"][kept], 1),
            "steer": _rounded(part["steer_angle"][kept], 3),
            "throttle": _rounded(part["throttle"][kept], 3),
            "brake": _rounded(part["brake"][kept], 3),
            "gear": [_gear(value) for value in part["gear"][kept]],
            "x": _rounded(part["x"][kept], 1),
            "z": _rounded(part["z"][kept], 1),
        }

    def _distance_m(self, part: dict[str, Values]) -> Values:
        if self._length_m is None:
            return _travelled_m(part)
        progress = part["normalized_position"].copy()
        unknown = progress < 0.0  # after a teleport, until the game has found the car
        if unknown.all():
            return _travelled_m(part)
        places = np.arange(len(progress))
        progress[unknown] = np.interp(places[unknown], places[~unknown], progress[~unknown])
        steps = np.diff(progress)
        along = np.concatenate([[0.0], np.cumsum(steps - np.round(steps))])
        first = progress[0] - self._line
        return np.asarray((first - round(first) + along) * self._length_m)

    def _times_s(self, lap: Lap, part: dict[str, Values]) -> Values:
        """Return the time since the lap began, which may be long before its first frame."""
        elapsed_s = _elapsed_s(part)
        body = slice(None, -1 if lap.cut is Cut.LINE else None)
        clock_s = part["current_time"][body] / 1000.0
        offset_s = float(np.median(clock_s - elapsed_s[body]))
        unset = lap.from_line and abs(offset_s) > OFFSET_S
        return elapsed_s + (0.0 if unset else offset_s)


def thinned(distance_m: Values, points: int) -> npt.NDArray[np.intp]:
    """Return which frames of a lap to draw: the first that reaches each of even distances.

    They are frames as they were recorded, no averages. What a car did while it went backwards or
    stood is left out; the first and the last frame are always there.
    """
    count = len(distance_m)
    if count <= 2:
        return np.arange(count)
    reached = np.maximum.accumulate(distance_m)
    marks = np.linspace(reached[0], reached[-1], points)
    kept = np.searchsorted(reached, marks, side="left")
    return np.unique(np.concatenate([[0], kept, [count - 1]]))


def _rounded(values: Values, digits: int) -> list[float]:
    rounded: list[float] = np.round(values, digits).tolist()
    return rounded


def _gear(value: float) -> int:
    """Return a gear as drivers count: -1 reverse, 0 neutral, 1 first."""
    return int(value) - NEUTRAL
