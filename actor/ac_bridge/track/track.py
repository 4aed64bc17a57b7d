"""A track that is ready to be driven on: its line, its borders, and questions about a position.

Signs: positions are (x, z) in the game's world metres. A heading of 0 faces +z and grows turning
right, so that forward is (-sin h, cos h) and left is (cos h, sin h). What is lateral is positive to
the left; curvature is positive turning right.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ac_bridge.track.projection import Projection, TrackPosition
from ac_bridge.track.raw import Floats
from ac_bridge.track.rays import Borders

__all__ = ["Track", "TrackPosition"]


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Track:
    """A track. Immutable; `ac_bridge.track.build.build` makes it."""

    name: str
    """Folder of the track."""
    layout: str
    """Folder of the layout; empty if the track has none."""
    closed: bool
    """Whether the last point joins the first: a circuit. Otherwise it leads from point to point."""
    length_m: float
    """Along the line, a circuit's last stretch included."""
    distance_m: Floats
    """Of each point from point 0 along the line, float64[N]."""
    line_xz_m: Floats
    """The racing line, float64[N, 2]."""
    left_xz_m: Floats
    """The left border, across the line at each point, float64[N, 2]."""
    right_xz_m: Floats
    """The right border, across the line at each point, float64[N, 2]."""
    centre_xz_m: Floats
    """The middle between the borders, float64[N, 2]."""
    heading_rad: Floats
    """The line's heading at each point, unwrapped, float64[N]."""
    curvature_per_m: Floats
    """The line's curvature at each point, smoothed, positive turning right, float64[N]."""
    width_m: Floats
    """From border to border across the line at each point, float64[N]."""
    speed_m_s: Floats | None
    """At each point, of the lap that was recorded as the line; None if it is not known."""
    grip: float
    """Grip multiplier of the road: 1 is the game's own tarmac."""
    notes: tuple[str, ...]
    """What was missing, passed over or mended, in sentences."""

    def __post_init__(self) -> None:
        """Prepare for questions."""
        projection = Projection(
            line_xz_m=self.line_xz_m,
            heading_rad=self.heading_rad,
            curvature_per_m=self.curvature_per_m,
            distance_m=self.distance_m,
            left_m=np.hypot(*(self.left_xz_m - self.line_xz_m).T),
            right_m=np.hypot(*(self.right_xz_m - self.line_xz_m).T),
            length_m=self.length_m,
            closed=self.closed,
        )
        columns = np.column_stack((self.distance_m, self.line_xz_m, self.curvature_per_m))
        if self.closed:
            columns = np.vstack((columns, columns[0]))
            columns[-1, 0] = self.length_m
        object.__setattr__(self, "_projection", projection)
        object.__setattr__(self, "_borders", Borders(self.left_xz_m, self.right_xz_m,
                                                     closed=self.closed))  # fmt: skip
        object.__setattr__(self, "_columns", tuple(np.ascontiguousarray(columns.T)))

    _projection: Projection = dataclasses.field(init=False, repr=False)
    _borders: Borders = dataclasses.field(init=False, repr=False)
    _columns: tuple[Floats, Floats, Floats, Floats] = dataclasses.field(init=False, repr=False)

    def place(self, distance_m: float, lateral_m: float = 0.0) -> tuple[float, float]:
        """Return the point (x, z) that lies ``lateral_m`` left of the line.

        Args:
            distance_m: along the line; goes round on a closed track, and stops at the ends of an
                open one.
            lateral_m: positive to the left.
        """
        return self._projection.place(distance_m, lateral_m)

    def project(self, x_m: float, z_m: float, hint: TrackPosition | None = None) -> TrackPosition:
        """Return where a position lies.

        With a hint the search begins there and walks: where two parts of the track cross or run
        side by side, a car stays on the part that it was on. The whole track is searched without
        a hint, where the car is more than 25 m from the place of the hint (it was put there), and
        where it is more than 2 m beyond a border (it may have crossed to another part, and is
        there if it lies between the borders of that part). Height is not looked at.

        A position is what `place` turns back into the point, as long as it lies no further inside
        of a corner than the corner's radius. Beyond the ends of an open track the distance stays
        at the end.

        Args:
            x_m: world x.
            z_m: world z.
            hint: an earlier position of the same car.
        """
        return self._projection.project(x_m, z_m, hint)

    def ahead(self, distance_m: float, offsets_m: Floats) -> tuple[Floats, Floats, Floats]:
        """Return points of the line, as x, z and curvature, float64[n] each.

        Args:
            distance_m: along the line.
            offsets_m: metres further on, float64[n]; negative ones look back. They go round on a
                closed track, and stop at the ends of an open one.
        """
        at = distance_m + offsets_m
        if self.closed:
            at %= self.length_m
        distance, x, z, curvature = self._columns
        return np.interp(at, distance, x), np.interp(at, distance, z), np.interp(
            at, distance, curvature
        )  # fmt: skip

    def rays(
        self, x_m: float, z_m: float, yaw_rad: float, angles_rad: Floats, range_m: float
    ) -> Floats:
        """Return the metres to the nearest border in each direction, float64[n].

        Exact on both borders as polylines, whichever side of them the car is on. The ends of an
        open track are open.

        Args:
            x_m: world x of the eye.
            z_m: world z of the eye.
            yaw_rad: heading of the car.
            angles_rad: from its nose, positive to the right, float64[n].
            range_m: what is further away, or not there, is told as this.
        """
        return self._borders.rays(x_m, z_m, yaw_rad, angles_rad, range_m)
