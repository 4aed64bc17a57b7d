"""The whole car: what the driver does becomes motion, one 3 ms step at a time.

Does not model: anti-lock brakes, traction control, a hand brake, tyres whose grip depends on their
temperature or wear, damage that changes how the car drives. Friction is one number for all four
tyres (the mean of what they stand on), while the drag of grass is felt by each wheel alone, so a
car with two wheels on grass is pulled towards it.
"""

from __future__ import annotations

import math

from ac_bridge.standin.car import (
    AHEAD_M,
    AXLE_F_KG,
    AXLE_R_KG,
    BEHIND_M,
    BODY_HEIGHT_M,
    HEAVE,
    HEAVE_RATE_F,
    HEAVE_RATE_R,
    RADIUS_M,
    SPIN,
    STEER,
    TYRE_N_PER_M,
    VX,
    VY,
    WHEEL_INERTIA,
    WHEEL_OFFSETS_M,
    YAW,
    YAW_RATE,
    X,
    Y,
)
from ac_bridge.standin.chassis import STILL_M_S, Chassis
from ac_bridge.standin.circuit import Circuit, Projection
from ac_bridge.standin.conditions import Conditions
from ac_bridge.standin.contact import Impact, wall_contact
from ac_bridge.standin.drivetrain import NEUTRAL, Drivetrain, Gearbox
from ac_bridge.standin.wear import EVERY_STEPS, Wear

STEP_S = 0.003
STEER_LOCK_RAD = 0.52
"""Angle of the front wheels at full lock."""
RACK_RAD_S = 2.6
"""The front wheels turn no faster: a fifth of a second from the centre to full lock."""
BRAKE_TORQUE_NM = 5000.0
"""All four brakes at a floored pedal: enough to lock them on dry tarmac."""
BRAKE_BIAS = 0.77
"""Share of the front axle. The fronts lock first."""
DIFFERENTIAL_PRELOAD_NM = 60.0
DIFFERENTIAL_LOCK = 0.25
"""Share of the driving torque that the limited-slip differential can hold between its wheels."""
ROLLING_RESISTANCE, GRASS_RESISTANCE = 0.013, 0.11
"""Drag of a rolling tyre as a share of its load, on tarmac and on grass."""
GRASS_GRIP, KERB_GRIP = 0.5, 0.97
"""Friction as a share of that of tarmac."""
REACH_M = 2.0
"""No wheel stands further than this from the centre of mass."""
NEAR_WALL_M = 3.0
"""No part of the body reaches further than this."""

_RACK_RAD = RACK_RAD_S * STEP_S
_STEP_RADIUS = STEP_S * RADIUS_M
_STEP_RADIUS_2 = STEP_S * RADIUS_M * RADIUS_M
_AXLE_N_PER_M = 2.0 * TYRE_N_PER_M


class Vehicle:
    """A car on a circuit."""

    def __init__(self, circuit: Circuit, gearbox: Gearbox) -> None:
        self.circuit = circuit
        self.chassis = Chassis()
        self.wheels_out: list[bool] = []
        """Whether each tyre stands beyond the kerb."""
        self.tyres_out = 0
        """How many do."""
        self._grip = 1.0
        self._resistance: list[float] = []
        self._gearbox = gearbox
        self._inside_m = circuit.half_width_m - REACH_M
        self._near_wall_m = circuit.wall_m - NEAR_WALL_M

    def place(
        self, distance_m: float, conditions: Conditions, lateral_m: float | None = None
    ) -> None:
        """Put the car down as new, at rest, out of gear, along the line.

        Args:
            distance_m: from the timing line.
            conditions: of the drive.
            lateral_m: from the centre line, + left; None for what the conditions say.
        """
        lateral_m = conditions.start_lateral_m if lateral_m is None else lateral_m
        x_m, z_m, heading = self.circuit.place(distance_m, lateral_m)
        self.conditions = conditions
        self.chassis.place(z_m, -x_m, heading)
        self.drivetrain = Drivetrain(self._gearbox)
        self.wear = Wear(conditions.air_temp_c)
        self.damage_kmh = [0.0] * 5
        self.where: Projection = self.circuit.project(x_m, z_m)
        self._stand_on_tarmac()
        self.bumps_m = (0.0, 0.0)
        self.travelled_m = 0.0
        self._brake_nm = (0.0, 0.0)
        self._count = 0

    @property
    def speed_m_s(self) -> float:
        """Speed over the ground, never negative."""
        return math.hypot(self.chassis.x[VX], self.chassis.x[VY])

    @property
    def forward_m_s(self) -> float:
        """Speed along the car's nose, negative backwards."""
        return self.chassis.x[VX]

    @property
    def position_xz_m(self) -> tuple[float, float]:
        """World x and z of the centre of mass."""
        return -self.chassis.x[Y], self.chassis.x[X]

    @property
    def height_m(self) -> float:
        """World y of the centre of mass."""
        return BODY_HEIGHT_M - self.chassis.x[HEAVE]

    def step(self, steer: float, throttle: float, brake: float, clutch: float) -> None:
        """Go on by `STEP_S`. Gear buttons are handled by the drivetrain before.

        Args:
            steer: -1..1, positive turns right.
            throttle: 0..1.
            brake: 0..1.
            clutch: pedal, 0..1.
        """
        chassis = self.chassis
        self._turn_rack(steer * STEER_LOCK_RAD)
        chassis.set_grip(self._grip)
        f = chassis.derivatives()
        self._turn_wheels(throttle, brake, clutch)
        self._ride_bumps(f)
        chassis.integrate(f, STEP_S)
        self._locate()
        if abs(self.where.lateral_m) >= self._near_wall_m:
            self._touch_wall()
        speed = math.hypot(chassis.x[VX], chassis.x[VY])
        self.travelled_m += speed * STEP_S
        if speed < STILL_M_S:
            self._come_to_rest()
        self._count += 1
        if self._count % EVERY_STEPS == 0:
            self._age(speed)

    def contact_points_m(self) -> list[tuple[float, float, float]]:
        """Return where each wheel stands, as world (x, y, z)."""
        x = self.chassis.x
        x_m, y_m, sin_yaw, cos_yaw = x[X], x[Y], math.sin(x[YAW]), math.cos(x[YAW])
        return [
            (
                -(y_m + ahead * sin_yaw + right * cos_yaw),
                0.0,
                x_m + ahead * cos_yaw - right * sin_yaw,
            )
            for ahead, right in WHEEL_OFFSETS_M
        ]

    def _turn_rack(self, target_rad: float) -> None:
        x = self.chassis.x
        turn = target_rad - x[STEER]
        x[STEER] += -_RACK_RAD if turn < -_RACK_RAD else _RACK_RAD if turn > _RACK_RAD else turn

    def _turn_wheels(self, throttle: float, brake: float, clutch: float) -> None:
        """Spin the wheels up or down under tyre, engine and brake, implicitly in the tyre."""
        chassis, x = self.chassis, self.chassis.x
        stiff_lf, stiff_rf, stiff_lr, stiff_rr = chassis.stiffness
        inertia_lf = WHEEL_INERTIA + _STEP_RADIUS_2 * stiff_lf
        inertia_rf = WHEEL_INERTIA + _STEP_RADIUS_2 * stiff_rf
        inertia_lr = WHEEL_INERTIA + _STEP_RADIUS_2 * stiff_lr
        inertia_rr = WHEEL_INERTIA + _STEP_RADIUS_2 * stiff_rr
        force_lf, force_rf, force_lr, force_rr = chassis.force_x_n
        lf, rf, lr, rr = x[SPIN : SPIN + 4]
        lf -= _STEP_RADIUS * force_lf / inertia_lf
        rf -= _STEP_RADIUS * force_rf / inertia_rf
        lr -= _STEP_RADIUS * force_lr / inertia_lr
        rr -= _STEP_RADIUS * force_rr / inertia_rr

        inverse = 1.0 / inertia_lr + 1.0 / inertia_rr
        driving = self.drivetrain.step(throttle, clutch, 0.5 * (lr + rr), 4.0 / inverse, STEP_S)
        most = DIFFERENTIAL_PRELOAD_NM + DIFFERENTIAL_LOCK * abs(driving)
        across = (lr - rr) / (STEP_S * inverse)
        across = -most if across < -most else most if across > most else across
        lr += STEP_S * (0.5 * driving - across) / inertia_lr
        rr += STEP_S * (0.5 * driving + across) / inertia_rr

        half = 0.5 * brake * BRAKE_TORQUE_NM
        self._brake_nm = front, rear = half * BRAKE_BIAS, half * (1.0 - BRAKE_BIAS)
        drag_lf, drag_rf, drag_lr, drag_rr = self._resistance
        load_lf, load_rf, load_lr, load_rr = chassis.load_n
        x[SPIN : SPIN + 4] = (
            _slowed(lf, STEP_S * (front + drag_lf * load_lf * RADIUS_M) / inertia_lf),
            _slowed(rf, STEP_S * (front + drag_rf * load_rf * RADIUS_M) / inertia_rf),
            _slowed(lr, STEP_S * (rear + drag_lr * load_lr * RADIUS_M) / inertia_lr),
            _slowed(rr, STEP_S * (rear + drag_rr * load_rr * RADIUS_M) / inertia_rr),
        )

    def _ride_bumps(self, f: list[float]) -> None:
        """Let the road's unevenness push the axles through their tyres."""
        distance, bump = self.where.distance_m, self.conditions.bump
        self.bumps_m = front, rear = bump(distance + AHEAD_M), bump(distance - BEHIND_M)
        f[HEAVE_RATE_F] -= _AXLE_N_PER_M * front / AXLE_F_KG
        f[HEAVE_RATE_R] -= _AXLE_N_PER_M * rear / AXLE_R_KG

    def _locate(self) -> None:
        """Find out where the car is, and what its tyres stand on."""
        x, circuit = self.chassis.x, self.circuit
        self.where = where = circuit.project(-x[Y], x[X], self.where.segment)
        lateral_m = where.lateral_m
        if abs(lateral_m) < self._inside_m:
            if self._grip != self.conditions.grip:
                self._stand_on_tarmac()
            return
        turned = x[YAW] - where.heading_rad
        sin_t, cos_t = math.sin(turned), math.cos(turned)
        half_curvature = 0.5 * where.curvature_per_m
        half_width_m, edge_m = circuit.half_width_m, circuit.edge_m
        grip = 0.0
        self.wheels_out, self._resistance = wheels_out, resistance = [], []
        for ahead, right in WHEEL_OFFSETS_M:
            along = ahead * cos_t - right * sin_t
            # A wheel ahead or behind is nearer to the outside of a curve than its side of the car.
            bend = half_curvature * along * along
            off_m = abs(lateral_m - ahead * sin_t - right * cos_t + bend)
            out = off_m > edge_m
            wheels_out.append(out)
            resistance.append(GRASS_RESISTANCE if out else ROLLING_RESISTANCE)
            grip += GRASS_GRIP if out else KERB_GRIP if off_m > half_width_m else 1.0
        self.tyres_out = sum(wheels_out)
        self._grip = self.conditions.grip * 0.25 * grip

    def _stand_on_tarmac(self) -> None:
        self._grip = self.conditions.grip
        self.wheels_out = [False] * 4
        self.tyres_out = 0
        self._resistance = [ROLLING_RESISTANCE] * 4

    def _touch_wall(self) -> None:
        impact: Impact | None = wall_contact(self.chassis, self.where, self.circuit.wall_m)
        if impact is not None:
            zone, closing_kmh = impact
            self.damage_kmh[zone] = max(self.damage_kmh[zone], closing_kmh)
            self.damage_kmh[4] = max(self.damage_kmh[4], closing_kmh)

    def _come_to_rest(self) -> None:
        x, drivetrain = self.chassis.x, self.drivetrain
        free = drivetrain.engaged == 0.0 or drivetrain.gear == NEUTRAL
        if free and abs(x[YAW_RATE]) < STILL_M_S and max(map(abs, x[SPIN : SPIN + 4])) < 0.5:
            self.chassis.stop()

    def _age(self, speed_m_s: float) -> None:
        chassis = self.chassis
        ground = max(speed_m_s, 0.1)
        drift_f, drift_r = (min(abs(drift), 1.0) ** 2 for drift in chassis.drift_rad)
        sliding = [
            abs(force * slip) * ground + load * drift * 8.0 * ground
            for force, slip, load, drift in zip(
                chassis.force_x_n,
                chassis.slip,
                chassis.load_n,
                (drift_f, drift_f, drift_r, drift_r),
                strict=True,
            )
        ]
        front, rear = self._brake_nm
        lf, rf, lr, rr = chassis.x[SPIN : SPIN + 4]
        braking = (front * abs(lf), front * abs(rf), rear * abs(lr), rear * abs(rr))
        self.wear.step(sliding, braking, self.wheels_out, speed_m_s, STEP_S * EVERY_STEPS)


def _slowed(spin: float, by: float) -> float:
    """Return a wheel's spin less what friction takes: it holds a wheel, but never turns it back."""
    return spin - by if spin > by else spin + by if spin < -by else 0.0
