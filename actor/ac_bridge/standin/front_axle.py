"""The front axle's lateral force: found in what the model returns, weakened, and turned.

The model keeps its tyre forces to itself. The longitudinal ones follow from how the wheels spin up,
the lateral ones of the front from the sums of lateral force and of yaw moment.
"""

from __future__ import annotations

import math

from ac_bridge.standin.car import (
    AHEAD_M,
    AXLE_F_KG,
    AXLE_F_ROLL_INERTIA,
    AXLE_R_KG,
    BEHIND_M,
    BODY_HEIGHT_M,
    BODY_KG,
    FORCE_PER_SPIN_UP,
    HALF_TRACK_F_M,
    HALF_TRACK_R_M,
    HEAVE,
    HEAVE_F,
    MASS_KG,
    PITCH_INERTIA,
    PITCH_RATE,
    RADIUS_M,
    ROLL_RATE_F,
    SPIN,
    VX,
    VY,
    VY_F,
    VY_R,
    WHEELBASE_M,
    YAW_INERTIA,
    YAW_RATE,
)

FRONT_GRIP = 0.94
"""Lateral force of the front tyres as a share of the model's, as of narrower tyres. The model's own
balance is neutral, so that any touch of a pedal at the limit spins it; road cars understeer."""


def uneven_m(left_n: float, right_n: float) -> float:
    """Return the arm, to the right, of the front lateral forces: they differ as the loads do."""
    return HALF_TRACK_F_M * (right_n - left_n) / (right_n + left_n)


def weaken(
    f: list[float], x: list[float], left_n: float, right_n: float, sin_s: float, cos_s: float
) -> None:
    """Take from the front tyres the lateral force that they do not have.

    Args:
        f: what the model returned; changed.
        x: the state that it was given.
        left_n: load of the left tyre.
        right_n: load of the right tyre.
        sin_s: sine of the steering angle.
        cos_s: its cosine.
    """
    arm = uneven_m(left_n, right_n)
    lost = (FRONT_GRIP - 1.0) * _lateral_n(f, sin_s, cos_s, x[YAW_RATE] * x[VX], arm)
    _add(f, x, -lost * sin_s, lost * cos_s, arm * lost * sin_s)


def turn(
    f: list[float], x: list[float], left_n: float, right_n: float, steer: float, as_steer: float
) -> None:
    """Turn the front tyres' forces to the real steering angle, and weaken them sideways.

    Args:
        f: what the model returned; changed.
        x: the real state. The model was given one without yaw rate.
        left_n: load of the left tyre.
        right_n: load of the right tyre.
        steer: the real steering angle.
        as_steer: the one that the model was given.
    """
    sin_a, cos_a = math.sin(as_steer), math.cos(as_steer)
    sin_s, cos_s = math.sin(steer), math.cos(steer)
    lf, rf = f[SPIN] * FORCE_PER_SPIN_UP, f[SPIN + 1] * FORCE_PER_SPIN_UP
    arm = uneven_m(left_n, right_n)
    front = _lateral_n(f, sin_a, cos_a, 0.0, arm)
    weakened = FRONT_GRIP * front
    side_sin = weakened * sin_s - front * sin_a
    ahead = (lf + rf) * (cos_s - cos_a) - side_sin
    aside = weakened * cos_s - front * cos_a + (lf + rf) * (sin_s - sin_a)
    moment = HALF_TRACK_F_M * (cos_s - cos_a) * (lf - rf) + arm * side_sin
    _add(f, x, ahead, aside, moment)


def _lateral_n(f: list[float], sin_s: float, cos_s: float, turning: float, arm_m: float) -> float:
    """Return the lateral force of both front tyres. Internal forces cancel in the sum.

    Args:
        f: what the model returned.
        sin_s: sine of the steering angle that it was given.
        cos_s: its cosine.
        turning: the yaw rate times the forward speed that it was given.
        arm_m: from `uneven_m`.
    """
    lf, rf = f[SPIN] * FORCE_PER_SPIN_UP, f[SPIN + 1] * FORCE_PER_SPIN_UP
    lateral = f[VY] * BODY_KG + f[VY_F] * AXLE_F_KG + f[VY_R] * AXLE_R_KG + turning * MASS_KG
    moment = (
        f[YAW_RATE] * YAW_INERTIA
        - HALF_TRACK_F_M * cos_s * (lf - rf)
        - HALF_TRACK_R_M * (f[SPIN + 2] - f[SPIN + 3]) * FORCE_PER_SPIN_UP
    )
    sideways = moment + BEHIND_M * lateral - WHEELBASE_M * (lf + rf) * sin_s
    return sideways / (WHEELBASE_M * cos_s + arm_m * sin_s)


def _add(f: list[float], x: list[float], ahead_n: float, aside_n: float, moment_nm: float) -> None:
    """Add a force on the front axle, and a yaw moment beside it, to all that they move."""
    f[VX] += ahead_n / MASS_KG
    f[YAW_RATE] += (AHEAD_M * aside_n + moment_nm) / YAW_INERTIA
    f[PITCH_RATE] += ahead_n * (BODY_HEIGHT_M - x[HEAVE]) / PITCH_INERTIA
    f[VY_F] += aside_n / AXLE_F_KG
    f[ROLL_RATE_F] -= aside_n * (RADIUS_M - x[HEAVE_F]) / AXLE_F_ROLL_INERTIA
