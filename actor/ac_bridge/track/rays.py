"""Metres to the borders of a track, straight ahead in any direction."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ac_bridge.track.raw import Floats

_TILE_M = 32.0
"""Side of the square of ground that shares one selection of nearby pieces."""
_TILES = 1024
"""Selections kept: all of a long track. A car that visits more ground starts afresh."""


class _Chain(NamedTuple):
    """Polylines one after another.

    Each point is in it once: two pieces never disagree on which side of a ray it lies.
    """

    points: Floats
    """x and z, float64[2, N]."""
    ways: Floats
    """From each point to the next, float64[2, N - 1]."""
    real: npt.NDArray[np.bool_]
    """Whether that way is a piece of a polyline; not a jump to another one. bool[N - 1]."""


class Borders:
    """Polylines that rays can meet. Immutable, apart from what it remembers to be quick."""

    def __init__(self, *polylines: Floats, closed: bool) -> None:
        """Join the polylines to one chain.

        Args:
            polylines: each float64[N, 2], (x, z).
            closed: whether the last point of each joins its first.
        """
        whole = [np.vstack((one, one[:1])) if closed else one for one in polylines]
        real = [np.arange(1, len(one) + 1) < len(one) for one in whole]
        self._chain = _chain(np.vstack(whole).T, np.concatenate(real)[:-1])
        points = self._chain.points
        self._low = np.minimum(points[:, :-1], points[:, 1:])
        self._high = np.maximum(points[:, :-1], points[:, 1:])
        self._near: dict[tuple[int, int, float], _Chain] = {}

    def rays(
        self, x_m: float, z_m: float, yaw_rad: float, angles_rad: Floats, range_m: float
    ) -> Floats:
        """Return the metres to the nearest border in each direction; see `Track.rays`."""
        heading = angles_rad + yaw_rad
        metres = np.full(len(heading), range_m, dtype=np.float64)
        if not math.isfinite(x_m + z_m):
            return metres
        points, ways, real = self._tile(x_m, z_m, range_m)
        if not len(real):
            return metres
        # A piece whose ends lie on different sides of a ray meets it, or its backward extension.
        # A point on the ray counts as one side only.
        from_eye = points - ((x_m,), (z_m,))
        side = np.column_stack((-np.cos(heading), -np.sin(heading))) @ from_eye
        left = side <= 0.0
        ray, piece = divmod(((left[:, :-1] != left[:, 1:]) & real).ravel().nonzero()[0], len(real))
        (rx, rz), (dx, dz) = from_eye[:, piece], ways[:, piece]
        met = (rx * dz - rz * dx) / (side[ray, piece + 1] - side[ray, piece])
        met[met < 0.0] = range_m
        np.minimum.at(metres, ray, met)
        return metres

    def _tile(self, x: float, z: float, range_m: float) -> _Chain:
        """Return the pieces that may lie in range of anywhere near the position."""
        key = (math.floor(x / _TILE_M), math.floor(z / _TILE_M), range_m)
        found = self._near.get(key)
        if found is None:
            if len(self._near) >= _TILES:
                self._near.clear()
            found = self._near[key] = self._select(key)
        return found

    def _select(self, key: tuple[int, int, float]) -> _Chain:
        low = np.array([key[:1], key[1:2]]) * _TILE_M - key[2]
        high = low + _TILE_M + 2.0 * key[2]
        inside = np.all((self._high >= low) & (self._low <= high), axis=0) & self._chain.real
        points = np.append(inside, False)
        points[1:] |= inside
        index = np.flatnonzero(points)
        following = np.diff(index) == 1
        return _chain(self._chain.points[:, index], self._chain.real[index[:-1]] & following)


def _chain(points: Floats, real: npt.NDArray[np.bool_]) -> _Chain:
    return _Chain(np.ascontiguousarray(points), np.diff(points, axis=1), real)
