"""Where a position lies along and across a line of points, and the way back.

Across each point runs a normal; between two points the normal turns evenly from one to the other.
So the ground beside the line is divided into cells that share their sides, and within a cell a
position has one distance and one lateral: `Projection.place` and `Projection.project` are exact
inverses up to the place where neighbouring normals meet, one radius away on the inside of a corner.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ac_bridge.track.raw import Floats

_JUMP_M = 25.0
"""A car this far from where the hint saw it was put there: 250 m/s at ten looks a second."""
_LOST_M = 2.0
"""A car this far beyond a border may have crossed to another part of the track."""
_STEPS = 200
"""Cells that a search from a hint walks before it gives up and looks at all of them."""


class TrackPosition(NamedTuple):
    """Where a position lies on a track."""

    distance_m: float
    """Along the line from point 0: 0 to the track's length, which a closed track never reaches."""
    lateral_m: float
    """From the line, positive to the left."""
    centre_m: float
    """From the middle between the borders, positive to the left."""
    left_m: float
    """To the left border, across the line; negative beyond it."""
    right_m: float
    """To the right border, across the line; negative beyond it."""
    heading_rad: float
    """The line's heading there. Not wrapped: it goes on growing through right turns."""
    curvature_per_m: float
    """The line's curvature there, positive turning right."""
    segment: int
    """The index of the point behind. Pass the whole as ``hint`` with the next position nearby."""


class _Cell(NamedTuple):
    """The ground beside one piece of the line: a value at its first point, and its change."""

    x: float
    z: float
    dx: float
    dz: float
    normal_x: float
    normal_z: float
    normal_dx: float
    normal_dz: float
    distance: float
    distance_change: float
    heading: float
    heading_change: float
    curvature: float
    curvature_change: float
    left: float
    left_change: float
    right: float
    right_change: float


class Projection:
    """The cells of a line. Immutable."""

    def __init__(
        self,
        *,
        line_xz_m: Floats,
        heading_rad: Floats,
        curvature_per_m: Floats,
        distance_m: Floats,
        left_m: Floats,
        right_m: Floats,
        length_m: float,
        closed: bool,
    ) -> None:
        """Cut the ground into cells.

        Args:
            line_xz_m: float64[N, 2], no two points that follow each other alike.
            heading_rad: float64[N], unwrapped.
            curvature_per_m: float64[N].
            distance_m: float64[N], strictly growing from 0.
            left_m: float64[N], from the line to the left border.
            right_m: float64[N], to the right border.
            length_m: distance where the line ends, or where a closed one meets its start.
            closed: whether a last cell joins the last point to the first.
        """
        self._closed = closed
        self._length = length_m
        normal = np.column_stack((np.cos(heading_rad), np.sin(heading_rad)))
        columns = [line_xz_m, normal, distance_m, heading_rad, curvature_per_m, left_m, right_m]
        values = np.column_stack(columns)
        if closed:
            again = values[0].copy()
            again[4] = length_m
            again[5] = values[-1, 5] + math.remainder(values[0, 5] - values[-1, 5], math.tau)
            values = np.vstack((values, again))
        change = np.diff(values, axis=0)
        values = values[:-1]
        pairs = [values[:, :2], change[:, :2], values[:, 2:4], change[:, 2:4]]
        for column in range(4, 9):
            pairs += [values[:, column : column + 1], change[:, column : column + 1]]
        self._cells = tuple(_Cell(*row) for row in np.hstack(pairs).tolist())
        self._starts = np.ascontiguousarray(values[:, 4])
        self._x, self._z = values[:, 0].copy(), values[:, 1].copy()
        self._dx, self._dz = change[:, 0].copy(), change[:, 1].copy()
        self._per_square = 1.0 / (self._dx**2 + self._dz**2)

    def place(self, distance_m: float, lateral_m: float) -> tuple[float, float]:
        """Return the point (x, z) that lies ``lateral_m`` left of the line.

        Args:
            distance_m: along the line; goes round on a closed line, and stops at the ends of an
                open one.
            lateral_m: positive to the left.
        """
        if self._closed:
            distance_m %= self._length
        index = int(np.searchsorted(self._starts, distance_m, side="right")) - 1
        cell = self._cells[max(index, 0)]
        part = (distance_m - cell.distance) / cell.distance_change
        return _place(cell, min(max(part, 0.0), 1.0), lateral_m)

    def project(self, x_m: float, z_m: float, hint: TrackPosition | None = None) -> TrackPosition:
        """Return where a position lies; see `Track.project`."""
        if hint is None or self._jumped(x_m, z_m, hint):
            return self._anywhere(x_m, z_m)
        found = self._near(x_m, z_m, hint.segment)
        if found is None:
            return self._anywhere(x_m, z_m)
        if found.left_m < -_LOST_M or found.right_m < -_LOST_M:
            other = self._anywhere(x_m, z_m)
            if other.left_m >= 0.0 and other.right_m >= 0.0:
                return other
        return found

    def _jumped(self, x: float, z: float, hint: TrackPosition) -> bool:
        if not 0 <= hint.segment < len(self._cells):
            return True
        cell = self._cells[hint.segment]
        part = (hint.distance_m - cell.distance) / cell.distance_change
        was_x, was_z = _place(cell, part, hint.lateral_m)
        return math.hypot(x - was_x, z - was_z) > _JUMP_M

    def _anywhere(self, x: float, z: float) -> TrackPosition:
        """Look at every piece of the line."""
        rx, rz = x - self._x, z - self._z
        part = ((rx * self._dx + rz * self._dz) * self._per_square).clip(0.0, 1.0)
        rx -= part * self._dx
        rz -= part * self._dz
        nearest = int(np.argmin(rx * rx + rz * rz))
        found = self._near(x, z, nearest)
        return found if found is not None else self._at(x, z, nearest, float(part[nearest]))

    def _near(self, x: float, z: float, index: int) -> TrackPosition | None:
        """Walk from a cell towards the position; None if that does not end soon."""
        cells, last = self._cells, len(self._cells) - 1
        came = 0
        for _ in range(_STEPS):
            cell = cells[index]
            rx, rz = x - cell.x, z - cell.z
            if rz * cell.normal_x - rx * cell.normal_z < 0.0:
                step = -1
            else:
                rx, rz = rx - cell.dx, rz - cell.dz
                ahead_x, ahead_z = cell.normal_x + cell.normal_dx, cell.normal_z + cell.normal_dz
                if rz * ahead_x - rx * ahead_z < 0.0:
                    return self._at(x, z, index, _part(cell, x - cell.x, z - cell.z))
                step = 1
            # Two cells that each point to the other have the side between them, to rounding.
            if step == -came:
                return self._at(x, z, index, 0.0 if step < 0 else 1.0)
            if not 0 <= index + step <= last and not self._closed:
                return self._at(x, z, index, 0.0 if step < 0 else 1.0)
            came = step
            index = (index + step) % (last + 1)
        return None

    def _at(self, x: float, z: float, index: int, part: float) -> TrackPosition:
        """Measure a position against the normal at a part of a cell."""
        cell = self._cells[index]
        normal_x = cell.normal_x + part * cell.normal_dx
        normal_z = cell.normal_z + part * cell.normal_dz
        rx, rz = x - cell.x - part * cell.dx, z - cell.z - part * cell.dz
        lateral = (rx * normal_x + rz * normal_z) / math.hypot(normal_x, normal_z)
        distance = cell.distance + part * cell.distance_change
        if self._closed and distance >= self._length:
            distance -= self._length
        left = cell.left + part * cell.left_change
        right = cell.right + part * cell.right_change
        return TrackPosition(
            distance,
            lateral,
            lateral - 0.5 * (left - right),
            left - lateral,
            right + lateral,
            cell.heading + part * cell.heading_change,
            cell.curvature + part * cell.curvature_change,
            index,
        )


def _place(cell: _Cell, part: float, lateral: float) -> tuple[float, float]:
    normal_x = cell.normal_x + part * cell.normal_dx
    normal_z = cell.normal_z + part * cell.normal_dz
    lateral /= math.hypot(normal_x, normal_z)
    return (
        cell.x + part * cell.dx + lateral * normal_x,
        cell.z + part * cell.dz + lateral * normal_z,
    )


def _part(cell: _Cell, rx: float, rz: float) -> float:
    """Return the part of the cell, 0 to 1 within it, whose normal goes through a position.

    The cross product of the normal with the way from the line to the position is a quadratic in
    the part. It grows through the root that is wanted, which tells the two roots apart.
    """
    constant = rx * cell.normal_z - rz * cell.normal_x
    slope = (rx * cell.normal_dz - rz * cell.normal_dx) - (
        cell.dx * cell.normal_z - cell.dz * cell.normal_x
    )
    square = cell.dz * cell.normal_dx - cell.dx * cell.normal_dz
    root = math.sqrt(max(slope * slope - 4.0 * square * constant, 0.0))
    if slope > 0.0:
        return -2.0 * constant / (slope + root)
    return (root - slope) / (2.0 * square) if square else 0.0
