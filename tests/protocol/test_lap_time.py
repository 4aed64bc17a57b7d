"""The task that pays valid laps and charges for time."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest

from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.frame import TelemetryFrame
from ac_bridge_protocol.tasks import LapTimeTask, StepLimit, TaskResult
from helpers.frames import make_frame

ACTION = (0.0, 1.0, 0.0)
LAP_STEPS = 80
"""Steps of a second each in the laps driven here."""


def driven(steps: range, **changes: Any) -> list[TelemetryFrame]:
    """Return frames at an even pace, a second apart; the page has a lap's time one step late."""
    return [
        make_frame(
            dt=1.0,
            normalized_position=number % LAP_STEPS / LAP_STEPS,
            completed_laps=number // LAP_STEPS,
            last_time=1000 * LAP_STEPS * ((number - 1) // LAP_STEPS),
            **changes,
        )
        for number in steps
    ]


def judged(task: LapTimeTask, frames: list[TelemetryFrame]) -> list[TaskResult]:
    """Return what a task makes of a drive from its first frame on."""
    task.reset(frames[0])
    return [task.step(a, ACTION, b) for a, b in itertools.pairwise(frames)]


def total(results: list[TaskResult]) -> float:
    return sum(result.reward for result in results)


@pytest.mark.parametrize("laps", [1, 3])
def test_a_valid_lap_pays_its_margin(laps: int) -> None:
    """100 s for laps of 80 s are 20 each."""
    results = judged(LapTimeTask(lap_s=100.0), driven(range(laps * LAP_STEPS + 1)))
    assert total(results) == pytest.approx(20.0 * laps)


def test_a_cut_takes_back_what_the_lap_had_paid() -> None:
    """At once; the rest of the lap costs its time, and the next one pays again."""
    half = driven(range(41)) + driven(range(41, 80), is_valid_lap=False)
    task = LapTimeTask(lap_s=100.0)
    results = judged(task, half)
    assert total(results[:41]) == pytest.approx(-41.0)
    assert total(results) == pytest.approx(-79.0)
    results = judged(task, half + driven(range(80, 161)))
    assert total(results) == pytest.approx(-60.0 + 1.25, abs=1e-6), "1.25 s: from 79 to the line"


def test_an_earlier_lap_stays_paid() -> None:
    """A cut takes back its own lap's pay alone."""
    frames = driven(range(101)) + driven(range(101, 111), is_valid_lap=False)
    paid = total(judged(LapTimeTask(lap_s=100.0), frames))
    line_s = 1.25  # the step across the line counts for the lap that it begins
    assert paid == pytest.approx(100.0 - line_s - 110.0)


def test_an_out_lap_stays_paid() -> None:
    """It ends where the lap clock begins anew; a cut after that takes nothing of it back."""
    out = driven(range(40, 80), current_time=50_000)
    lap = [
        frame.model_copy(update={"completed_laps": 0, "current_time": number * 1000})
        for number, frame in enumerate(driven(range(80, 101)))
    ]
    cut = [frame.model_copy(update={"is_valid_lap": False}) for frame in lap[-1:]]
    paid = total(judged(LapTimeTask(lap_s=100.0), out + lap + cut))
    line_s = 1.25  # the step across the line counts for the lap that it begins
    assert paid == pytest.approx(50.0 - line_s - 61.0)


def test_to_and_fro_gains_nothing() -> None:
    """Over the line as well."""
    there = driven(range(76, 80)) + driven(range(4))
    frames = there + there[::-1][1:]
    results = judged(
        LapTimeTask(lap_s=100.0), [f.model_copy(update={"completed_laps": 0}) for f in frames]
    )
    assert total(results) == pytest.approx(-(len(frames) - 1.0))


def test_the_time_is_told_when_it_is_there() -> None:
    """Two steps after the line: the game does not write the lap and its time at once."""
    results = judged(LapTimeTask(), driven(range(LAP_STEPS + 6)))
    told = {number: result.info for number, result in enumerate(results, 1) if result.info}
    assert told == {LAP_STEPS + 2: {"lap_ms": 80_000, "lap_valid": True}}


def test_the_lap_that_was_cut_is_told_as_cut() -> None:
    """Its flag is that of before the line: after it the next lap's is there."""
    frames = driven(range(LAP_STEPS), is_valid_lap=False) + driven(range(80, 86))
    (told,) = [one.info for one in judged(LapTimeTask(), frames) if one.info]
    assert told == {"lap_ms": 80_000, "lap_valid": False}


def test_a_reset_forgets_the_lap() -> None:
    """What it had paid, and that its time was still to come."""
    task = LapTimeTask(lap_s=100.0)
    judged(task, driven(range(LAP_STEPS + 1)))
    results = judged(task, driven(range(5), is_valid_lap=False))
    assert [result.reward for result in results] == [-1.0] * 4
    assert not any(result.info for result in results)


def test_damage_costs_and_rules_end() -> None:
    """As everywhere."""
    before, after = make_frame(dt=0.1), make_frame(dt=0.1, car_damage=(0.0,) * 4 + (20.0,))
    task = LapTimeTask(damage_cost=0.5, rules=StepLimit(1))
    task.reset(before)
    result = task.step(before, ACTION, after)
    assert result.reward == pytest.approx(-10.1)
    assert (result.truncated, result.info) == (True, {"end_reason": "step_limit"})


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        *itertools.product(["lap_s", "damage_cost"], [-1.0, math.nan, math.inf, "9", None]),
        ("lap_s", 0.0),
    ],
)
def test_constants_that_cannot_be_used(setting: str, value: Any) -> None:
    """Are refused by their name."""
    with pytest.raises(SettingError, match=setting) as caught:
        LapTimeTask(**{setting: value})
    assert caught.value.setting == setting
