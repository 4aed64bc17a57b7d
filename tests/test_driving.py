"""What the learning examples share: the same environment either way, two actions, a lap."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from ac_bridge.cli.child import actor_process
from ac_bridge_client.drivers import LineDriver
from driving import (
    FIRST_CEILING_KMH,
    LAST_CEILING_KMH,
    LocalEnv,
    RandomStarts,
    SpeedAndSteering,
    drive_lap,
    open_env,
    training_env,
)

ACTOR = ("--game", "standin", "--lockstep", "--telemetry-hz", "20", "--smoothing", "none")


@pytest.fixture
def local() -> Iterator[LocalEnv]:
    """A stand-in in this process."""
    env = LocalEnv()
    yield env
    env.close()


@pytest.mark.filterwarnings("error")
def test_gymnasiums_checker_passes(local: LocalEnv) -> None:
    """Without a network, too."""
    check_env(local, skip_render_check=True)


def test_the_network_changes_nothing(local: LocalEnv) -> None:
    """Every observation, reward and end is the same, bit for bit, over the wire and without."""
    rng = np.random.default_rng(7)
    actions = rng.uniform(-1.0, 1.0, (150, 2)).astype(np.float32)
    actions[:, 1] = 1.0

    def drive(uri: str | None) -> list[tuple[bytes, float, bool, bool, str]]:
        env = open_env(uri) if uri else local
        training = training_env(SpeedAndSteering(env), seed=3)
        seen, over = [], True
        for action in actions:
            if over:
                observation, _ = training.reset()
                seen.append((observation.tobytes(), 0.0, False, False, ""))
            observation, reward, terminated, truncated, info = training.step(action)
            over = terminated or truncated
            reason = str(info.get("end_reason", ""))
            seen.append((observation.tobytes(), reward, terminated, truncated, reason))
        if uri:
            env.close()
        return seen

    with actor_process(*ACTOR, "--log-level", "error") as uri:
        remote = drive(uri)
    assert remote == drive(None)
    assert any(terminated for _, _, terminated, _, _ in remote)


def test_two_actions_are_steering_and_speed(local: LocalEnv) -> None:
    """The wheel is moved, not set; the speed wished for is reached, and given up again."""
    env = SpeedAndSteering(local)
    env.reset(seed=1)
    *_, info = env.step(np.array([1.0, 1.0], np.float32))
    first = info["receipt"].sent
    *_, info = env.step(np.array([1.0, 1.0], np.float32))
    assert info["receipt"].sent.steer == pytest.approx(2 * first.steer, abs=0.01)
    assert first.throttle == 1.0
    env.reset(seed=1)
    for _ in range(60):
        *_, info = env.step(np.array([0.0, 1.0], np.float32))
    assert info["speed_kmh"] == pytest.approx(FIRST_CEILING_KMH, abs=6.0)
    *_, info = env.step(np.array([0.0, -1.0], np.float32))
    assert info["receipt"].sent.brake > 0.5


def test_the_ceiling_rises_to_an_end(local: LocalEnv) -> None:
    """Never beyond what a car does."""
    env = SpeedAndSteering(local)
    for _ in range(100):
        env.raise_ceiling()
    assert env.ceiling_kmh == LAST_CEILING_KMH


def test_random_starts_are_all_over_the_track_and_repeat(local: LocalEnv) -> None:
    """From the seed alone."""
    seen = []
    for _ in range(2):
        env = RandomStarts(local, seed=5, share=0.5)
        seen.append([env.reset()[1]["normalized_position"] for _ in range(12)])
    assert seen[0] == seen[1]
    from_line = sum(place < 0.001 for place in seen[0])
    assert 2 <= from_line <= 10
    assert max(seen[0]) - min(seen[0]) > 0.5


def test_a_lap_is_told_from_a_failure(local: LocalEnv) -> None:
    """The line driver's is valid; who stands still is stuck, and has no time."""
    lap = drive_lap(local, LineDriver(local.env_spec).act)
    assert lap.valid
    assert lap.lap_s == pytest.approx(77.0, abs=3.0)
    assert lap.distance_m == pytest.approx(2040.0, abs=20.0)
    assert "valid lap of 7" in str(lap)
    stood = drive_lap(local, lambda _: np.zeros(3, np.float32))
    assert (stood.lap_s, stood.valid, stood.end_reason) == (None, False, "stuck")
    assert str(stood).startswith("stuck after")
