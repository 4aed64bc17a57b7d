"""Laps whose every figure is known: of a car that goes round a circle, each lap at one speed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ac_bridge_protocol.frame import GameStatics, TelemetryFrame
from helpers.frames import make_frame, make_statics

LENGTH_M = 600.0
RADIUS_M = LENGTH_M / (2.0 * math.pi)
PHYSICS_STEP_MS = 3
START_S = 1000.0
"""`t_wall` of the first frame."""


def circle_statics() -> GameStatics:
    """Return the statics of the circle."""
    return make_statics(track="circle", car_model="cart", track_length_m=LENGTH_M)


def circle_laps(
    speeds_m_s: Sequence[float], hz: float = 50.0, spare_s: float = 0.7, **values: Any
) -> list[TelemetryFrame]:
    """Return the frames of laps turning right, from the line on, as the game would time them.

    Args:
        speeds_m_s: of each lap.
        hz: frames a second.
        spare_s: what goes on after the last lap, in seconds of the next one.
        values: of the frame, as they are in every one.
    """
    times_s = [LENGTH_M / speed for speed in speeds_m_s]
    count = math.ceil((sum(times_s) + spare_s) * hz)
    return [_frame(number, hz, speeds_m_s, times_s, values) for number in range(count)]


def _frame(
    number: int,
    hz: float,
    speeds_m_s: Sequence[float],
    times_s: Sequence[float],
    values: dict[str, Any],
) -> TelemetryFrame:
    now_s = number / hz
    lap, begun_s = 0, 0.0
    while lap < len(times_s) and now_s >= begun_s + times_s[lap]:
        begun_s += times_s[lap]
        lap += 1
    speed = speeds_m_s[min(lap, len(speeds_m_s) - 1)]
    share = (now_s - begun_s) * speed / LENGTH_M
    angle = 2.0 * math.pi * share  # from +x; seen from above, with z downwards, clockwise
    return make_frame(
        **{
            "seq": number,
            "t_wall": START_S + now_s,
            "dt": 1.0 / hz,
            "dt_actual": 1.0 / hz if number else 0.0,
            "packet_id": 5000 + round(now_s * 1000.0 / PHYSICS_STEP_MS),
            "position": (RADIUS_M * math.cos(angle), 0.0, RADIUS_M * math.sin(angle)),
            "speed_kmh": speed * 3.6,
            "normalized_position": share,
            "completed_laps": lap,
            "current_time": round((now_s - begun_s) * 1000.0),
            "last_time": round(times_s[lap - 1] * 1000.0) if lap else 0,
            "current_sector_index": int(share * 3.0),
            "last_sector_time": round(200_000.0 / speed) if share >= 1.0 / 3.0 else 0,
            "is_valid_lap": True,
        }
        | values
    )
