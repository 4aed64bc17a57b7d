"""A driver that needs no learning: it follows a line as fast as the tyres allow.

Good for a first look at an environment, for collecting demonstrations, and as a baseline to beat.
It knows the track's centre line and five fields of the frame, and steers by pure pursuit towards a
point ahead. Its speed comes from the line's curvature, with braking distances worked out backwards.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

GRAVITY_M_S2 = 9.81
SPACING_M = 2.0
"""The line is resampled to about this; finer would only amplify its unevenness."""
WHEELBASE_M = 2.58
STEER_LOCK_RAD = 0.52
"""Angle of the front wheels at a steering of 1."""
UNDERSTEER_RAD_PER_M_S2 = 0.004
"""More front-wheel angle for each m/s2 of lateral acceleration."""
REACTION_S = 0.08
"""What the steering rack and the tyres take until a command is felt."""
DELAY_TICKS = 1.5
"""And what an actor's smoothing and holding an action add, in control periods."""
BRAKE_M_S2 = 13.5
"""Deceleration that a floored pedal asks for, were the tyres able to."""
THROTTLE_M_S2 = 4.5
"""Acceleration that full throttle gives in the lower gears."""
LOOK_S, LOOK_M = 0.6, 4.0
"""How far ahead to aim: seconds of travel and metres more."""
SEARCH_M = 60.0
"""The car is looked for this far around its last place before the whole line is searched."""


class LineDriver:
    """Drives along a closed line.

    ``act`` takes an environment's ``info`` and returns an action of steer, throttle and brake.
    Make one for each car: it remembers where along the line the car was.
    """

    def __init__(
        self,
        centreline_xz: npt.ArrayLike,
        *,
        half_width_m: float,
        grip_g: float = 0.9,
        brake_g: float = 0.72,
        top_speed_kmh: float = 230.0,
        control_hz: float = 10.0,
    ) -> None:
        """Work out the speeds.

        Args:
            centreline_xz: points (x, z) in world metres, in driving order, the first not repeated.
            half_width_m: from the line to the edge of the track.
            grip_g: lateral acceleration to use, in g.
            brake_g: deceleration to use, in g.
            top_speed_kmh: never asked for more.
            control_hz: how often ``act`` is called; slower means aiming further ahead.
        """
        self._line = _resample(np.asarray(centreline_xz, dtype=np.float64))
        steps = np.roll(self._line, -1, axis=0) - self._line
        self._spacing_m = float(np.hypot(steps[:, 0], steps[:, 1]).mean())
        self._half_width_m = half_width_m
        self._grip_m_s2 = grip_g * GRAVITY_M_S2
        self._curvature = _curvature(self._line)
        self._speed = _speed_profile(
            self._curvature,
            self._spacing_m,
            self._grip_m_s2,
            brake_g * GRAVITY_M_S2,
            top_speed_kmh / 3.6,
        )
        self._delay_s = REACTION_S + DELAY_TICKS / control_hz
        self._index: int | None = None

    def act(self, info: Mapping[str, Any]) -> npt.NDArray[np.float32]:
        """Return the next action.

        Args:
            info: needs ``position`` (x, y, z in m), ``yaw`` (rad, growing clockwise, 0 facing +z),
                ``speed_kmh``, ``local_velocity`` (m/s, x to the left) and ``tyres_out``.

        Returns:
            float32[3]: steer -1 (left) to 1, throttle 0 to 1, brake 0 to 1.
        """
        speed = float(info["speed_kmh"]) / 3.6
        position, yaw = self._soon(info, speed)
        index = self._locate(position)
        steer = self._steer(position, yaw, speed, index)
        sliding = abs(math.atan2(float(info["local_velocity"][0]), max(speed, 3.0)))
        throttle, brake = self._pedals(speed, index, sliding)
        if info["tyres_out"]:
            throttle = min(throttle, 0.3)
        return np.array([steer, throttle, brake], dtype=np.float32)

    def reset(self) -> None:
        """Forget where the car was."""
        self._index = None

    def _soon(self, info: Mapping[str, Any], speed: float) -> tuple[npt.NDArray[np.float64], float]:
        """Return where the car will be, and its heading, when this action is felt."""
        yaw = float(info["yaw"])
        here = np.array([float(info["position"][0]), float(info["position"][2])])
        at = self._locate(here)
        travel_m = speed * self._delay_s
        turned = float(self._curvature[at]) * travel_m
        leftward = float(info["local_velocity"][0]) * self._delay_s
        middle = yaw + 0.5 * turned
        ahead = np.array([-math.sin(middle), math.cos(middle)]) * travel_m
        aside = np.array([math.cos(middle), math.sin(middle)]) * leftward
        return here + ahead + aside, yaw + turned

    def _locate(self, position: npt.NDArray[np.float64]) -> int:
        """Return the index of the line's nearest point."""
        count = len(self._line)
        if self._index is None:
            candidates = np.arange(count)
        else:
            reach = int(SEARCH_M / self._spacing_m)
            candidates = np.arange(self._index - reach, self._index + reach + 1) % count
        gaps = np.sum((self._line[candidates] - position) ** 2, axis=1)
        best = int(np.argmin(gaps))
        if self._index is not None and gaps[best] > SEARCH_M**2:
            self._index = None
            return self._locate(position)
        self._index = int(candidates[best])
        return self._index

    def _steer(
        self, position: npt.NDArray[np.float64], yaw: float, speed: float, index: int
    ) -> float:
        look_m = LOOK_M + LOOK_S * speed
        target = self._line[(index + max(1, round(look_m / self._spacing_m))) % len(self._line)]
        across, along = target - position
        ahead = -math.sin(yaw) * across + math.cos(yaw) * along
        right = -math.cos(yaw) * across - math.sin(yaw) * along
        gap_m = max(math.hypot(ahead, right), 1.0)
        bend = 2.0 * right / gap_m**2
        if ahead < 0.0:  # facing the wrong way: turn round as tightly as possible
            bend = math.copysign(1.0, right)
        angle = math.atan(WHEELBASE_M * bend) + UNDERSTEER_RAD_PER_M_S2 * bend * speed * speed
        return float(min(max(angle / STEER_LOCK_RAD, -1.0), 1.0))

    def _pedals(self, speed: float, index: int, sliding_rad: float) -> tuple[float, float]:
        count = len(self._line)
        target, after = self._speed[index], self._speed[(index + 2) % count]
        planned = (after * after - target * target) / (4.0 * self._spacing_m)
        wanted = float(planned + 1.8 * (target - speed))
        if wanted < 0.0:
            return 0.0, min(-wanted / BRAKE_M_S2, 0.85) if wanted < -0.4 else 0.0
        # What the tyres have left after cornering; a slide takes it away altogether.
        used = min(abs(self._curvature[index]) * speed * speed / (1.15 * self._grip_m_s2), 1.0)
        left = math.sqrt(1.0 - used * used) * max(0.0, 1.0 - sliding_rad / 0.35)
        floor = 0.55 if speed < 8.0 else 1.0
        return min(wanted / THROTTLE_M_S2 + 0.12, max(left, 0.12), floor), 0.0


def _resample(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    closed = np.vstack([points, points[:1]])
    lengths = np.hypot(*np.diff(closed, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    count = max(8, round(along[-1] / SPACING_M))
    wanted = np.linspace(0.0, along[-1], count, endpoint=False)
    return np.stack([np.interp(wanted, along, closed[:, axis]) for axis in (0, 1)], axis=1)


def _curvature(line: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return 1/radius at each point, positive turning right, evened out over a few points."""
    steps = np.roll(line, -1, axis=0) - line
    heading = np.arctan2(-steps[:, 0], steps[:, 1])
    turned = np.remainder(heading - np.roll(heading, 1) + np.pi, 2 * np.pi) - np.pi
    raw = turned / np.hypot(steps[:, 0], steps[:, 1]).mean()
    return np.asarray(np.mean([np.roll(raw, shift) for shift in (-2, -1, 0, 1, 2)], axis=0))


def _speed_profile(
    curvature: npt.NDArray[np.float64],
    spacing_m: float,
    grip_m_s2: float,
    brake_m_s2: float,
    top_m_s: float,
) -> npt.NDArray[np.float64]:
    """Return the speed at each point: what its curve allows, and slow enough for what follows."""
    speed = np.minimum(np.sqrt(grip_m_s2 / np.maximum(np.abs(curvature), 1e-6)), top_m_s)
    count = len(speed)
    # Twice around, because the braking for the first corner may begin before the line.
    for i in range(2 * count - 1, -1, -1):
        here, ahead = i % count, (i + 1) % count
        cornering = min(abs(curvature[here]) * speed[ahead] ** 2 / grip_m_s2, 1.0)
        braking = brake_m_s2 * math.sqrt(1.0 - cornering * cornering)
        speed[here] = min(speed[here], math.sqrt(speed[ahead] ** 2 + 2.0 * braking * spacing_m))
    return speed
