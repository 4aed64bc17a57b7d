"""A task from its name, a class of one's own, or the object itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, cast

from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.frame import GameStatics
from ac_bridge_protocol.helpers import choose
from ac_bridge_protocol.tasks.base import Task
from ac_bridge_protocol.tasks.checks import is_asked
from ac_bridge_protocol.tasks.told import CLASSES, TaskSpec

MakeTask: TypeAlias = Callable[[GameStatics], Task]

TASKS: dict[str, MakeTask] = {name: TaskSpec(name=name).make for name in CLASSES}
"""Every bundled task by its name, made for a car on a track."""

TaskLike: TypeAlias = Task | str | TaskSpec | MakeTask
"""A task, the name of a bundled one, one with constants, or what makes one from the statics."""


def task_for(task: TaskLike, statics: GameStatics) -> Task:
    """Return a task for a car on a track.

    Args:
        task: itself, the name of a bundled one, one with constants, or what makes one from
            the statics.
        statics: of the game.

    Raises:
        SettingError: there is none of that name, or it is none and makes none.
    """
    if isinstance(task, str):
        return choose(TASKS, task, setting="task")(statics)
    if isinstance(task, TaskSpec):
        return task.make(statics)
    given: Any = task  # whoever gives it may give anything
    if is_asked(given):
        return cast("Task", given)
    if not callable(given):
        raise _refusal(f"{given!r:.80} is no task.")
    try:
        made = given(statics)
    except TypeError as error:
        raise _refusal(
            f"{given!r:.80} could not be made from the game's statics alone: {error}."
        ) from error
    if not is_asked(made):
        raise _refusal(f"{given!r:.80} made {made!r:.80}, which is no task.")
    return cast("Task", made)


def _refusal(message: str) -> SettingError:
    return SettingError(
        message,
        setting="task",
        hint="A task has reset(frame) and step(previous, action, frame) -> TaskResult; a class or "
        "function is called with the game's statics.",
    )
