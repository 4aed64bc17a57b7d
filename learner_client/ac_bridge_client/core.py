"""What both environments do alike: spaces from the spec, task, and Gymnasium's return values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from ac_bridge_protocol.errors import NotResetError, SettingError
from ac_bridge_protocol.frame import TelemetryFrame
from ac_bridge_protocol.messages import ResetResult, StepResult
from ac_bridge_protocol.spec import EnvSpec, as_components
from ac_bridge_protocol.tasks import ProgressTask, Task

Observation = npt.NDArray[np.float32]
Info = dict[str, Any]


class EnvCore:
    """The environment between the wire and Gymnasium: pure, no I/O.

    Args:
        spec: from the actor's welcome.
        task: rewards and ends; None for `ProgressTask` over the actor's track.
    """

    def __init__(self, spec: EnvSpec, task: Task | None) -> None:
        self.spec = spec
        low, high = spec.observation_bounds()
        self.observation_space = gym.spaces.Box(low, high, dtype=np.float32)
        self.action_space = gym.spaces.Box(
            np.asarray([component.low for component in spec.action], np.float32),
            np.asarray([component.high for component in spec.action], np.float32),
            dtype=np.float32,
        )
        self._task = task
        self._previous: TelemetryFrame | None = None

    def begin(self, result: ResetResult) -> tuple[Observation, Info]:
        """Turn the answer to a reset into what `reset` returns."""
        if self._task is None:
            self._task = ProgressTask(result.statics.track_length_m)
        self._task.reset(result.frame)
        self._previous = result.frame
        info = dict(result.frame.__dict__)
        info["episode"] = result.episode
        return np.array(result.observation, np.float32), info

    def check(self, action: Any) -> tuple[float, ...]:
        """Return an action as the wire takes it.

        Raises:
            ActionError: the actor would not take it.
            NotResetError: there is no episode, or it has ended.
        """
        if self._previous is None:
            raise NotResetError("There is no episode to step in.", hint="Call reset() first.")
        return self.spec.check_action(as_components(action))

    def finish(
        self, action: tuple[float, ...], result: StepResult
    ) -> tuple[Observation, float, bool, bool, Info]:
        """Turn the answer to a step into what `step` returns."""
        assert self._task is not None  # noqa: S101 -- begin has set them
        assert self._previous is not None  # noqa: S101
        judged = self._task.step(self._previous, action, result.frame)
        self._previous = result.frame
        info = dict(result.frame.__dict__)
        info["receipt"] = result.receipt
        info.update(judged.info)
        truncated = judged.truncated or bool(result.end)
        if result.end and not judged.terminated:
            info["end_reason"] = result.end
        elif judged.terminated or truncated:
            info.setdefault("end_reason", "terminated" if judged.terminated else "truncated")
        observation = np.array(result.observation, np.float32)
        return observation, float(judged.reward), judged.terminated, truncated, info

    def end(self) -> None:
        """There is no episode any more."""
        self._previous = None


def check_options(options: Mapping[str, Any] | None) -> None:
    """Refuse reset options that nothing would read.

    Raises:
        SettingError: names the first one.
    """
    if options:
        name = next(iter(options))
        raise SettingError(
            f"There is no reset option {name!r}.",
            setting="options",
            hint="This version takes none.",
        )
