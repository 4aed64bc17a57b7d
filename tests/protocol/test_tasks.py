"""The bundled task: metres gained along the lap, and how episodes end."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ac_bridge_protocol.errors import GameError, SettingError
from ac_bridge_protocol.frame import ROAD_FIELDS, TelemetryFrame
from ac_bridge_protocol.tasks import ProgressTask, StepLimit, TaskResult
from helpers.frames import make_frame

ACTION = (0.0, 1.0, 0.0)
LENGTH_M = 1000.0


def damaged(kmh: float, **overrides: Any) -> TelemetryFrame:
    return make_frame(car_damage=(kmh, 0.0, 0.0, 0.0, kmh), **overrides)


def begun(frame: TelemetryFrame | None = None, **options: Any) -> ProgressTask:
    task = ProgressTask(LENGTH_M, **options)
    task.reset(frame or make_frame())
    return task


def steps(task: ProgressTask, frame: TelemetryFrame, most: int = 1000) -> tuple[int, TaskResult]:
    """Repeat a frame until the episode ends; return the step's number and result."""
    for number in range(1, most + 1):
        result = task.step(frame, ACTION, frame)
        if result.terminated or result.truncated:
            return number, result
    return most, result


# --- Reward ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "metres"),
    [
        (0.25, 0.26, 10.0),
        (0.26, 0.25, -10.0),
        (0.995, 0.005, 10.0),
        (0.005, 0.995, -10.0),
        (0.5, 0.5, 0.0),
        (-1.0, 0.5, 0.0),
        (0.5, -1.0, 0.0),
    ],
)
def test_the_reward_is_metres_along_the_lap(before: float, after: float, metres: float) -> None:
    """Forwards and backwards, over the line in either direction; none from a teleport."""
    result = begun().step(
        make_frame(normalized_position=before), ACTION, make_frame(normalized_position=after)
    )
    assert result.reward == pytest.approx(metres)
    assert result.info == {"progress_m": pytest.approx(metres)}
    assert not result.terminated
    assert not result.truncated


@given(positions=st.lists(st.floats(0.0, 0.4), min_size=2, max_size=30))
def test_progress_adds_up(positions: list[float]) -> None:
    """The steps' metres are those from the first place to the last, whatever the way."""
    task = begun()
    frames = [make_frame(normalized_position=position) for position in positions]
    total = sum(task.progress_m(a, b) for a, b in itertools.pairwise(frames))
    assert total == pytest.approx((positions[-1] - positions[0]) * LENGTH_M, abs=1e-6)


@pytest.mark.parametrize(("tyres", "cost"), [(-1, 0.0), (0, 0.0), (1, 0.2), (3, 0.6)])
def test_wheels_off_the_track_cost(tyres: int, cost: float) -> None:
    """Two metres a second for each, at 10 Hz; -1, before the first step, costs nothing."""
    frame = make_frame(tyres_out=tyres, dt=0.1)
    assert begun().step(frame, ACTION, frame).reward == pytest.approx(-cost)


def test_only_new_damage_costs() -> None:
    """Half a metre for each km/h that the worst impact got worse; repairs pay nothing."""
    task = begun()
    assert task.step(damaged(0.0), ACTION, damaged(20.0)).reward == pytest.approx(-10.0)
    assert task.step(damaged(20.0), ACTION, damaged(20.0)).reward == 0.0
    assert task.step(damaged(20.0), ACTION, damaged(0.0)).reward == 0.0


# --- Along the line and the middle ----------------------------------------------------------------


def on_road(distance_m: float, **changes: Any) -> TelemetryFrame:
    """Return a frame on the line, which runs in the middle of a straight road."""
    straight = {"line_offset": 0.0, "centre_offset": 0.0, "line_curvature": 0.0}
    return make_frame(track_distance=distance_m, **(straight | changes))


@pytest.mark.parametrize("along", ["line", "centre"])
@pytest.mark.parametrize(
    ("before_m", "after_m", "metres"),
    [(100.0, 120.0, 20.0), (120.0, 100.0, -20.0), (990.0, 10.0, 20.0), (10.0, 990.0, -20.0)],
)
def test_metres_of_the_track(along: Any, before_m: float, after_m: float, metres: float) -> None:
    """Both ways, over the seam too, whatever the page says of progress; no wrong info."""
    task = begun(along=along)
    result = task.step(on_road(before_m), ACTION, on_road(after_m, normalized_position=-1.0))
    assert result.reward == pytest.approx(metres)
    assert result.info == {"progress_m": pytest.approx(metres)}


@pytest.mark.parametrize(
    ("curvature", "middle_left_of_line_m", "metres"),
    [(0.01, 2.0, 20.4), (0.01, -2.0, 19.6), (-0.01, 2.0, 19.6), (0.0, 2.0, 20.0)],
)
def test_the_middle_is_longer_outside_of_the_line(
    curvature: float, middle_left_of_line_m: float, metres: float
) -> None:
    """In a right turn the left is outside: with the line inside, a metre of it counts for more."""
    after = on_road(
        20.0, line_offset=1.0, centre_offset=1.0 - middle_left_of_line_m, line_curvature=curvature
    )
    assert begun(along="centre").progress_m(on_road(0.0), after) == pytest.approx(metres)


@pytest.mark.parametrize("along", ["line", "centre"])
def test_without_the_tracks_files_there_is_no_such_progress(along: Any) -> None:
    """Neither from nor to a place that is not known; it says what is missing."""
    nowhere = make_frame(**dict.fromkeys(ROAD_FIELDS))
    for before, after in ((nowhere, on_road(1.0)), (on_road(1.0), nowhere)):
        with pytest.raises(GameError, match=f"along='{along}'.* needs the track's line"):
            begun(along=along).step(before, ACTION, after)


# --- Endings --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dt", [0.1, 0.05, 1 / 60, 0.3])
def test_four_wheels_off_for_a_while_end_it(dt: float) -> None:
    """After two seconds, to the step, at any rate."""
    number, result = steps(begun(), make_frame(tyres_out=4, dt=dt))
    assert result.terminated
    assert result.info["end_reason"] == "off_track"
    assert number * dt == pytest.approx(2.0, abs=dt / 2 + 1e-9)


def test_coming_back_in_time_is_forgiven() -> None:
    """The clock of the excursion begins anew; three wheels off are none."""
    task = begun()
    off, on = make_frame(tyres_out=4, dt=0.1), make_frame(tyres_out=3, dt=0.1)
    for _ in range(5):
        assert not any(task.step(off, ACTION, off).terminated for _ in range(19))
        assert not task.step(off, ACTION, on).terminated


def test_a_car_that_stands_is_stuck() -> None:
    """After eight seconds below 5 km/h; a moment above begins anew."""
    slow, fast = make_frame(speed_kmh=4.9, dt=0.1), make_frame(speed_kmh=5.0, dt=0.1)
    number, result = steps(begun(), slow)
    assert (number, result.info["end_reason"], result.terminated) == (80, "stuck", True)
    task = begun()
    assert not any(task.step(slow, ACTION, slow).terminated for _ in range(79))
    assert not task.step(slow, ACTION, fast).terminated
    assert not any(task.step(slow, ACTION, slow).terminated for _ in range(79))


def test_a_hard_impact_wrecks() -> None:
    """At once, from the given closing speed on."""
    task = begun(wreck_kmh=60.0)
    assert not task.step(damaged(0.0), ACTION, damaged(59.9)).terminated
    result = task.step(damaged(59.9), ACTION, damaged(60.0))
    assert (result.terminated, result.info["end_reason"]) == (True, "wrecked")


def test_a_wreck_is_where_a_frame_says_critical() -> None:
    """The default is the same impact."""
    assert not begun().step(damaged(0.0), ACTION, damaged(99.9)).terminated
    assert begun().step(damaged(0.0), ACTION, damaged(100.0)).terminated


def test_limits_truncate() -> None:
    """Steps and laps are not the task's own end."""
    number, result = steps(begun(max_steps=7), make_frame())
    assert (number, result.terminated, result.truncated) == (7, False, True)
    assert result.info["end_reason"] == "step_limit"
    task = begun(make_frame(completed_laps=3), max_laps=2)
    third, fourth, fifth = (make_frame(completed_laps=laps) for laps in (3, 4, 5))
    assert not task.step(third, ACTION, fourth).truncated
    result = task.step(fourth, ACTION, fifth)
    assert (result.terminated, result.truncated) == (False, True)
    assert result.info["end_reason"] == "lap_limit"


def test_losing_the_car_at_the_limit_is_losing_it() -> None:
    """An episode ends in one way: the task's own end comes first."""
    result = begun(max_steps=1).step(damaged(0.0), ACTION, damaged(200.0))
    assert (result.terminated, result.truncated) == (True, False)
    assert result.info["end_reason"] == "wrecked"


def test_without_limits_nothing_truncates() -> None:
    """A car that drives on may drive on."""
    _, result = steps(begun(), make_frame())
    assert not result.truncated


def test_a_reset_forgets_everything() -> None:
    """Steps, excursions, standing, and laps of the episode before."""
    task = begun(max_steps=15, max_laps=1)
    bad = make_frame(tyres_out=4, speed_kmh=0.0, dt=0.1, completed_laps=5)
    task.reset(bad)
    for _ in range(14):
        task.step(bad, ACTION, bad)
    task.reset(bad)
    number, result = steps(task, bad)
    assert (number, result.info["end_reason"]) == (15, "step_limit")


def test_rules_of_ones_own_replace_the_usual() -> None:
    """All of them."""
    number, result = steps(begun(rules=StepLimit(3)), damaged(200.0, tyres_out=4, speed_kmh=0.0))
    assert (number, result.info["end_reason"]) == (3, "step_limit")


@pytest.mark.parametrize(
    "name", ["off_track_s", "stuck_s", "stuck_kmh", "wreck_kmh", "max_steps", "max_laps"]
)
def test_rules_go_with_no_other_end(name: str) -> None:
    """Nothing of what was asked for is passed over: it is refused by its name."""
    with pytest.raises(SettingError, match=f"{name}.*leave rules out") as caught:
        begun(rules=StepLimit(3), **{name: 8})
    assert caught.value.setting == "rules"


# --- Constants ------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf, "2", True])
@pytest.mark.parametrize(
    "name",
    [
        "track_length_m",
        "off_track_s",
        "stuck_s",
        "stuck_kmh",
        "wreck_kmh",
        "wheel_off_cost",
        "damage_cost",
        "max_steps",
        "max_laps",
    ],
)
def test_constants_that_cannot_be_used(name: str, value: Any) -> None:
    """Are refused by the name that they were given by."""
    with pytest.raises(SettingError) as caught:
        ProgressTask(**({"track_length_m": LENGTH_M} | {name: value}))
    assert caught.value.setting == name


@pytest.mark.parametrize(
    ("options", "setting"), [({"along": "moon"}, "along"), ({"rules": [StepLimit(1)]}, "rules")]
)
def test_words_and_rules_that_there_are_not(options: Any, setting: str) -> None:
    """Are refused, with what there is."""
    with pytest.raises(SettingError) as caught:
        begun(**options)
    assert caught.value.setting == setting
    assert caught.value.hint


def test_a_track_of_no_length() -> None:
    """The page may say so: no progress then. Along a line that cannot be measured."""
    task = ProgressTask(0.0)
    assert task.progress_m(make_frame(), make_frame(normalized_position=0.3)) == 0.0
    with pytest.raises(SettingError, match="no length"):
        ProgressTask(0.0, along="line")
