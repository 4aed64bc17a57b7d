"""A driver that needs no learning: it follows the racing line as fast as the tyres allow.

Good for a first look at an environment, for collecting demonstrations, and as a baseline to beat.
It sees what a learner sees, an observation of profile ``racing`` or any with the same features:
steers by pure pursuit towards a point of the path ahead, and takes its speed from the curvature
ahead, with braking distances worked out backwards. So it drives any track that has a line.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.spec import EnvSpec

Floats = npt.NDArray[np.float64]

GRAVITY_M_S2 = 9.81
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
PLAN_M = 5.0
"""Speeds are worked out for points so far apart."""
EARLY_M = 6.0
"""A corner may begin so much before the first point that shows it."""
OFF_THROTTLE = 0.3
"""Most throttle with a wheel off the track."""
BLIND_BRAKE = 0.85
"""The pedal where no line is seen."""


class _Seen(NamedTuple):
    """What the driver makes of an observation; car axes, metres, seconds, + left."""

    has_line: bool
    """Whether there is a line to be seen: the track's files were read, and the car is somewhere."""
    speed: float
    leftward: float
    yaw_rate: float
    slip_angle: float
    wheels_off: float
    grip: float
    path_at: Floats
    forward: Floats
    left: Floats
    bend_at: Floats
    bend: Floats
    """+ to the right, as the track has it."""


class LineDriver:
    """Drives along the racing line.

    Args:
        spec: of the environment, ``env.env_spec``.
        grip_g: lateral acceleration to use, in g.
        brake_g: deceleration to use, in g.
        top_speed_kmh: never asked for more.

    Raises:
        SettingError: the observation lacks a feature that it drives by, or the action has a
            component besides steer, throttle and brake.
    """

    def __init__(
        self,
        spec: EnvSpec,
        *,
        grip_g: float = 0.85,
        brake_g: float = 0.68,
        top_speed_kmh: float = 230.0,
    ) -> None:
        if more := [part.name for part in spec.action[3:]]:
            raise SettingError(
                f"This driver steers, accelerates and brakes; the action has {more[0]} as well.",
                setting="gears",
                hint="Let the game or the actor shift: ac-bridge actor --gears game.",
            )
        self._grip_m_s2 = grip_g * GRAVITY_M_S2
        self._brake_m_s2 = brake_g * GRAVITY_M_S2
        self._top_m_s = top_speed_kmh / 3.6
        delay_ticks = DELAY_TICKS + spec.delay_ticks
        self._delay_s = REACTION_S + delay_ticks / spec.control_hz
        self._read = _Reader(spec)

    def act(self, observation: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Return the next action.

        Args:
            observation: as `reset` or `step` returned it.

        Returns:
            float32[3]: steer -1 (left) to 1, throttle 0 to 1, brake 0 to 1. Where the observation
            shows no line, as without the track's files, it brakes to a stand.
        """
        seen = self._read(np.asarray(observation, np.float64))
        if not seen.has_line:
            return np.array([0.0, 0.0, BLIND_BRAKE], dtype=np.float32)
        steer = self._steer(seen)
        throttle, brake = self._pedals(seen)
        if seen.wheels_off:
            throttle = min(throttle, OFF_THROTTLE)
        return np.array([steer, throttle, brake], dtype=np.float32)

    def _steer(self, seen: _Seen) -> float:
        """Aim at a point of the path, as it will lie when this action is felt."""
        delay_s, speed = self._delay_s, seen.speed
        travel_m = speed * delay_s
        look_m = travel_m + LOOK_M + LOOK_S * speed
        forward = float(np.interp(look_m, seen.path_at, seen.forward))
        left = float(np.interp(look_m, seen.path_at, seen.left))
        turned = seen.yaw_rate * delay_s
        forward -= travel_m * math.cos(0.5 * turned)
        left -= travel_m * math.sin(0.5 * turned) + seen.leftward * delay_s
        ahead = math.cos(turned) * forward + math.sin(turned) * left
        aside = math.cos(turned) * left - math.sin(turned) * forward
        gap_m = max(math.hypot(ahead, aside), 1.0)
        bend = -2.0 * aside / gap_m**2
        if ahead < 0.0:  # facing the wrong way: turn round as tightly as possible
            bend = math.copysign(1.0, -aside)
        angle = math.atan(WHEELBASE_M * bend) + UNDERSTEER_RAD_PER_M_S2 * bend * speed * speed
        return min(max(angle / STEER_LOCK_RAD, -1.0), 1.0)

    def _pedals(self, seen: _Seen) -> tuple[float, float]:
        speeds, bends = self._plan(seen)
        at = seen.speed * self._delay_s / PLAN_M
        here = min(int(at), len(speeds) - 2)
        target, after = speeds[here], speeds[here + 1]
        planned = (after * after - target * target) / (2.0 * PLAN_M)
        target += (after - target) * min(at - here, 1.0)
        wanted = planned + 1.8 * (target - seen.speed)
        if wanted < 0.0:
            return 0.0, min(-wanted / BRAKE_M_S2, 0.85) if wanted < -0.4 else 0.0
        # What the tyres have left after cornering; a slide takes it away altogether.
        bend = max(abs(bends[here]), abs(bends[0]))
        used = min(bend * seen.speed**2 / (1.15 * self._grip_m_s2 * seen.grip), 1.0)
        left = math.sqrt(1.0 - used * used) * max(0.0, 1.0 - abs(seen.slip_angle) / 0.35)
        floor = 0.55 if seen.speed < 8.0 else 1.0
        return min(wanted / THROTTLE_M_S2 + 0.12, max(left, 0.12), floor), 0.0

    def _plan(self, seen: _Seen) -> tuple[list[float], list[float]]:
        """Return the speed, and the bend, at points ahead: what corners allow, and slow enough."""
        grip = self._grip_m_s2 * seen.grip
        brake = self._brake_m_s2 * seen.grip
        at = np.arange(0.0, seen.bend_at[-1] - EARLY_M, PLAN_M)
        bends = np.interp(at, seen.bend_at, seen.bend)
        # A sample lies between others: the tightest within reach of it counts.
        early = np.interp(at + EARLY_M, seen.bend_at, np.abs(seen.bend))
        tight = np.maximum(np.abs(bends), early)
        tops = np.minimum(np.sqrt(grip / np.maximum(tight, 1e-6)), self._top_m_s).tolist()
        shares = tight.tolist()
        for i in range(len(tops) - 2, -1, -1):
            ahead = tops[i + 1]
            cornering = min(shares[i] * ahead * ahead / grip, 1.0)
            braking = brake * math.sqrt(1.0 - cornering * cornering)
            tops[i] = min(tops[i], math.sqrt(ahead * ahead + 2.0 * braking * PLAN_M))
        return tops, bends.tolist()


class _Reader:
    """Finds what the driver needs in an observation."""

    def __init__(self, spec: EnvSpec) -> None:
        self._at = {name: number for number, name in enumerate(spec.element_names)}
        self._scale = [feature.scale for feature in spec.observation for _ in range(feature.size)]
        points = self._points("path_ahead", "_forward")
        self._forward = [self._find(f"path_ahead[{name}]_forward") for name, _ in points]
        self._left = [self._find(f"path_ahead[{name}]_left") for name, _ in points]
        self._path_at = np.array([0.0, *(metres for _, metres in points)])
        bends = self._points("curvature_ahead", "")
        self._bend = [
            self._find("line_curvature"),
            *(self._find(f"curvature_ahead[{name}]") for name, _ in bends),
        ]
        self._bend_at = np.array([0.0, *(metres for _, metres in bends)])
        self._scales = np.array(self._scale)
        names = (
            "speed", "local_velocity_left", "yaw_rate", "slip_angle", "wheels_off",
            "surface_grip", "line_offset", "heading_error_sin", "heading_error_cos",
        )  # fmt: skip
        self._single = [self._find(name) for name in names]

    def __call__(self, observation: Floats) -> _Seen:
        """Return what an observation says."""
        said = observation[: len(self._scales)] * self._scales
        kmh, leftward, yaw_rate, slip, off, grip, offset, sine, cosine = said[self._single].tolist()
        # The line's point beside the car, as the first of the path.
        forward = np.concatenate([[offset * -sine], said[self._forward]])
        left = np.concatenate([[-offset * cosine], said[self._left]])
        has_line = bool(sine or cosine)  # of no angle are both 0
        return _Seen(
            has_line, kmh / 3.6, leftward, yaw_rate, slip, off, grip or 1.0, self._path_at,
            forward, left, self._bend_at, said[self._bend],
        )  # fmt: skip

    def _points(self, feature: str, ending: str) -> list[tuple[str, float]]:
        """Return the distances of a feature's points, as their names have them and in metres."""
        found = []
        for name in self._at:
            if name.startswith(f"{feature}[") and name.endswith(f"m]{ending}"):
                said = name[len(feature) + 1 :].partition("]")[0]
                found.append((said, float(said.removesuffix("m"))))
        if not found:
            raise self._missing(feature)
        return found

    def _find(self, name: str) -> int:
        if name not in self._at:
            raise self._missing(name)
        return self._at[name]

    def _missing(self, name: str) -> SettingError:
        return SettingError(
            f"The observation has no {name}, by which this driver drives.",
            setting="observation",
            hint='Make the environment with observation="racing".',
        )
