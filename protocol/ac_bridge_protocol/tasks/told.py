"""A task as the wire can tell it: its name, its constants, and what ends an episode. Pure.

    TaskSpec.of("progress", wheel_off_cost=0.0, rules={"off_track": {"wheels": 3}, "stuck": {}})

An actor that drives by itself makes the task of it; nothing but names and numbers crosses the wire.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Self

from annotated_types import Len
from pydantic import Field, Strict, ValidationError

from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.frame import GameStatics
from ac_bridge_protocol.helpers import choose
from ac_bridge_protocol.limits import TASK_CONSTANTS
from ac_bridge_protocol.observing import Name
from ac_bridge_protocol.tasks.base import Task
from ac_bridge_protocol.tasks.lap_time import LapTimeTask
from ac_bridge_protocol.tasks.line_speed import LineSpeedTask
from ac_bridge_protocol.tasks.progress import ProgressTask
from ac_bridge_protocol.tasks.rules import RULES, Rules
from ac_bridge_protocol.wire import WireModel

CLASSES: dict[str, Callable[..., Task]] = {
    "progress": ProgressTask,
    "line_speed": LineSpeedTask,
    "lap_time": LapTimeTask,
}
"""Every bundled task by its name."""
OF_THE_GAME = ("track_length_m",)
"""What a task is given of the game's statics, and nobody else chooses."""


class Constant(WireModel):
    """One constant of a task or a rule."""

    name: Name
    """Which."""
    value: float | Annotated[str, Field(pattern=r"^[a-z0-9_]{1,40}$")]
    """A number, or a word such as ``line``."""


Constants = Annotated[tuple[Constant, ...], Strict(False), Len(0, TASK_CONSTANTS)]


class RuleSpec(WireModel):
    """One rule that ends episodes."""

    name: Name
    """Of the rule."""
    constants: Constants = ()
    """What differs from its own defaults."""


class TaskSpec(WireModel):
    """A bundled task."""

    name: Name = "progress"
    """Of the task."""
    constants: Constants = ()
    """What differs from its own defaults."""
    rules: Annotated[tuple[RuleSpec, ...], Strict(False), Len(0, TASK_CONSTANTS)] = ()
    """What ends an episode, in place of the task's own; none for these."""

    @classmethod
    def of(
        cls,
        name: str = "progress",
        *,
        rules: Mapping[str, Mapping[str, float]] | None = None,
        **constants: float | str,
    ) -> Self:
        """Return a task as people write it down.

        Args:
            name: of the task.
            rules: constants by the rule's name; None for the task's own rules.
            constants: of the task, by their names.

        Raises:
            SettingError: there is no such task, rule or constant, or a value cannot be used.
        """
        try:
            spec = cls(
                name=name,
                constants=_constants(constants),
                rules=tuple(
                    RuleSpec(name=rule, constants=_constants(given))
                    for rule, given in (rules or {}).items()
                ),
            )
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise SettingError(f"No task can be {where}: {first['msg']}.", setting="task") from None
        spec.check()
        return spec

    def check(self) -> None:
        """Refuse what could not be made in any game.

        Raises:
            SettingError: there is no such task, rule or constant, or a value cannot be used.
        """
        self._made(dict.fromkeys(OF_THE_GAME, 1000.0))

    def make(self, statics: GameStatics) -> Task:
        """Return the task, for a car on a track.

        Raises:
            SettingError: as `check`.
        """
        return self._made({name: getattr(statics, name) for name in OF_THE_GAME})

    def _made(self, of_the_game: Mapping[str, Any]) -> Task:
        kind = choose(CLASSES, self.name, setting="task")
        taken = inspect.signature(kind).parameters
        constants = _checked(self.name, kind, self.constants)
        constants |= {name: value for name, value in of_the_game.items() if name in taken}
        if self.rules:
            constants["rules"] = Rules(*(_rule(spec) for spec in self.rules))
        return kind(**constants)


def _constants(given: Mapping[str, float | str]) -> tuple[Constant, ...]:
    return tuple(
        Constant(name=name, value=value if isinstance(value, str) else float(value))
        for name, value in given.items()
    )


def _rule(spec: RuleSpec) -> Any:
    kind = choose(RULES, spec.name, setting="rule")
    return kind(**_checked(spec.name, kind, spec.constants))


def _checked(name: str, kind: Callable[..., Any], given: Iterable[Constant]) -> dict[str, Any]:
    """Return constants by their names, each one that a task or rule takes, once."""
    known = {
        each: taken.default
        for each, taken in inspect.signature(kind).parameters.items()
        if each not in {"rules", *OF_THE_GAME}
    }
    constants: dict[str, Any] = {}
    for constant in given:
        if constant.name not in known or constant.name in constants:
            often = "twice" if constant.name in constants else "not at all"
            raise _refusal(f"{name} takes the constant {constant.name} {often}.", known)
        constants[constant.name] = constant.value
    for each, default in known.items():
        if default is inspect.Parameter.empty and each not in constants:
            raise _refusal(f"{name} needs its constant {each}.", known)
    return constants


def _refusal(message: str, known: Iterable[str]) -> SettingError:
    return SettingError(message, setting="task", hint=f"Its constants: {', '.join(known)}.")
