"""The environment between the wire and Gymnasium: spaces, task, return values. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from ac_bridge_client.exchange import Action
from ac_bridge_protocol.errors import NotResetError
from ac_bridge_protocol.frame import GameStatics, TelemetryFrame
from ac_bridge_protocol.helpers import choose
from ac_bridge_protocol.messages import EndReason, Receipt, ResetResult, StepResult, WheelState
from ac_bridge_protocol.spec import EnvSpec, as_components
from ac_bridge_protocol.tasks import TASKS, Task, TaskLike, judge, task_for

Observation = npt.NDArray[np.float32]
Info = dict[str, Any]


class EnvCore:
    """Turns answers into what `reset` and `step` return.

    Args:
        spec: from the actor's welcome.
        task: rewards and ends, or what makes it of the game's statics; None for `ProgressTask`.

    Raises:
        SettingError: there is no task of that name.
    """

    def __init__(self, spec: EnvSpec, task: TaskLike | None) -> None:
        self.spec = spec
        low, high = spec.observation_bounds()
        action_low = np.asarray([component.low for component in spec.action], np.float32)
        action_high = np.asarray([component.high for component in spec.action], np.float32)
        self.observation_space = gym.spaces.Box(
            np.concatenate([low, *[action_low] * spec.delay_ticks]),
            np.concatenate([high, *[action_high] * spec.delay_ticks]),
            dtype=np.float32,
        )
        self.action_space = gym.spaces.Box(action_low, action_high, dtype=np.float32)
        if isinstance(task, str):
            choose(TASKS, task, setting="task")
        self._wanted: TaskLike = "progress" if task is None else task
        self._task: Task | None = None
        self._statics: GameStatics | None = None
        self._previous: TelemetryFrame | None = None
        self._elements: tuple[float, ...] = ()
        self._receipt: Receipt | None = None

    def begin(
        self, result: ResetResult, under_way: Sequence[Action] = ()
    ) -> tuple[Observation, Info]:
        """Turn the answer to a reset into what `reset` returns.

        Args:
            result: the answer.
            under_way: the actions that were chosen and not yet answered for, oldest first.

        Raises:
            SettingError: what was given as a task makes none.
        """
        if self._task is None or self._statics != result.statics:
            self._task = task_for(self._wanted, result.statics)
            self._statics = result.statics
        self._task.reset(result.frame)
        self._previous = result.frame
        self._receipt = None
        info = dict(result.frame.__dict__)
        info["episode"] = result.episode
        return self._observation(result.observation, under_way), info

    def check(self, action: Any) -> Action:
        """Return an action as the wire takes it.

        Raises:
            ActionError: the actor would not take it.
            NotResetError: there is no episode, or it has ended.
        """
        if self._previous is None:
            raise NotResetError("There is no episode to step in.", hint="Call reset() first.")
        return self.spec.check_action(as_components(action))

    def finish(
        self, action: Action, result: StepResult, under_way: Sequence[Action] = ()
    ) -> tuple[Observation, float, bool, bool, Info]:
        """Turn the answer to a step into what `step` returns.

        Args:
            action: the one that it answers.
            result: the answer.
            under_way: the actions that were chosen and not yet answered for, oldest first.

        Raises:
            SettingError: the task returned something that is no result.
        """
        assert self._task is not None  # noqa: S101 -- begin has set them
        assert self._previous is not None  # noqa: S101
        previous, self._previous = self._previous, result.frame  # whatever the task does with it
        self._receipt = result.receipt
        judged = judge(self._task, previous, action, result.frame)
        info = dict(result.frame.__dict__)
        info["receipt"] = result.receipt
        info.update(judged.info)
        truncated = judged.truncated or result.end is not None
        if result.end is not None and not judged.terminated:
            info["end_reason"] = result.end
        if result.end is not None:
            self.end()
        observation = self._observation(result.observation, under_way)
        return observation, float(judged.reward), judged.terminated, truncated, info

    def cut_short(self, reason: EndReason) -> tuple[Observation, float, bool, bool, Info]:
        """Return what `step` returns when nothing will answer it any more: the last once again."""
        assert self._previous is not None  # noqa: S101 -- a step was asked for
        info = dict(self._previous.__dict__)
        info["receipt"] = _unanswered(self._receipt)
        info["end_reason"] = reason
        self.end()
        return np.array(self._elements, np.float32), 0.0, False, True, info

    def end(self) -> None:
        """There is no episode any more."""
        self._previous = None

    def _observation(self, features: tuple[float, ...], under_way: Sequence[Action]) -> Observation:
        for action in under_way:
            features += action
        self._elements = features
        return np.array(features, np.float32)


def _unanswered(last: Receipt | None) -> Receipt:
    """Return the receipt of an action of which nothing is known: it counts as never applied."""
    tick = last.tick if last is not None else 0
    return Receipt(
        action_id=last.action_id + 1 if last is not None else 0,
        tick=tick,
        tick_asked=tick,
        tick_applied=None,
        late=True,
        ticks_held=0,
        ticks_eased=0,
        ticks_planned=0,
        ticks_missed=0,
        tick_error_s=0.0,
        action_age_s=0.0,
        observation_age_s=0.0,
        sent=WheelState(steer=0.0, throttle=0.0, brake=0.0, clutch=0.0),
        replayed=False,
    )
