"""What differs from one drive to the next: grip, weather, road surface, where the car stands."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

BUMP_SPACING_M = 0.5
BUMPS = 1024
"""The road repeats after this many."""
BUMP_HEIGHT_M = 0.0006
"""Standard deviation of the road's height."""


@dataclasses.dataclass(frozen=True, slots=True)
class Conditions:
    """One draw, made at each launch and each restart."""

    grip: float
    """Track-wide, 0.96 to 1, as the graphics page's ``surfaceGrip``."""
    air_temp_c: float
    road_temp_c: float
    wind_kmh: float
    wind_deg: float
    start_lateral_m: float
    """Where the car stands, to the left of the line."""
    bumps_m: tuple[float, ...]
    """Height of the road, one value each `BUMP_SPACING_M`."""

    def bump(self, distance_m: float) -> float:
        """Return the road's height in metres at a distance along the line."""
        steps = distance_m / BUMP_SPACING_M
        index = math.floor(steps)  # not int: behind the line distances are negative
        bumps = self.bumps_m
        here = bumps[index % BUMPS]
        return here + (steps - index) * (bumps[(index + 1) % BUMPS] - here)


def draw_conditions(rng: np.random.Generator) -> Conditions:
    """Draw the next conditions."""
    air_temp_c = rng.uniform(18.0, 28.0)
    return Conditions(
        grip=float(rng.uniform(0.96, 1.0)),
        air_temp_c=float(air_temp_c),
        road_temp_c=float(air_temp_c + rng.uniform(4.0, 12.0)),
        wind_kmh=float(rng.uniform(0.0, 15.0)),
        wind_deg=float(rng.integers(0, 360)),
        start_lateral_m=float(rng.uniform(-0.05, 0.05)),
        bumps_m=tuple(float(height) for height in rng.normal(0.0, BUMP_HEIGHT_M, BUMPS)),
    )
