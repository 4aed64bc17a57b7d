"""The car in numbers: its parameters, and where the model keeps what in its state.

The model is `vehicle_dynamics_mb` of commonroad-vehicle-models with its vehicle 2, a BMW 320i;
`chassis` says what is done around it. What the physics step computes with is named here once, as
plain floats: to look them up in the model's own parameters at every step costs more than the
arithmetic.

Whatever has four values runs front left, front right, rear left, rear right.
"""

from __future__ import annotations

import copy
import functools
import math
from typing import Any

from vehiclemodels.parameters_vehicle2 import parameters_vehicle2

Wheels = tuple[float, float, float, float]
"""One number for each wheel."""


def car_parameters() -> Any:
    """Return the model's parameters of this car, the caller's to change."""
    return copy.deepcopy(_read_parameters())


@functools.cache
def _read_parameters() -> Any:
    """Return them as read from the model's file, once: that takes longer than a seeded reset."""
    p = parameters_vehicle2()
    p.h_s = 0.46
    for name in ("p_hx1", "p_vx1", "r_hx1", "p_hy1", "p_vy1", "r_by3", "r_hy1", "r_vy1"):
        setattr(p.tire, name, 0.0)
    p.steering.min, p.steering.max = -math.pi, math.pi
    p.longitudinal.v_min, p.longitudinal.v_max = -math.inf, math.inf
    return p


GRAVITY_M_S2 = 9.81

_P = car_parameters()

MASS_KG = float(_P.m)
BODY_KG = float(_P.m_s)
"""Mass on the springs."""
AXLE_F_KG, AXLE_R_KG = float(_P.m_uf), float(_P.m_ur)
YAW_INERTIA, PITCH_INERTIA = float(_P.I_z), float(_P.I_y_s)
"""In kg m2."""
AXLE_F_ROLL_INERTIA = float(_P.I_uf)
BODY_HEIGHT_M = float(_P.h_s)
"""Of the body's centre of mass at rest."""
AHEAD_M, BEHIND_M = float(_P.a), float(_P.b)
"""From the centre of mass to the front and to the rear axle."""
WHEELBASE_M = AHEAD_M + BEHIND_M
HALF_TRACK_F_M, HALF_TRACK_R_M = 0.5 * float(_P.T_f), 0.5 * float(_P.T_r)
TYRE_N_PER_M = float(_P.K_zt)
"""Vertical stiffness of one tyre."""
RADIUS_M = float(_P.R_w)
WHEEL_INERTIA = float(_P.I_y_w)
FORCE_PER_SPIN_UP = -WHEEL_INERTIA / RADIUS_M
"""Longitudinal force of a tyre, in N, for each rad/s2 that it speeds its free wheel up."""
SLIP_STIFFNESS = float(_P.tire.p_kx1)
"""Longitudinal force for each unit of slip and newton of load, where slip is small."""

WHEEL_OFFSETS_M = (
    (AHEAD_M, -HALF_TRACK_F_M),
    (AHEAD_M, HALF_TRACK_F_M),
    (-BEHIND_M, -HALF_TRACK_R_M),
    (-BEHIND_M, HALF_TRACK_R_M),
)
"""Metres (ahead, to the right) of the centre of mass, by wheel."""

# Indices of the model's states. F and R are the front and the rear axle.
X, Y, STEER, VX, YAW, YAW_RATE, ROLL, ROLL_RATE, PITCH, PITCH_RATE, VY, HEAVE, HEAVE_RATE = range(
    13
)
ROLL_F, ROLL_RATE_F, VY_F, HEAVE_F, HEAVE_RATE_F = range(13, 18)
ROLL_R, ROLL_RATE_R, VY_R, HEAVE_R, HEAVE_RATE_R = range(18, 23)
SPIN = 23
"""The first of four: how fast each wheel turns, rad/s."""
SHIFT_F, SHIFT_R = 27, 28
"""How far the axle stands to the left of its place under the body."""
