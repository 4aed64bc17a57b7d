"""A recorded drive, replayed through `RemoteEnv` over a real socket."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from ac_bridge.replay.stage import ReplayStage
from ac_bridge.replay.tape import Tape
from ac_bridge.telemetry.observation import BRIDGE15
from ac_bridge_client import RemoteEnv
from ac_bridge_client.exchange import Notice
from ac_bridge_protocol.errors import ActionError, ErrorCode, GameError, RefusedError, SettingError
from ac_bridge_protocol.messages import EndReason, Event, EventKind, Telemetry
from ac_bridge_protocol.spec import Mode
from helpers.actors import make_rig, serving
from helpers.taped import Returned, assert_same_drive, drive, frames, tape_drive, tape_stream

CODECS = ("msgpack", "json")
ACTIONS = np.random.default_rng(7).uniform((-0.1, 0.3, 0.0), (0.1, 0.8, 0.1), (120, 3)).tolist()
OTHER = [[0.2, 0.5, 0.0]] * 200
"""What the replays are driven with: it has no effect."""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[list[Returned]]]:
    """A recording of three episodes in lockstep, and what they gave."""
    path = tmp_path_factory.mktemp("replay") / "drive.mcap"
    episodes = [(5, ACTIONS), (None, ACTIONS[:20]), (9, ACTIONS[:30])]
    with serving(make_rig()) as (uri, _):
        return path, tape_drive(uri, path, episodes)


@pytest.fixture
def replay_uri(recorded: tuple[Path, Any]) -> Iterator[str]:
    """A replay of it at full speed."""
    with serving(ReplayStage(Tape(recorded[0]), "max")) as (uri, _):
        yield uri


@pytest.mark.parametrize("codec", CODECS)
def test_a_recorded_drive_replays_identically(
    recorded: tuple[Path, list[list[Returned]]], replay_uri: str, codec: str
) -> None:
    """Observations, rewards and infos are those that the learner saw, in the order of episodes."""
    with contextlib.closing(RemoteEnv(replay_uri, codec=codec)) as env:
        assert env.env_spec.game == "replay"
        assert env.env_spec.mode is Mode.LOCKSTEP
        for expected in (*recorded[1], recorded[1][0]):  # after the last one the first again
            assert_same_drive(drive(env, None, OTHER), expected)


def test_a_seed_chooses_its_episode(
    recorded: tuple[Path, list[list[Returned]]], replay_uri: str
) -> None:
    """A seed begins the episode that was recorded with it, and the next reset the one after."""
    with contextlib.closing(RemoteEnv(replay_uri)) as env:
        assert_same_drive(drive(env, 9, OTHER), recorded[1][2])
        assert_same_drive(drive(env, 5, OTHER), recorded[1][0])
        assert_same_drive(drive(env, None, OTHER), recorded[1][1])
        with pytest.raises(SettingError, match=r"seed 6.*There are: 5, 9\."):
            env.reset(seed=6)
        env.reset(seed=5)


def test_the_recordings_end_is_the_episodes(replay_uri: str) -> None:
    """The last step that was recorded ends the episode and says why; there is none after it."""
    with contextlib.closing(RemoteEnv(replay_uri)) as env:
        returned = drive(env, 9, OTHER)
        assert len(returned) == 31
        assert returned[-1][3]
        assert returned[-1][4]["end_reason"] == EndReason.RECORDING_ENDED
        assert [step[3] for step in returned[1:-1]] == [False] * 29


def test_actions_are_checked_and_have_no_effect(
    recorded: tuple[Path, list[list[Returned]]], replay_uri: str
) -> None:
    """A bad action is refused by name, and costs no step."""
    with contextlib.closing(RemoteEnv(replay_uri)) as env:
        env.reset(seed=5)
        with pytest.raises(ActionError) as caught:
            env.step([0.0, 2.0, 0.0])
        assert caught.value.component == "throttle"
        np.testing.assert_array_equal(env.step([0.0, 0.5, 0.0])[0], recorded[1][0][1][0])


def test_what_the_client_would_not_send_is_refused_here_too(replay_uri: str) -> None:
    """The actor's own check, behind the client's."""
    with contextlib.closing(RemoteEnv(replay_uri)) as env:
        env.reset(seed=5)
        with pytest.raises(ActionError, match="brake"):
            env._drive.step((0.0, 0.0, 7.0), (), 5.0)
        with pytest.raises(ActionError, match="Action 0 of the plan"):
            env._drive.step((0.0, 0.0, 0.0), ((0.0, -3.0, 0.0),), 5.0)
        assert env.step([0.0, 0.5, 0.0])[4]["receipt"].action_id == 0


def test_receipts_count_the_learners_actions(replay_uri: str) -> None:
    """From 0 in each episode."""
    with contextlib.closing(RemoteEnv(replay_uri)) as env:
        for _ in range(2):
            env.reset()
            receipts = [env.step([0.0, 0.5, 0.0])[4]["receipt"] for _ in range(3)]
            assert [receipt.action_id for receipt in receipts] == [0, 1, 2]
            assert [receipt.tick for receipt in receipts] == [1, 2, 3]


def test_the_stream_goes_with_the_steps(
    recorded: tuple[Path, list[list[Returned]]], replay_uri: str
) -> None:
    """The frames between the steps and the steps' own come in order, at the stream's rate."""
    seen: list[Notice] = []
    with contextlib.closing(RemoteEnv(replay_uri, on_notice=seen.append)) as env:
        env.subscribe(60.0)
        env.reset(seed=9)
        seen.clear()
        for _ in range(20):
            env.step([0.0, 0.5, 0.0])
    shown = [n.frame.packet_id for n in seen if isinstance(n, Telemetry)]
    assert shown == sorted(shown)
    assert len(shown) == pytest.approx(20 * 6, abs=6), "60 Hz beside 10 Hz of control"
    assert {returned[-1]["packet_id"] for returned in recorded[1][2][1:20]} <= set(shown)


def test_modes_are_refused_by_name(replay_uri: str) -> None:
    """With how to get them."""
    for mode, delay_ticks in (("latest", None), ("fixed_delay", 2)):
        with pytest.raises(RefusedError, match="--speed 1") as caught:
            RemoteEnv(replay_uri, mode=mode, delay_ticks=delay_ticks)
        assert caught.value.code is ErrorCode.NO_SUCH_MODE


def test_a_second_driver_is_told_that_it_is_driven(replay_uri: str) -> None:
    """A replay is lent to one driver at a time, as a car is."""
    with (
        contextlib.closing(RemoteEnv(replay_uri)) as first,
        contextlib.closing(RemoteEnv(replay_uri)) as second,
    ):
        first.reset()
        with pytest.raises(RefusedError, match="driven by"):
            second.reset()
        first.close()
        second.reset()


@pytest.mark.parametrize("codec", CODECS)
def test_check_env_passes(recorded: tuple[Path, Any], codec: str, tmp_path: Path) -> None:
    """Gymnasium's checker has nothing to say, if every seed that it uses was recorded.

    It resets with the seeds 123 and 456, and takes a few steps. Any other recording fails it: a
    reset with a seed that is not on the tape is an error here, and the checker expects none.
    """
    path = tmp_path / "checked.mcap"
    with serving(make_rig()) as (uri, _):
        tape_drive(uri, path, [(123, ACTIONS[:5]), (456, ACTIONS[:5]), (None, ACTIONS[:5])])
    with serving(ReplayStage(Tape(path), "max")) as (uri, _):
        env = gym.make("ac_bridge/AssettoCorsa-v0", uri=uri, codec=codec)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            check_env(env.unwrapped)
        env.close()


def test_a_human_lap_can_be_driven_too(tmp_path: Path) -> None:
    """A stream without steps is one episode of steps that are made of its frames."""
    path = tape_stream(tmp_path / "lap.mcap", frames(61))
    with (
        serving(ReplayStage(Tape(path, hz=20.0), "max")) as (uri, _),
        contextlib.closing(RemoteEnv(uri)) as env,
    ):
        assert env.env_spec.control_hz == 20.0
        returned = drive(env, None, OTHER)
        assert len(returned) == 21
        speeds = [info["speed_kmh"] for *_, info in returned]
        assert speeds == [50.0 + 3 * number for number in range(21)]
        assert returned[-1][4]["end_reason"] == EndReason.RECORDING_ENDED
        receipt = returned[1][4]["receipt"]
        assert (receipt.tick, receipt.action_id, receipt.late) == (1, 0, False)
        assert receipt.sent.steer == returned[1][4]["steer_angle"]
        assert drive(env, None, OTHER)[0][1]["speed_kmh"] == 50.0, "from the beginning again"


@pytest.mark.parametrize("codec", CODECS)
def test_recorded_time_changes_nothing_of_what_is_seen(tmp_path: Path, codec: str) -> None:
    """At speed 1 the same steps come, one after the other, in mode latest."""
    stream = frames(20, hz=30.0)
    path = tape_stream(tmp_path / "lap.mcap", stream)
    with (
        serving(ReplayStage(Tape(path), "1")) as (uri, _),
        contextlib.closing(RemoteEnv(uri, codec=codec, mode="latest")) as env,
    ):
        for _ in range(2):
            returned = drive(env, None, OTHER)
            assert [one[-1]["packet_id"] for one in returned] == [f.packet_id for f in stream]
            np.testing.assert_array_equal(
                returned[-1][0], np.array(BRIDGE15.observe(stream[-1]), np.float32)
            )


def test_a_learner_with_a_delay_can_drive_a_replay(tmp_path: Path) -> None:
    """Whatever its delay: the frames come in order, with the learner's own actions under way."""
    stream = frames(20, hz=30.0)
    path = tape_stream(tmp_path / "lap.mcap", stream)
    with (
        serving(ReplayStage(Tape(path), "1")) as (uri, _),
        contextlib.closing(RemoteEnv(uri, mode="fixed_delay", delay_ticks=3)) as env,
    ):
        returned = drive(env, None, OTHER)
        assert [one[-1]["packet_id"] for one in returned] == [f.packet_id for f in stream]
        np.testing.assert_array_equal(returned[5][0][15:], np.array(OTHER[:3], np.float32).ravel())
        drive(env, None, OTHER[:3])


def test_a_lap_of_one_frame_is_only_watched(tmp_path: Path) -> None:
    """A reset says what is missing."""
    path = tape_stream(tmp_path / "moment.mcap", frames(1))
    with (
        serving(ReplayStage(Tape(path), "max")) as (uri, _),
        contextlib.closing(RemoteEnv(uri)) as env,
        pytest.raises(GameError, match="too little to be driven"),
    ):
        env.reset()


def test_what_was_recorded_is_told(recorded: tuple[Path, Any]) -> None:
    """Events of the recording come as they came, and are marked as such."""
    seen: list[Notice] = []
    with (
        serving(ReplayStage(Tape(recorded[0]), "max")) as (uri, _),
        contextlib.closing(RemoteEnv(uri, on_notice=seen.append)) as env,
    ):
        for _ in range(3):
            drive(env, None, OTHER)
    told = [n.message for n in seen if isinstance(n, Event) and n.kind is EventKind.EPISODE_STARTED]
    assert "Recorded: Episode 2 begins." in told
    assert "Episode 2 begins; it was recorded as episode 2." in told
