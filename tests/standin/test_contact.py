"""Walls."""

import math

import pytest

from ac_bridge.standin.car import VX, VY, YAW_RATE
from ac_bridge.standin.chassis import Chassis
from ac_bridge.standin.circuit import Projection
from ac_bridge.standin.contact import FRONT, LEFT, REAR, RIGHT, wall_contact

WALL_M = 13.5


def beside(
    side: float, yaw_rad: float, forward: float, right: float = 0.0
) -> tuple[Chassis, Projection]:
    """Return a car in the wall on one side (1 left, -1 right) of a line that faces X."""
    chassis = Chassis()
    # The line faces world +z, the model's X; the left-hand side is the model's -Y.
    chassis.place(0.0, -side * (WALL_M - 0.5), yaw_rad)
    chassis.push(forward, right)
    return chassis, Projection(0.0, side * (WALL_M - 0.5), 0.0, 0.0, 0)


@pytest.mark.parametrize(
    ("side", "yaw_rad", "forward", "right", "zone"),
    [
        (1, -math.pi / 2, 10.0, 0.0, FRONT),
        (-1, math.pi / 2, 10.0, 0.0, FRONT),
        (1, math.pi / 2, -10.0, 0.0, REAR),
        (1, 0.0, 0.0, -10.0, LEFT),
        (-1, 0.0, 0.0, 10.0, RIGHT),
        (1, math.pi, 0.0, 10.0, RIGHT),
    ],
)
def test_the_blow_is_felt_where_the_car_touches(
    side: float, yaw_rad: float, forward: float, right: float, zone: int
) -> None:
    """By the closing speed, and the car comes back with a little of it."""
    chassis, at = beside(side, yaw_rad, forward, right)
    impact = wall_contact(chassis, at, WALL_M)
    assert impact is not None
    assert impact.zone == zone
    assert impact.closing_kmh == pytest.approx(36.0)
    before, after = forward or right, chassis.x[VX] if forward else chassis.x[VY]
    assert after == pytest.approx(-0.15 * before)


def test_the_car_is_put_back_between_the_walls() -> None:
    """Its outline, not its centre, is what the wall holds."""
    chassis, at = beside(1.0, 0.0, 5.0)
    wall_contact(chassis, at, WALL_M)
    assert -chassis.x[1] == pytest.approx(WALL_M - 0.85)


def test_away_from_the_wall_nothing_happens() -> None:
    """Neither far from it nor when already leaving it."""
    chassis, at = beside(1.0, 0.0, 5.0)
    assert wall_contact(chassis, at._replace(lateral_m=5.0), WALL_M) is None
    chassis, at = beside(1.0, 0.0, 5.0, right=3.0)
    assert wall_contact(chassis, at, WALL_M) is None
    assert chassis.x[VY] == 3.0


@pytest.mark.parametrize(("side", "yaw_rad"), [(1, -0.4), (-1, 0.4), (1, -2.6), (-1, 2.6)])
def test_the_car_turns_along_the_wall(side: float, yaw_rad: float) -> None:
    """Towards parallel, whichever way it faces, and friction takes speed along the wall."""
    chassis, at = beside(side, yaw_rad, 10.0)
    wall_contact(chassis, at, WALL_M)
    parallel = 0.0 if abs(yaw_rad) < math.pi / 2 else math.copysign(math.pi, yaw_rad)
    assert chassis.x[YAW_RATE] * (parallel - yaw_rad) > 0.0
    assert 0.0 < math.hypot(chassis.x[VX], chassis.x[VY]) < 10.0


def test_leaning_on_the_wall_is_no_impact() -> None:
    """Below half a metre a second nothing is damaged."""
    chassis, at = beside(1.0, 0.0, 5.0, right=-0.3)
    assert wall_contact(chassis, at, WALL_M) is None
    assert chassis.x[VY] == pytest.approx(0.045)
