"""A track in a few figures."""

from __future__ import annotations

from typing import Any

import numpy as np

from ac_bridge.track.track import Track

_BEND_PER_M = 1.0 / 150.0
"""A bend of a greater radius is no corner."""
_CORNER_M = 15.0
"""A bend that is over sooner is no corner."""


def summary(track: Track) -> dict[str, Any]:
    """Return what `ac-bridge track info` tells, as JSON values.

    The keys: ``length_m``; ``points`` of the line; ``closed``; ``width_m``, from border to border
    as ``min``, ``median`` and ``max``; ``corners``; ``grip``; and ``notes``.
    """
    return {
        "length_m": float(track.length_m),
        "points": len(track.distance_m),
        "closed": track.closed,
        "width_m": {
            "min": float(track.width_m.min()),
            "median": float(np.median(track.width_m)),
            "max": float(track.width_m.max()),
        },
        "corners": corners(track),
        "grip": float(track.grip),
        "notes": list(track.notes),
    }


def corners(track: Track) -> int:
    """Return how many times the line turns one way, tighter than 150 m, for 15 m or more.

    A change from left to right begins another corner; a bend that opens beyond 150 m radius and
    tightens again is two.
    """
    sharp = np.abs(track.curvature_per_m) > _BEND_PER_M
    way = np.where(sharp, np.sign(track.curvature_per_m), 0.0)
    if (way == way[0]).all():
        return int(way[0] != 0.0)
    metres = np.diff(np.append(track.distance_m, track.length_m))
    if track.closed:
        # Begin where a run begins, so that none is cut in two by point 0.
        first = int(np.flatnonzero(way != np.roll(way, 1))[0])
        way, metres = np.roll(way, -first), np.roll(metres, -first)
    begins = np.concatenate(([0], np.flatnonzero(np.diff(way)) + 1))
    lengths = np.add.reduceat(metres, begins)
    return int(np.count_nonzero((way[begins] != 0.0) & (lengths >= _CORNER_M)))
