"""From what the files of a track say to a track that can be driven on."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ac_bridge.track import cleaning
from ac_bridge.track.crossings import crossings
from ac_bridge.track.raw import Floats, RawTrack, Surface
from ac_bridge.track.track import Track
from ac_bridge_protocol.errors import TrackError

_APART_M = 0.25
"""Points nearer to each other than this are one point: their direction would be noise."""
_CLOSES_M = 50.0
"""A line whose ends are nearer than this is a circuit."""
_MEDIAN_M = 15.0
"""Stretch over which a side is its median: kerb gaps and single wild values go, corners stay."""
_SIDE_M = (1.0, 30.0)
"""Least and greatest distance of a border that the line's own sides tell."""
_NO_SIDE_M = 0.5
"""A side whose median is less than this was never measured."""
_DEFAULT_SIDE_M = 5.0
"""From the line to a border that no file tells."""
_EDGE_M = 100.0
"""How far an edge of its own is looked for."""
_EDGE_BEHIND_M = 5.0
"""How far a line may cut across an edge before that edge is taken for another one."""
_FOLD = 0.95
"""Part of a corner's radius that a border on its inside may come in: at 1 it would be a point."""
_CURVE_M = 5.0
"""Curvature is the turning from so far behind to so far ahead."""
_LENGTHS = (0.9, 1.1)
"""A length of the game's that is further from the points' own belongs to another line."""


def build(raw: RawTrack, spline_length_m: float | None = None) -> Track:
    """Clean what the files say and make a track of it.

    - Points less than 0.25 m from the one before are dropped, and so are those at the end of a
      circuit that lie beyond its start.
    - A line whose ends are less than 50 m apart is a circuit, unless that is more than a quarter
      of its length; any other leads from point to point.
    - A border is the edge's own polyline where there is one and the line's normal meets it within
      100 m, if it lies on its side of at least half of the line. Elsewhere it is the line's side:
      its median over 15 m, held within 1 to 30 m. Without either it is 5 m from the line.
    - On the inside of a corner a border comes no further in than 0.95 of the radius, so that it
      never runs backwards; there the track is told narrower than it is.
    - Grip is the friction of the surface ROAD; without it the greatest of the surfaces that are
      valid track and no pit lane; without any, 1.

    Args:
        raw: what the files say.
        spline_length_m: the length that the game itself tells, metres. Distances are stretched to
            it, as the game measures along a smooth curve through the points. Passed over with a
            note where it is more than a tenth from the length of the points.

    Raises:
        TrackError: too few points, or values that are not numbers, or columns of unlike length.
    """
    _check(raw)
    notes = list(raw.notes)
    line = np.ascontiguousarray(raw.line_xyz_m[:, [0, 2]], dtype=np.float64)
    keep = cleaning.kept(line, _APART_M)
    closed = _closes(line[keep])
    if closed and (extra := cleaning.past_the_start(line[keep], _CLOSES_M)):
        keep = keep[:-extra]
    if len(keep) < (3 if closed else 2):
        raise _unusable(raw, f"has {len(keep)} points that are apart", "too few points")
    if len(keep) < len(line):
        notes.append(f"{len(line) - len(keep)} points of the line repeat others: dropped.")
    line = line[keep]
    distance, length = _measure(line, spline_length_m, notes, closed=closed)
    heading = cleaning.headings(line, closed=closed)
    left, right = _borders(raw, keep, line, heading, notes, closed=closed)
    normal = np.column_stack((np.cos(heading), np.sin(heading)))
    arrays = {
        "distance_m": distance,
        "line_xz_m": line,
        "left_xz_m": line + left[:, None] * normal,
        "right_xz_m": line - right[:, None] * normal,
        "centre_xz_m": line + 0.5 * (left - right)[:, None] * normal,
        "heading_rad": heading,
        "curvature_per_m": cleaning.curvatures(heading, distance, length, _CURVE_M, closed=closed),
        "width_m": left + right,
    }
    speed = _speed(raw, keep, notes)
    for array in arrays.values():
        array.setflags(write=False)
    return Track(
        name=raw.name,
        layout=raw.layout,
        closed=closed,
        length_m=length,
        speed_m_s=speed,
        grip=_grip(raw.surfaces),
        notes=tuple(notes),
        **arrays,
    )


def _unusable(raw: RawTrack, what: str, reason: str) -> TrackError:
    name = "/".join(filter(None, (raw.name, raw.layout))) or "the track"
    return TrackError(
        f"The line of {name} {what}.",
        file=name,
        reason=reason,
        hint="Let the game verify its files, or record the line anew.",
    )


def _check(raw: RawTrack) -> None:
    line = raw.line_xyz_m
    if line.ndim != 2 or line.shape[1] != 3:
        raise _unusable(raw, f"has the shape {line.shape}, not (points, 3)", "wrong shape")
    if not np.isfinite(line).all():
        raise _unusable(raw, "has points that are not numbers", "not finite")
    if len(line) < 2:
        raise _unusable(raw, f"has {len(line)} points", "too few points")
    for column in (raw.speed_m_s, raw.side_left_m, raw.side_right_m):
        if column is not None and column.shape != (len(line),):
            raise _unusable(
                raw, f"has {len(line)} points and values for {column.shape}", "unlike lengths"
            )


def _closes(line: Floats) -> bool:
    if len(line) < 3:
        return False
    gap = float(np.hypot(*(line[0] - line[-1])))
    return gap < min(_CLOSES_M, 0.25 * float(np.hypot(*np.diff(line, axis=0).T).sum()))


def _measure(
    line: Floats, spline_length_m: float | None, notes: list[str], *, closed: bool
) -> tuple[Floats, float]:
    """Return the distance of each point and the length, stretched to the game's."""
    pieces = np.hypot(*cleaning.steps(line, closed=closed).T)
    along = np.concatenate(([0.0], np.cumsum(pieces)))
    distance, length = along[: len(line)], float(along[-1])
    if spline_length_m is None:
        return distance, length
    # The game's own length always has the way back from the end to the start in it.
    lengths = [length] if closed else [length, length + float(np.hypot(*(line[0] - line[-1])))]
    ratio = min((spline_length_m / one for one in lengths), key=lambda ratio: abs(ratio - 1.0))
    if not _LENGTHS[0] <= ratio <= _LENGTHS[1]:
        notes.append(
            f"The game tells a length of {spline_length_m:.0f} m, the line's points {length:.0f} m:"
            " distances are the points'."
        )
        return distance, length
    return distance * ratio, spline_length_m if closed else length * ratio


def _borders(
    raw: RawTrack,
    keep: npt.NDArray[np.intp],
    line: Floats,
    heading: Floats,
    notes: list[str],
    *,
    closed: bool,
) -> tuple[Floats, Floats]:
    """Return the metres from each point to the left and to the right border."""
    normal = np.column_stack((np.cos(heading), np.sin(heading)))
    limits = cleaning.fold_limit(heading, line, _FOLD, closed=closed)
    sides = (
        ("left", normal, raw.side_left_m, raw.edge_left_xz_m, limits[0]),
        ("right", -normal, raw.side_right_m, raw.edge_right_xz_m, limits[1]),
    )
    found = []
    for word, towards, values, edge, limit in sides:
        side = _side(word, None if values is None else values[keep], line, notes, closed=closed)
        if edge is not None:
            side = _drawn(word, line, towards, edge, side, notes, closed=closed)
        if (side > limit).any():
            notes.append(
                f"The {word} border is drawn in at {int((side > limit).sum())} points,"
                " inside corners that are tighter than the track is wide."
            )
        found.append(np.minimum(side, limit))
    return found[0], found[1]


def _side(
    word: str, values: Floats | None, line: Floats, notes: list[str], *, closed: bool
) -> Floats:
    known = np.zeros(len(line), dtype=bool) if values is None else np.isfinite(values)
    if values is None or not known.any() or float(np.median(values[known])) < _NO_SIDE_M:
        notes.append(f"The line has no {word} side: {_DEFAULT_SIDE_M:g} m unless an edge tells it.")
        return np.full(len(line), _DEFAULT_SIDE_M)
    index = np.arange(len(line))
    values = np.interp(index, index[known], values[known])
    spacing = float(np.median(np.hypot(*np.diff(line, axis=0).T)))
    points = 2 * round(0.5 * _MEDIAN_M / spacing) + 1
    return np.clip(cleaning.median(values, points, closed=closed), *_SIDE_M)


def _drawn(
    word: str,
    line: Floats,
    towards: Floats,
    edge: Floats,
    side: Floats,
    notes: list[str],
    *,
    closed: bool,
) -> Floats:
    if len(edge) < 2 or not np.isfinite(edge).all():
        notes.append(f"The {word} edge has no two points: passed over.")
        return side
    if closed and np.hypot(*(edge[0] - edge[-1])) < _CLOSES_M:
        edge = np.vstack((edge, edge[:1]))
    met = crossings(line, towards, edge, behind_m=_EDGE_BEHIND_M, ahead_m=_EDGE_M)
    missing = np.isnan(met)
    if np.count_nonzero(met > 0.0) < 0.5 * len(line):
        notes.append(
            f"The {word} edge lies {word} of less than half of the line: passed over."
            " It may be the other edge, or that of another layout."
        )
        return side
    if missing.any():
        notes.append(
            f"The {word} edge is not beside {int(missing.sum())} of {len(line)} points:"
            " there the line's side counts."
        )
    # A line that cuts across the edge has the border under it, not on its other side.
    return np.where(missing, side, np.maximum(met, 0.0))


def _speed(raw: RawTrack, keep: npt.NDArray[np.intp], notes: list[str]) -> Floats | None:
    if raw.speed_m_s is None:
        return None
    speed = np.asarray(raw.speed_m_s[keep], dtype=np.float64)
    if not np.isfinite(speed).all():
        notes.append("The line has speeds that are not numbers: no speeds are told.")
        return None
    speed.setflags(write=False)
    return speed


def _grip(surfaces: tuple[Surface, ...]) -> float:
    road = [one.friction for one in surfaces if one.key == "ROAD"]
    valid = [one.friction for one in surfaces if one.is_valid_track and not one.is_pitlane]
    grip = road[-1] if road else max(valid, default=1.0)
    return grip if math.isfinite(grip) and grip > 0.0 else 1.0
