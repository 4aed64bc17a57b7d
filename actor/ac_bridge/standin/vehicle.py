"""The whole car: what the driver does becomes motion, one 3 ms step at a time.

Does not model: anti-lock brakes, traction control, a hand brake, tyres whose grip depends on their
temperature or wear, damage that changes how the car drives. Friction is one number for all four
tyres (the mean of what they stand on), while the drag of grass is felt by each wheel alone, so a
car with two wheels on grass is pulled towards it.
"""

from __future__ import annotations

import math

from ac_bridge.standin.chassis import (
    HEAVE,
    HEAVE_RATE_F,
    HEAVE_RATE_R,
    SPIN,
    STEER,
    STILL_M_S,
    VX,
    VY,
    YAW,
    YAW_RATE,
    Chassis,
    X,
    Y,
)
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


class Vehicle:
    """A car on a circuit."""

    def __init__(self, circuit: Circuit, gearbox: Gearbox) -> None:
        self.circuit = circuit
        self.chassis = Chassis()
        self._gearbox = gearbox
        self._wheel_offsets = _wheel_offsets(self.chassis)

    def place(self, distance_m: float, conditions: Conditions) -> None:
        """Put the car down as new, at rest, out of gear, along the line."""
        x_m, z_m, heading = self.circuit.place(distance_m, conditions.start_lateral_m)
        self.conditions = conditions
        self.chassis.place(z_m, -x_m, heading)
        self.drivetrain = Drivetrain(self._gearbox)
        self.wear = Wear(conditions.air_temp_c)
        self.damage_kmh = [0.0] * 5
        self.where: Projection = self.circuit.project(x_m, z_m)
        self.wheels_out = [False] * 4
        self.bumps_m = (0.0, 0.0)
        self.travelled_m = 0.0
        self._resistance = [ROLLING_RESISTANCE] * 4
        self._grip = conditions.grip
        self._brake_nm = (0.0, 0.0)
        self._count = 0

    @property
    def tyres_out(self) -> int:
        """How many tyres stand beyond the kerb."""
        return sum(self.wheels_out)

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
        return float(self.chassis.p.h_s) - self.chassis.x[HEAVE]

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
        self._touch_wall()
        speed = self.speed_m_s
        self.travelled_m += speed * STEP_S
        if speed < STILL_M_S:
            self._come_to_rest()
        self._count += 1
        if self._count % EVERY_STEPS == 0:
            self._age(speed)

    def wheel_positions(self) -> list[tuple[float, float]]:
        """Return where each wheel stands, as world (x, z)."""
        x = self.chassis.x
        sin_yaw, cos_yaw = math.sin(x[YAW]), math.cos(x[YAW])
        return [
            (-(x[Y] + ahead * sin_yaw + right * cos_yaw), x[X] + ahead * cos_yaw - right * sin_yaw)
            for ahead, right in self._wheel_offsets
        ]

    def _turn_rack(self, target_rad: float) -> None:
        x = self.chassis.x
        most = RACK_RAD_S * STEP_S
        x[STEER] += min(max(target_rad - x[STEER], -most), most)

    def _turn_wheels(self, throttle: float, brake: float, clutch: float) -> None:
        """Spin the wheels up or down under tyre, engine and brake, implicitly in the tyre."""
        chassis = self.chassis
        x, radius = chassis.x, chassis.radius_m
        inertias = [chassis.wheel_inertia + STEP_S * radius * radius * k for k in chassis.stiffness]
        spins = [
            x[SPIN + i] - STEP_S * radius * chassis.force_x_n[i] / inertias[i] for i in range(4)
        ]
        inverse = 1.0 / inertias[2] + 1.0 / inertias[3]
        driving = self.drivetrain.step(
            throttle, clutch, 0.5 * (spins[2] + spins[3]), 4.0 / inverse, STEP_S
        )
        most = DIFFERENTIAL_PRELOAD_NM + DIFFERENTIAL_LOCK * abs(driving)
        across = min(max((spins[2] - spins[3]) / (STEP_S * inverse), -most), most)
        spins[2] += STEP_S * (0.5 * driving - across) / inertias[2]
        spins[3] += STEP_S * (0.5 * driving + across) / inertias[3]

        half = 0.5 * brake * BRAKE_TORQUE_NM
        self._brake_nm = (half * BRAKE_BIAS, half * (1.0 - BRAKE_BIAS))
        for i in range(4):
            rolling = self._resistance[i] * chassis.load_n[i] * radius
            slowed = STEP_S * (self._brake_nm[i // 2] + rolling) / inertias[i]
            spin = spins[i]
            # Friction stops a wheel and holds it; it never turns it the other way.
            x[SPIN + i] = 0.0 if abs(spin) <= slowed else spin - math.copysign(slowed, spin)

    def _ride_bumps(self, f: list[float]) -> None:
        """Let the road's unevenness push the axles through their tyres."""
        distance, p = self.where.distance_m, self.chassis.p
        front = self.conditions.bump(distance + p.a)
        rear = self.conditions.bump(distance - p.b)
        self.bumps_m = (front, rear)
        f[HEAVE_RATE_F] -= 2.0 * p.K_zt * front / p.m_uf
        f[HEAVE_RATE_R] -= 2.0 * p.K_zt * rear / p.m_ur

    def _locate(self) -> None:
        x, circuit = self.chassis.x, self.circuit
        self.where = where = circuit.project(-x[Y], x[X], self.where.segment)
        if abs(where.lateral_m) < circuit.half_width_m - 2.0:
            if self._grip != self.conditions.grip:
                self._stand_on_tarmac()
            return
        turned = x[YAW] - where.heading_rad
        sin_t, cos_t = math.sin(turned), math.cos(turned)
        grip = 0.0
        for i, (ahead, right) in enumerate(self._wheel_offsets):
            along = ahead * cos_t - right * sin_t
            # A wheel ahead or behind is nearer to the outside of a curve than its side of the car.
            bend = 0.5 * where.curvature_per_m * along * along
            off_m = abs(where.lateral_m - ahead * sin_t - right * cos_t + bend)
            out = off_m > circuit.edge_m
            self.wheels_out[i] = out
            self._resistance[i] = GRASS_RESISTANCE if out else ROLLING_RESISTANCE
            grip += GRASS_GRIP if out else KERB_GRIP if off_m > circuit.half_width_m else 1.0
        self._grip = self.conditions.grip * 0.25 * grip

    def _stand_on_tarmac(self) -> None:
        self._grip = self.conditions.grip
        self.wheels_out = [False] * 4
        self._resistance = [ROLLING_RESISTANCE] * 4

    def _touch_wall(self) -> None:
        if abs(self.where.lateral_m) < self.circuit.wall_m - 3.0:
            return
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
        sliding = [
            abs(chassis.force_x_n[i] * chassis.slip[i]) * ground
            + chassis.load_n[i] * min(abs(chassis.drift_rad[i // 2]), 1.0) ** 2 * 8.0 * ground
            for i in range(4)
        ]
        braking = [self._brake_nm[i // 2] * abs(chassis.x[SPIN + i]) for i in range(4)]
        self.wear.step(sliding, braking, self.wheels_out, speed_m_s, STEP_S * EVERY_STEPS)


def _wheel_offsets(chassis: Chassis) -> tuple[tuple[float, float], ...]:
    """Return (metres ahead, metres to the right) of the centre of mass, by wheel."""
    p = chassis.p
    front, rear = 0.5 * p.T_f, 0.5 * p.T_r
    return ((p.a, -front), (p.a, front), (-p.b, -rear), (-p.b, rear))
