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
- The front tyres hold less than the rear ones, so that the car understeers at the limit.
- The tyre's asymmetries (conicity, ply steer) are zero, or the car would creep when parked.
- The centre of mass is lower than the original's, so that it slides before it rolls over.

Does not model: wheel lift (an axle stops rolling when its inner tyre carries nothing),
aerodynamic downforce, tyre relaxation.
"""

from __future__ import annotations

import math
from typing import Any

from vehiclemodels.init_mb import init_mb
from vehiclemodels.parameters_vehicle2 import parameters_vehicle2
from vehiclemodels.vehicle_dynamics_mb import vehicle_dynamics_mb

GRAVITY_M_S2 = 9.81
SLIP_FLOOR_M_S = 2.0
"""Slips are never measured against less than this speed: at 3 ms steps a smaller one rings."""
SLOW_M_S = 3.0
"""From here up the real state is given to the model."""
MAX_DRIFT_RAD = 0.6
"""Bound on the slip angle in the equivalent state: the tyre has long been saturated there."""
FRONT_GRIP = 0.94
"""Lateral force of the front tyres as a share of the model's, as of narrower tyres. The model's own
balance is neutral, so that any touch of a pedal at the limit spins it; road cars understeer."""
MIN_LOAD_N = 60.0
"""A tyre always carries this much: the model divides by the load."""
DRAG_AREA_M2 = 0.66
"""Drag coefficient times frontal area."""
MAX_TILT_RAD = 0.25
"""Bump stop for roll and pitch, which the model lacks."""
STILL_M_S = 0.02
"""An undriven car slower than this stands still."""

# Indices of the model's states.
X, Y, STEER, VX, YAW, YAW_RATE, ROLL, ROLL_RATE, PITCH, PITCH_RATE, VY, HEAVE, HEAVE_RATE = range(
    13
)
ROLL_F, ROLL_RATE_F, VY_F, HEAVE_F, HEAVE_RATE_F = range(13, 18)
ROLL_R, ROLL_RATE_R, VY_R, HEAVE_R, HEAVE_RATE_R = range(18, 23)
SPIN = 23
SHIFT_F, SHIFT_R = 27, 28

_POSITIONS = ((YAW, YAW_RATE), (ROLL, ROLL_RATE), (PITCH, PITCH_RATE), (HEAVE, HEAVE_RATE),
              (ROLL_F, ROLL_RATE_F), (HEAVE_F, HEAVE_RATE_F), (ROLL_R, ROLL_RATE_R),
              (HEAVE_R, HEAVE_RATE_R))  # fmt: skip


def car_parameters() -> Any:
    """Return the model's parameters of this car, ours to change."""
    p = parameters_vehicle2()
    p.h_s = 0.46
    for name in ("p_hx1", "p_vx1", "r_hx1", "p_hy1", "p_vy1", "r_by3", "r_hy1", "r_vy1"):
        setattr(p.tire, name, 0.0)
    p.steering.min, p.steering.max = -math.pi, math.pi
    p.longitudinal.v_min, p.longitudinal.v_max = -math.inf, math.inf
    return p


class Chassis:
    """The car without engine and brakes: forces from the model, motion by integration."""

    def __init__(self) -> None:
        self.p = car_parameters()
        self.mass_kg = float(self.p.m)
        self.radius_m = float(self.p.R_w)
        self.wheel_inertia = float(self.p.I_y_w)
        self._friction = (float(self.p.tire.p_dx1), float(self.p.tire.p_dy1))
        self._grip = 1.0
        self.x: list[float] = []
        self.place(0.0, 0.0, 0.0)

    def place(self, x_m: float, y_m: float, yaw_rad: float) -> None:
        """Put the car down at rest on its springs."""
        x = [float(v) for v in init_mb([x_m, y_m, 0.0, 0.0, yaw_rad, 0.0, 0.0], self.p)]
        # The model's own start lets the body drop by as much as the tyres are pressed.
        x[PITCH] = (x[HEAVE_R] - x[HEAVE_F]) / (self.p.a + self.p.b)
        x[HEAVE] = x[HEAVE_F] + self.p.a * x[PITCH]
        self.x = x
        self.slip = [0.0, 0.0, 0.0, 0.0]
        """Longitudinal slip by wheel: 1 is locked, below 0 spins faster than it rolls."""
        self.load_n = self._loads(self.x)
        """Vertical tyre load by wheel: front left, front right, rear left, rear right."""
        self.force_x_n = [0.0, 0.0, 0.0, 0.0]
        """Longitudinal tyre force by wheel, positive pushing the car forward."""
        self.stiffness = [0.0, 0.0, 0.0, 0.0]
        """How that force falls with wheel speed, in N s/m, never negative."""
        self.accel_m_s2 = (0.0, 0.0, 0.0)
        """Of the body in its own frame: forward, right, down."""

    @property
    def drift_rad(self) -> tuple[float, float]:
        """Lateral slip angle of front and rear axle, positive when the tyre slides right."""
        x, p = self.x, self.p
        front_vy, rear_vy = x[VY] + p.a * x[YAW_RATE], x[VY] - p.b * x[YAW_RATE]
        sin_steer, cos_steer = math.sin(x[STEER]), math.cos(x[STEER])
        along = abs(x[VX] * cos_steer + front_vy * sin_steer)
        across = front_vy * cos_steer - x[VX] * sin_steer
        return (
            math.atan2(across, max(along, SLIP_FLOOR_M_S)),
            math.atan2(rear_vy, max(abs(x[VX]), SLIP_FLOOR_M_S)),
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
        self.load_n = self._loads(x)
        rolling = self._rolling_speeds(x)
        if x[VX] > SLOW_M_S and min(rolling) > SLIP_FLOOR_M_S and min(x[SPIN : SPIN + 4]) >= 0.0:
            radius = self.radius_m
            self.slip = [
                1.0 - radius * x[SPIN] / rolling[0],
                1.0 - radius * x[SPIN + 1] / rolling[1],
                1.0 - radius * x[SPIN + 2] / rolling[2],
                1.0 - radius * x[SPIN + 3] / rolling[3],
            ]
            f: list[float] = vehicle_dynamics_mb(x, (0.0, 0.0), self.p)
            self._weaken_front(f)
        else:
            f = self._slow_derivatives(rolling)
            rolling = [max(abs(speed), SLIP_FLOOR_M_S) for speed in rolling]
        self._take_forces(f, rolling)
        return f

    def integrate(self, f: list[float], dt_s: float) -> None:
        """Move on by one step. Wheel speeds and the steering angle are the caller's."""
        x, p = self.x, self.p
        drag = 0.5 * 1.2 * DRAG_AREA_M2 * math.hypot(x[VX], x[VY]) / self.mass_kg
        f[VX] -= drag * x[VX]
        f[VY] -= drag * x[VY]
        self.accel_m_s2 = (
            f[VX] - x[YAW_RATE] * x[VY], f[VY] + x[YAW_RATE] * x[VX], f[HEAVE_RATE]
        )  # fmt: skip
        x[VX] += dt_s * f[VX]
        x[VY] += dt_s * f[VY]
        x[VY_F] += dt_s * f[VY_F]
        x[VY_R] += dt_s * f[VY_R]
        for i, rate in _POSITIONS:
            x[rate] += dt_s * f[rate]
            x[i] += dt_s * x[rate]
        vx, vy, yaw_rate = x[VX], x[VY], x[YAW_RATE]
        x[SHIFT_F] += dt_s * (vy + p.a * yaw_rate - x[VY_F])
        x[SHIFT_R] += dt_s * (vy - p.b * yaw_rate - x[VY_R])
        sin_yaw, cos_yaw = math.sin(x[YAW]), math.cos(x[YAW])
        x[X] += dt_s * (vx * cos_yaw - vy * sin_yaw)
        x[Y] += dt_s * (vx * sin_yaw + vy * cos_yaw)
        self._stops()

    def stop(self) -> None:
        """Take what is left of the motion over the ground: tyres hold a car that barely moves."""
        for i in (VX, YAW_RATE, VY, VY_F, VY_R, *range(SPIN, SPIN + 4)):
            self.x[i] = 0.0

    def push(self, forward_m_s: float, right_m_s: float) -> None:
        """Change the velocity of the whole car at once, as an impact does."""
        self.x[VX] += forward_m_s
        for i in (VY, VY_F, VY_R):
            self.x[i] += right_m_s

    def _rolling_speeds(self, x: list[float]) -> list[float]:
        """Forward speed of the ground under each wheel, along the wheel."""
        vx, yaw_rate, p = x[VX], x[YAW_RATE], self.p
        half_f, half_r = 0.5 * p.T_f * yaw_rate, 0.5 * p.T_r * yaw_rate
        sin_steer, cos_steer = math.sin(x[STEER]), math.cos(x[STEER])
        across = (x[VY] + p.a * yaw_rate) * sin_steer
        return [
            (vx + half_f) * cos_steer + across,
            (vx - half_f) * cos_steer + across,
            vx + half_r,
            vx - half_r,
        ]

    def _loads(self, x: list[float]) -> list[float]:
        p, k = self.p, self.p.K_zt
        front = x[HEAVE_F] + p.R_w * (math.cos(x[ROLL_F]) - 1.0)
        rear = x[HEAVE_R] + p.R_w * (math.cos(x[ROLL_R]) - 1.0)
        lean_f = 0.5 * p.T_f * math.sin(x[ROLL_F])
        lean_r = 0.5 * p.T_r * math.sin(x[ROLL_R])
        return [
            (front - lean_f) * k,
            (front + lean_f) * k,
            (rear - lean_r) * k,
            (rear + lean_r) * k,
        ]

    def _slow_derivatives(self, rolling: list[float]) -> list[float]:
        """Evaluate the model at the equivalent state, then put the real motion back."""
        x, p, radius = self.x, self.p, self.radius_m
        vx, vy, yaw_rate = x[VX], x[VY], x[YAW_RATE]
        front_vy, rear_vy = vy + p.a * yaw_rate, vy - p.b * yaw_rate
        drift_f, drift_r = (
            min(max(drift, -MAX_DRIFT_RAD), MAX_DRIFT_RAD) for drift in self.drift_rad
        )

        y = x.copy()
        speed = y[VX] = max(abs(vx), SLIP_FLOOR_M_S)
        y[VY] = speed * math.tan(drift_r)
        y[YAW_RATE] = 0.0
        y[STEER] = drift_r - drift_f
        y[VY_F] += y[VY] - front_vy
        y[VY_R] += y[VY] - rear_vy
        self.slip = slips = []
        for i, at_wheel in enumerate(self._rolling_speeds(y)):
            ground = max(abs(rolling[i]), SLIP_FLOOR_M_S)
            slip = min(max((rolling[i] - radius * x[SPIN + i]) / ground, -20.0), 1.0)
            slips.append(slip)
            y[SPIN + i] = at_wheel * (1.0 - slip) / radius
        f: list[float] = vehicle_dynamics_mb(y, (0.0, 0.0), p)
        self._turn_front(f, y[STEER])
        f[VX] += yaw_rate * vy
        for i in (VY, VY_F, VY_R):
            f[i] -= yaw_rate * vx
        return f

    def _front_lateral_n(self, f: list[float], steer: float, turning: float) -> float:
        """Return the lateral force of both front tyres, which the model keeps to itself.

        It follows from the sums of lateral force and of yaw moment: internal forces cancel in
        the first.

        Args:
            f: what the model returned.
            steer: the steering angle that it was given.
            turning: the yaw rate times the forward speed that it was given.
        """
        p, per_rate = self.p, -self.wheel_inertia / self.radius_m
        lf, rf, base = f[SPIN] * per_rate, f[SPIN + 1] * per_rate, p.a + p.b
        sin_s, cos_s = math.sin(steer), math.cos(steer)
        lateral = f[VY] * p.m_s + f[VY_F] * p.m_uf + f[VY_R] * p.m_ur + turning * p.m
        moment = (
            f[YAW_RATE] * p.I_z
            - 0.5 * p.T_f * cos_s * (lf - rf)
            - 0.5 * p.T_r * (f[SPIN + 2] - f[SPIN + 3]) * per_rate
        )
        sideways = moment + p.b * lateral - base * (lf + rf) * sin_s
        front: float = sideways / (base * cos_s + self._uneven_m() * sin_s)
        return front

    def _uneven_m(self) -> float:
        """Return the arm, to the right, of the front lateral forces: they differ as the loads."""
        left, right = self.load_n[0], self.load_n[1]
        arm: float = 0.5 * self.p.T_f * (right - left) / (right + left)
        return arm

    def _weaken_front(self, f: list[float]) -> None:
        """Take from the front tyres the lateral force that they do not have."""
        x = self.x
        lost = (FRONT_GRIP - 1.0) * self._front_lateral_n(f, x[STEER], x[YAW_RATE] * x[VX])
        sin_s, cos_s = math.sin(x[STEER]), math.cos(x[STEER])
        self._add_front(f, -lost * sin_s, lost * cos_s, self._uneven_m() * lost * sin_s)

    def _turn_front(self, f: list[float], as_steer: float) -> None:
        """Turn the front tyres' forces to the real steering angle, and weaken them sideways."""
        per_rate = -self.wheel_inertia / self.radius_m
        lf, rf = f[SPIN] * per_rate, f[SPIN + 1] * per_rate
        front = self._front_lateral_n(f, as_steer, 0.0)
        steer, weakened = self.x[STEER], FRONT_GRIP * front
        sin_a, cos_a = math.sin(as_steer), math.cos(as_steer)
        sin_s, cos_s = math.sin(steer), math.cos(steer)
        side_sin = weakened * sin_s - front * sin_a
        ahead = (lf + rf) * (cos_s - cos_a) - side_sin
        aside = weakened * cos_s - front * cos_a + (lf + rf) * (sin_s - sin_a)
        uneven = 0.5 * self.p.T_f * (cos_s - cos_a) * (lf - rf) + self._uneven_m() * side_sin
        self._add_front(f, ahead, aside, uneven)

    def _add_front(self, f: list[float], ahead_n: float, aside_n: float, moment_nm: float) -> None:
        """Add a force on the front axle, and a yaw moment beside it, to all that they move."""
        x, p = self.x, self.p
        f[VX] += ahead_n / p.m
        f[YAW_RATE] += (p.a * aside_n + moment_nm) / p.I_z
        f[PITCH_RATE] += ahead_n * (p.h_s - x[HEAVE]) / p.I_y_s
        f[VY_F] += aside_n / p.m_uf
        f[ROLL_RATE_F] -= aside_n * (p.R_w - x[HEAVE_F]) / p.I_uf

    def _take_forces(self, f: list[float], ground: list[float]) -> None:
        """Read the tyre forces back out of the wheels' derivatives."""
        per_force = -self.wheel_inertia / self.radius_m
        initial = self.p.tire.p_kx1
        for i in range(4):
            force = f[SPIN + i] * per_force
            slip = abs(self.slip[i])
            # The secant: exact where slip is small, never negative beyond the peak.
            slope = abs(force) / slip if slip > 0.01 else initial * self.load_n[i]
            self.force_x_n[i] = force
            self.stiffness[i] = slope / ground[i]

    def _stops(self) -> None:
        """Keep the suspension where the model is valid."""
        x, p = self.x, self.p
        for angle, rate in ((ROLL, ROLL_RATE), (PITCH, PITCH_RATE)):
            if abs(x[angle]) > MAX_TILT_RAD:
                x[angle], x[rate] = math.copysign(MAX_TILT_RAD, x[angle]), 0.0
        for roll, rate, heave, heave_rate, track in (
            (ROLL_F, ROLL_RATE_F, HEAVE_F, HEAVE_RATE_F, p.T_f),
            (ROLL_R, ROLL_RATE_R, HEAVE_R, HEAVE_RATE_R, p.T_r),
        ):
            least = MIN_LOAD_N / p.K_zt
            if x[heave] < 2.0 * least:
                x[heave], x[heave_rate] = 2.0 * least, max(x[heave_rate], 0.0)
            most = (x[heave] - least) / (0.5 * track) * 0.98
            if abs(x[roll]) > most:
                x[roll] = math.copysign(most, x[roll])
                x[rate] = 0.0
