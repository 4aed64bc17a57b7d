"""Rules that end episodes, the other bundled tasks, and how a task is found and asked."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import given

from ac_bridge_protocol.errors import GameError, SettingError
from ac_bridge_protocol.frame import ROAD_FIELDS, TelemetryFrame
from ac_bridge_protocol.tasks import (
    TASKS,
    Collision,
    LapLimit,
    LapTimeTask,
    LineSpeedTask,
    OffTrack,
    ProgressTask,
    Rule,
    Rules,
    StepLimit,
    Stuck,
    TaskResult,
    TimeLimit,
    Wreck,
    WrongWay,
    judge,
    task_for,
)
from helpers.frames import make_frame, make_statics
from helpers.strategies import models

ACTION = (0.0, 1.0, 0.0)
NO_ROAD: dict[str, Any] = dict.fromkeys(ROAD_FIELDS)


def ends(
    rule: Rule, frame: TelemetryFrame, before: TelemetryFrame | None = None
) -> tuple[int, str]:
    """Repeat a step until a rule ends the episode; return the step's number and the reason."""
    rule.reset(before or frame)
    for number in range(1, 1000):
        ending = rule.step(before or frame, frame)
        if ending is not None:
            return number, ending.reason
    return 0, ""


@pytest.mark.parametrize(
    ("rule", "bad", "step", "reason"),
    [
        (OffTrack(wheels=3, for_s=0.5), {"tyres_out": 3}, 5, "off_track"),
        (OffTrack(for_s=0.0), {"tyres_out": 4}, 1, "off_track"),
        (Stuck(below_kmh=10.0, for_s=1.0), {"speed_kmh": 9.0}, 10, "stuck"),
        (Wreck(at_kmh=50.0), {"car_damage": (0.0, 0.0, 0.0, 50.0, 50.0)}, 1, "wrecked"),
        (StepLimit(7), {}, 7, "step_limit"),
        (TimeLimit(1.25), {}, 12, "time_limit"),
    ],
)
def test_each_rule_ends_when_it_says(
    rule: Rule, bad: dict[str, Any], step: int, reason: str
) -> None:
    """At its step, and not on a frame that is as it should be; after a reset it begins anew."""
    frame = make_frame(dt=0.1, **({"speed_kmh": 100.0, "tyres_out": 0} | bad))
    assert ends(rule, frame) == (step, reason)
    assert ends(rule, frame) == (step, reason)
    if bad:
        clean = make_frame(dt=0.1, speed_kmh=100.0, tyres_out=0, car_damage=(0.0,) * 5)
        assert ends(rule, clean) == (0, "")


def test_the_wrong_way_is_lost_progress() -> None:
    """Across the line too; rolling back at a crawl is none."""
    before, after = (
        make_frame(normalized_position=0.01),
        make_frame(normalized_position=0.99, dt=0.1),
    )
    assert ends(WrongWay(for_s=0.3), after, before) == (3, "wrong_way")
    assert ends(WrongWay(for_s=0.3), before, after) == (0, "")
    crawling = after.model_copy(update={"speed_kmh": 1.0})
    assert ends(WrongWay(for_s=0.3), crawling, before) == (0, "")


def test_a_collision_is_new_damage() -> None:
    """On any side; old damage, or a touch, is none."""
    hit = make_frame(car_damage=(0.0, 20.0, 0.0, 0.0, 30.0))
    clean = make_frame(car_damage=(0.0, 0.0, 0.0, 0.0, 30.0))
    assert ends(Collision(above_kmh=15.0), hit, clean) == (1, "collision")
    assert ends(Collision(above_kmh=25.0), hit, clean) == (0, "")
    assert ends(Collision(above_kmh=0.0), hit) == (0, "")


def test_a_lap_limit_may_wait_for_the_times() -> None:
    """The game does not write the lap and its time at once."""
    begun, done = make_frame(completed_laps=3), make_frame(completed_laps=5)
    rule = LapLimit(2, steps_after=2)
    rule.reset(begun)
    assert rule.step(begun, begun) is None
    endings = [rule.step(begun, done) for _ in range(3)]
    assert [ending is not None for ending in endings] == [False, False, True]
    assert endings[-1] is not None
    assert endings[-1].truncated


def test_what_is_lost_counts_before_what_is_limited() -> None:
    """And the first of each."""
    lost = make_frame(tyres_out=4, car_damage=(0.0, 0.0, 0.0, 0.0, 150.0))
    rules = Rules(StepLimit(1), OffTrack(for_s=0.0), Wreck())
    rules.reset(lost)
    ending = rules.step(lost, lost)
    assert ending is not None
    assert (ending.reason, ending.truncated) == ("off_track", False)


@pytest.mark.parametrize(
    "make",
    [
        lambda: OffTrack(for_s=-1.0),
        lambda: OffTrack(wheels=0),
        lambda: Stuck(for_s=math.nan),
        lambda: Wreck(at_kmh=-1.0),
        lambda: LapLimit(0),
        lambda: LapLimit(1.5),  # type: ignore[arg-type]
        lambda: StepLimit(True),
        lambda: TimeLimit(0.0),
        lambda: LineSpeedTask(gap_m=0.0),
        lambda: LapTimeTask(lap_s=math.nan),
        lambda: ProgressTask(1000.0, along="moon"),  # type: ignore[arg-type]
    ],
)
def test_constants_that_cannot_be_used_are_refused(make: Any) -> None:
    """By their name."""
    with pytest.raises(SettingError) as caught:
        make()
    assert caught.value.setting


# --- Tasks ----------------------------------------------------------------------------------------


def test_line_speed_is_speed_times_closeness() -> None:
    """Full on the line, none from the gap on; on either side."""
    task = LineSpeedTask(gap_m=10.0, top_kmh=200.0)
    task.reset(make_frame())
    rewards = [
        task.step(make_frame(), ACTION, make_frame(speed_kmh=100.0, line_offset=offset)).reward
        for offset in (0.0, 5.0, -5.0, 10.0, 99.0)
    ]
    assert rewards == pytest.approx([0.5, 0.25, 0.25, 0.0, 0.0])
    with pytest.raises(GameError, match="LineSpeedTask"):
        task.step(make_frame(), ACTION, make_frame(**NO_ROAD))


def test_progress_along_the_line_and_the_middle() -> None:
    """Over the seam too; on the inside of a bend a metre of the middle is more than one of ours."""
    before, after = (
        make_frame(track_distance=990.0),
        make_frame(track_distance=10.0, line_offset=0.0, centre_offset=-2.0, line_curvature=0.01),
    )
    for along, metres in (("line", 20.0), ("centre", 20.0 * 1.02)):
        task = ProgressTask(1000.0, along=along)  # type: ignore[arg-type]
        assert task.progress_m(before, after) == pytest.approx(metres)
        with pytest.raises(GameError, match="needs the track's line"):
            task.progress_m(before, make_frame(**NO_ROAD))


def test_lap_time_pays_a_valid_lap_its_margin() -> None:
    """100 s for a lap of 80 s is 20; a cut takes back what was paid."""
    task = LapTimeTask(lap_s=100.0)
    positions = [number / 80.0 for number in range(80)] + [0.0]
    frames = [
        make_frame(
            normalized_position=at, completed_laps=int(number == 80), last_time=80_000, dt=1.0
        )
        for number, at in enumerate(positions)
    ]
    task.reset(frames[0])
    results = [task.step(a, ACTION, b) for a, b in itertools.pairwise(frames)]
    assert sum(result.reward for result in results) == pytest.approx(20.0)
    assert results[-1].info == {"lap_ms": 80_000, "lap_valid": True}
    task.reset(frames[0])
    half = [task.step(a, ACTION, b).reward for a, b in itertools.pairwise(frames[:41])]
    cut = task.step(frames[40], ACTION, frames[41].model_copy(update={"is_valid_lap": False}))
    assert sum(half) + cut.reward == pytest.approx(-41.0)


@given(before=models(TelemetryFrame), after=models(TelemetryFrame))
def test_every_reward_is_a_number(before: TelemetryFrame, after: TelemetryFrame) -> None:
    """Whatever a frame holds within what a page can."""
    statics = make_statics()
    for make in TASKS.values():
        task = make(statics)
        task.reset(before)
        try:
            result = task.step(before, ACTION, after)
        except GameError:
            assert after.line_offset is None
        else:
            assert isinstance(result.reward, float)
            assert not math.isnan(result.reward)


# --- Finding and asking one -----------------------------------------------------------------------


class Mine:
    """A task of one's own, as small as they get."""

    def __init__(self, statics: Any) -> None:
        self.statics = statics

    def reset(self, frame: TelemetryFrame) -> None:
        """Nothing to begin."""

    def step(self, previous: Any, action: Any, frame: Any) -> Any:
        return self.statics


def test_a_task_may_be_itself_a_name_or_a_factory() -> None:
    """Whatever it is, a task comes of it."""
    statics = make_statics()
    itself = Mine(None)
    assert task_for(itself, statics) is itself
    assert task_for(Mine, statics).statics is statics  # type: ignore[union-attr,arg-type]
    assert isinstance(task_for("lap_time", statics), LapTimeTask)
    assert isinstance(task_for(lambda s: ProgressTask(s.track_length_m), statics), ProgressTask)


@pytest.mark.parametrize("task", ["moon", 7, object(), lambda: None, lambda _statics: 7, dict])
def test_what_makes_no_task_is_refused(task: Any) -> None:
    """With what a task is."""
    with pytest.raises(SettingError) as caught:
        task_for(task, make_statics())
    assert caught.value.setting == "task"


@pytest.mark.parametrize(
    "returned", [(1.0, False, False, {}), 1.0, None, TaskResult(math.nan), TaskResult(math.inf)]
)
def test_what_is_no_result_is_refused(returned: Any) -> None:
    """By the task's name, at the step that returned it."""
    with pytest.raises(SettingError, match="Mine"):
        judge(Mine(returned), make_frame(), ACTION, make_frame())


def test_an_end_has_a_reason() -> None:
    """The task's own, or a word for the flag."""
    for result, reason in (
        (TaskResult(0.0, terminated=True), "terminated"),
        (TaskResult(0.0, truncated=True), "truncated"),
        (TaskResult(0.0, terminated=True, info={"end_reason": "won"}), "won"),
    ):
        judged = judge(Mine(result), make_frame(), ACTION, make_frame())
        assert judged.info["end_reason"] == reason
