"""A closed circuit made of straights and arcs, in Assetto Corsa's world frame.

Positions are (x, z) in metres with y up; a heading of 0 faces +z and grows clockwise, so that
forward is (-sin h, cos h) and left is (cos h, sin h). Geometry is analytic: no sampling, so a
projection is exact and costs a few microseconds.

Does not model: elevation and banking (y is 0 everywhere), a width that varies, a pit lane.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt


@dataclasses.dataclass(frozen=True, slots=True)
class Segment:
    """A piece of constant curvature."""

    length_m: float
    """Along the centre line, more than 0."""
    curvature_per_m: float = 0.0
    """1/radius: positive turns right, negative left, 0 is straight."""


def straight(length_m: float) -> Segment:
    """Return a straight."""
    return Segment(length_m)


def right(radius_m: float, degrees: float) -> Segment:
    """Return an arc that turns right by ``degrees``."""
    return Segment(math.radians(degrees) * radius_m, 1.0 / radius_m)


def left(radius_m: float, degrees: float) -> Segment:
    """Return an arc that turns left by ``degrees``."""
    return Segment(math.radians(degrees) * radius_m, -1.0 / radius_m)


class Placement(NamedTuple):
    """A point of the world and the direction of the line there."""

    x_m: float
    z_m: float
    heading_rad: float


ORIGIN = Placement(0.0, 0.0, 0.0)


class Projection(NamedTuple):
    """Where a position lies relative to the centre line."""

    distance_m: float
    """From the start line along the centre line, 0 to the circuit's length."""
    lateral_m: float
    """From the centre line, positive to the left."""
    heading_rad: float
    """The line's heading there. Not wrapped."""
    curvature_per_m: float
    """The line's curvature there, positive turning right."""
    segment: int
    """Pass it back as ``hint`` with the next position nearby."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Placed:
    """A segment where it lies."""

    start_m: float
    length_m: float
    curvature: float
    x: float
    z: float
    heading: float
    centre_x: float
    centre_z: float
    sin_heading: float
    cos_heading: float
    """Of the heading where it begins."""

    def at(self, along_m: float) -> Placement:
        heading = self.heading + self.curvature * along_m
        if self.curvature == 0.0:
            return Placement(
                self.x - math.sin(heading) * along_m, self.z + math.cos(heading) * along_m, heading
            )
        radius = 1.0 / self.curvature
        return Placement(
            self.centre_x + math.cos(heading) * radius,
            self.centre_z + math.sin(heading) * radius,
            heading,
        )

    def project(self, x: float, z: float) -> tuple[float, float]:
        """Return (metres along this segment, lateral metres); along may lie outside of it."""
        curvature = self.curvature
        if curvature == 0.0:
            dx, dz, sin_h, cos_h = x - self.x, z - self.z, self.sin_heading, self.cos_heading
            return dz * cos_h - dx * sin_h, dx * cos_h + dz * sin_h
        sign = 1.0 if curvature > 0.0 else -1.0
        dx, dz = sign * (x - self.centre_x), sign * (z - self.centre_z)
        turned = (math.atan2(dz, dx) - self.heading) * sign
        half = 0.5 * self.length_m * curvature * sign
        # The arc's middle is the only safe cut: both of its ends must be reachable from outside.
        turned = half + math.remainder(turned - half, math.tau)
        radius = sign / curvature
        return turned * radius, sign * (math.hypot(dx, dz) - radius)


class Circuit:
    """An immutable closed circuit: tarmac, a kerb on either side, grass, and a wall."""

    def __init__(
        self,
        segments: Sequence[Segment],
        *,
        name: str,
        start: Placement = ORIGIN,
        half_width_m: float = 5.5,
        kerb_m: float = 1.0,
        wall_m: float = 13.5,
    ) -> None:
        """Lay the segments one after another from ``start``, the timing line.

        Args:
            segments: must close, in position and in heading.
            name: as the static page tells it.
            start: where the line lies.
            half_width_m: from the centre line to the edge of the tarmac.
            kerb_m: width of each kerb, beyond the tarmac and still part of the track.
            wall_m: from the centre line to either wall.

        Raises:
            ValueError: the segments do not close.
        """
        self.name = name
        self.half_width_m = half_width_m
        self.kerb_m = kerb_m
        self.wall_m = wall_m
        self._placed, end = _lay(segments, start)
        self.length_m = sum(segment.length_m for segment in segments)
        gap_m = math.hypot(end.x_m - start.x_m, end.z_m - start.z_m)
        turn = math.remainder(end.heading_rad - start.heading_rad, math.tau)
        if gap_m > 1e-6 or abs(turn) > 1e-9:
            raise ValueError(f"{name} does not close: {gap_m:.6f} m and {turn:.9f} rad are missing")

    @property
    def edge_m(self) -> float:
        """Metres from the centre line to the outer side of the kerb: beyond it a tyre is out."""
        return self.half_width_m + self.kerb_m

    def place(self, distance_m: float, lateral_m: float = 0.0) -> Placement:
        """Return the point ``lateral_m`` left of the line, ``distance_m`` after the start."""
        distance_m %= self.length_m
        placed = self._placed[0]
        for placed in self._placed:
            if distance_m < placed.start_m + placed.length_m:
                break
        x, z, heading = placed.at(distance_m - placed.start_m)
        return Placement(
            x + lateral_m * math.cos(heading), z + lateral_m * math.sin(heading), heading
        )

    def project(self, x_m: float, z_m: float, hint: int | None = None) -> Projection:
        """Project a position on the centre line.

        Args:
            x_m: world x.
            z_m: world z.
            hint: the segment of a position nearby; without it every segment is tried.
        """
        index = self._nearest(x_m, z_m) if hint is None else hint
        placed = self._placed[index]
        along, lateral = placed.project(x_m, z_m)
        moved = 0
        while not 0.0 <= along < placed.length_m:
            step = -1 if along < 0.0 else 1
            # Two neighbours that each point to the other (rounding, or the inside of a tight
            # corner) have the joint between them: stay, at the joint.
            if moved * step < 0 or abs(moved) > len(self._placed):
                along = min(max(along, 0.0), placed.length_m)
                break
            moved += step
            index = (index + step) % len(self._placed)
            placed = self._placed[index]
            along, lateral = placed.project(x_m, z_m)
        return Projection(
            (placed.start_m + along) % self.length_m,
            lateral,
            placed.heading + placed.curvature * along,
            placed.curvature,
            index,
        )

    def centreline(self, spacing_m: float = 2.0) -> npt.NDArray[np.float64]:
        """Return points (x, z) on the centre line, evenly spaced, the first one not repeated."""
        count = max(3, round(self.length_m / spacing_m))
        distances = (self.length_m * index / count for index in range(count))
        return np.array([self.place(distance)[:2] for distance in distances])

    def _nearest(self, x_m: float, z_m: float) -> int:
        def miss(index: int) -> float:
            placed = self._placed[index]
            along, lateral = placed.project(x_m, z_m)
            return math.hypot(lateral, max(-along, along - placed.length_m, 0.0))

        return min(range(len(self._placed)), key=miss)


def _lay(segments: Sequence[Segment], start: Placement) -> tuple[tuple[_Placed, ...], Placement]:
    placed = []
    x, z, heading = start
    starts = itertools.accumulate((segment.length_m for segment in segments), initial=0.0)
    for segment, start_m in zip(segments, starts, strict=False):
        radius = 1.0 / segment.curvature_per_m if segment.curvature_per_m else 0.0
        piece = _Placed(
            start_m=start_m,
            length_m=segment.length_m,
            curvature=segment.curvature_per_m,
            x=x,
            z=z,
            heading=heading,
            centre_x=x - math.cos(heading) * radius,
            centre_z=z - math.sin(heading) * radius,
            sin_heading=math.sin(heading),
            cos_heading=math.cos(heading),
        )
        placed.append(piece)
        x, z, heading = piece.at(segment.length_m)
    return tuple(placed), Placement(x, z, heading)


def close_up(segments: Sequence[Segment], first: int, second: int) -> tuple[Segment, ...]:
    """Return the segments with two straights stretched or cut so that the end meets the start.

    The gap depends linearly on the length of a straight, so two that are not parallel close it
    exactly. The angles of all arcs must add up to a full turn.

    Args:
        segments: the circuit, nearly closed.
        first: index of a straight.
        second: index of another straight, not parallel to it.
    """
    placed, end = _lay(segments, ORIGIN)
    directions = [
        (-math.sin(placed[i].heading), math.cos(placed[i].heading)) for i in (first, second)
    ]
    (ax, az), (bx, bz) = directions
    determinant = ax * bz - az * bx
    grow_first = (-end.x_m * bz + end.z_m * bx) / determinant
    grow_second = (-ax * end.z_m + az * end.x_m) / determinant
    closed = list(segments)
    for index, grow in ((first, grow_first), (second, grow_second)):
        closed[index] = straight(closed[index].length_m + grow)
        if closed[index].length_m <= 0.0:
            raise ValueError(
                f"straight {index} would have to be {closed[index].length_m:.1f} m long"
            )
    return tuple(closed)
