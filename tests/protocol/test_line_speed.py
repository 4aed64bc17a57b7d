"""The task that pays speed times closeness to the racing line."""

from __future__ import annotations

import math
from typing import Any

import pytest

from ac_bridge_protocol.errors import GameError, SettingError
from ac_bridge_protocol.frame import ROAD_FIELDS, TelemetryFrame
from ac_bridge_protocol.tasks import LineSpeedTask, StepLimit
from helpers.frames import make_frame

ACTION = (0.0, 1.0, 0.0)


def reward(task: LineSpeedTask, before: TelemetryFrame | None = None, **after: Any) -> float:
    """Return what a step after a reset brings."""
    task.reset(make_frame())
    return task.step(before or make_frame(), ACTION, make_frame(**after)).reward


@pytest.mark.parametrize(
    ("offset_m", "share"), [(0.0, 1.0), (5.0, 0.5), (-5.0, 0.5), (10.0, 0.0), (-99.0, 0.0)]
)
def test_speed_times_closeness(offset_m: float, share: float) -> None:
    """Full on the line, none from the gap on; on either side, and never less."""
    task = LineSpeedTask(gap_m=10.0, top_kmh=200.0)
    assert reward(task, speed_kmh=100.0, line_offset=offset_m) == pytest.approx(0.5 * share)


def test_the_defaults_are_the_published_ones() -> None:
    """Twelve metres, and 300 km/h for 1; nothing else costs."""
    off = {"tyres_out": 4, "car_damage": (0.0, 0.0, 0.0, 0.0, 50.0)}
    assert reward(LineSpeedTask(), speed_kmh=300.0, line_offset=3.0, **off) == pytest.approx(0.75)


def test_wheels_off_and_damage_cost_if_asked() -> None:
    """Each second and wheel, each km/h that is new."""
    task = LineSpeedTask(wheel_off_cost=2.0, damage_cost=0.5)
    still = {"speed_kmh": 0.0, "line_offset": 0.0, "dt": 0.1}
    assert reward(task, tyres_out=3, **still) == pytest.approx(-0.6)
    dented = make_frame(car_damage=(0.0, 0.0, 0.0, 0.0, 10.0))
    worse = (0.0, 0.0, 0.0, 0.0, 30.0)
    assert reward(task, dented, car_damage=worse, **still) == pytest.approx(-10.0)
    assert reward(task, dented, **still) == pytest.approx(0.0), "a repair pays nothing"


def test_the_gap_is_in_the_info() -> None:
    """Without its side."""
    task = LineSpeedTask()
    task.reset(make_frame())
    result = task.step(make_frame(), ACTION, make_frame(line_offset=-2.5))
    assert result.info == {"line_gap_m": 2.5}


def test_the_wrong_way_ends_it_too() -> None:
    """Speed alone would pay there as well; rules of one's own replace that."""
    before, after = make_frame(normalized_position=0.5), make_frame(normalized_position=0.49)
    for task, step, reason in (
        (LineSpeedTask(), 20, "wrong_way"),
        (LineSpeedTask(rules=StepLimit(30)), 30, "step_limit"),
    ):
        task.reset(before)
        results = [task.step(before, ACTION, after) for _ in range(step)]
        assert not any(result.terminated or result.truncated for result in results[:-1])
        assert results[-1].info["end_reason"] == reason


def test_without_the_line_there_is_no_reward() -> None:
    """It says what is missing and where to look."""
    task = LineSpeedTask()
    with pytest.raises(GameError, match="LineSpeedTask needs the track's line") as caught:
        task.step(make_frame(), ACTION, make_frame(**dict.fromkeys(ROAD_FIELDS)))
    assert "--game-dir" in caught.value.hint


@pytest.mark.parametrize("setting", ["gap_m", "top_kmh", "wheel_off_cost", "damage_cost"])
@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf, "12", None])
def test_constants_that_cannot_be_used(setting: str, value: Any) -> None:
    """Are refused by their name."""
    with pytest.raises(SettingError, match=setting) as caught:
        LineSpeedTask(**{setting: value})
    assert caught.value.setting == setting


@pytest.mark.parametrize("setting", ["gap_m", "top_kmh"])
def test_nothing_is_divided_by_zero(setting: str) -> None:
    """So those two are above it."""
    with pytest.raises(SettingError, match="above 0"):
        LineSpeedTask(**{setting: 0.0})  # type: ignore[arg-type]
