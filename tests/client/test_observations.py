"""Observations and tracks over a real socket: profiles, lists of features, starts, checkers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from ac_bridge.cli.child import actor_process
from ac_bridge.standin.layouts import circuit_named
from ac_bridge_client import RemoteEnv
from ac_bridge_client.exchange import Notice
from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.messages import Event, EventKind
from ac_bridge_protocol.tasks import TASKS

LOCKSTEP = ("--game", "standin", "--lockstep", "--log-level", "error")


@pytest.fixture(scope="module")
def uri() -> Any:
    """An actor in lockstep."""
    with actor_process(*LOCKSTEP, "--track", "made_2") as address:
        yield address


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("observation", ["bridge15", "racing"])
@pytest.mark.filterwarnings("error")
def test_gymnasiums_checker_passes(uri: str, observation: str, task: str) -> None:
    """For every profile and task."""
    with RemoteEnv(uri, observation=observation, task=task) as env:
        check_env(env, skip_render_check=True)


def test_a_list_of_features(uri: str) -> None:
    """The spec names every element, and the observation has them."""
    wishes = ["speed", {"name": "border_rays", "n": 5}, {"name": "sent", "ticks_ago": 1}]
    with RemoteEnv(uri, observation=wishes, codec="json") as env:
        assert env.env_spec.observation_profile == "custom"
        assert env.env_spec.element_names[1] == "border_rays[-90deg]"
        observation, info = env.reset(seed=1)
        assert observation.shape == (9,)
        assert (observation[1:6] > 0.0).all()
        env.step([0.5, 0.5, 0.0])
        observation, *_ = env.step([0.0, 0.0, 0.0])
        assert observation[6] > 0.0  # what was sent a tick ago
        assert info["left_edge"] == pytest.approx(6.5, abs=1.0)
        wishes.clear()  # the list is the caller's own
        env.reset(seed=1)


def test_what_cannot_be_observed_is_refused(uri: str) -> None:
    """By name, with what there is."""
    with pytest.raises(SettingError, match="wings"):
        RemoteEnv(uri, observation=["wings"])
    with pytest.raises(SettingError, match="racing"):
        RemoteEnv(uri, observation="pixels")


def test_starts(uri: str) -> None:
    """Each where it says, the same from the same seed; the next reset is at the line again."""
    with RemoteEnv(uri, observation="racing") as env:

        def at(start: Any, seed: int = 1) -> float:
            _, info = env.reset(seed=seed, options={"start": start} if start else None)
            return float(info["normalized_position"])

        assert at("line") == at(None) < 0.01
        assert 0.9 < at("pit") < 1.0
        assert at("random") == at("random") != at("random", seed=2)
        assert at({"distance": 500.0}) == pytest.approx(
            500.0 / circuit_named("made_2").length_m, abs=0.001
        )
        with pytest.raises(SettingError, match="there is no start") as caught:
            at({"distance": 1e5})
        assert caught.value.setting == "start"
        assert at(None) < 0.01


def test_a_track_without_files_is_said(tmp_path: Path) -> None:
    """The features that need it are 0, and an event names them; so does the log."""
    events: list[Event] = []

    def note(notice: Notice) -> None:
        if isinstance(notice, Event):
            events.append(notice)

    (tmp_path / "content" / "tracks").mkdir(parents=True)
    empty = ("--game-dir", str(tmp_path))
    with (
        actor_process(*LOCKSTEP, *empty) as address,
        RemoteEnv(address, observation=["speed", "line_offset"], on_notice=note) as env,
    ):
        observation, info = env.reset(seed=1)
        observation, *_ = env.step([0.0, 1.0, 0.0])
    assert observation[1] == 0.0
    assert info["line_offset"] is None
    kinds = {event.kind: event.message for event in events}
    assert "standin_ring" in kinds[EventKind.TRACK]
    assert "line_offset" in kinds[EventKind.NOT_OBSERVED]


def test_the_environment_is_registered_with_its_arguments(uri: str) -> None:
    """`gymnasium.make` takes them as `RemoteEnv` does."""
    env = gymnasium.make(
        "ac_bridge/AssettoCorsa-v0", uri=uri, observation="racing", task="line_speed"
    )
    observation, _ = env.reset(seed=3)
    assert observation.shape == (125,)
    assert env.observation_space.contains(observation)
    _, reward, *_ = env.step(np.array([0.0, 1.0, 0.0], np.float32))
    assert reward >= 0.0
    env.close()
