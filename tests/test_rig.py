"""The rig on a lockstep stand-in: gears, the wiggle, and what it tells by itself."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from ac_bridge.control.gears import ShiftPlan
from ac_bridge.control.late import LatePolicy
from ac_bridge.control.reset import DEFAULT_PLAN, ResetPlan
from ac_bridge.control.shifting import ShiftedBy
from ac_bridge.control.smoothing import smoothing_named
from ac_bridge.episode import Episode
from ac_bridge.game import NEUTRAL, Controls, RecordingWheel
from ac_bridge.pacing import TickStats
from ac_bridge.rig import WIGGLE, Rig, RigSettings
from ac_bridge.rigs import rig_from
from ac_bridge.settings import ActorSettings
from ac_bridge.standin import StandinGame
from ac_bridge_protocol.errors import SettingError, WheelError
from ac_bridge_protocol.frame import GameState
from ac_bridge_protocol.messages import Event, EventKind

FIRST = 2


class Drive:
    """A rig, ready to be stepped."""

    def __init__(
        self,
        shifted_by: ShiftedBy = "game",
        gearbox: str = "sequential",
        screen_clock_runs: bool = False,
        **settings: Any,
    ) -> None:
        self.game = StandinGame(
            lockstep=True,
            gearbox=gearbox,  # type: ignore[arg-type]
            screen_clock_runs=screen_clock_runs,
        )
        self.wheel = RecordingWheel(self.game.wheel)
        self.game.wheel = self.wheel  # type: ignore[assignment]
        smoothing = smoothing_named("none")
        self.rig = Rig(
            self.game, RigSettings(10.0, 60.0, smoothing, shifted_by=shifted_by, **settings)
        )
        self.events: list[Event] = []
        self.rig.on_event = self.events.append
        self.reset()

    def reset(self) -> None:
        for deadline in self.rig.reset(None, lambda _phase, _attempt: None):
            self.rig.clock.sleep_until(deadline)
        self.episode = Episode(self.rig, TickStats())

    def step(self, *action: float) -> int:
        """Drive one control period; return the gear at its end."""
        ticket = self.episode.ask(action)
        for deadline in self.episode.until_tick():
            self.rig.run_lockstep(deadline, self.rig.telemetry_stream(), lambda _frame: None)
        self.episode.reach()
        outcome = self.episode.outcome(ticket)
        assert outcome is not None
        self.outcome = outcome
        return self.outcome.frame.gear

    def kinds(self) -> list[EventKind]:
        return [event.kind for event in self.events]


def test_a_reset_ends_in_first_gear() -> None:
    """A sequential gearbox starts in neutral: the reset shifts."""
    drive = Drive()
    assert drive.episode.first.gear == FIRST
    assert drive.wheel.now == NEUTRAL
    assert any(1 in controls.buttons for controls in drive.wheel.states)


def test_an_automatic_gearbox_is_left_alone() -> None:
    """The game selects first by itself."""
    drive = Drive(gearbox="automatic")
    assert not any(1 in controls.buttons for controls in drive.wheel.states)


def test_the_learner_shifts_with_its_action() -> None:
    """One wish, one gear, while driving; the button is held and released again."""
    drive = Drive("learner")
    for _ in range(10):
        drive.step(0.0, 0.6, 0.0, 0.0)
    drive.step(0.0, 0.6, 0.0, 1.0)
    gears = [drive.step(0.0, 0.6, 0.0, 0.0) for _ in range(10)]
    assert gears[-1] == FIRST + 1
    drive.step(0.0, 0.2, 0.0, -1.0)
    gears = [drive.step(0.0, 0.2, 0.0, 0.0) for _ in range(10)]
    assert gears[-1] == FIRST
    assert drive.wheel.now.buttons == frozenset()
    assert EventKind.SHIFT_FAILED not in drive.kinds()


def test_the_actor_shifts_by_engine_speed() -> None:
    """Full throttle goes up through the gears, and braking down again, with nothing asked."""
    drive = Drive("actor")
    gears = [drive.step(0.0, 1.0, 0.0) for _ in range(150)]
    assert max(gears) >= FIRST + 2
    gears = [drive.step(0.0, 0.0, 0.6) for _ in range(100)]
    assert gears[-1] == FIRST


def test_the_game_shifts_unless_asked_otherwise() -> None:
    """By default no shift button is touched while driving."""
    drive = Drive(gearbox="automatic")
    drive.wheel.states.clear()
    for _ in range(100):
        drive.step(0.0, 1.0, 0.0)
    assert all(controls.buttons == frozenset() for controls in drive.wheel.states)


def test_a_shift_that_fails_is_told_and_the_drive_goes_on() -> None:
    """Here because the game does not know the button."""
    drive = Drive("learner", shift_plan=ShiftPlan(up_button=11, down_button=12))
    drive.step(0.0, 0.5, 0.0, 1.0)
    for _ in range(50):
        drive.step(0.0, 0.5, 0.0, 0.0)
    assert EventKind.SHIFT_FAILED in drive.kinds()
    assert drive.outcome.end is None


def test_every_axis_is_moved_once_for_each_process_of_the_game() -> None:
    """It reads an axis as zero until it has moved; another reset of that process needs none."""
    drive = Drive()
    assert drive.wheel.states.count(WIGGLE) == 1
    drive.reset()
    assert drive.wheel.states.count(WIGGLE) == 1
    for deadline in drive.rig.reset(5, lambda _phase, _attempt: None):
        drive.rig.clock.sleep_until(deadline)
    assert drive.wheel.states.count(WIGGLE) == 2


@pytest.mark.parametrize(
    ("misbehave", "end"),
    [
        (lambda game: game.pause(), "game_paused"),
        (lambda game: game.exit(), "game_waiting"),
    ],
)
def test_a_game_that_is_left_ends_the_episode(misbehave: object, end: str) -> None:
    """The step is answered with the state, the wheel is neutral, and the change is told once."""
    drive = Drive()
    drive.step(0.2, 0.8, 0.0)
    misbehave(drive.game)  # type: ignore[operator]
    drive.step(0.2, 0.8, 0.0)
    assert drive.outcome.end == end
    assert drive.wheel.now == NEUTRAL
    assert drive.kinds().count(EventKind.NEUTRALISED) == 1
    told = [event.state for event in drive.events if event.kind is EventKind.GAME_STATE]
    assert told[-1] is not GameState.LIVE
    if end != "game_waiting":  # an exited game does not come back by itself
        drive.game.resume()
        drive.reset()
        drive.step(0.0, 0.8, 0.0)
        assert drive.outcome.end is None
        assert drive.outcome.frame.throttle > 0


def test_while_the_game_stalls_the_wheel_is_neutral() -> None:
    """The episode goes on, and drives again with the first action after the stall."""
    drive = Drive()
    drive.step(0.2, 0.8, 0.0)
    drive.game.stall(0.25)
    drive.step(0.2, 0.8, 0.0)
    drive.step(0.2, 0.8, 0.0)
    assert drive.outcome.frame.state is GameState.STALLED
    assert drive.wheel.now == NEUTRAL
    assert dataclasses.astuple(NEUTRAL)[:4] == tuple(drive.outcome.receipt.sent.__dict__.values())
    drive.step(0.2, 0.8, 0.0)
    drive.step(0.2, 0.8, 0.0)
    assert drive.outcome.frame.state is GameState.LIVE
    assert drive.wheel.now != NEUTRAL
    assert drive.outcome.end is None


def test_a_restart_in_the_middle_is_told_and_ends_the_episode() -> None:
    """Somebody pressed restart at the gaming PC."""
    drive = Drive()
    for _ in range(30):
        drive.step(0.0, 0.8, 0.0)
    drive.rig.set_wheel(dataclasses.replace(NEUTRAL, buttons={DEFAULT_PLAN.restart_button}))
    ends = []
    for _ in range(10):
        drive.rig.run_lockstep(
            drive.rig.clock.now() + 0.1, drive.rig.telemetry_stream(), lambda _frame: None
        )
        drive.step(0.0, 0.0, 0.0)
        ends.append(drive.outcome.end)
    assert "game_restarted" in ends
    assert EventKind.GAME_RESTARTED in drive.kinds()


def test_a_wheel_that_does_not_take_neutral_is_tried_again() -> None:
    """Another program took the device: told once, and neutral as soon as it is back."""
    drive = Drive()
    drive.step(0.2, 0.8, 0.0)
    take = drive.wheel.apply

    def refuse(_controls: Controls) -> None:
        raise WheelError("The device was taken.")

    drive.wheel.apply = refuse  # type: ignore[method-assign]
    drive.rig.neutral()
    for _ in range(3):
        drive.rig.tend(drive.outcome.frame)
    assert drive.kinds().count(EventKind.WHEEL_LOST) == 1
    with pytest.raises(WheelError):
        drive.step(0.2, 0.8, 0.0)
    drive.wheel.apply = take  # type: ignore[method-assign]
    drive.rig.tend(drive.outcome.frame)
    assert drive.wheel.now == NEUTRAL
    drive.step(0.2, 0.8, 0.0)
    assert drive.wheel.now != NEUTRAL


def test_a_session_screen_whose_clock_runs_is_started_too() -> None:
    """Nobody knows whether the game's lap clock stands there: the car in its box is the hint."""
    drive = Drive(screen_clock_runs=True)
    for _ in range(3):
        for _ in range(20):
            drive.step(0.0, 0.8, 0.0)
        assert drive.outcome.end is None
        assert drive.outcome.frame.speed_kmh > 10.0
        assert not drive.outcome.frame.is_in_pit
        drive.reset()
        assert drive.episode.first.speed_kmh < 1.0


def test_a_wheel_that_fails_while_shifting_does_not_stop_the_looking() -> None:
    """The sampler tends the gears: an error of the wheel must not end it."""
    drive = Drive("learner")
    drive.step(0.0, 0.5, 0.0, 0.0)
    take, broken = drive.wheel.apply, WheelError("The device was taken.")

    def refuse(_controls: Controls) -> None:
        raise broken

    drive.rig._shifting.ask(1)
    drive.wheel.apply = refuse  # type: ignore[method-assign]
    frame = drive.outcome.frame
    for _ in range(3):
        drive.rig.tend(frame)
    assert EventKind.WHEEL_LOST in drive.kinds()
    assert not drive.rig.driven
    drive.wheel.apply = take  # type: ignore[method-assign]
    drive.rig.tend(frame)
    assert drive.wheel.now == NEUTRAL


def test_a_reset_by_commands_needs_a_game_that_takes_them() -> None:
    """The stand-in has no command port: refused when it is chosen, not in the middle of a reset."""
    with pytest.raises(SettingError, match="command port"):
        Drive(reset_plan=ResetPlan(strategy="command_port"))


def test_first_gear_is_selected_with_the_clutch_where_the_game_leaves_it_to_the_driver() -> None:
    """Without the automatic clutch a shift at a standstill would stall the engine."""
    drive = Drive()
    statics = drive.rig.require_statics().model_copy(update={"aid_auto_clutch": False})
    drive.rig._reader._statics = statics
    drive.wheel.states.clear()
    drive.reset()
    shifting = [controls for controls in drive.wheel.states if 1 in controls.buttons]
    assert shifting
    assert all(controls.clutch == 1.0 for controls in shifting)
    assert drive.wheel.now == NEUTRAL
    drive = Drive("learner")
    drive.rig._reader._statics = statics
    drive.step(0.0, 0.5, 0.0, 1.0)
    drive.step(0.0, 0.5, 0.0, 0.0)
    assert any(1 in c.buttons and c.clutch == 1.0 for c in drive.wheel.states)


def test_the_late_policy_comes_from_the_settings() -> None:
    """Both halves of it."""
    rig = rig_from(ActorSettings(game="standin", late_hold_ticks=5, late_brake=0.1))
    assert rig.settings.late == LatePolicy(5, 0.1)
    rig.close()


def test_track_and_folder_come_from_the_settings(tmp_path: Path) -> None:
    """The track goes to the game, the folder to whoever reads tracks."""
    (tmp_path / "content" / "tracks").mkdir(parents=True)
    rig = rig_from(ActorSettings(game="standin", track="made_3", game_dir=tmp_path))
    assert isinstance(rig.game, StandinGame)
    assert rig.game.circuit.name == "made_3"
    assert rig.settings.game_dir == tmp_path
    rig.close()


def test_a_folder_that_is_not_the_games_is_refused_at_start(tmp_path: Path) -> None:
    """Before any game or wheel is opened."""
    with pytest.raises(SettingError, match="no content/tracks") as caught:
        rig_from(ActorSettings(game="standin", game_dir=tmp_path))
    assert caught.value.setting == "game_dir"


def test_the_track_of_another_process_is_not_ours_to_choose() -> None:
    """It is refused by name, whatever publishes there."""
    with pytest.raises(SettingError) as caught:
        rig_from(ActorSettings(game="shm", controller="standin", track="made_3"))
    assert caught.value.setting == "track"
    assert "standin" in caught.value.hint


def test_an_action_moves_nothing_that_nobody_drives() -> None:
    """Moving the wheel does not feed the dead-man's switch; an action's arrival does."""
    drive = Drive()
    wanted = drive.rig.format.read((0.2, 0.8, 0.0))
    drive.rig.act(wanted, 0.1)
    assert drive.wheel.now == NEUTRAL
    drive.rig.feed()
    drive.rig.act(wanted, 0.1)
    assert drive.wheel.now.throttle == 0.8
    assert drive.rig.lets_go_s == drive.rig.clock.now() + drive.rig.settings.longest_hold_s
    before = drive.rig.let_goes
    for _ in range(2):
        drive.rig.neutral()
    assert drive.rig.let_goes == before + 1
    assert drive.rig.lets_go_s is None
