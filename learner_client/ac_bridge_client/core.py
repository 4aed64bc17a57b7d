"""The environment between the wire and Gymnasium: spaces, task, return values. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from ac_bridge_client.exchange import Action
from ac_bridge_protocol.errors import NotResetError, SettingError
from ac_bridge_protocol.frame import TelemetryFrame
from ac_bridge_protocol.messages import EndReason, Receipt, ResetResult, StepResult, WheelState
from ac_bridge_protocol.spec import EnvSpec, as_components
from ac_bridge_protocol.tasks import ProgressTask, Task

Observation = npt.NDArray[np.float32]
Info = dict[str, Any]


class EnvCore:
    """Turns answers into what `reset` and `step` return.

    Args:
        spec: from the actor's welcome.
        task: rewards and ends; None for `ProgressTask` over the actor's track.
    """

    def __init__(self, spec: EnvSpec, task: Task | None) -> None:
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
        self._task = task
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
        """
        if self._task is None:
            self._task = ProgressTask(result.statics.track_length_m)
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
        """
        assert self._task is not None  # noqa: S101 -- begin has set them
        assert self._previous is not None  # noqa: S101
        judged = self._task.step(self._previous, action, result.frame)
        self._previous = result.frame
        self._receipt = result.receipt
        info = dict(result.frame.__dict__)
        info["receipt"] = result.receipt
        info.update(judged.info)
        truncated = judged.truncated or result.end is not None
        if result.end is not None and not judged.terminated:
            info["end_reason"] = result.end
        elif judged.terminated or truncated:
            info.setdefault("end_reason", "terminated" if judged.terminated else "truncated")
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


def takeover_in(options: Mapping[str, Any] | None) -> str:
    """Return the operator's key among the options of a reset; empty if there is none.

    Raises:
        SettingError: an option that nothing would read, or a key that is not text.
    """
    options = options or {}
    for name in options:
        if name != "takeover":
            raise SettingError(
                f"There is no reset option {name!r}.",
                setting="options",
                hint="There is one: takeover, the operator's key.",
            )
    key = options.get("takeover", "")
    if not isinstance(key, str):
        raise SettingError("The operator's key is text.", setting="takeover")
    return key
