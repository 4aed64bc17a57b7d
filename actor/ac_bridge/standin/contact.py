"""What a wall does to a car: hold it, take speed, turn it along the wall, damage it."""

from __future__ import annotations

import math
from typing import NamedTuple

from ac_bridge.standin.car import VX, VY, YAW, YAW_RATE, X, Y
from ac_bridge.standin.chassis import Chassis
from ac_bridge.standin.circuit import Projection

HALF_LENGTH_M, HALF_WIDTH_M = 2.25, 0.85
BOUNCE = 0.15
"""Share of the closing speed that is given back."""
SCRAPE = 0.35
"""Friction of bodywork on the wall."""
TURN_IN = 0.12
"""Yaw rate, in rad/s for each m/s of closing speed, that turns the car along the wall."""
HARMLESS_M_S = 0.5
"""Leaning on the wall is not an impact."""

FRONT, REAR, LEFT, RIGHT = range(4)


class Impact(NamedTuple):
    """One blow."""

    zone: int
    """0 front, 1 rear, 2 left, 3 right, as the page's ``carDamage``."""
    closing_kmh: float


def wall_contact(chassis: Chassis, at: Projection, wall_m: float) -> Impact | None:
    """Keep the car between the walls.

    Args:
        chassis: moved and slowed where it touches.
        at: where it is.
        wall_m: from the centre line to either wall.

    Returns:
        The blow, or None where there was none.
    """
    x = chassis.x
    side = 1.0 if at.lateral_m > 0.0 else -1.0
    turned = x[YAW] - at.heading_rad
    sin_t, cos_t = math.sin(turned), math.cos(turned)
    reach = abs(sin_t) * HALF_LENGTH_M + abs(cos_t) * HALF_WIDTH_M
    inside_m = abs(at.lateral_m) + reach - wall_m
    if inside_m <= 0.0:
        return None
    # The wall's normal points outward; left of the line is (-sin h, ...) in the car's plane as
    # forward turned by -90 degrees, because yaw grows clockwise.
    sin_h, cos_h = math.sin(at.heading_rad), math.cos(at.heading_rad)
    x[X] -= side * inside_m * sin_h
    x[Y] += side * inside_m * cos_h
    out_forward, out_right = -side * sin_t, -side * cos_t
    closing = x[VX] * out_forward + x[VY] * out_right
    if closing <= 0.0:
        return None
    _scrape(chassis, out_forward, out_right, closing)
    # The corner that touches is held back, so the car turns until it lies along the wall.
    turning = TURN_IN * min(closing + 0.5, 8.0) * max(abs(math.sin(2.0 * turned)), 0.2)
    x[YAW_RATE] = 0.6 * x[YAW_RATE] - math.copysign(turning, math.tan(turned))
    if closing < HARMLESS_M_S:
        return None
    return Impact(_zone(out_forward, out_right), closing * 3.6)


def _scrape(chassis: Chassis, out_forward: float, out_right: float, closing: float) -> None:
    """Take the speed into the wall, and as much along it as friction takes."""
    x = chassis.x
    along_forward, along_right = -out_right, out_forward
    along = x[VX] * along_forward + x[VY] * along_right
    into = -(1.0 + BOUNCE) * closing
    scraped = -math.copysign(min(abs(along), SCRAPE * -into), along)
    chassis.push(
        into * out_forward + scraped * along_forward, into * out_right + scraped * along_right
    )


def _zone(out_forward: float, out_right: float) -> int:
    if abs(out_forward) > abs(out_right):
        return FRONT if out_forward > 0.0 else REAR
    return RIGHT if out_right > 0.0 else LEFT
