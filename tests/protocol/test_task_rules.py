"""Rules that end episodes: when, in which order, and what constants they take."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.frame import TelemetryFrame
from ac_bridge_protocol.tasks import (
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
from helpers.frames import make_frame


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


@pytest.mark.parametrize("dt", [0.1, 0.05, 1 / 60, 1 / 333, 0.3])
@pytest.mark.parametrize(
    ("make", "bad"),
    [
        (OffTrack, {"tyres_out": 4}),
        (Stuck, {"speed_kmh": 0.0}),
        (lambda for_s: TimeLimit(for_s), {}),
    ],
)
def test_times_are_right_to_half_a_step(
    make: Callable[..., Rule], bad: dict[str, Any], dt: float
) -> None:
    """At any rate, however the sum of the steps is rounded."""
    step, _ = ends(make(for_s=2.0), make_frame(dt=dt, **bad))
    assert step * dt == pytest.approx(2.0, abs=dt / 2 + 1e-9)


def test_a_moment_without_begins_anew() -> None:
    """What has to go on for a while has to go on in one piece."""
    off, on = make_frame(tyres_out=4, dt=0.1), make_frame(tyres_out=3, dt=0.1)
    rule = OffTrack(for_s=0.3)
    rule.reset(on)
    assert not any(rule.step(off, frame) for frame in (off, off, on, off, off))
    assert rule.step(off, off) == Ending("off_track")


def test_limits_truncate_and_losses_terminate() -> None:
    """So that a learner knows what still has its worth."""
    done = make_frame(completed_laps=2, car_damage=(200.0,) * 5, tyres_out=4, speed_kmh=0.0)
    begun = make_frame(completed_laps=0)
    limits = (LapLimit(1), StepLimit(1), TimeLimit(0.001))
    losses = (Wreck(), OffTrack(for_s=0.0), Stuck(for_s=0.0), Collision())
    for rules, truncated in ((limits, True), (losses, False)):
        for rule in rules:
            rule.reset(begun)
            ending = rule.step(begun, done)
            assert ending is not None
            assert ending.truncated is truncated, ending.reason


def test_rules_are_a_rule() -> None:
    """Several in one, one within another, or none at all."""
    frame = make_frame()
    assert ends(Rules(Rules(StepLimit(3)), StepLimit(5)), frame) == (3, "step_limit")
    assert ends(Rules(), frame) == (0, "")


def test_every_rule_is_asked_at_every_step() -> None:
    """One that ends nothing yet counts on while another does."""
    frame = make_frame(tyres_out=4, dt=0.1)
    rules = Rules(StepLimit(1), OffTrack(for_s=0.2))
    rules.reset(frame)
    endings = [rules.step(frame, frame) for _ in range(2)]
    assert [ending.reason for ending in endings if ending] == ["step_limit", "off_track"]


NOT_FROM_ZERO: tuple[Any, ...] = (-1.0, math.nan, math.inf, "2", None, True)
NOT_WHOLE: tuple[Any, ...] = (0, -1, 1.5, math.nan, math.inf, "2", None, True)


@pytest.mark.parametrize(
    ("make", "setting", "values"),
    [
        (OffTrack, "for_s", NOT_FROM_ZERO),
        (OffTrack, "wheels", (*NOT_WHOLE, 5)),
        (Stuck, "below_kmh", NOT_FROM_ZERO),
        (Stuck, "for_s", NOT_FROM_ZERO),
        (WrongWay, "for_s", NOT_FROM_ZERO),
        (Collision, "above_kmh", NOT_FROM_ZERO),
        (Wreck, "at_kmh", NOT_FROM_ZERO),
        (LapLimit, "laps", NOT_WHOLE),
        (lambda **said: LapLimit(1, **said), "steps_after", NOT_WHOLE[1:]),
        (StepLimit, "steps", NOT_WHOLE),
        (TimeLimit, "seconds", (*NOT_FROM_ZERO, 0.0, 0.0009)),
    ],
)
def test_constants_that_cannot_be_used_are_refused(
    make: Any, setting: str, values: tuple[Any, ...]
) -> None:
    """By their name, whatever was given."""
    for value in values:
        with pytest.raises(SettingError, match=setting) as caught:
            make(**{setting: value})
        assert caught.value.setting == setting


def test_constants_may_be_of_any_kind_of_number() -> None:
    """A whole number that came as a float, and numpy's."""
    frame = make_frame(dt=0.1)
    counts: tuple[Any, ...] = (7, 7.0, np.int64(7), np.float32(7))
    assert {ends(StepLimit(steps), frame) for steps in counts} == {(7, "step_limit")}
    assert ends(TimeLimit(np.float32(0.5)), frame) == (5, "time_limit")  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [[OffTrack(), Stuck()], None, OffTrack, "off_track"])
def test_what_is_no_rule_is_refused(given: Any) -> None:
    """Before an episode begins; a list is the likely slip."""
    with pytest.raises(SettingError, match="is no rule") as caught:
        Rules(given)
    assert caught.value.setting == "rules"
    assert "Rules(OffTrack(), Stuck())" in caught.value.hint
