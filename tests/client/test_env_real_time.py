"""`RemoteEnv` in real time: modes, what the link must hold, and what is told of it."""

from __future__ import annotations

import logging
import math
import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from ac_bridge_client import RemoteEnv
from ac_bridge_client.env import check_link
from ac_bridge_client.recommend import LinkFigures, ticks_needed
from ac_bridge_protocol.errors import RefusedError, SettingError
from ac_bridge_protocol.spec import Mode
from helpers.scripted import Peer, scripted
from helpers.wire import make_spec

GO = [0.0, 0.5, 0.0]
QUICK = [0.001] * 5


@pytest.mark.parametrize("mode", [{"mode": "latest"}, {"mode": "fixed_delay", "delay_ticks": 2}])
def test_check_env_passes_but_for_determinism(realtime_uri: str, mode: dict[str, Any]) -> None:
    """Gymnasium's checker has no other complaint, and no warning.

    Left out are the two assertions that nothing in real time can meet: that a reset with one seed
    gives the same observation twice (`check_reset_seed_determinism`), and that one action after it
    does (`check_step_determinism`). A tick comes when it comes, and the car has moved by then. The
    checker's own way to leave them out is an environment that declares itself nondeterministic.
    """
    env = gym.make("ac_bridge/AssettoCorsa-v0", uri=realtime_uri, **mode)
    assert env.unwrapped.spec is not None
    env.unwrapped.spec.nondeterministic = True
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)
    env.close()


def test_fixed_delay_shows_the_actions_under_way(realtime_uri: str) -> None:
    """The observation ends with the k actions not yet applied, oldest first; each tick is one."""
    with RemoteEnv(realtime_uri, mode="fixed_delay", delay_ticks=3) as env:
        assert env.env_spec.delay_ticks == 3
        assert env.observation_space.shape == (15 + 9,)
        observation, _ = env.reset()
        np.testing.assert_array_equal(observation[15:], np.zeros(9))
        chosen = [np.zeros(3, np.float32)] * 3
        receipts = []
        for number in range(20):
            action = np.array([number / 100, 0.3, 0.0], np.float32)
            chosen = [*chosen[1:], action]
            observation, *_, info = env.step(action)
            assert observation in env.observation_space
            np.testing.assert_array_equal(observation[15:], np.concatenate(chosen))
            receipts.append(info["receipt"])
        ticks = [receipt.tick for receipt in receipts]
        assert ticks == sorted(ticks)
        if not any(receipt.late or receipt.ticks_missed for receipt in receipts):
            assert len(set(ticks)) == len(ticks), "on time, each tick answers one step"
        assert all(receipt.tick > receipt.tick_asked for receipt in receipts)
        assert receipts[0].tick_asked == 0
        assert [receipt.tick_applied for receipt in receipts if not receipt.late] == [
            receipt.tick_asked for receipt in receipts if not receipt.late
        ]


def test_the_task_judges_the_action_that_was_applied(realtime_uri: str) -> None:
    """In fixed_delay that is the one of k steps ago."""
    judged: list[tuple[float, ...]] = []

    class Remember:
        def reset(self, frame: object) -> None:
            pass

        def step(self, previous: object, action: tuple[float, ...], frame: object) -> Any:
            from ac_bridge_client import TaskResult

            judged.append(action)
            return TaskResult(0.0)

    with RemoteEnv(realtime_uri, mode="fixed_delay", delay_ticks=2, task=Remember()) as env:
        env.reset()
        for number in range(4):
            env.step([0.0, number / 10, 0.0])
    assert judged == [(0, 0, 0), (0, 0, 0), (0, 0, 0), (0, pytest.approx(0.1), 0)]


def test_fixed_delay_measures_the_link(realtime_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a number of ticks it takes what the link needs by its figures: of all its pings."""
    measured: list[LinkFigures] = []

    def note(figures: LinkFigures, control_hz: float) -> int:
        measured.append(figures)
        return ticks_needed(figures, control_hz)

    monkeypatch.setattr("ac_bridge_client.env.ticks_needed", note)
    with RemoteEnv(realtime_uri, mode="fixed_delay", measure_s=0.5) as env:
        hz = env.env_spec.control_hz
        assert measured[0].round_trips == math.ceil(0.5 * hz)
        assert env.env_spec.delay_ticks == ticks_needed(measured[0], hz)
        env.reset()
        receipt = env.step(GO)[4]["receipt"]
        assert receipt.tick - receipt.ticks_missed == 1


def test_a_plan_stands_in_for_steps_that_do_not_come(realtime_uri: str) -> None:
    """Ticks without a step are driven by what an earlier one planned, and counted."""
    with RemoteEnv(realtime_uri, mode="fixed_delay", delay_ticks=4) as env:
        env.reset()
        for _ in range(8):
            env.step(GO, plan=[GO, [0.1, 0.4, 0.0]])
        assert env.stats().steps == 8
        with pytest.raises(SettingError, match="too long"):
            env.step(GO, plan=[GO] * 65)


def test_info_has_the_observations_age(realtime_uri: str) -> None:
    """In this machine's own clock: at least what the actor took, and less than a second here."""
    with RemoteEnv(realtime_uri) as env:
        env.reset()
        *_, info = env.step(GO)
        assert info["receipt"].observation_age_s <= info["observation_age_s"] < 1.0
        stats = env.stats()
        assert stats.observation_age_s.p50 == info["observation_age_s"]
        assert abs(stats.clock_offset_s) <= stats.clock_offset_error_s + 1e-4, (
            "one machine, one clock"
        )


def test_info_in_lockstep_has_nothing_of_this_machines_clock(lockstep_uri: str) -> None:
    """So that two drives with one seed are equal to the last bit; the figures are in `stats`."""
    with RemoteEnv(lockstep_uri) as env:
        env.reset(seed=1)
        *_, info = env.step(GO)
        assert "observation_age_s" not in info
        assert env.stats().steps == 1


def test_a_summary_is_logged_at_the_end(
    realtime_uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    """One paragraph, once, however often it is closed."""
    caplog.set_level(logging.INFO, "ac_bridge_client")
    with RemoteEnv(realtime_uri) as env:
        env.reset()
        env.step(GO)
    env.close()
    said = [
        record.message for record in caplog.records if "1 steps in 1 episodes" in record.message
    ]
    assert len(said) == 1


# --- What the link must hold ----------------------------------------------------------------------


def test_latest_over_a_link_that_is_too_slow() -> None:
    """Refused with the figures and what to do; with nobody asking for it, a warning."""
    slow = [0.13, 0.12, 0.14, 0.15, 0.13]  # at 10 Hz
    with pytest.raises(SettingError, match=r"100 ms.*120 ms.*fixed_delay") as caught:
        check_link(slow, make_spec(), Mode.LATEST)
    assert caught.value.setting == "mode"
    check_link([0.09, *slow], make_spec(), Mode.LATEST)  # the quickest decides
    check_link(slow, make_spec(control_hz=5.0), Mode.LATEST)


def test_a_delay_that_is_shorter_than_the_round_trip() -> None:
    """Refused with the figures and a delay that would do."""
    slow = [0.13, 0.12, 0.25, 0.15, 0.13]
    with pytest.raises(SettingError, match=r"100 ms.*130 ms.*delay_ticks=6") as caught:
        check_link(slow, make_spec(1), Mode.FIXED_DELAY)
    assert caught.value.setting == "delay_ticks"
    check_link(slow, make_spec(2), Mode.FIXED_DELAY)


@pytest.mark.parametrize(
    ("round_trips_s", "says"),
    [(QUICK, ""), ([0.05] * 5, "fixed_delay"), ([0.13] * 5, "fixed_delay")],
)
def test_the_actors_own_mode_is_warned_about(
    caplog: pytest.LogCaptureFixture, round_trips_s: list[float], says: str
) -> None:
    """Nobody asked for `latest`: it is taken, and a slow link is worth a word."""
    check_link(round_trips_s, make_spec(), None)
    assert ("fixed_delay" in caplog.text) is bool(says)


def test_a_refused_link_is_closed() -> None:
    """The environment that was not to be leaves no connection behind."""
    hung_up = []

    def script(peer: Peer) -> None:
        peer.welcome(control_hz=1e9)  # no link is that quick
        for _ in range(5):
            peer.pong(peer.any())  # type: ignore[arg-type]
        peer.until_hung_up()
        hung_up.append(True)

    with scripted(script) as uri, pytest.raises(SettingError, match="latest"):
        RemoteEnv(uri, mode="latest")
    assert hung_up


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"delay_ticks": 3}, "belongs to mode fixed_delay"),
        ({"mode": "latest", "delay_ticks": 3}, "belongs to mode fixed_delay"),
        ({"mode": "fixed_delay", "delay_ticks": 0}, "1 to 64"),
        ({"mode": "fixed_delay", "delay_ticks": 65}, "1 to 64"),
    ],
)
def test_arguments_that_do_not_go_together(arguments: dict[str, Any], message: str) -> None:
    """Refused before anything is connected to."""
    with pytest.raises(SettingError, match=message):
        RemoteEnv("ws://127.0.0.1:1", **arguments)


def test_fixed_delay_where_time_stands_still(lockstep_uri: str) -> None:
    """The actor's own refusal, without measuring first."""
    with pytest.raises(RefusedError, match="lockstep"):
        RemoteEnv(lockstep_uri, mode="fixed_delay")
