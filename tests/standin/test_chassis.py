"""The multi-body model, made fit for 3 ms steps."""

import math

import pytest

from ac_bridge.standin.car import (
    GRAVITY_M_S2,
    HEAVE_F,
    PITCH,
    ROLL,
    SPIN,
    STEER,
    VX,
    VY,
    YAW_RATE,
)
from ac_bridge.standin.chassis import Chassis

STEP_S = 0.003


def rolling(speed_m_s: float, steer_rad: float = 0.0) -> Chassis:
    """Return a chassis whose wheels roll at a speed."""
    chassis = Chassis()
    chassis.x[VX], chassis.x[STEER] = speed_m_s, steer_rad
    for i in range(SPIN, SPIN + 4):
        chassis.x[i] = speed_m_s / chassis.radius_m
    return chassis


def coast(chassis: Chassis, seconds: float) -> None:
    """Let it go on; wheels that turn roll without slip, wheels that stand are locked."""
    x = chassis.x
    for _ in range(round(seconds / STEP_S)):
        if x[SPIN] != 0.0:
            front = x[VX] * math.cos(x[STEER]) + (x[VY] + chassis.p.a * x[YAW_RATE]) * x[STEER]
            for i in range(4):
                side = (1 - 2 * (i % 2)) * 0.5 * chassis.p.T_f * x[YAW_RATE]
                x[SPIN + i] = ((front if i < 2 else x[VX]) + side) / chassis.radius_m
        chassis.integrate(chassis.derivatives(), STEP_S)


def test_at_rest_the_tyres_carry_the_weight() -> None:
    """The loads add up to the weight, the same left and right, more on the front."""
    load = Chassis().load_n
    assert sum(load) == pytest.approx(Chassis().mass_kg * GRAVITY_M_S2, rel=1e-6)
    assert load[0] == pytest.approx(load[1])
    assert load[0] > load[2]


def test_at_rest_nothing_moves() -> None:
    """A parked car stays where it is."""
    chassis = Chassis()
    coast(chassis, 3.0)
    assert max(abs(chassis.x[i]) for i in (VX, VY, YAW_RATE)) < 1e-12
    assert abs(chassis.x[PITCH] - Chassis().x[PITCH]) < 1e-9


def test_straight_ahead_stays_straight() -> None:
    """Tyres without asymmetry do not pull to a side."""
    chassis = rolling(30.0)
    coast(chassis, 3.0)
    assert abs(chassis.x[VY]) < 1e-6
    assert abs(chassis.x[YAW_RATE]) < 1e-6


@pytest.mark.parametrize("speed_m_s", [2.5, 5.0, 20.0])
def test_steering_right_turns_right_and_loads_the_left(speed_m_s: float) -> None:
    """The model's frame is SAE: positive steering turns clockwise and leans to the left."""
    chassis = rolling(speed_m_s, steer_rad=0.02)
    coast(chassis, 0.6)
    assert chassis.x[YAW_RATE] > 0.0
    assert chassis.load_n[0] > chassis.load_n[1]
    assert chassis.load_n[2] > chassis.load_n[3]
    assert chassis.x[ROLL] < 0.0
    assert chassis.accel_m_s2[1] > 0.0


@pytest.mark.parametrize("speed_m_s", [0.5, 1.5, 3.2, 8.0])
def test_slow_corners_are_as_tight_as_the_wheels_say(speed_m_s: float) -> None:
    """At walking pace the yaw rate is that of the geometry, on either side of the slow limit."""
    chassis = rolling(speed_m_s, steer_rad=0.1)
    coast(chassis, 1.0)
    geometry = chassis.x[VX] * math.tan(0.1) / (chassis.p.a + chassis.p.b)
    assert chassis.x[YAW_RATE] == pytest.approx(geometry, rel=0.08)


def test_the_slow_state_takes_over_smoothly() -> None:
    """The same motion, evaluated either way, accelerates alike."""
    fast, slow = rolling(3.01, steer_rad=0.05), rolling(2.99, steer_rad=0.05)
    for chassis in (fast, slow):
        chassis.x[VY], chassis.x[YAW_RATE] = 0.05, 0.08
    f, s = fast.derivatives(), slow.derivatives()
    assert s[VX] == pytest.approx(f[VX], abs=0.15)
    assert s[YAW_RATE] == pytest.approx(f[YAW_RATE], rel=0.1, abs=0.1)


def test_backwards_the_tyres_resist_sideways_motion() -> None:
    """Rolling backwards, a sideways slide is braked, not driven on."""
    chassis = rolling(-5.0)
    chassis.x[VY] = 1.0
    coast(chassis, 0.05)
    assert 0.0 <= chassis.x[VY] < 1.0
    assert chassis.accel_m_s2[1] < 0.0


def test_locked_wheels_bring_a_real_standstill() -> None:
    """Sliding tyres stop the car and then hold it: no creeping, no ringing."""
    chassis = rolling(3.0)
    for i in range(SPIN, SPIN + 4):
        chassis.x[i] = 0.0
    coast(chassis, 1.5)
    assert abs(chassis.x[VX]) < 1e-6
    assert abs(chassis.accel_m_s2[0]) < 1e-3


def test_a_push_moves_everything_at_once() -> None:
    """An impact changes body and axles alike, so that the joints between do not feel it."""
    chassis = Chassis()
    chassis.push(1.0, -2.0)
    assert (chassis.x[VX], chassis.x[VY]) == (1.0, -2.0)
    assert chassis.derivatives()[27] == pytest.approx(0.0)


def test_less_grip_means_less_force() -> None:
    """Friction scales with the surface."""
    braking = []
    for grip in (1.0, 0.5):
        chassis = rolling(20.0)
        chassis.set_grip(grip)
        for i in range(SPIN, SPIN + 4):
            chassis.x[i] = 0.0
        chassis.derivatives()
        braking.append(sum(chassis.force_x_n))
    assert braking[1] == pytest.approx(0.5 * braking[0], rel=0.15)


def test_a_tyre_always_carries_something() -> None:
    """An axle that is thrown up or over comes to its stops instead of breaking the model."""
    chassis = rolling(20.0)
    chassis.x[HEAVE_F] = -0.2
    chassis.x[13] = 0.4
    chassis.integrate(chassis.derivatives(), STEP_S)
    chassis.derivatives()
    assert min(chassis.load_n) > 0.0
