"""``side_l.csv`` and ``side_r.csv``: an edge of the track, a vertex a line: x, y, z, perhaps more.

Two independent readers take x and z from the first and third column. No file of the game was at
hand.
"""

from __future__ import annotations

import re

import numpy as np

from ac_bridge.track.raw import Floats
from ac_bridge_protocol.errors import TrackError

MOST_VERTICES = 1_000_000
"""As many as a line may have points."""
FARTHEST_M = 1e6
"""No coordinate of a track reaches this."""
_COLUMNS = (3, 4)
_LINE_BREAK = re.compile(r"\r\n|\r|\n")


def read_edge(data: bytes, file: str) -> Floats:
    """Return an edge's vertices, float64[K, 2], K >= 2: world x and z in metres, in file order.

    Args:
        data: the file's bytes. Empty lines count for nothing.
        file: its name, for errors.

    Raises:
        TrackError: a line that is not a vertex, or too few or too many of them. Its offset is the
            number of the line, from 1.
    """
    vertices: list[tuple[float, float]] = []
    number = 0
    for number, line in enumerate(_LINE_BREAK.split(data.decode("utf-8-sig", "replace")), 1):
        if not line.strip():
            continue
        if len(vertices) == MOST_VERTICES:
            raise _damaged(file, number, "too many vertices", f"has more than {MOST_VERTICES}")
        vertices.append(_vertex(line, number, file))
    if len(vertices) < 2:
        raise _damaged(file, number, "too few vertices", f"ends with {len(vertices)} of at least 2")
    return np.array(vertices, dtype=np.float64)


def _vertex(line: str, number: int, file: str) -> tuple[float, float]:
    cells = line.split(",")
    if len(cells) not in _COLUMNS:
        raise _damaged(file, number, "columns", f"has {len(cells)} columns, not 3 or 4")
    try:
        x_m, z_m = float(cells[0]), float(cells[2])
    except ValueError:
        raise _damaged(file, number, "not a number", f"is {line[:60]!r}, not x, y, z") from None
    if not (abs(x_m) < FARTHEST_M and abs(z_m) < FARTHEST_M):  # also where it is not a number
        raise _damaged(file, number, "not a place", f"has x {x_m:g}, z {z_m:g}")
    return x_m, z_m


def _damaged(file: str, line: int, reason: str, what: str) -> TrackError:
    return TrackError(
        f"{file} cannot be used as an edge: line {line} {what}.",
        file=file,
        offset=line,
        reason=reason,
        hint="Install the track anew, or remove the file: the line's own sides are used then.",
    )
