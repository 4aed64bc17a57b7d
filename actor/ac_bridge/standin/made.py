"""Circuits drawn from a number, so that no driver and no reader is made for one track alone."""

from __future__ import annotations

import functools
import math

import numpy as np

from ac_bridge.standin.circuit import Circuit, Placement, Segment, close_up, left, right, straight

LENGTH_M = (1000.0, 3000.0)
SHORTEST_STRAIGHT_M = 25.0
APART_M = 32.0
"""Two pieces of track are at least so far apart from centre line to centre line: both walls fit."""
NEAR_M = 60.0
"""Along the track; what lies nearer than this belongs to the same corner, and is as far apart as
the tightest one allows."""
LOOK_M = 6.0
TRIES = 20_000
SIZES = ((16.0, 30.0), (30.0, 60.0), (60.0, 140.0))
"""Radii of hairpins, of medium and of fast corners, in metres."""


@functools.lru_cache(maxsize=64)
def made_circuit(number: int) -> Circuit:
    """Return the circuit of a number, named ``made_N``: the same wherever and whenever it is drawn.

    Raises:
        RuntimeError: none was found for it.
    """
    rng = np.random.default_rng(number)
    for _ in range(TRIES):
        segments = _closed(_drawn(rng))
        if segments is None:
            continue
        x_m, z_m, heading_rad = rng.uniform((-300.0, -300.0, -3.0), (300.0, 300.0, 3.0)).tolist()
        start = Placement(x_m, z_m, heading_rad)
        try:
            circuit = Circuit(segments, name=f"made_{number}", start=start)
        except ValueError:  # not quite closed, by rounding
            continue
        if LENGTH_M[0] <= circuit.length_m <= LENGTH_M[1] and _is_clear(circuit):
            return circuit
    raise RuntimeError(f"no circuit was found for {number} in {TRIES} tries")


def _drawn(rng: np.random.Generator) -> list[Segment]:
    """Draw corners that turn once round altogether, with a straight before each."""
    lefts, rights = int(rng.integers(1, 4)), int(rng.integers(5, 8))
    turns = [*(-rng.uniform(25.0, 80.0, lefts)), *rng.uniform(0.4, 1.6, rights)]
    rights_sum = 360.0 - sum(turns[:lefts])
    share = rights_sum / sum(turns[lefts:])
    angles = np.array([*turns[:lefts], *(share * turn for turn in turns[lefts:])])
    rng.shuffle(angles)
    segments = []
    for angle in angles.tolist():
        low, high = SIZES[int(rng.integers(len(SIZES)))]
        radius_m = float(rng.uniform(low, high))
        segments.append(straight(float(rng.uniform(30.0, 260.0))))
        segments.append(right(radius_m, angle) if angle > 0 else left(radius_m, -angle))
    return segments


def _closed(segments: list[Segment]) -> tuple[Segment, ...] | None:
    """Close a circuit with two of its straights; None where that makes one too short."""
    heading, headings = 0.0, []
    for segment in segments:
        headings.append(heading)
        heading += segment.length_m * segment.curvature_per_m
    straights = range(0, len(segments), 2)
    first = 0
    second = max(straights, key=lambda i: abs(math.sin(headings[i] - headings[first])))
    try:
        closed = close_up(segments, first, second)
    except (ValueError, ZeroDivisionError):
        return None
    return closed if min(closed[i].length_m for i in straights) >= SHORTEST_STRAIGHT_M else None


def _is_clear(circuit: Circuit) -> bool:
    """Whether no two pieces of the track come too near each other."""
    points = circuit.centreline(LOOK_M)
    count = len(points)
    gaps = np.hypot(*(points[:, None, :] - points[None, :, :]).transpose(2, 0, 1))
    apart = np.abs(np.arange(count)[:, None] - np.arange(count)[None, :])
    along_m = np.minimum(apart, count - apart) * (circuit.length_m / count)
    return bool((gaps[along_m > NEAR_M] >= APART_M).all())
