"""What a task is, and how it is asked."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Protocol

from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.frame import TelemetryFrame


@dataclasses.dataclass(frozen=True, slots=True)
class TaskResult:
    """What a task makes of one step."""

    reward: float
    terminated: bool = False
    """The task itself is over: its goal reached, or the car lost."""
    truncated: bool = False
    """A limit that is not part of the task was reached."""
    info: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Goes into the step's info; why an episode ended belongs here as ``end_reason``."""


class Task(Protocol):
    """Rewards and ends episodes. Needs no base class: any object with these two methods is one."""

    def reset(self, frame: TelemetryFrame) -> None:
        """Begin an episode at ``frame``."""

    def step(
        self, previous: TelemetryFrame, action: tuple[float, ...], frame: TelemetryFrame
    ) -> TaskResult:
        """Judge one step: ``action`` led from ``previous`` to ``frame``."""


def judge(
    task: Task, previous: TelemetryFrame, action: tuple[float, ...], frame: TelemetryFrame
) -> TaskResult:
    """Return what a task makes of a step, checked; with an ``end_reason`` where it ends.

    Raises:
        SettingError: it returned something else than a `TaskResult`, or a reward that is no number.
    """
    judged: object = task.step(previous, action, frame)
    name = type(task).__name__
    if not (isinstance(judged, TaskResult) and isinstance(judged.info, dict)):
        raise SettingError(
            f"The task {name} returned {judged!r:.80} from step, not a TaskResult with a dict.",
            setting="task",
            hint="Return ac_bridge_protocol.tasks.TaskResult(reward, terminated, truncated, info).",
        )
    if not _finite(judged.reward):
        raise SettingError(
            f"The task {name} rewards a step with {judged.reward!r:.80}, which no learner can use.",
            setting="task",
            hint="Guard its divisions; fields of a frame that the game did not say are None or 0.",
        )
    if (judged.terminated or judged.truncated) and "end_reason" not in judged.info:
        reason = "terminated" if judged.terminated else "truncated"
        return dataclasses.replace(judged, info=judged.info | {"end_reason": reason})
    return judged


def _finite(reward: Any) -> bool:
    """Whether a reward is a finite number, of numpy's or any other kind."""
    try:
        return math.isfinite(reward)
    except (TypeError, ValueError, OverflowError):  # words, several numbers, one beyond all floats
        return False
