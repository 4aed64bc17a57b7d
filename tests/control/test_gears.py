"""The gear shifter against a gearbox made by hand, and against the stand-in's."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ac_bridge.control.gears import (
    FIRST,
    NEUTRAL,
    REVERSE,
    AutoShift,
    AutoShiftPlan,
    GearShifter,
    ShiftFailure,
    ShiftPlan,
    gear_name,
)
from ac_bridge.game import Controls, Page
from ac_bridge.standin.game import StandinGame
from ac_bridge.telemetry.layout import PHYSICS
from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.frame import GameState
from helpers.frames import make_frame

STEP_S = 0.01
PLAN = ShiftPlan(press_s=0.05, pause_s=0.05, confirm_s=0.3, attempts=3)
UP, DOWN = frozenset({1}), frozenset({2})
NONE: frozenset[int] = frozenset()


class Box:
    """A sequential gearbox that takes a press held for 30 ms, 120 ms later.

    Args:
        top: its highest gear.
        deaf: presses that it ignores, counted from the first.
    """

    def __init__(self, gear: int, top: int = 7, deaf: frozenset[int] = frozenset()) -> None:
        self.gear = gear
        self._top = top
        self._deaf = deaf
        self.presses = 0
        self._held_steps = 0
        self._coming: list[tuple[int, int]] = []
        self._steps = 0

    def step(self, buttons: frozenset[int]) -> None:
        self._steps += 1
        self._held_steps = self._held_steps + 1 if buttons else 0
        if self._held_steps == 3:
            self.presses += 1
            if self.presses not in self._deaf:
                self._coming.append((self._steps + 12, 1 if buttons == UP else -1))
        for due, change in list(self._coming):
            if due <= self._steps:
                self._coming.remove((due, change))
                self.gear = min(max(self.gear + change, REVERSE), self._top)


class Drive:
    """A shifter on a box, at 100 Hz."""

    def __init__(self, box: Box, plan: ShiftPlan = PLAN) -> None:
        self.box = box
        self.shifter = GearShifter(plan)
        self.now_s = 50.0
        self.held: list[frozenset[int]] = []

    def run(self, seconds: float, interfere: Callable[[int], None] = lambda _: None) -> None:
        for step in range(round(seconds / STEP_S)):
            interfere(step)
            buttons = self.shifter.update(self.box.gear, self.now_s)
            self.held.append(buttons)
            self.box.step(buttons)
            self.now_s += STEP_S

    def presses(self) -> list[tuple[frozenset[int], int]]:
        """Return what was held and for how many steps, from the first press to the last."""
        runs = [(buttons, len(list(group))) for buttons, group in itertools.groupby(self.held)]
        while runs and runs[0][0] == NONE:
            runs.pop(0)
        while runs and runs[-1][0] == NONE:
            runs.pop()
        return runs


# --- One shift ------------------------------------------------------------------------------------


def test_nothing_is_pressed_unasked() -> None:
    """Whatever the gear does."""
    drive = Drive(Box(3))
    drive.run(1.0, lambda step: setattr(drive.box, "gear", 2 + step % 5))
    assert set(drive.held) == {NONE}
    assert not drive.shifter.shifting


@pytest.mark.parametrize(("change", "button"), [(1, UP), (-1, DOWN)])
def test_a_shift_is_one_press_of_its_length(change: int, button: frozenset[int]) -> None:
    """50 ms held, then released until the gear shows."""
    drive = Drive(Box(4))
    drive.shifter.request(change)
    assert drive.shifter.shifting
    drive.run(0.5)
    assert drive.presses() == [(button, pytest.approx(5, abs=1))]
    assert drive.box.gear == 4 + change
    assert not drive.shifter.shifting
    assert drive.shifter.take_failure() is None


def test_a_shift_that_took_ends_its_press_early() -> None:
    """The gear shows while the button is still down."""
    shifter = GearShifter(dataclasses.replace(PLAN, press_s=1.0))
    shifter.request(1)
    assert shifter.update(3, 0.0) == UP
    assert shifter.update(3, 0.1) == UP
    assert shifter.update(4, 0.2) == NONE
    assert not shifter.shifting


def test_several_gears_are_shifted_one_by_one() -> None:
    """Released in between, each confirmed before the next."""
    drive = Drive(Box(NEUTRAL))
    drive.shifter.select(5)
    drive.run(2.0)
    runs = drive.presses()
    assert [buttons for buttons, _ in runs] == [UP, NONE] * 3 + [UP]
    assert all(steps >= 5 for buttons, steps in runs if buttons == NONE)
    assert drive.box.gear == 5


def test_the_button_rests_before_it_is_pressed_again() -> None:
    """Even if the gear shows at once."""
    shifter = GearShifter(PLAN)
    shifter.select(5)
    assert shifter.update(3, 0.0) == UP
    assert shifter.update(4, 0.01) == NONE
    assert shifter.update(4, 0.04) == NONE
    assert shifter.update(4, 0.07) == UP


def test_the_gear_asked_for_may_be_in_already() -> None:
    """Then there is nothing to do."""
    drive = Drive(Box(FIRST))
    drive.shifter.select(FIRST)
    drive.run(0.2)
    assert set(drive.held) == {NONE}
    assert not drive.shifter.shifting


# --- Requests while shifting ----------------------------------------------------------------------


def test_requests_while_shifting_move_the_target() -> None:
    """Three quick pulls of the lever are three gears."""
    drive = Drive(Box(FIRST))
    for _ in range(3):
        drive.shifter.request(1)
        drive.run(0.02)
    assert drive.shifter.target == FIRST + 3
    drive.run(2.0)
    assert drive.box.gear == FIRST + 3


def test_requests_before_the_first_gear_is_seen_add_up() -> None:
    """They are counted from whatever gear is seen first."""
    drive = Drive(Box(3))
    drive.shifter.request(1)
    drive.shifter.request(1)
    drive.run(2.0)
    assert drive.box.gear == 5


def test_a_request_taken_back_ends_where_it_began() -> None:
    """Even though the first press is on its way already."""
    drive = Drive(Box(3))
    drive.shifter.request(1)
    drive.run(0.06)
    drive.shifter.request(-1)
    drive.run(2.0)
    assert drive.box.gear == 3
    assert [buttons for buttons, _ in drive.presses()] == [UP, NONE, DOWN]


def test_select_replaces_what_was_asked_for() -> None:
    """Requests that no gear was seen for included."""
    drive = Drive(Box(3))
    drive.shifter.request(1)
    drive.shifter.select(FIRST)
    drive.run(1.0)
    assert drive.box.gear == FIRST


def test_reverse_is_the_lowest() -> None:
    """Below it there is nothing to ask for."""
    drive = Drive(Box(NEUTRAL))
    drive.shifter.request(-5)
    drive.run(1.0)
    assert drive.box.gear == REVERSE
    drive.shifter.select(REVERSE)
    drive.run(0.1)
    assert not drive.shifter.shifting
    with pytest.raises(SettingError, match="no gear -1"):
        drive.shifter.select(-1)


def test_cancelling_releases_the_button() -> None:
    """And wants nothing any more."""
    drive = Drive(Box(3))
    drive.shifter.select(6)
    drive.run(0.02)
    assert drive.held[-1] == UP
    drive.shifter.cancel()
    assert not drive.shifter.shifting
    drive.run(1.0)
    assert set(drive.held[2:]) == {NONE}
    drive.shifter.request(1)
    drive.run(1.0)
    assert drive.box.gear == 4, "a shifter that was cancelled can be asked again"


# --- Shifts that do not take ----------------------------------------------------------------------


def test_a_press_that_was_missed_is_repeated() -> None:
    """Twice in vain is not yet too often."""
    drive = Drive(Box(3, deaf=frozenset({1, 2})))
    drive.shifter.request(1)
    drive.run(2.0)
    assert drive.box.gear == 4
    assert drive.box.presses == 3
    assert drive.shifter.take_failure() is None


def test_a_gear_that_is_not_there_is_reported_once() -> None:
    """After three presses; the shifter is idle then, and can be asked again."""
    drive = Drive(Box(7, top=7))
    drive.shifter.request(1)
    drive.run(3.0)
    assert drive.box.presses == 3
    assert not drive.shifter.shifting
    failure = drive.shifter.take_failure()
    assert failure == ShiftFailure(wanted=8, seen=7, presses=3)
    assert str(failure) == "Gear 7 was not reached: telemetry says 6 after 3 presses."
    assert drive.shifter.take_failure() is None
    drive.shifter.request(-1)
    drive.run(1.0)
    assert drive.box.gear == 6


def test_a_long_way_does_not_make_it_more_patient() -> None:
    """Three presses in vain are enough, however many gears are missing."""
    drive = Drive(Box(FIRST, top=FIRST))
    drive.shifter.select(6)
    drive.run(5.0)
    assert drive.box.presses == 3
    assert drive.shifter.take_failure() == ShiftFailure(wanted=6, seen=FIRST, presses=3)


def test_progress_renews_the_attempts() -> None:
    """What counts is presses in vain in a row, not over a long way."""
    drive = Drive(Box(FIRST, deaf=frozenset({1, 2, 4, 5})))
    drive.shifter.select(FIRST + 2)
    drive.run(4.0)
    assert drive.box.gear == FIRST + 2


def test_a_slow_shift_is_not_pressed_twice() -> None:
    """Within the time to confirm, the shifter waits."""
    drive = Drive(Box(3), dataclasses.replace(PLAN, confirm_s=0.15))
    drive.shifter.request(1)
    drive.run(1.0)
    assert drive.box.presses == 1


# --- Gears that change by themselves --------------------------------------------------------------


def test_a_driver_who_shifts_along_is_made_up_for() -> None:
    """Two gears too far are shifted back."""
    drive = Drive(Box(FIRST))
    drive.shifter.select(4)
    drive.run(2.0, lambda step: setattr(drive.box, "gear", 6) if step == 20 else None)
    assert drive.box.gear == 4
    assert not drive.shifter.shifting


def test_a_neutral_that_flashes_by_is_no_gear() -> None:
    """Some gearboxes report neutral in the middle of a shift."""
    shifter = GearShifter(PLAN)
    shifter.select(4)
    assert shifter.update(3, 0.0) == UP
    assert shifter.update(3, 0.06) == NONE
    assert shifter.update(NEUTRAL, 0.15) == NONE
    assert shifter.update(4, 0.2) == NONE
    assert not shifter.shifting


def test_a_gearbox_that_fights_back_is_given_up() -> None:
    """An automatic one that always returns to its own idea of a gear."""
    drive = Drive(Box(4))
    drive.shifter.select(6)
    drive.run(10.0, lambda step: setattr(drive.box, "gear", 4) if step % 25 == 0 else None)
    assert not drive.shifter.shifting
    assert drive.shifter.take_failure() is not None
    assert drive.box.presses <= 2 * PLAN.attempts


@given(
    gears=st.lists(st.integers(-2, 12), min_size=1, max_size=60),
    asks=st.lists(st.tuples(st.integers(0, 60), st.integers(-3, 3)), max_size=6),
    pace_s=st.sampled_from([0.004, 0.016, 0.1, 1.0]),
)
def test_any_gears_lead_to_an_end(
    gears: list[int], asks: list[tuple[int, int]], pace_s: float
) -> None:
    """One button at a time, never longer than its time, never again too soon, and idle at last."""
    shifter = GearShifter(PLAN)
    now_s, pressed_s, released_s = 0.0, 0.0, -1.0
    held = NONE
    for index in itertools.count():
        for at, change in asks:
            if at == index:
                shifter.request(change)
        gear = gears[min(index, len(gears) - 1)]
        buttons = shifter.update(gear, now_s)
        assert buttons in (NONE, UP, DOWN)
        if buttons and not held:
            assert now_s - released_s >= PLAN.pause_s
            pressed_s = now_s
        if held and buttons:
            assert buttons == held
            assert now_s - pressed_s < PLAN.press_s
        if held and not buttons:
            released_s = now_s
        held = buttons
        if index > 60 and not shifter.shifting:
            break
        assert now_s < 1000.0, "still shifting"
        now_s += pace_s
    assert held == NONE


# --- The stand-in's gearbox -----------------------------------------------------------------------


def test_the_stand_in_shifts() -> None:
    """Through the wheel's buttons and the page's gear: up to third and back to first."""
    with StandinGame(lockstep=True, gearbox="sequential") as game:
        game.clock.sleep_until(2.0)
        start = frozenset({9})
        game.wheel.apply(Controls(buttons=start))
        game.clock.sleep_until(2.1)
        shifter, gears = GearShifter(), []
        for wanted in (4, FIRST):
            shifter.select(wanted)
            while shifter.shifting:
                gear = PHYSICS.unpack(game.read_page(Page.PHYSICS))["gear"]
                gears.append(gear)
                now_s = game.clock.now()
                game.wheel.apply(Controls(buttons=shifter.update(gear, now_s)))
                game.clock.sleep_until(now_s + 1 / 60)
        assert [gear for gear, _ in itertools.groupby(gears)] == [NEUTRAL, 2, 3, 4, 3, FIRST]
        assert shifter.take_failure() is None
        assert game.clock.now() < 4.0


# --- When to shift --------------------------------------------------------------------------------


def at(**values: Any) -> Any:
    """A car in second gear at the middle of its engine's range, without automatic gearbox."""
    usual = {"gear": 3, "rpm": 5000, "current_max_rpm": 7000, "auto_shifter_on": False}
    return make_frame(**(usual | {"brake": 0.0, "speed_kmh": 80.0} | values))


@pytest.mark.parametrize(
    ("values", "change"),
    [
        ({}, 0),
        ({"rpm": 6700}, 1),
        ({"rpm": 6700, "brake": 0.5}, 0),
        ({"rpm": 3400}, -1),
        ({"rpm": 3400, "gear": FIRST}, 0),
        ({"rpm": 6700, "gear": FIRST}, 1),
        ({"gear": NEUTRAL}, 0),
        ({"gear": NEUTRAL, "speed_kmh": 20.0}, 1),
        ({"gear": REVERSE, "speed_kmh": 20.0}, 0),
        ({"gear": NEUTRAL, "speed_kmh": 0.0, "rpm": 900}, 1),
        ({"gear": REVERSE, "speed_kmh": 0.0, "rpm": 900}, 1),
        ({"gear": FIRST, "speed_kmh": 0.0, "rpm": 900}, 0),
        ({"gear": FIRST, "speed_kmh": 0.0, "rpm": 7000}, 0),
        ({"gear": 5, "speed_kmh": 0.0, "rpm": 900}, -1),
        ({"rpm": 6700, "auto_shifter_on": True}, 0),
        ({"rpm": 6700, "state": GameState.PAUSED}, 0),
        ({"rpm": 0, "current_max_rpm": 0}, 0),
    ],
)
def test_when_to_shift(values: dict[str, Any], change: int) -> None:
    """By the engine while driving, into first while standing, and never for an automatic."""
    assert AutoShift().wanted(at(**values), 10.0) == change


def test_after_a_change_the_engine_settles() -> None:
    """Whoever changed the gear."""
    auto = AutoShift(AutoShiftPlan(settle_s=0.5))
    assert auto.wanted(at(rpm=6700, gear=3), 10.0) == 1
    assert auto.wanted(at(rpm=6700, gear=4), 10.1) == 0
    assert auto.wanted(at(rpm=6700, gear=4), 10.5) == 0
    assert auto.wanted(at(rpm=6700, gear=4), 10.7) == 1


@given(rpm=st.integers(0, 8000), step=st.floats(1.1, 1.85))
def test_no_shift_calls_for_its_opposite(rpm: int, step: float) -> None:
    """For gears less than a factor of 1.85 apart there is no hunting."""
    change = AutoShift().wanted(at(rpm=rpm), 0.0)
    if change:
        after = AutoShift().wanted(at(rpm=round(rpm * step**-change), gear=3 + change), 0.0)
        assert after != -change


def test_the_top_gear_is_learnt() -> None:
    """A shift up that failed is not asked for again, until a higher gear is seen."""
    auto = AutoShift()
    assert auto.wanted(at(rpm=6900, gear=7), 0.0) == 1
    auto.learn(ShiftFailure(wanted=8, seen=7, presses=3))
    assert auto.wanted(at(rpm=6900, gear=7), 1.0) == 0
    assert auto.wanted(at(rpm=3000, gear=7), 2.0) == -1
    auto.wanted(at(rpm=6900, gear=8), 3.0)
    assert auto.wanted(at(rpm=6900, gear=8), 9.0) == 1


def test_a_failed_shift_down_teaches_nothing() -> None:
    """Nor one out of neutral: the clutch may have been in the way."""
    auto = AutoShift()
    auto.learn(ShiftFailure(wanted=2, seen=3, presses=3))
    auto.learn(ShiftFailure(wanted=2, seen=1, presses=3))
    assert auto.wanted(at(rpm=6900, gear=3), 0.0) == 1


# --- Plans ----------------------------------------------------------------------------------------


def test_plans_that_cannot_work_are_refused() -> None:
    """One button for both directions, no attempts, shares in the wrong order."""
    with pytest.raises(SettingError, match="cannot shift both"):
        ShiftPlan(up_button=4, down_button=4)
    with pytest.raises(SettingError, match="below"):
        ShiftPlan(attempts=0)
    with pytest.raises(SettingError, match="below"):
        ShiftPlan(press_s=-0.1)
    with pytest.raises(SettingError, match="down < up"):
        AutoShiftPlan(up_share=0.5, down_share=0.6)


def test_the_plan_names_the_buttons() -> None:
    """They are what the player bound."""
    shifter = GearShifter(ShiftPlan(up_button=5, down_button=6))
    shifter.request(1)
    assert shifter.update(3, 0.0) == {5}


def test_gears_are_called_as_drivers_call_them() -> None:
    """The page counts reverse and neutral too."""
    assert [gear_name(gear) for gear in range(4)] == ["R", "N", "1", "2"]
