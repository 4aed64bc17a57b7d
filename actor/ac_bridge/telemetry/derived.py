"""What the pages do not say outright: validity of the lap, damage, locked wheels. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

ALLOWED_TYRES_OUT = 2
"""The game's own rule with penalties on: more than two tyres off the track is a cut."""

DAMAGED_KMH = 10.0
"""An impact that shows. Damage is the closing speed of the worst impact: below 10 km/h, the speed
of a parking bump, the real game's capture had dents of 7 to 8 and drove on."""

WRECKED_KMH = 100.0
"""An impact that ends a drive: two thirds of the 150 km/h at which the game blows the engine."""

WORN_PERCENT = 98.0
"""A tyre that has lost grip one can feel: "worn out" lies between 98 and 70 by compound."""

WORN_OUT_PERCENT = 90.0
"""A tyre that is worn out for most compounds of that range. New is 100."""

LOCK_MIN_KMH = 10.0
"""Below it a slow wheel is only a slow car."""

LOCKED_SHARE = 0.2
"""A wheel that turns at less than a fifth of the car's speed is taken as locked."""

NOMINAL_TYRE_RADIUS_M = 0.32
"""Used where the static page tells no radius: between a kart's and a lorry's, as most cars."""


class LapValidity:
    """Latches the cuts of one lap: the game publishes no such field."""

    def __init__(self) -> None:
        self._valid = True
        self._laps = 0
        self._time_ms = 0

    def update(self, values: Mapping[str, Any]) -> bool:
        """Return whether the lap is still valid, given the newest frame's values."""
        laps, time_ms = values["completed_laps"], values["current_time"]
        if laps != self._laps or time_ms < self._time_ms:
            self._valid = True
        self._laps, self._time_ms = laps, time_ms
        if values["tyres_out"] > ALLOWED_TYRES_OUT:
            self._valid = False
        return self._valid


def derive(values: Mapping[str, Any], tyre_radius_m: Sequence[float]) -> dict[str, Any]:
    """Return the derived fields that depend on one moment alone.

    Args:
        values: the decoded pages, by field name.
        tyre_radius_m: FL, FR, RL, RR.
    """
    locked = _locked_wheels(values["speed_kmh"], values["wheel_angular_speed"], tyre_radius_m)
    worst_impact_kmh = max(values["car_damage"])
    worst_wear = min(values["tyre_wear"])
    return {
        "avg_wheel_slip": sum(values["wheel_slip"]) / 4.0,
        "locked_wheels": locked,
        "wheel_lock_detected": bool(locked),
        "bodywork_damaged": worst_impact_kmh >= DAMAGED_KMH,
        "bodywork_critical": worst_impact_kmh >= WRECKED_KMH,
        "tyre_damaged": worst_wear < WORN_PERCENT,
        "tyre_critical": worst_wear < WORN_OUT_PERCENT,
    }


def _locked_wheels(
    speed_kmh: float, angular_speed: Sequence[float], tyre_radius_m: Sequence[float]
) -> tuple[int, ...]:
    if speed_kmh < LOCK_MIN_KMH:
        return ()
    limit_ms = LOCKED_SHARE * speed_kmh / 3.6
    if min(map(abs, angular_speed)) * min(tyre_radius_m) >= limit_ms:
        return ()  # nearly always, and quicker than looking at each
    return tuple(
        wheel for wheel in range(4) if abs(angular_speed[wheel]) * tyre_radius_m[wheel] < limit_ms
    )
