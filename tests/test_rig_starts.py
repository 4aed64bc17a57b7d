"""Where a rig's resets begin, and that asking costs a reset under way nothing."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from ac_bridge.control.smoothing import smoothing_named
from ac_bridge.episode import Episode
from ac_bridge.game import RecordingWheel
from ac_bridge.pacing import TickStats
from ac_bridge.rig import Rig, RigSettings
from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.frame import TelemetryFrame
from ac_bridge_protocol.messages import ResetPhase
from ac_bridge_protocol.starts import Start, StartAt
from helpers.actors import make_rig, wheel_of
from helpers.steady import SteadyGame

LINE, PIT, RANDOM = (Start(at=at) for at in (StartAt.LINE, StartAt.PIT, StartAt.RANDOM))
FAR = Start(at=StartAt.DISTANCE, distance_m=600.0)
BEYOND = Start(at=StartAt.DISTANCE, distance_m=99_999.0)


def resetting(rig: Rig, seed: int | None, start: Start | None) -> Generator[float, None, None]:
    def on_phase(_phase: ResetPhase, _attempt: int) -> None:
        pass

    return rig.reset(seed, on_phase, start)


def finish(rig: Rig, reset: Generator[float, None, None]) -> float:
    """Wait for a reset; return where the car stands, as a share of the lap."""
    for deadline in reset:
        rig.clock.sleep_until(deadline)
    return rig.sample(rig.telemetry_stream()).normalized_position


def test_a_start_holds_for_one_reset() -> None:
    """Relaunched or restarted; the next one is at the line."""
    rig = make_rig()
    for seed in (1, None):
        assert 0.1 < finish(rig, resetting(rig, seed, FAR)) < 0.5
        assert finish(rig, resetting(rig, seed, None)) < 0.01


@pytest.mark.parametrize("start", [None, PIT, BEYOND], ids=str)
def test_asking_moves_no_reset_under_way(start: Start | None) -> None:
    """Somebody else asks, between pressing the button and the car's being put down."""
    rig = make_rig()
    finish(rig, resetting(rig, 1, None))
    reset = resetting(rig, None, FAR)
    rig.clock.sleep_until(next(reset))
    try:
        rig.check_reset(None, start)
    except SettingError:
        assert start is BEYOND
    assert 0.1 < finish(rig, reset) < 0.5


def test_a_session_that_waits_already_begins_there_too() -> None:
    """No restart is needed then, so nothing but the start button is pressed."""
    rig = make_rig()
    rig.clock.sleep_until(2.0)
    assert 0.1 < finish(rig, resetting(rig, None, FAR)) < 0.5
    assert finish(rig, resetting(rig, None, None)) < 0.01


def test_a_reset_that_is_given_up_takes_its_start_along() -> None:
    """The next one is at the line, though nobody restarts what waits on its screen."""
    rig = make_rig()
    reset = resetting(rig, 1, FAR)
    while rig.clock.now() < 0.6:
        rig.clock.sleep_until(next(reset))
    reset.close()
    assert finish(rig, resetting(rig, None, None)) < 0.01


def test_a_refused_start_touches_nothing() -> None:
    """No button is pressed, and whoever drives goes on driving."""
    rig = make_rig()
    finish(rig, resetting(rig, 1, None))
    states = len(wheel_of(rig).states)
    with pytest.raises(SettingError, match="there is no start at 99999 m") as caught:
        next(resetting(rig, 1, BEYOND))
    assert caught.value.setting == "start"
    assert len(wheel_of(rig).states) == states


@pytest.mark.parametrize("start", [LINE, PIT, RANDOM, FAR], ids=str)
def test_a_game_without_starts_refuses_each_by_name(start: Start) -> None:
    """Where the session puts a car is not known to be the line."""
    rig = Rig(SteadyGame(), RigSettings(10.0, 60.0, smoothing_named("none")))
    rig.check_reset(None, None)
    with pytest.raises(SettingError, match=f"steady cannot be told to start at {start}") as caught:
        next(resetting(rig, None, start))
    assert caught.value.setting == "start"
    assert "without a start" in caught.value.hint
    assert isinstance(rig.game.wheel, RecordingWheel)
    assert not rig.game.wheel.states


def test_creeping_from_the_pits_over_the_line_is_no_restart() -> None:
    """The episode goes on, though the lap clock begins anew without a lap done."""
    rig = make_rig()
    finish(rig, resetting(rig, 1, PIT))
    episode = Episode(rig, TickStats())
    frames: list[TelemetryFrame] = [episode.first]
    while not (frames[-1].normalized_position < 0.5 or len(frames) > 400):
        throttle = 0.35 if frames[-1].speed_kmh < 18.0 else 0.0
        ticket = episode.ask((0.0, throttle, 0.0))
        for deadline in episode.until_tick():
            rig.run_lockstep(deadline, rig.telemetry_stream(), lambda _frame: None)
        episode.reach()
        outcome = episode.outcome(ticket)
        assert outcome is not None
        assert outcome.end is None
        frames.append(outcome.frame)
    before, after = frames[-2:]
    assert after.current_time < 1000 < before.current_time
    assert (after.completed_laps, after.last_time) == (0, 0)
    assert after.speed_kmh < 30.0
