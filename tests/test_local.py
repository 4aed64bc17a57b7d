"""The local API on the stand-in."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ac_bridge import ACBridgeLocal, RealTimeStepper, SmoothingConfig
from ac_bridge.clock import ManualClock
from ac_bridge.game import NEUTRAL, Page, RecordingWheel
from ac_bridge.standin import StandinGame
from ac_bridge_protocol.errors import (
    ActionError,
    LocalProtocolError,
    NotResetError,
    SettingError,
    WheelError,
)
from helpers.steady import FragileWheel


def lockstep_stepper(**options: Any) -> tuple[ACBridgeLocal, RealTimeStepper]:
    """Return a connected bridge in lockstep and its stepper."""
    bridge = ACBridgeLocal(game="standin", lockstep=True, **options).connect()
    return bridge, RealTimeStepper(bridge, control_hz=10)


def test_leaves_no_thread_behind() -> None:
    """Every thread that connecting started is gone after closing, in real time too."""
    before = set(threading.enumerate())
    with ACBridgeLocal(game="standin", telemetry_hz=100) as bridge:
        assert set(threading.enumerate()) != before, "it samples in a thread"
        bridge.reset()
        assert bridge.is_connected()
    assert set(threading.enumerate()) == before
    assert not bridge.is_connected()


def test_close_twice_and_connect_again() -> None:
    """A bridge can be closed twice and opened once more."""
    bridge = ACBridgeLocal(game="standin", lockstep=True)
    bridge.connect()
    bridge.connect()
    bridge.close()
    bridge.close()
    with bridge:
        observation, _ = bridge.reset()
        assert observation.shape == (15,)


def test_close_leaves_the_wheel_neutral() -> None:
    """Whatever was applied last, a closed bridge has let go."""
    bridge, stepper = lockstep_stepper()
    wheel = RecordingWheel(bridge.rig.game.wheel)
    bridge.rig.game.wheel = wheel
    stepper.reset()
    stepper.step((0.3, 1.0, 0.0))
    assert wheel.now != NEUTRAL
    bridge.close()
    assert wheel.now == NEUTRAL


def test_environment_variable_selects_the_game(monkeypatch: pytest.MonkeyPatch) -> None:
    """AC_BRIDGE_GAME=standin needs no change of code; without it there is a choice."""
    monkeypatch.setenv("AC_BRIDGE_GAME", "standin")
    with ACBridgeLocal(lockstep=True) as bridge:
        assert bridge.rig.game.name == "standin"
    monkeypatch.setenv("AC_BRIDGE_GAME", "tetris")
    with pytest.raises(SettingError, match="tetris"):
        ACBridgeLocal()
    monkeypatch.delenv("AC_BRIDGE_GAME")
    with ACBridgeLocal(lockstep=True) as bridge:
        assert bridge.rig.game.name == "standin", "the only one that can stand still"


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (np.array([0.0, 0.5, 0.0], np.float32), 0.5),
        ((0.0, 0.5, 0.0), 0.5),
        ([0, 1, 0], 1.0),
        ({"steer": 0.0, "throttle": 0.5}, 0.5),
        ((0.0, 0.5, 0.0, 0.0), 0.5),
    ],
)
def test_actions_in_every_form(action: Any, expected: float) -> None:
    """An action is an array, a tuple, a list or a dict, with or without a clutch."""
    bridge, stepper = lockstep_stepper(smoothing_config="none")
    stepper.reset(seed=1)
    _, info = stepper.step(action)
    assert info["receipt"].sent.throttle == pytest.approx(expected)
    bridge.close()


@pytest.mark.parametrize(
    "action",
    [(0.0, 0.5), (0.0, float("nan"), 0.0), (0.0, 1.5, 0.0), {"gas": 1.0}, (0.0, 0.5, 0.0, 2.0)],
)
def test_bad_actions_change_nothing(action: Any) -> None:
    """A bad action is refused; the wheel keeps its state and the episode its tick."""
    bridge, stepper = lockstep_stepper()
    stepper.reset(seed=1)
    _, before = stepper.step((0.0, 0.5, 0.0))
    with pytest.raises(ActionError):
        stepper.step(action)
    _, after = stepper.step((0.0, 0.5, 0.0))
    assert after["receipt"].tick == before["receipt"].tick + 1
    bridge.close()


def test_apply_action_moves_the_wheel_at_once() -> None:
    """Without a stepper an action reaches the game's wheel, and a bad one does not."""
    with ACBridgeLocal(game="standin", lockstep=True, smoothing_config="none") as bridge:
        bridge.reset()
        bridge.apply_action(0.25, 0.75, 0.0)
        bridge.rig.clock.sleep_until(bridge.rig.clock.now() + 0.1)
        _, info = bridge.latest_obs()
        assert info["throttle"] == pytest.approx(0.75, abs=0.01)
        with pytest.raises(ActionError):
            bridge.apply_action(0.0, 2.0, 0.0)


def test_dead_man_lets_go_in_real_time() -> None:
    """An action that nobody renews is let go of by the sampling thread."""
    with ACBridgeLocal(game="standin", smoothing_config="none") as bridge:
        wheel = RecordingWheel(bridge.rig.game.wheel)
        bridge.rig.game.wheel = wheel
        bridge.reset()
        bridge.apply_action(0.0, 1.0, 0.0)
        assert wheel.now.throttle == 1.0
        assert wheel.wait_until_neutral(timeout_s=20.0)


def test_interrupted_reset_leaves_no_button_pressed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl+C during a reset lets go of the restart button."""
    with ACBridgeLocal(game="standin", lockstep=True) as bridge:
        bridge.reset()
        wheel = RecordingWheel(bridge.rig.game.wheel)
        bridge.rig.game.wheel = wheel

        def interrupt(deadline: float) -> None:
            if wheel.now != NEUTRAL:
                raise KeyboardInterrupt
            type(bridge.rig.clock).sleep_until(bridge.rig.clock, deadline)

        with monkeypatch.context() as patched:
            patched.setattr(bridge.rig.clock, "sleep_until", interrupt)
            with pytest.raises(KeyboardInterrupt):
                bridge.reset()
        assert any(state.buttons for state in wheel.states)
        assert wheel.now == NEUTRAL


def test_a_sampler_that_fails_lets_go_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """When sampling breaks nobody would guard the car: neutral, and the next call raises why."""
    with ACBridgeLocal(game="standin", smoothing_config="none") as bridge:
        bridge.reset()
        wheel = RecordingWheel(bridge.rig.game.wheel)
        bridge.rig.game.wheel = wheel
        bridge.apply_action(0.0, 1.0, 0.0)

        def broken(page: Page) -> bytes:
            raise RuntimeError("nobody thought of this")

        monkeypatch.setattr(bridge.rig.game.pages, "read", broken)
        assert wheel.wait_until_neutral(timeout_s=20.0)
        sampler = bridge._sampler
        assert sampler is not None
        sampler._thread.join(20.0)
        with pytest.raises(RuntimeError):
            bridge.apply_action(0.0, 1.0, 0.0)
        assert wheel.now == NEUTRAL


def test_slow_control_is_not_let_go_of_within_a_step() -> None:
    """At 1 Hz the dead-man's switch waits for a period and a half."""
    with ACBridgeLocal(game="standin", control_hz=1.0) as bridge:
        assert bridge.settings.longest_hold_s == pytest.approx(1.5)
        RealTimeStepper(bridge, control_hz=10.0)
        assert bridge.rig.settings.longest_hold_s == pytest.approx(0.5)


def test_step_before_reset_and_before_connect() -> None:
    """Both say what to call first."""
    bridge, stepper = lockstep_stepper()
    with pytest.raises(NotResetError, match="reset"):
        stepper.step((0.0, 0.0, 0.0))
    bridge.close()
    with pytest.raises(LocalProtocolError, match="connect"):
        bridge.latest_obs()


@pytest.mark.parametrize(
    ("options", "setting"),
    [
        ({"telemetry_hz": 5}, "telemetry_hz"),
        ({"control_hz": 0}, "control_hz"),
        ({"control_hz": float("nan")}, "control_hz"),
        ({"obs_dim": 16}, "obs_dim"),
        ({"controller": "gamepad"}, "controller"),
        ({"device_id": 0}, "device_id"),
        ({"smoothing_config": "silky"}, "smoothing"),
    ],
)
def test_settings_out_of_range_are_named(options: dict[str, Any], setting: str) -> None:
    """A constructor argument that cannot be used is refused by name."""
    with pytest.raises(SettingError) as caught:
        ACBridgeLocal(game="standin", **options)
    assert caught.value.setting == setting


def test_own_smoothing() -> None:
    """A smoothing of one's own is taken as it is."""
    with ACBridgeLocal(game="standin", smoothing_config=SmoothingConfig(), lockstep=True) as bridge:
        assert bridge.settings.smoothing.name == "custom"


def test_stats_count_steps_and_missed_ticks() -> None:
    """On a manual clock that was stalled, the stats tell how many ticks were skipped."""
    clock = ManualClock()
    bridge = ACBridgeLocal(game="standin", clock=clock, telemetry_hz=60)
    bridge.connect()
    sampler = bridge._sampler
    assert sampler is not None
    sampler.stop()  # on a clock that jumps, a thread of its own would run time away
    bridge._sampler = None
    stepper = RealTimeStepper(bridge, control_hz=10)
    stepper.reset()
    for _ in range(3):
        stepper.step((0.0, 0.5, 0.0))
    clock.stall(0.47)
    _, info = stepper.step((0.0, 0.5, 0.0))
    assert info["receipt"].ticks_missed == 4
    stats = stepper.get_stats()
    assert (stats["steps"], stats["late"], stats["ticks_missed"]) == (4, 0, 4)
    assert stats["action_age_p50_us"] == pytest.approx(1e5)
    assert stats["action_age_p99_us"] == pytest.approx(1e5)
    assert stats["observation_age_p99_us"] == 0.0
    bridge.close()


def test_a_wheel_that_fails_ends_the_episode() -> None:
    """The step raises what happened, the wheel is let go of, and the next step wants a reset."""
    bridge, stepper = lockstep_stepper()
    wheel = FragileWheel(bridge.rig.game.wheel)
    bridge.rig.game.wheel = wheel
    stepper.reset()
    stepper.step((0.0, 1.0, 0.0))
    wheel.broken = True
    with pytest.raises(WheelError):
        stepper.step((0.0, 1.0, 0.0))
    assert not bridge.rig.driven
    wheel.broken = False
    with pytest.raises(NotResetError, match="The device was taken"):
        stepper.step((0.0, 1.0, 0.0))
    stepper.reset()
    stepper.step((0.0, 1.0, 0.0))
    assert wheel.now.throttle > 0
    bridge.close()


def test_a_paused_game_ends_the_episode() -> None:
    """The step says why, as a word, and the next one wants a reset."""
    bridge, stepper = lockstep_stepper()
    stepper.reset()
    game = bridge.rig.game
    assert isinstance(game, StandinGame)
    game.pause()
    _, info = stepper.step((0.0, 1.0, 0.0))
    assert info["end_reason"] == "game_paused"
    with pytest.raises(NotResetError, match="paused"):
        stepper.step((0.0, 1.0, 0.0))
    bridge.close()


def test_a_track_of_the_stand_in() -> None:
    """It is driven, and read from its files; one that there is not is refused by name."""
    bridge, stepper = lockstep_stepper(track="made_3", observation=["line_offset", "speed"])
    _, info = stepper.reset(seed=1)
    assert bridge.rig.track is not None
    assert bridge.rig.track.name == "made_3"
    assert info["track_distance"] < 2.0
    bridge.close()
    with pytest.raises(SettingError) as caught:
        lockstep_stepper(track="monza")
    assert caught.value.setting == "track"


@pytest.mark.parametrize("through", ["bridge", "stepper"])
def test_starts(through: str) -> None:
    """Each for one episode; what cannot be is refused by name and the episode goes on."""
    bridge, stepper = lockstep_stepper()
    reset = bridge.reset if through == "bridge" else stepper.reset

    def at(start: Any, seed: int | None = 1) -> float:
        _, info = reset(seed, options={"start": start})
        return float(info["normalized_position"])

    assert at("line") == at(None) < 0.01
    assert 0.9 < at("pit") < 1.0
    assert at("random") == at("random") != at("random", seed=2)
    assert 0.1 < at({"distance": np.float32(500.0)}, seed=None) < 0.5
    assert at(None, seed=None) < 0.01
    stepper.reset(options={"start": "pit"})
    for wrong, setting in (
        ({"start": "moon"}, "start"),
        ({"start": {"distance": 1e5}}, "start"),
        ({"takeover": "key"}, "options"),
    ):
        with pytest.raises(SettingError) as caught:
            bridge.reset(options=wrong)
        assert caught.value.setting == setting
    _, info = stepper.step((0.0, 1.0, 0.0))
    assert info["normalized_position"] > 0.9
    bridge.close()


def test_a_folder_that_is_not_the_games_is_refused(tmp_path: Path) -> None:
    """At once, not when somebody drives; an empty one is as none."""
    with pytest.raises(SettingError, match="no content/tracks") as caught:
        ACBridgeLocal(game="standin", game_dir=tmp_path)
    assert caught.value.setting == "game_dir"
    assert ACBridgeLocal(game="standin", game_dir="").settings.game_dir is None
