"""The body, axles and wheels: a published multi-body model, made fit for a 3 ms game.

The equations are `vehicle_dynamics_mb` of commonroad-vehicle-models (29 states, Pacejka tyres)
with the parameters of its vehicle 2, a BMW 320i. The model's frame is SAE: X forward, Y to the
right, Z down, yaw clockwise, so its yaw is the game's heading and a positive steer turns right.

What is done around the model, and why:

- It is evaluated once a step. Velocities are integrated before positions (semi-implicit Euler);
  wheel spin, the one stiff mode, is left to the caller with the tyre's stiffness beside it.
- Below `SLOW_M_S`, backwards and in spins its slips divide by small or negative speeds. There it
  is given an equivalent state instead: one that drives straight ahead, fast enough, with a
  steering angle that gives the front tyres their real slip. The forces are then turned back to the
  real steering angle. Slips are measured against at least `SLIP_FLOOR_M_S`, so that tyres act as
  dampers at a standstill, which is why the car comes to a real one.
- Its limits on steering rate and on acceleration are never reached: the rack is set by
  position, and engine and brakes act on the wheels directly.
- The front tyres hold less than the rear ones, so that the car understeers at the limit
  (`front_axle`).
- The tyre's asymmetries (conicity, ply steer) are zero, or the car would creep when parked.
- The centre of mass is lower than the original's, so that it slides before it rolls over.

Everything here runs 333 times for each second of the game, and that is why it takes the state
apart into names at once, instead of looking each value up, and computes no sine twice.

Does not model: wheel lift (an axle stops rolling when its inner tyre carries nothing),
aerodynamic downforce, tyre relaxation.
"""

from __future__ import annotations

import math
from math import copysign, cos, hypot, sin

from vehiclemodels.init_mb import init_mb
from vehiclemodels.vehicle_dynamics_mb import vehicle_dynamics_mb

from ac_bridge.standin import front_axle
from ac_bridge.standin.car import (
    AHEAD_M,
    BEHIND_M,
    FORCE_PER_SPIN_UP,
    HALF_TRACK_F_M,
    HALF_TRACK_R_M,
    HEAVE,
    HEAVE_F,
    HEAVE_R,
    HEAVE_RATE,
    HEAVE_RATE_F,
    HEAVE_RATE_R,
    MASS_KG,
    PITCH,
    PITCH_RATE,
    RADIUS_M,
    ROLL_RATE,
    ROLL_RATE_F,
    ROLL_RATE_R,
    SHIFT_F,
    SLIP_STIFFNESS,
    SPIN,
    STEER,
    TYRE_N_PER_M,
    VX,
    VY,
    VY_F,
    VY_R,
    WHEEL_INERTIA,
    YAW_RATE,
    Wheels,
    car_parameters,
)

SLIP_FLOOR_M_S = 2.0
"""Slips are never measured against less than this speed: at 3 ms steps a smaller one rings."""
SLOW_M_S = 3.0
"""From here up the real state is given to the model."""
MAX_DRIFT_RAD = 0.6
"""Bound on the slip angle in the equivalent state: the tyre has long been saturated there."""
MIN_LOAD_N = 60.0
"""A tyre always carries this much: the model divides by the load."""
LEAST_M = MIN_LOAD_N / TYRE_N_PER_M
"""How far a tyre is pressed that carries just that."""
DRAG_AREA_M2 = 0.66
"""Drag coefficient times frontal area."""
DRAG_N_PER_M2_S2 = 0.5 * 1.2 * DRAG_AREA_M2
"""Drag for the square of the speed, in air of 1.2 kg/m3."""
MAX_TILT_RAD = 0.25
"""Bump stop for roll and pitch, which the model lacks."""
STILL_M_S = 0.02
"""An undriven car slower than this stands still."""

_HELD = (0.0, 0.0)
"""What the model is told of steering rate and acceleration."""


class Chassis:
    """The car without engine and brakes: forces from the model, motion by integration."""

    def __init__(self) -> None:
        self.p = car_parameters()
        self.mass_kg = MASS_KG
        self.radius_m = RADIUS_M
        self.wheel_inertia = WHEEL_INERTIA
        self._friction = (float(self.p.tire.p_dx1), float(self.p.tire.p_dy1))
        self._grip = 1.0
        self.x: list[float] = []
        self.place(0.0, 0.0, 0.0)

    def place(self, x_m: float, y_m: float, yaw_rad: float) -> None:
        """Put the car down at rest on its springs."""
        x = [float(v) for v in init_mb([x_m, y_m, 0.0, 0.0, yaw_rad, 0.0, 0.0], self.p)]
        # The model's own start lets the body drop by as much as the tyres are pressed.
        x[PITCH] = (x[HEAVE_R] - x[HEAVE_F]) / (AHEAD_M + BEHIND_M)
        x[HEAVE] = x[HEAVE_F] + AHEAD_M * x[PITCH]
        self.x = x
        self.slip: Wheels = (0.0, 0.0, 0.0, 0.0)
        """Longitudinal slip by wheel: 1 is locked, below 0 spins faster than it rolls."""
        load_f, load_r = x[HEAVE_F] * TYRE_N_PER_M, x[HEAVE_R] * TYRE_N_PER_M
        self.load_n: Wheels = (load_f, load_f, load_r, load_r)
        """Vertical tyre load by wheel."""
        self.force_x_n: Wheels = (0.0, 0.0, 0.0, 0.0)
        """Longitudinal tyre force by wheel, positive pushing the car forward."""
        self.stiffness: Wheels = (0.0, 0.0, 0.0, 0.0)
        """How that force falls with wheel speed, in N s/m, never negative."""
        self.accel_m_s2 = (0.0, 0.0, 0.0)
        """Of the body in its own frame: forward, right, down."""

    @property
    def drift_rad(self) -> tuple[float, float]:
        """Lateral slip angle of front and rear axle, positive when the tyre slides right."""
        x = self.x
        vx, vy, yaw_rate = x[VX], x[VY], x[YAW_RATE]
        front_vy, rear_vy = vy + AHEAD_M * yaw_rate, vy - BEHIND_M * yaw_rate
        sin_steer, cos_steer = sin(x[STEER]), cos(x[STEER])
        along = abs(vx * cos_steer + front_vy * sin_steer)
        across = front_vy * cos_steer - vx * sin_steer
        return (
            math.atan2(across, max(along, SLIP_FLOOR_M_S)),
            math.atan2(rear_vy, max(abs(vx), SLIP_FLOOR_M_S)),
        )

    def set_grip(self, grip: float) -> None:
        """Scale the tyres' friction, 1 being dry tarmac."""
        if grip != self._grip:
            self._grip = grip
            self.p.tire.p_dx1 = self._friction[0] * grip
            self.p.tire.p_dy1 = self._friction[1] * grip

    def derivatives(self) -> list[float]:
        """Evaluate the model at the present state; wheel spin is left out (zero).

        Sets slips, loads, tyre forces and their stiffness.
        """
        x = self.x
        (
            _, _, steer, vx, _, yaw_rate, _, _, _, _, vy, _, _,
            roll_f, _, _, heave_f, _, roll_r, _, _, heave_r, _,
            spin_lf, spin_rf, spin_lr, spin_rr, _, _,
        ) = x  # fmt: skip
        front = heave_f + RADIUS_M * (cos(roll_f) - 1.0)
        rear = heave_r + RADIUS_M * (cos(roll_r) - 1.0)
        lean_f, lean_r = HALF_TRACK_F_M * sin(roll_f), HALF_TRACK_R_M * sin(roll_r)
        load_lf, load_rf = (front - lean_f) * TYRE_N_PER_M, (front + lean_f) * TYRE_N_PER_M
        load_lr, load_rr = (rear - lean_r) * TYRE_N_PER_M, (rear + lean_r) * TYRE_N_PER_M
        self.load_n = (load_lf, load_rf, load_lr, load_rr)

        sin_s, cos_s = sin(steer), cos(steer)
        lf, rf, lr, rr = rolling = _rolling_speeds(vx, vy, yaw_rate, sin_s, cos_s)
        if (
            vx > SLOW_M_S
            and lf > SLIP_FLOOR_M_S and rf > SLIP_FLOOR_M_S
            and lr > SLIP_FLOOR_M_S and rr > SLIP_FLOOR_M_S
            and spin_lf >= 0.0 and spin_rf >= 0.0 and spin_lr >= 0.0 and spin_rr >= 0.0
        ):  # fmt: skip
            slip_lf, slip_rf = 1.0 - RADIUS_M * spin_lf / lf, 1.0 - RADIUS_M * spin_rf / rf
            slip_lr, slip_rr = 1.0 - RADIUS_M * spin_lr / lr, 1.0 - RADIUS_M * spin_rr / rr
            f: list[float] = vehicle_dynamics_mb(x, _HELD, self.p)
            front_axle.weaken(f, x, load_lf, load_rf, sin_s, cos_s)
        else:
            f, (slip_lf, slip_rf, slip_lr, slip_rr) = self._slow_derivatives(rolling)
            lf, rf = max(abs(lf), SLIP_FLOOR_M_S), max(abs(rf), SLIP_FLOOR_M_S)
            lr, rr = max(abs(lr), SLIP_FLOOR_M_S), max(abs(rr), SLIP_FLOOR_M_S)
        self.slip = (slip_lf, slip_rf, slip_lr, slip_rr)

        # The tyre forces, read back out of the wheels' derivatives.
        f_lf, f_rf = f[SPIN] * FORCE_PER_SPIN_UP, f[SPIN + 1] * FORCE_PER_SPIN_UP
        f_lr, f_rr = f[SPIN + 2] * FORCE_PER_SPIN_UP, f[SPIN + 3] * FORCE_PER_SPIN_UP
        self.force_x_n = (f_lf, f_rf, f_lr, f_rr)
        self.stiffness = (
            _slope_n(f_lf, slip_lf, load_lf) / lf,
            _slope_n(f_rf, slip_rf, load_rf) / rf,
            _slope_n(f_lr, slip_lr, load_lr) / lr,
            _slope_n(f_rr, slip_rr, load_rr) / rr,
        )
        return f

    def integrate(self, f: list[float], dt_s: float) -> None:
        """Move on by one step. Wheel speeds and the steering angle are the caller's."""
        x = self.x
        (
            x_m, y_m, steer, vx, yaw, yaw_rate, roll, roll_rate, pitch, pitch_rate, vy,
            heave, heave_rate, roll_f, roll_rate_f, vy_f, heave_f, heave_rate_f,
            roll_r, roll_rate_r, vy_r, heave_r, heave_rate_r, _, _, _, _, shift_f, shift_r,
        ) = x  # fmt: skip
        drag = DRAG_N_PER_M2_S2 * hypot(vx, vy) / MASS_KG
        accel_x, accel_y = f[VX] - drag * vx, f[VY] - drag * vy
        self.accel_m_s2 = (accel_x - yaw_rate * vy, accel_y + yaw_rate * vx, f[HEAVE_RATE])

        vx += dt_s * accel_x
        vy += dt_s * accel_y
        vy_f += dt_s * f[VY_F]
        vy_r += dt_s * f[VY_R]
        yaw_rate += dt_s * f[YAW_RATE]
        roll_rate += dt_s * f[ROLL_RATE]
        pitch_rate += dt_s * f[PITCH_RATE]
        heave_rate += dt_s * f[HEAVE_RATE]
        roll_rate_f += dt_s * f[ROLL_RATE_F]
        heave_rate_f += dt_s * f[HEAVE_RATE_F]
        roll_rate_r += dt_s * f[ROLL_RATE_R]
        heave_rate_r += dt_s * f[HEAVE_RATE_R]

        yaw += dt_s * yaw_rate
        roll += dt_s * roll_rate
        pitch += dt_s * pitch_rate
        heave += dt_s * heave_rate
        roll_f += dt_s * roll_rate_f
        heave_f += dt_s * heave_rate_f
        roll_r += dt_s * roll_rate_r
        heave_r += dt_s * heave_rate_r
        shift_f += dt_s * (vy + AHEAD_M * yaw_rate - vy_f)
        shift_r += dt_s * (vy - BEHIND_M * yaw_rate - vy_r)
        sin_yaw, cos_yaw = sin(yaw), cos(yaw)
        x_m += dt_s * (vx * cos_yaw - vy * sin_yaw)
        y_m += dt_s * (vx * sin_yaw + vy * cos_yaw)

        # Stops keep the suspension where the model is valid. An axle rolls no further than until
        # its inner tyre carries hardly anything.
        if abs(roll) > MAX_TILT_RAD:
            roll, roll_rate = copysign(MAX_TILT_RAD, roll), 0.0
        if abs(pitch) > MAX_TILT_RAD:
            pitch, pitch_rate = copysign(MAX_TILT_RAD, pitch), 0.0
        if heave_f < 2.0 * LEAST_M:
            heave_f, heave_rate_f = 2.0 * LEAST_M, max(heave_rate_f, 0.0)
        if abs(roll_f) > (most := (heave_f - LEAST_M) / HALF_TRACK_F_M * 0.98):
            roll_f, roll_rate_f = copysign(most, roll_f), 0.0
        if heave_r < 2.0 * LEAST_M:
            heave_r, heave_rate_r = 2.0 * LEAST_M, max(heave_rate_r, 0.0)
        if abs(roll_r) > (most := (heave_r - LEAST_M) / HALF_TRACK_R_M * 0.98):
            roll_r, roll_rate_r = copysign(most, roll_r), 0.0

        x[:SPIN] = (
            x_m, y_m, steer, vx, yaw, yaw_rate, roll, roll_rate, pitch, pitch_rate, vy,
            heave, heave_rate, roll_f, roll_rate_f, vy_f, heave_f, heave_rate_f,
            roll_r, roll_rate_r, vy_r, heave_r, heave_rate_r,
        )  # fmt: skip
        x[SHIFT_F:] = (shift_f, shift_r)

    def stop(self) -> None:
        """Take what is left of the motion over the ground: tyres hold a car that barely moves."""
        for i in (VX, YAW_RATE, VY, VY_F, VY_R, *range(SPIN, SPIN + 4)):
            self.x[i] = 0.0

    def push(self, forward_m_s: float, right_m_s: float) -> None:
        """Change the velocity of the whole car at once, as an impact does."""
        self.x[VX] += forward_m_s
        for i in (VY, VY_F, VY_R):
            self.x[i] += right_m_s

    def _slow_derivatives(self, rolling: Wheels) -> tuple[list[float], list[float]]:
        """Evaluate the model at the equivalent state, then put the real motion back.

        Args:
            rolling: the real speed of the ground under each wheel.

        Returns:
            The derivatives, and the slip of each wheel.
        """
        x = self.x
        vx, vy, yaw_rate = x[VX], x[VY], x[YAW_RATE]
        front_vy, rear_vy = vy + AHEAD_M * yaw_rate, vy - BEHIND_M * yaw_rate
        drift_f, drift_r = (
            min(max(drift, -MAX_DRIFT_RAD), MAX_DRIFT_RAD) for drift in self.drift_rad
        )

        y = x.copy()
        speed = y[VX] = max(abs(vx), SLIP_FLOOR_M_S)
        y[VY] = speed * math.tan(drift_r)
        y[YAW_RATE] = 0.0
        steer = y[STEER] = drift_r - drift_f
        y[VY_F] += y[VY] - front_vy
        y[VY_R] += y[VY] - rear_vy
        slips = []
        at_wheels = _rolling_speeds(speed, y[VY], 0.0, sin(steer), cos(steer))
        for i, (real, at_wheel) in enumerate(zip(rolling, at_wheels, strict=True), SPIN):
            ground = max(abs(real), SLIP_FLOOR_M_S)
            slip = min(max((real - RADIUS_M * x[i]) / ground, -20.0), 1.0)
            slips.append(slip)
            y[i] = at_wheel * (1.0 - slip) / RADIUS_M
        f: list[float] = vehicle_dynamics_mb(y, _HELD, self.p)
        front_axle.turn(f, x, self.load_n[0], self.load_n[1], x[STEER], steer)
        f[VX] += yaw_rate * vy
        for i in (VY, VY_F, VY_R):
            f[i] -= yaw_rate * vx
        return f, slips


def _rolling_speeds(
    vx: float, vy: float, yaw_rate: float, sin_steer: float, cos_steer: float
) -> Wheels:
    """Return the forward speed of the ground under each wheel, along the wheel."""
    half_f, half_r = HALF_TRACK_F_M * yaw_rate, HALF_TRACK_R_M * yaw_rate
    across = (vy + AHEAD_M * yaw_rate) * sin_steer
    return (
        (vx + half_f) * cos_steer + across,
        (vx - half_f) * cos_steer + across,
        vx + half_r,
        vx - half_r,
    )


def _slope_n(force_n: float, slip: float, load_n: float) -> float:
    """Return how a tyre's longitudinal force falls with its slip.

    The secant: exact where slip is small, never negative beyond the peak.
    """
    return SLIP_STIFFNESS * load_n if -0.01 <= slip <= 0.01 else abs(force_n / slip)
