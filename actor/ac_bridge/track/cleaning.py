"""Arithmetic on a line of points: what to keep, how far, which way, how wide."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from ac_bridge.track.raw import Floats


def kept(line_xz_m: Floats, apart_m: float) -> npt.NDArray[np.intp]:
    """Return the indices of the points that lie ``apart_m`` or more from the last one kept."""
    if np.all(np.hypot(*np.diff(line_xz_m, axis=0).T) >= apart_m):
        return np.arange(len(line_xz_m))
    keep, last_x, last_z = [], math.inf, math.inf
    for index, (x, z) in enumerate(line_xz_m.tolist()):
        if math.hypot(x - last_x, z - last_z) >= apart_m:
            keep.append(index)
            last_x, last_z = x, z
    return np.array(keep)


def past_the_start(line_xz_m: Floats, within_m: float) -> int:
    """Return how many points at the end of a circuit lie beyond its point 0, or on it.

    Args:
        line_xz_m: float64[N, 2].
        within_m: metres of line that are looked at, and metres round point 0.
    """
    start, forward = line_xz_m[0], line_xz_m[1] - line_xz_m[0]
    forward = forward / np.hypot(*forward)
    looked = 0.0
    for count in range(len(line_xz_m) - 3):
        way = line_xz_m[-1 - count] - start
        if float(way @ forward) < -0.25 or np.hypot(*way) > within_m or looked > within_m:
            return count
        looked += float(np.hypot(*(line_xz_m[-1 - count] - line_xz_m[-2 - count])))
    return 0


def steps(line_xz_m: Floats, *, closed: bool) -> Floats:
    """Return the way from each point to the next, float64[N, 2]; [N - 1, 2] if not closed."""
    following = np.roll(line_xz_m, -1, axis=0) - line_xz_m
    return following if closed else following[:-1]


def headings(line_xz_m: Floats, *, closed: bool) -> Floats:
    """Return the heading at each point, unwrapped: exact where the points lie on a circle."""
    step = steps(line_xz_m, closed=closed)
    length = np.hypot(*step.T)
    piece = np.unwrap(np.arctan2(-step[:, 0], step[:, 1]))
    if closed:
        before = piece[0] + math.remainder(piece[-1] - piece[0], math.tau)
        piece, length = np.append(before, piece), np.append(length[-1], length)
    # The nearer half of a shorter piece says more about the point between two pieces.
    between = (piece[:-1] * length[1:] + piece[1:] * length[:-1]) / (length[:-1] + length[1:])
    if closed:
        return np.asarray(between, dtype=np.float64)
    if len(piece) == 1:
        return np.repeat(piece, 2)
    # At the ends the bend of the outermost two pieces goes on.
    return np.hstack((2 * piece[0] - between[0], between, 2 * piece[-1] - between[-1]))


def curvatures(
    heading_rad: Floats, distance_m: Floats, length_m: float, half_m: float, *, closed: bool
) -> Floats:
    """Return the turning per metre at each point, from ``half_m`` behind it to as far ahead."""
    if closed:
        turn = heading_rad[-1] - heading_rad[0]
        turn += math.remainder(heading_rad[0] - heading_rad[-1], math.tau)
        laps = range(-1 - int(half_m / length_m), 2 + int(half_m / length_m))
        at = np.concatenate([distance_m + lap * length_m for lap in laps])
        heading = np.concatenate([heading_rad + lap * turn for lap in laps])
    else:
        at, heading = distance_m, heading_rad
    low = np.maximum(distance_m - half_m, at[0])
    high = np.minimum(distance_m + half_m, at[-1])
    change = np.interp(high, at, heading) - np.interp(low, at, heading)
    return np.asarray(change / (high - low), dtype=np.float64)


def median(values: Floats, points: int, *, closed: bool) -> Floats:
    """Return the median of the ``points`` values (an odd number) round each value."""
    points = min(points, len(values) - 1 + len(values) % 2)
    half = points // 2
    padded = np.pad(values, half, mode="wrap" if closed else "edge")
    return np.asarray(np.median(sliding_window_view(padded, points), axis=1), dtype=np.float64)


def fold_limit(
    heading_rad: Floats, line_xz_m: Floats, share: float, *, closed: bool
) -> tuple[Floats, Floats]:
    """Return how far left and right of each point a border may lie before it runs backwards.

    On the inside of a bend that is ``share`` of its radius, of the tighter of the two pieces that
    meet at the point; elsewhere it is infinite.
    """
    length = np.hypot(*steps(line_xz_m, closed=closed).T)
    turn = np.diff(np.append(heading_rad, heading_rad[0]) if closed else heading_rad)
    turn = np.remainder(turn + math.pi, math.tau) - math.pi
    if not closed:
        turn, length = np.append(turn, 0.0), np.append(length, 1.0)
    sharpness = turn / (share * length)
    before = np.roll(sharpness, 1)
    left = np.maximum(np.maximum(-sharpness, -before), 1e-9)
    right = np.maximum(np.maximum(sharpness, before), 1e-9)
    return 1.0 / left, 1.0 / right
