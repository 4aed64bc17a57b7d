"""Features of the car itself: what the frame says, scaled. They need no track."""

from __future__ import annotations

import math

from ac_bridge.telemetry.observation.feature import Feature, Layout, Look, Numbers, fixed, of_frame
from ac_bridge_protocol.frame import TelemetryFrame

WHEELS = ("_fl", "_fr", "_rl", "_rr")
SLOWEST_M_S = 3.0
"""Slip angles are worked out as if the car moved at least so fast: of a standing one they say
nothing."""


def _slip_angle(frame: TelemetryFrame) -> Numbers:
    left, _, forward = frame.local_velocity
    return (math.atan2(left, max(abs(forward), SLOWEST_M_S)),)


def _limiter(frame: TelemetryFrame) -> Numbers:
    return (frame.rpm / frame.current_max_rpm if frame.current_max_rpm > 0 else 0.0,)


def _lap(frame: TelemetryFrame) -> Numbers:
    turn = math.tau * max(frame.normalized_position, 0.0)
    return (math.sin(turn), math.cos(turn)) if math.isfinite(turn) else (0.0, 0.0)


def _sent(seen: Look) -> Numbers:
    return (seen.sent.steer, seen.sent.throttle, seen.sent.brake)


SENT = Feature(
    "sent",
    "",
    "the wheel",
    "Steering, throttle and brake as they were last sent to the wheel, after smoothing.",
    fixed(Layout(("_steer", "_throttle", "_brake"))),
    lambda _options: _sent,
)
"""With ``ticks_ago`` 1, 2, 3 ... the history of actions."""

CAR = (
    of_frame(
        "speed", "km/h", "speed_kmh", "Speed over ground.", lambda f: (f.speed_kmh,),
        scale=300.0, low=0.0, high=2.0,
    ),
    of_frame(
        "local_velocity", "m/s", "local_velocity", "Velocity in car axes: left, up, forward.",
        lambda f: f.local_velocity, scale=100.0, low=-2.0, high=2.0,
        suffixes=("_left", "_up", "_forward"),
    ),
    of_frame(
        "velocity", "m/s", "velocity", "Velocity in world axes.", lambda f: f.velocity,
        scale=100.0, low=-2.0, high=2.0, suffixes=("_x", "_y", "_z"),
    ),
    of_frame(
        "yaw_rate", "rad/s", "angular_velocity[1]", "How fast the car turns, + left.",
        lambda f: (f.angular_velocity[1],), scale=2.0, low=-5.0, high=5.0,
    ),
    of_frame(
        "angular_velocity", "rad/s", "angular_velocity", "Of pitch, yaw (+ left) and roll.",
        lambda f: f.angular_velocity, scale=2.0, low=-5.0, high=5.0,
        suffixes=("_pitch", "_yaw", "_roll"),
    ),
    of_frame(
        "acceleration", "g", "acc_g", "Lateral, vertical, longitudinal (+ speeding up).",
        lambda f: f.acc_g, scale=3.0, low=-3.0, high=3.0,
        suffixes=("_lateral", "_vertical", "_longitudinal"),
    ),
    of_frame(
        "attitude", "rad", "pitch, roll", "Pitch and roll.", lambda f: (f.pitch, f.roll),
        low=-4.0, high=4.0, suffixes=("_pitch", "_roll"),
    ),
    of_frame(
        "slip_angle", "rad", "local_velocity",
        "Angle between where the car points and where it moves, + moving to the left; as if at "
        "least 3 m/s fast.", _slip_angle, low=-1.6, high=1.6,
    ),
    of_frame(
        "wheel_slip", "", "wheel_slip", "Combined slip of each tyre; 1 is where grip peaks.",
        lambda f: f.wheel_slip, scale=2.0, low=0.0, high=5.0, suffixes=WHEELS,
    ),
    of_frame(
        "wheel_load", "N", "wheel_load", "Vertical load of each tyre.", lambda f: f.wheel_load,
        scale=5000.0, low=0.0, high=5.0, suffixes=WHEELS,
    ),
    of_frame(
        "wheel_speed", "rad/s", "wheel_angular_speed", "How fast each wheel turns, + forward.",
        lambda f: f.wheel_angular_speed, scale=200.0, low=-2.0, high=3.0, suffixes=WHEELS,
    ),
    of_frame(
        "suspension", "m", "suspension_travel", "Travel of each wheel; where 0 lies is the car's.",
        lambda f: f.suspension_travel, scale=0.1, low=-5.0, high=5.0, suffixes=WHEELS,
    ),
    of_frame(
        "tyre_temperature", "degC", "tyre_core_temp", "Core of each tyre.",
        lambda f: f.tyre_core_temp, scale=100.0, low=-1.0, high=3.0, suffixes=WHEELS,
    ),
    of_frame(
        "tyre_wear", "%", "tyre_wear", "Grip left by wear: 1 is new.", lambda f: f.tyre_wear,
        scale=100.0, low=0.0, high=1.5, suffixes=WHEELS,
    ),
    of_frame(
        "rpm", "rev/min", "rpm", "Engine speed.", lambda f: (f.rpm,),
        scale=10_000.0, low=-0.1, high=2.0,
    ),
    of_frame(
        "rpm_share", "", "rpm, current_max_rpm", "Engine speed over where the limiter cuts.",
        _limiter, low=-0.1, high=1.5,
    ),
    of_frame(
        "gear", "", "gear", "Engaged gear: 0 reverse, 1 neutral, 2 first.", lambda f: (f.gear,),
        scale=6.0, low=0.0, high=2.0,
    ),
    of_frame(
        "fuel", "l", "fuel", "Fuel in the tank.", lambda f: (f.fuel,),
        scale=100.0, low=0.0, high=2.0,
    ),
    of_frame(
        "turbo", "bar", "turbo_boost", "Boost.", lambda f: (f.turbo_boost,), low=-1.0, high=4.0
    ),
    of_frame(
        "steer", "", "steer_angle", "The game's steering, a share of the lock; + right.",
        lambda f: (f.steer_angle,),
    ),
    of_frame(
        "pedals", "", "throttle, brake", "The game's throttle and brake.",
        lambda f: (f.throttle, f.brake), low=0.0, suffixes=("_throttle", "_brake"),
    ),
    of_frame(
        "clutch", "", "clutch", "Engagement of the clutch: 1 is engaged.", lambda f: (f.clutch,),
        low=0.0,
    ),
    of_frame(
        "force_feedback", "", "final_ff", "Force at the wheel.", lambda f: (f.final_ff,),
        low=-2.0, high=2.0,
    ),
    of_frame(
        "wheels_off", "", "tyres_out", "Share of the wheels that are off the track.",
        lambda f: (f.tyres_out,), scale=4.0, low=0.0,
    ),
    of_frame(
        "lap_valid", "", "is_valid_lap", "1 while this lap has no cut.",
        lambda f: (float(f.is_valid_lap),), low=0.0,
    ),
    of_frame(
        "damage", "km/h", "car_damage",
        "Largest closing speed of an impact so far: front, rear, left, right, and of all.",
        lambda f: f.car_damage, scale=100.0, low=0.0, high=3.0,
        suffixes=("_front", "_rear", "_left", "_right", "_most"),
    ),
    of_frame(
        "lap_progress", "", "normalized_position",
        "Sine and cosine of how much of the lap is behind, so that the line is no jump.", _lap,
        suffixes=("_sin", "_cos"),
    ),
    of_frame(
        "surface_grip", "", "surface_grip", "Grip of the whole track.",
        lambda f: (f.surface_grip,), low=0.0, high=1.5,
    ),
    SENT,
)  # fmt: skip
