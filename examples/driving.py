"""What the learning examples share: the environment either way, the task, the two actions, a lap.

An agent that has never driven crashes in the first corner whatever it learns, unless it may begin
slowly. So its actions are a change of steering and a speed, and the speed has a ceiling that rises
with each valid lap: the limit is always just a little away.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable
from typing import Any, TypeAlias

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from ac_bridge import ACBridgeLocal, RealTimeStepper
from ac_bridge_client import RemoteEnv
from ac_bridge_protocol import GameStatics, Mode, TelemetryFrame
from ac_bridge_protocol.tasks import TaskResult, TaskSpec

Array: TypeAlias = npt.NDArray[np.float32]
Answer: TypeAlias = tuple[Array, float, bool, bool, dict[str, Any]]
Env: TypeAlias = gym.Env[Array, Array]

CONTROL_HZ = 10.0
TELEMETRY_HZ = 20.0
OBSERVATION = "racing"

EPISODE_STEPS = 600
RANDOM_STARTS = 0.8
"""Share of the episodes that begin anywhere on the track, so that every corner is met early."""
METRES_A_POINT = 3.0
END_COST = 10.0
STEER_A_STEP = 0.15
"""Of full lock: how far one action moves the steering."""
FIRST_CEILING_KMH = 45.0
"""No corner of the stand-in's track needs the brake below it."""
LAST_CEILING_KMH = 220.0
CEILING_GROWTH = 1.12
SPEED_BAND_KMH = 15.0
"""Full throttle or the whole brake answers a speed that is so far off."""
MOST_BRAKE = 0.8
LAP_SEED = 1
MOST_LAP_STEPS = 2_600
"""A drive that takes longer is given up."""
STEPS_TO_LAP_TIME = 2
"""The game writes a lap's time a moment after it has counted the lap."""


def progress_task(**limits: dict[str, float]) -> TaskSpec:
    """Return a task: metres along the track; what ends an episode is below, and these limits."""
    rules = {
        "off_track": {"wheels": 3, "for_s": 0.0},
        "wreck": {"at_kmh": 30.0},
        "stuck": {"below_kmh": 3.0, "for_s": 4.0},
        "wrong_way": {"for_s": 1.0},
    }
    return TaskSpec.of("progress", wheel_off_cost=0.0, damage_cost=0.0, rules=rules | limits)


class LearnToDrive:
    """Metres along the track, and a cost for its end: what is learned from."""

    def __init__(self, statics: GameStatics) -> None:
        self._progress = progress_task().make(statics)

    def reset(self, frame: TelemetryFrame) -> None:
        """Begin an episode."""
        self._progress.reset(frame)

    def step(
        self, previous: TelemetryFrame, action: tuple[float, ...], frame: TelemetryFrame
    ) -> TaskResult:
        """Judge one step."""
        judged = self._progress.step(previous, action, frame)
        return dataclasses.replace(judged, reward=points(judged.reward, judged.terminated))


def points(metres: Any, terminated: Any) -> Any:
    """Return the reward of a step, or of several: their metres, less what an end costs."""
    return metres / METRES_A_POINT - END_COST * terminated


def add_where(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what to drive."""
    parser.add_argument("--uri", default="ws://127.0.0.1:8765", help="the actor's address")
    parser.add_argument("--local", action="store_true", help="no network: a stand-in in here")


def add_training(parser: argparse.ArgumentParser, steps: int) -> None:
    """Add the options of a training, of so many steps unless told otherwise."""
    parser.add_argument("--seed", type=int, default=1, help="of every draw")
    parser.add_argument("--steps", type=int, default=steps, help="of training, in all")
    parser.add_argument("--every", type=int, default=5_000, help="steps from one lap to the next")
    parser.add_argument("--random-steps", type=int, default=2_000, help="before it learns")
    parser.add_argument(
        "--random-starts",
        type=float,
        default=RANDOM_STARTS,
        help="share of episodes that begin anywhere; 0 for a game that starts where it likes",
    )


def open_env(uri: str | None, record: str | None = None) -> Env:
    """Return the environment: an actor's at ``uri``, or with None a stand-in in this process."""
    if uri is None:
        return LocalEnv()
    return RemoteEnv(uri, task=LearnToDrive, observation=OBSERVATION, record=record)


class LocalEnv(gym.Env[Array, Array]):
    """The stand-in game in this process, without actor and network, as a Gymnasium environment."""

    def __init__(self) -> None:
        bridge = ACBridgeLocal(
            TELEMETRY_HZ,
            CONTROL_HZ,
            game="standin",
            lockstep=True,
            observation=OBSERVATION,
            smoothing_config="none",
        )
        self._bridge = bridge.connect()
        self._stepper = RealTimeStepper(bridge, CONTROL_HZ)
        self.env_spec = self._bridge.env_spec
        low, high = self.env_spec.observation_bounds()
        self.observation_space = gym.spaces.Box(low, high, dtype=np.float32)
        bounds = np.array([(part.low, part.high) for part in self.env_spec.action], np.float32)
        self.action_space = gym.spaces.Box(bounds[:, 0], bounds[:, 1], dtype=np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Begin an episode."""
        super().reset(seed=seed)
        observation, info = self._stepper.reset(seed, options=options)
        self._task = LearnToDrive(self._bridge.rig.require_statics())
        self._frame = self._bridge.latest_frame()
        self._task.reset(self._frame)
        return observation, info

    def step(self, action: Array) -> Answer:
        """Make one step."""
        observation, info = self._stepper.step(action)
        frame = TelemetryFrame.model_construct(
            **{name: info[name] for name in TelemetryFrame.model_fields}
        )
        judged = self._task.step(self._frame, tuple(action), frame)
        self._frame = frame
        truncated = judged.truncated or "end_reason" in info
        return observation, judged.reward, judged.terminated, truncated, info | judged.info

    def close(self) -> None:
        """Let go of the wheel."""
        self._bridge.close()


def higher(ceiling_kmh: float) -> float:
    """Return the next ceiling of the speed, after a valid lap."""
    return min(ceiling_kmh * CEILING_GROWTH, LAST_CEILING_KMH)


class SpeedAndSteering(gym.Wrapper[Array, Array, Array, Array]):
    """Two actions, -1..1: how to move the steering, and how fast to go, from 10 % of the ceiling.

    Args:
        env: with the actions steer, throttle, brake.
    """

    def __init__(self, env: Env) -> None:
        super().__init__(env)
        self.action_space = gym.spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.ceiling_kmh = FIRST_CEILING_KMH
        self._steer, self._speed_kmh = 0.0, 0.0

    def raise_ceiling(self) -> None:
        """Allow a little more, after a valid lap.

        It never falls again: an action would mean something else than it did when it was learned.
        """
        self.ceiling_kmh = higher(self.ceiling_kmh)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Begin an episode with the wheel straight."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._steer, self._speed_kmh = 0.0, info["speed_kmh"]
        return observation, info

    def step(self, action: Array) -> Answer:
        """Turn the two actions into steering and pedals."""
        turn, pace = float(action[0]), float(action[1])
        self._steer = float(np.clip(self._steer + STEER_A_STEP * turn, -1.0, 1.0))
        wanted_kmh = self.ceiling_kmh * (0.55 + 0.45 * pace)
        push = float(np.clip((wanted_kmh - self._speed_kmh) / SPEED_BAND_KMH, -1.0, 1.0))
        pedals = [self._steer, max(push, 0.0), MOST_BRAKE * max(-push, 0.0)]
        observation, reward, terminated, truncated, info = self.env.step(
            np.array(pedals, np.float32)
        )
        self._speed_kmh = info["speed_kmh"]
        return observation, float(reward), terminated, truncated, info


class RandomStarts(gym.Wrapper[Array, Array, Array, Array]):
    """Episodes that begin anywhere; each repeatable, where the game can repeat one.

    Args:
        env: to begin episodes of.
        seed: of the draws.
        share: of the episodes that begin at random; 0 for a game that cannot be told where.
    """

    def __init__(self, env: Env, seed: int, share: float = RANDOM_STARTS) -> None:
        super().__init__(env)
        self._draws = np.random.default_rng(seed)
        self._share = share

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Begin an episode somewhere; the draws decide alone."""
        anywhere = self._draws.random() < self._share
        drawn = int(self._draws.integers(1 << 30))
        return self.env.reset(
            seed=drawn if can_repeat(self.env) else None,
            options={"start": "random"} if anywhere else None,
        )


def training_env(env: SpeedAndSteering, seed: int, random_starts: float = RANDOM_STARTS) -> Env:
    """Return the environment for training: episodes of at most a minute, begun anywhere."""
    return gym.wrappers.TimeLimit(RandomStarts(env, seed, random_starts), EPISODE_STEPS)


def can_repeat(env: Env) -> bool:
    """Whether the game repeats an episode from its seed: the stand-in in lockstep does."""
    return bool(env.get_wrapper_attr("env_spec").mode is Mode.LOCKSTEP)


@dataclasses.dataclass(frozen=True)
class Lap:
    """How a drive from the line went."""

    distance_m: float
    """Along the track, when it ended."""
    lap_s: float | None
    """The game's time of the lap; None if it was not completed."""
    valid: bool
    """Completed without a cut."""
    end_reason: str
    mean_kmh: float
    lap_steps: int

    def __str__(self) -> str:
        if self.lap_s is None:
            return f"{self.end_reason} after {self.distance_m:.0f} m"
        return f"{'valid' if self.valid else 'cut'} lap of {self.lap_s:.3f} s"


def drive_lap(env: Env, act: Callable[[Array], Array], seed: int = LAP_SEED) -> Lap:
    """Drive from the line until the lap is done or the drive is over.

    Args:
        env: not limited in steps.
        act: the policy.
        seed: of the episode, where the game can repeat one.
    """
    observation, info = env.reset(seed=seed if can_repeat(env) else None)
    laps, valid, reason, steps_after = info["completed_laps"], False, "given_up", 0
    distance_m, speeds_kmh = 0.0, [info["speed_kmh"]]
    while len(speeds_kmh) <= MOST_LAP_STEPS:
        if info["completed_laps"] == laps:
            valid = info["is_valid_lap"]
        observation, _, terminated, truncated, info = env.step(act(observation))
        distance_m += info.get("progress_m", 0.0)
        speeds_kmh.append(info["speed_kmh"])
        steps_after += info["completed_laps"] > laps
        if steps_after > STEPS_TO_LAP_TIME:
            reason = "lap"
            break
        if terminated or truncated:
            reason = str(info["end_reason"])
            break
    done = reason == "lap"
    return Lap(
        distance_m=round(distance_m, 1),
        lap_s=info["last_time"] / 1000.0 if done else None,
        valid=done and valid,
        end_reason=reason,
        mean_kmh=round(float(np.mean(speeds_kmh)), 1),
        lap_steps=len(speeds_kmh) - 1,
    )
