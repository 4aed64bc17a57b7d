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

from ac_bridge.standin.car import (
    AHEAD_M,
    BEHIND_M,
    GRAVITY_M_S2,
    HALF_TRACK_F_M,
    HALF_TRACK_R_M,
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
    TYRE_N_PER_M,
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
UPWARDS = ((0.0, 1.0, 0.0),) * 4
"""The ground's normal under each wheel: the circuit is level."""


def physics_values(session: Session) -> dict[str, Any]:
    """Return the physics page's fields."""
    car = session.vehicle
    drift_f_rad, drift_r_rad = car.chassis.drift_rad
    return {
        "packetId": session.physics_packet,
        **_controls(session),
        **_motion(car, drift_f_rad),
        **_wheels(car, drift_f_rad, drift_r_rad),
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


def _motion(car: Vehicle, drift_f_rad: float) -> dict[str, Any]:
    x = car.chassis.x
    yaw, yaw_rate, ahead, right, down = x[YAW], x[YAW_RATE], x[VX], x[VY], x[HEAVE_RATE]
    sin_yaw, cos_yaw = math.sin(yaw), math.cos(yaw)
    forward, rightward, downward = car.chassis.accel_m_s2
    return {
        "speedKmh": 3.6 * math.sqrt(ahead * ahead + right * right + down * down),
        "velocity": (
            -(ahead * sin_yaw + right * cos_yaw),
            -down,
            ahead * cos_yaw - right * sin_yaw,
        ),
        "accG": (
            -(rightward / GRAVITY_M_S2),
            -(downward / GRAVITY_M_S2),
            forward / GRAVITY_M_S2,
        ),
        "heading": math.remainder(yaw, math.tau),
        "pitch": x[PITCH],
        "roll": -x[ROLL],
        "cgHeight": car.height_m,
        "localAngularVel": (-x[PITCH_RATE], -yaw_rate, x[ROLL_RATE]),
        "localVelocity": (-right, -down, ahead),
        "finalFF": max(-1.5, min(1.5, -4.0 * drift_f_rad)),
    }


def _wheels(car: Vehicle, drift_f_rad: float, drift_r_rad: float) -> dict[str, Any]:
    chassis, x = car.chassis, car.chassis.x
    yaw, roll = x[YAW], x[ROLL]
    lf, rf, lr, rr = travel = suspension_travel_m(car)
    side_f, side_r = drift_f_rad / PEAK_DRIFT_RAD, drift_r_rad / PEAK_DRIFT_RAD
    slip_lf, slip_rf, slip_lr, slip_rr = chassis.slip
    return {
        "wheelSlip": (
            0.02 + math.hypot(slip_lf / PEAK_SLIP, side_f),
            0.02 + math.hypot(slip_rf / PEAK_SLIP, side_f),
            0.02 + math.hypot(slip_lr / PEAK_SLIP, side_r),
            0.02 + math.hypot(slip_rr / PEAK_SLIP, side_r),
        ),
        "wheelLoad": tyre_loads_n(car),
        "wheelAngularSpeed": x[SPIN : SPIN + 4],
        "suspensionTravel": travel,
        "rideHeight": (0.15 - 0.5 * (lf + rf), 0.16 - 0.5 * (lr + rr)),
        # Wheels lean towards the car, left and right with opposite signs; roll leans all alike.
        "camberRAD": (
            (STATIC_CAMBER_RAD - 0.3 * lf) - roll,
            -(STATIC_CAMBER_RAD - 0.3 * rf) - roll,
            (STATIC_CAMBER_RAD - 0.3 * lr) - roll,
            -(STATIC_CAMBER_RAD - 0.3 * rr) - roll,
        ),
        "tyreContactPoint": car.contact_points_m(),
        "tyreContactNormal": UPWARDS,
        "tyreContactHeading": ((math.sin(yaw), 0.0, -math.cos(yaw)),) * 4,
    }


def _slow(car: Vehicle) -> dict[str, Any]:
    wear = car.wear
    lf, rf, lr, rr = wear.surface_c
    # Lean loads the outer shoulder of the wheels on one side and the inner one on the other.
    left = -40.0 * car.chassis.x[ROLL]
    right = 40.0 * car.chassis.x[ROLL]
    return {
        "wheelsPressure": [wear.pressure_psi(i) for i in range(4)],
        "tyreWear": wear.grip_pct,
        "tyreDirtyLevel": wear.dirt,
        "tyreCoreTemperature": wear.core_c,
        "tyreTempI": (lf + 3.0 - left, rf + 3.0 - right, lr + 3.0 - left, rr + 3.0 - right),
        "tyreTempM": wear.surface_c,
        "tyreTempO": (lf - 3.0 + left, rf - 3.0 + right, lr - 3.0 + left, rr - 3.0 + right),
        "brakeTemp": wear.brake_c,
    }


def tyre_loads_n(car: Vehicle) -> list[float]:
    """Return the vertical load of each tyre, never negative; the road's bumps press too."""
    front_m, rear_m = car.bumps_m
    front, rear = TYRE_N_PER_M * front_m, TYRE_N_PER_M * rear_m
    lf, rf, lr, rr = car.chassis.load_n
    return [max(lf + front, 0.0), max(rf + front, 0.0), max(lr + rear, 0.0), max(rr + rear, 0.0)]


def suspension_travel_m(car: Vehicle) -> list[float]:
    """Return how far each spring is pressed beyond its rest on level ground."""
    x = car.chassis.x
    heave, pitch, roll = x[HEAVE], x[PITCH], x[ROLL]
    front = heave - x[HEAVE_F] - AHEAD_M * pitch
    rear = heave - x[HEAVE_R] + BEHIND_M * pitch
    lean_f = HALF_TRACK_F_M * (roll - x[ROLL_F])
    lean_r = HALF_TRACK_R_M * (roll - x[ROLL_R])
    return [front - lean_f, front + lean_f, rear - lean_r, rear + lean_r]
