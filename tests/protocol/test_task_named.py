"""How a task is found, and how it is asked: whatever it is, a learner gets a number or an error."""

from __future__ import annotations

import itertools
import math
import re
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ac_bridge_protocol.errors import GameError, SettingError
from ac_bridge_protocol.frame import ROAD_FIELDS, TelemetryFrame
from ac_bridge_protocol.tasks import (
    TASKS,
    LapTimeTask,
    LineSpeedTask,
    ProgressTask,
    Task,
    TaskResult,
    judge,
    task_for,
)
from helpers.frames import make_frame, make_statics

ACTION = (0.0, 1.0, 0.0)
PAGE = st.floats(width=32, allow_nan=False, allow_infinity=False)
"""Any number that a page can hold."""
ROAD = {name: st.none() | st.floats(-1e5, 1e5) for name in ROAD_FIELDS}
FRAMES = st.fixed_dictionaries(
    {
        "dt": st.floats(0.001, 1.0),
        "speed_kmh": PAGE,
        "tyres_out": st.integers(-(2**31), 2**31 - 1),
        "car_damage": st.tuples(PAGE, PAGE, PAGE, PAGE, PAGE),
        "completed_laps": st.integers(-(2**31), 2**31 - 1),
        "last_time": st.integers(-(2**31), 2**31 - 1),
        "normalized_position": PAGE,
        "is_valid_lap": st.booleans(),
        **ROAD,
    }
).map(lambda said: make_frame().model_copy(update=said))
"""Frames with anything in them that a page can hold, where a task looks."""


@given(frames=st.lists(FRAMES, min_size=2, max_size=5), length_m=st.floats(0.001, 1e6))
def test_every_reward_is_a_finite_number(frames: list[TelemetryFrame], length_m: float) -> None:
    """Or the track's line is missing, which is said."""
    statics = make_statics(track_length_m=length_m)
    tasks: list[Task] = [make(statics) for make in TASKS.values()]
    tasks += [ProgressTask(length_m, along="line"), ProgressTask(length_m, along="centre")]
    for task in tasks:
        task.reset(frames[0])
        for before, after in itertools.pairwise(frames):
            try:
                assert math.isfinite(judge(task, before, ACTION, after).reward)
            except GameError:
                assert None in {getattr(f, n) for f in (before, after) for n in ROAD_FIELDS}


class Mine:
    """A task of one's own, as small as they get, that returns what it was made with."""

    def __init__(self, statics: Any) -> None:
        self.statics = statics

    def reset(self, frame: TelemetryFrame) -> None:
        """Nothing to begin."""

    def step(self, previous: Any, action: Any, frame: Any) -> Any:
        return self.statics


# --- Finding one ----------------------------------------------------------------------------------


def test_a_task_may_be_itself_a_name_or_a_factory() -> None:
    """Whatever it is, a task comes of it."""
    statics = make_statics()
    itself = Mine(None)
    assert task_for(itself, statics) is itself
    assert task_for(Mine, statics).statics is statics  # type: ignore[union-attr,arg-type]
    assert isinstance(task_for(lambda s: ProgressTask(s.track_length_m), statics), ProgressTask)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("progress", ProgressTask), ("line_speed", LineSpeedTask), ("lap_time", LapTimeTask)],
)
def test_every_bundled_task_has_a_name(name: str, kind: type) -> None:
    """And is made for the track."""
    task = task_for(name, make_statics(track_length_m=1234.0))
    assert isinstance(task, kind)
    assert getattr(task, "track_length_m", 1234.0) == 1234.0
    assert len(TASKS) == 3


@pytest.mark.parametrize(
    "task", ["moon", 7, object(), lambda: None, lambda _statics: 7, lambda _statics: Mine, dict]
)
def test_what_makes_no_task_is_refused(task: Any) -> None:
    """With what a task is, or which names there are."""
    with pytest.raises(SettingError) as caught:
        task_for(task, make_statics())
    assert caught.value.setting == "task"
    assert (
        "lap_time" in caught.value.hint if task == "moon" else "reset(frame)" in caught.value.hint
    )


@pytest.mark.parametrize("kind", [ProgressTask, LineSpeedTask, LapTimeTask])
def test_a_class_that_is_made_of_something_else_is_refused(kind: Any) -> None:
    """The bundled ones take constants, not statics; the error says what to write."""
    with pytest.raises(SettingError) as caught:
        task_for(kind, make_statics())
    assert "statics" in caught.value.hint


def test_what_a_factory_raises_itself_is_its_own() -> None:
    """It is no slip in how it was given."""

    def make(statics: Any) -> Any:
        raise GameError(f"Not on {statics.track}.")

    with pytest.raises(GameError, match="Not on imola"):
        task_for(make, make_statics())


# --- Asking one -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "returned",
    [
        (1.0, False, False, {}),
        1.0,
        None,
        TaskResult,
        TaskResult(1.0, info=None),  # type: ignore[arg-type]
        *(
            TaskResult(reward)  # type: ignore[arg-type]
            for reward in (math.nan, math.inf, -math.inf, "1", None, 1j, 10**400, np.zeros(2))
        ),
    ],
)
def test_what_is_no_result_is_refused(returned: Any) -> None:
    """By the task's name, at the step that returned it, with what to do."""
    with pytest.raises(SettingError, match="Mine") as caught:
        judge(Mine(returned), make_frame(), ACTION, make_frame())
    assert caught.value.setting == "task"
    assert caught.value.hint


@pytest.mark.parametrize("reward", [1.0, 1, True, np.float32(1), np.int64(1), np.array(1.0)])
def test_any_kind_of_number_is_a_reward(reward: Any) -> None:
    """The result itself goes through."""
    result = TaskResult(reward)
    assert judge(Mine(result), make_frame(), ACTION, make_frame()) is result


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (TaskResult(0.0, terminated=True), "terminated"),
        (TaskResult(0.0, truncated=True), "truncated"),
        (TaskResult(0.0, terminated=True, truncated=True), "terminated"),
        (TaskResult(0.0, terminated=True, info={"end_reason": "won"}), "won"),
    ],
)
def test_an_end_has_a_reason(result: TaskResult, reason: str) -> None:
    """The task's own, or a word for the flag; what the task holds stays as it is."""
    info = dict(result.info)
    judged = judge(Mine(result), make_frame(), ACTION, make_frame())
    assert judged.info["end_reason"] == reason
    assert result.info == info


def test_the_task_that_the_page_shows(tmp_path: Path) -> None:
    """It runs as it stands there, made of the statics, and ends by its rules."""
    page = (Path(__file__).parents[2] / "docs" / "tasks.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```python\n(from .*?)```", page, re.DOTALL)
    (tmp_path / "shown.py").write_text(shown, encoding="utf-8")
    task = task_for(runpy.run_path(str(tmp_path / "shown.py"))["Cruise"], make_statics())
    frame = make_frame(speed_kmh=90.0, tyres_out=2, dt=0.1)
    task.reset(frame)
    results = [judge(task, frame, ACTION, frame) for _ in range(10)]
    assert [result.reward for result in results] == [-10.0] * 10
    assert [result.terminated for result in results] == [False] * 9 + [True]
    assert results[-1].info == {"end_reason": "off_track"}
