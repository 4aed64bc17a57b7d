"""How far to the side of a line an edge lies that was drawn on its own."""

from __future__ import annotations

import numpy as np

from ac_bridge.track.raw import Floats

_TOGETHER = 64
"""Points looked at together: they share the pieces of the edge that lie nearby."""


def crossings(
    line_xz_m: Floats, towards: Floats, edge_xz_m: Floats, *, behind_m: float, ahead_m: float
) -> Floats:
    """Return the metres from each point to the edge, straight in its direction, float64[N].

    The meeting nearest to the point counts; NaN where there is none.

    Args:
        line_xz_m: the points, float64[N, 2].
        towards: the direction of each, unit vectors, float64[N, 2].
        edge_xz_m: a polyline, float64[K, 2].
        behind_m: an edge this far on the other side is met too, with a negative distance.
        ahead_m: an edge further than this is not met.
    """
    found = np.full(len(line_xz_m), np.nan)
    start, end = edge_xz_m[:-1], edge_xz_m[1:]
    low, high = np.minimum(start, end), np.maximum(start, end)
    for first in range(0, len(line_xz_m), _TOGETHER):
        part = slice(first, first + _TOGETHER)
        points = line_xz_m[part]
        near = np.all(
            (high >= points.min(axis=0) - ahead_m) & (low <= points.max(axis=0) + ahead_m), axis=1
        )
        if near.any():
            found[part] = _meet(points, towards[part], start[near], end[near], behind_m, ahead_m)
    return found


def _meet(
    points: Floats, towards: Floats, start: Floats, end: Floats, behind_m: float, ahead_m: float
) -> Floats:
    ax, az = (start[None] - points[:, None]).transpose(2, 0, 1)
    bx, bz = (end[None] - points[:, None]).transpose(2, 0, 1)
    dx, dz = towards[:, 0, None], towards[:, 1, None]
    side_a, side_b = dx * az - dz * ax, dx * bz - dz * bx
    crossed = (side_a <= 0.0) != (side_b <= 0.0)
    across = np.where(crossed, side_b - side_a, 1.0)
    metres = (ax * (bz - az) - az * (bx - ax)) / across
    metres = np.where(crossed & (metres >= -behind_m) & (metres <= ahead_m), metres, np.inf)
    nearest = np.abs(metres).argmin(axis=1)
    found = metres[np.arange(len(points)), nearest]
    return np.where(np.isfinite(found), found, np.nan)
