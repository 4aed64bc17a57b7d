"""Tasks: what to reward, and when an episode ends. Pure, so that either side can run them.

A task of your own is any object with `reset` and `step`; see `Task`. `rules` has the parts that end
episodes, to put together as you like.
"""

from ac_bridge_protocol.tasks.base import Task, TaskResult, judge
from ac_bridge_protocol.tasks.lap_time import LapTimeTask
from ac_bridge_protocol.tasks.line_speed import LineSpeedTask
from ac_bridge_protocol.tasks.named import TASKS, MakeTask, TaskLike, task_for
from ac_bridge_protocol.tasks.progress import ProgressTask
from ac_bridge_protocol.tasks.rules import (
    Collision,
    Ending,
    LapLimit,
    OffTrack,
    Rule,
    Rules,
    StepLimit,
    Stuck,
    TimeLimit,
    Wreck,
    WrongWay,
)
from ac_bridge_protocol.tasks.told import RuleSpec, TaskSpec

__all__ = [
    "TASKS",
    "Collision",
    "Ending",
    "LapLimit",
    "LapTimeTask",
    "LineSpeedTask",
    "MakeTask",
    "OffTrack",
    "ProgressTask",
    "Rule",
    "RuleSpec",
    "Rules",
    "StepLimit",
    "Stuck",
    "Task",
    "TaskLike",
    "TaskResult",
    "TaskSpec",
    "TimeLimit",
    "Wreck",
    "WrongWay",
    "judge",
    "task_for",
]
