"""Tasks as the wire tells them: names and numbers in, a task or a clear error out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.tasks import (
    TASKS,
    LineSpeedTask,
    OffTrack,
    ProgressTask,
    Rules,
    StepLimit,
    TaskSpec,
    task_for,
)
from ac_bridge_protocol.tasks.told import CLASSES, Constant
from helpers.frames import make_statics

STATICS = make_statics()


def test_constants_and_rules_reach_the_task() -> None:
    """Whole numbers, too, which the wire has as floats."""
    spec = TaskSpec.of(
        "progress",
        along="line",
        wheel_off_cost=0.0,
        rules={"off_track": {"wheels": 3, "for_s": 0.0}, "step_limit": {"steps": 600}},
    )
    task = task_for(spec, STATICS)
    assert isinstance(task, ProgressTask)
    assert (task.along, task.wheel_off_cost) == ("line", 0.0)
    assert task.track_length_m == STATICS.track_length_m
    (rules,) = task.rules.rules  # type: ignore[attr-defined]
    assert isinstance(rules, Rules)
    off_track, limit = rules.rules
    assert isinstance(off_track, OffTrack)
    assert isinstance(limit, StepLimit)
    assert (off_track.wheels, off_track.for_s, limit.steps) == (3, 0.0, 600)


def test_it_crosses_the_wire() -> None:
    """As plain data and back."""
    spec = TaskSpec.of("line_speed", gap_m=8.0, rules={"time_limit": {"seconds": 60.0}})
    again = TaskSpec.model_validate(spec.model_dump())
    assert again == spec
    made = again.make(STATICS)
    assert isinstance(made, LineSpeedTask)
    assert made.gap_m == 8.0


@pytest.mark.parametrize("name", TASKS)
def test_every_task_has_a_class(name: str) -> None:
    """By its name alone it is made with its own defaults."""
    assert type(TASKS[name](STATICS)) is CLASSES[name]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": "fly"}, "There is no task 'fly'"),
        ({"speed": 3.0}, "progress takes the constant speed not at all"),
        ({"track_length_m": 3.0}, "takes the constant track_length_m not at all"),
        ({"along": "rails"}, "There is no along 'rails'"),
        ({"wheel_off_cost": -1.0}, "wheel_off_cost is a number from 0"),
        ({"wheel_off_cost": "much"}, "wheel_off_cost is a number from 0"),
        ({"wheel_off_cost": float("nan")}, "finite number"),
        ({"rules": {"rain": {}}}, "There is no rule 'rain'"),
        ({"rules": {"stuck": {"wheels": 2.0}}}, "stuck takes the constant wheels not at all"),
        ({"rules": {"off_track": {"wheels": 2.5}}}, "wheels is a whole number"),
        ({"rules": {"lap_limit": {}}}, "laps"),
        ({"name": "Progress!"}, "pattern"),
    ],
)
def test_what_cannot_be_is_refused(arguments: dict[str, object], words: str) -> None:
    """By name, with what there is."""
    with pytest.raises(SettingError, match=words):
        TaskSpec.of(**arguments)  # type: ignore[arg-type]


def test_no_constant_twice() -> None:
    """Which of the two would count?"""
    twice = tuple(Constant(name="damage_cost", value=value) for value in (0.0, 1.0))
    with pytest.raises(SettingError, match="damage_cost twice"):
        TaskSpec(constants=twice).check()


@given(
    st.sampled_from(sorted(CLASSES)),
    st.dictionaries(
        st.sampled_from(["along", "gap_m", "lap_s", "max_laps", "damage_cost", "top_kmh"]),
        st.floats() | st.sampled_from(["line", "page", ""]),
    ),
)
def test_anything_is_a_task_or_a_setting_error(
    name: str, constants: dict[str, float | str]
) -> None:
    """Never another error."""
    try:
        spec = TaskSpec.of(name, rules=None, **constants)
    except SettingError:
        return
    assert task_for(spec, STATICS) is not None
