"""What an environment takes as its task, and what becomes of a step that the task gets wrong."""

from __future__ import annotations

import math
from typing import Any

import pytest

from ac_bridge_client import RemoteEnv
from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.frame import GameStatics, TelemetryFrame
from ac_bridge_protocol.tasks import LapTimeTask, ProgressTask, TaskResult

DRIVE = [0.0, 1.0, 0.0]


class Counting:
    """A task that notes what it is asked about; its second reward is no number.

    Args:
        statics: of the game.
    """

    def __init__(self, statics: GameStatics) -> None:
        self.track = statics.track
        self.pairs: list[tuple[int, int]] = []

    def reset(self, frame: TelemetryFrame) -> None:
        """Begin an episode."""
        self.pairs = []

    def step(
        self, previous: TelemetryFrame, action: tuple[float, ...], frame: TelemetryFrame
    ) -> TaskResult:
        """Judge one step."""
        self.pairs.append((previous.seq, frame.seq))
        return TaskResult(math.nan if len(self.pairs) == 2 else 1.0, info={"track": self.track})


@pytest.mark.parametrize(
    ("task", "told"),
    [
        (None, "progress_m"),
        ("progress", "progress_m"),
        ("line_speed", "line_gap_m"),
        (LapTimeTask(lap_s=90.0), "receipt"),
        (Counting, "track"),
        (lambda statics: ProgressTask(statics.track_length_m, along="centre"), "progress_m"),
    ],
)
def test_a_task_in_every_form(lockstep_uri: str, task: Any, told: str) -> None:
    """Drives, over the wire, and says its own in the info."""
    with RemoteEnv(lockstep_uri, task=task) as env:
        env.reset(seed=1)
        _, reward, terminated, truncated, info = env.step(DRIVE)
    assert math.isfinite(reward)
    assert not terminated
    assert not truncated
    assert told in info


@pytest.mark.parametrize("task", ["moon", ProgressTask, LapTimeTask, 7])
def test_what_is_no_task(lockstep_uri: str, task: Any) -> None:
    """Is refused before anything is driven."""
    with pytest.raises(SettingError) as caught, RemoteEnv(lockstep_uri, task=task) as env:
        env.reset(seed=1)
    assert caught.value.hint


def test_a_refused_reward_costs_its_own_step_alone(lockstep_uri: str) -> None:
    """The next is judged from where that one led."""
    tasks: list[Counting] = []

    def make(statics: GameStatics) -> Counting:
        tasks.append(Counting(statics))
        return tasks[-1]

    with RemoteEnv(lockstep_uri, task=make) as env:
        env.reset(seed=1)
        env.step(DRIVE)
        with pytest.raises(SettingError, match="Counting rewards a step with nan"):
            env.step(DRIVE)
        env.step(DRIVE)
    (task,) = tasks
    (_, first), (second, third), (fourth, _) = task.pairs
    assert (first, third) == (second, fourth)
