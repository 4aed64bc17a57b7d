"""The three pages as the stand-in fills them.

Signs and units follow the original: car-local x is to the left, y up, z forward; heading grows
clockwise; `accG` leaves gravity out and is the raw change of one step.

Not modelled, and constant in the pages: opponents (position 1 of 1 car), pit stops and pit lane,
flags and penalties, DRS, KERS and ERS, turbocharger, ballast, electronic aids (`tc` and `abs` are
0: switched off), force feedback other than a plain aligning torque, the delta to the best lap.
"""

from __future__ import annotations

import math
from typing import Any

from ac_bridge.standin.chassis import (
    GRAVITY_M_S2,
    HEAVE,
    HEAVE_F,
    HEAVE_R,
    HEAVE_RATE,
    PITCH,
    PITCH_RATE,
    ROLL,
    ROLL_F,
    ROLL_R,
    ROLL_RATE,
    SPIN,
    VX,
    VY,
    YAW,
    YAW_RATE,
)
from ac_bridge.standin.circuit import Circuit
from ac_bridge.standin.drivetrain import LIMITER_RPM, MAX_POWER_W, TORQUE_NM, Gearbox
from ac_bridge.standin.laps import SECTORS, lap_text
from ac_bridge.standin.session import Frame, Session, Stage, Status
from ac_bridge.standin.vehicle import BRAKE_BIAS, Vehicle

PEAK_SLIP = 0.11
"""Longitudinal slip at which the tyre pushes most."""
PEAK_DRIFT_RAD = 0.125
"""Slip angle at which the tyre holds most."""
STATIC_CAMBER_RAD = -0.025
SESSION_MS = 3_600_000
"""Length of the practice session that is shown."""
MAX_FUEL_L = 60.0


def physics_values(session: Session) -> dict[str, Any]:
    """Return the physics page's fields."""
    car = session.vehicle
    return {
        "packetId": session.physics_packet,
        **_controls(session),
        **_motion(car),
        **_wheels(car),
        **_slow(car),
        "carDamage": car.damage_kmh,
        "numberOfTyresOut": car.tyres_out,
        "autoShifterOn": int(session.gearbox == "automatic"),
        "airTemp": car.conditions.air_temp_c,
        "roadTemp": car.conditions.road_temp_c,
        "airDensity": 1.2922 - 0.0041 * car.conditions.air_temp_c,
        "brakeBias": BRAKE_BIAS,
        "currentMaxRpm": LIMITER_RPM,
    }


def graphics_values(frame: Frame, circuit: Circuit) -> dict[str, Any]:
    """Return the graphics page's fields."""
    laps, conditions = frame.laps, frame.conditions
    gone = frame.status is Status.OFF
    return {
        "packetId": 2 * frame.number + 1,
        "status": int(frame.status),
        "session": 0,
        "currentTime": lap_text(laps.current_ms),
        "lastTime": lap_text(laps.last_ms),
        "bestTime": lap_text(laps.best_valid_ms),
        "split": lap_text(laps.split_ms) if laps.split_ms else " ",
        "completedLaps": laps.completed,
        "position": 1,
        "iCurrentTime": laps.current_ms,
        "iLastTime": laps.last_ms,
        "iBestTime": laps.best_ms,
        "sessionTimeLeft": 0.0 if gone else float(SESSION_MS - frame.elapsed_ms),
        "distanceTraveled": frame.travelled_m,
        "isInPit": int(frame.stage is Stage.SCREEN),
        "currentSectorIndex": laps.sector,
        "lastSectorTime": laps.sector_ms,
        "tyreCompound": "Street (ST)",
        "replayTimeMultiplier": 1.0,
        "normalizedCarPosition": frame.distance_m / circuit.length_m,
        "carCoordinates": frame.position_m,
        "surfaceGrip": conditions.grip,
        "windSpeed": conditions.wind_kmh,
        "windDirection": conditions.wind_deg,
        "timeLimitSessionLeft": -1,
        "isEscMenuVisible": int(frame.status is Status.PAUSE),
    }


def static_values(circuit: Circuit, car: Vehicle, gearbox: Gearbox) -> dict[str, Any]:
    """Return the static page's fields."""
    return {
        "smVersion": "1.7",
        "acVersion": "1.16.4",
        "numberOfSessions": 1,
        "numCars": 1,
        "carModel": "standin_sedan",
        "track": circuit.name,
        "playerName": "Stand",
        "playerSurname": "In",
        "playerNick": "standin",
        "sectorCount": SECTORS,
        "maxTorque": max(TORQUE_NM),
        "maxPower": MAX_POWER_W,
        "maxRpm": LIMITER_RPM,
        "maxFuel": MAX_FUEL_L,
        "tyreRadius": [car.chassis.radius_m] * 4,
        "penaltiesEnabled": 1,
        "aidFuelRate": 1.0,
        "aidTireRate": 1.0,
        "aidMechanicalDamage": 1.0,
        "aidAutoClutch": 1,
        "aidAutoBlip": int(gearbox == "automatic"),
        "trackSPlineLength": circuit.length_m,
        "carSkin": "00_plain",
    }


def _controls(session: Session) -> dict[str, Any]:
    car, wheel = session.vehicle, session.input
    driving = session.stage is Stage.DRIVING
    return {
        "gas": car.drivetrain.throttle if driving else wheel.throttle,
        "brake": wheel.brake,
        "steerAngle": wheel.steer,
        "clutch": car.drivetrain.engaged,
        "gear": car.drivetrain.gear,
        "rpms": int(car.drivetrain.rpm),
        "fuel": car.drivetrain.fuel_l,
    }


def _motion(car: Vehicle) -> dict[str, Any]:
    x = car.chassis.x
    sin_yaw, cos_yaw = math.sin(x[YAW]), math.cos(x[YAW])
    ahead, right, down = x[VX], x[VY], x[HEAVE_RATE]
    forward_g, right_g, down_g = (a / GRAVITY_M_S2 for a in car.chassis.accel_m_s2)
    return {
        "speedKmh": 3.6 * math.sqrt(ahead * ahead + right * right + down * down),
        "velocity": (
            -(ahead * sin_yaw + right * cos_yaw),
            -down,
            ahead * cos_yaw - right * sin_yaw,
        ),
        "accG": (-right_g, -down_g, forward_g),
        "heading": math.remainder(x[YAW], math.tau),
        "pitch": x[PITCH],
        "roll": -x[ROLL],
        "cgHeight": car.height_m,
        "localAngularVel": (-x[PITCH_RATE], -x[YAW_RATE], x[ROLL_RATE]),
        "localVelocity": (-right, -down, ahead),
        "finalFF": max(-1.5, min(1.5, -4.0 * car.chassis.drift_rad[0])),
    }


def _wheels(car: Vehicle) -> dict[str, Any]:
    chassis, x = car.chassis, car.chassis.x
    sin_yaw, cos_yaw = math.sin(x[YAW]), math.cos(x[YAW])
    travel = suspension_travel_m(car)
    return {
        "wheelSlip": [
            0.02
            + math.hypot(chassis.slip[i] / PEAK_SLIP, chassis.drift_rad[i // 2] / PEAK_DRIFT_RAD)
            for i in range(4)
        ],
        "wheelLoad": tyre_loads_n(car),
        "wheelAngularSpeed": x[SPIN : SPIN + 4],
        "suspensionTravel": travel,
        "rideHeight": (0.15 - 0.5 * (travel[0] + travel[1]), 0.16 - 0.5 * (travel[2] + travel[3])),
        "camberRAD": [
            (1.0 if i % 2 == 0 else -1.0) * (STATIC_CAMBER_RAD - 0.3 * travel[i]) - x[ROLL]
            for i in range(4)
        ],
        "tyreContactPoint": [(x_m, 0.0, z_m) for x_m, z_m in car.wheel_positions()],
        "tyreContactNormal": [(0.0, 1.0, 0.0)] * 4,
        "tyreContactHeading": [(sin_yaw, 0.0, -cos_yaw)] * 4,
    }


def _slow(car: Vehicle) -> dict[str, Any]:
    wear = car.wear
    lean = [(-1.0 if i % 2 == 0 else 1.0) * 40.0 * car.chassis.x[ROLL] for i in range(4)]
    return {
        "wheelsPressure": [wear.pressure_psi(i) for i in range(4)],
        "tyreWear": wear.grip_pct,
        "tyreDirtyLevel": wear.dirt,
        "tyreCoreTemperature": wear.core_c,
        "tyreTempI": [t + 3.0 - d for t, d in zip(wear.surface_c, lean, strict=True)],
        "tyreTempM": wear.surface_c,
        "tyreTempO": [t - 3.0 + d for t, d in zip(wear.surface_c, lean, strict=True)],
        "brakeTemp": wear.brake_c,
    }


def tyre_loads_n(car: Vehicle) -> list[float]:
    """Return the vertical load of each tyre, never negative; the road's bumps press too."""
    stiffness = float(car.chassis.p.K_zt)
    return [
        max(load + stiffness * car.bumps_m[i // 2], 0.0)
        for i, load in enumerate(car.chassis.load_n)
    ]


def suspension_travel_m(car: Vehicle) -> list[float]:
    """Return how far each spring is pressed beyond its rest on level ground."""
    x, p = car.chassis.x, car.chassis.p
    front = x[HEAVE] - x[HEAVE_F] - p.a * x[PITCH]
    rear = x[HEAVE] - x[HEAVE_R] + p.b * x[PITCH]
    lean_f = 0.5 * p.T_f * (x[ROLL] - x[ROLL_F])
    lean_r = 0.5 * p.T_r * (x[ROLL] - x[ROLL_R])
    return [front - lean_f, front + lean_f, rear - lean_r, rear + lean_r]
