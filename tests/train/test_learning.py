"""The learning examples, in short: they run, save, go on, and learn the same over the wire.

They need the extra `train`, which is large: without it these are skipped, unless the variable
AC_BRIDGE_TRAIN_REQUIRED says that they must not be.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from ac_bridge.cli.child import actor_process
from ac_bridge_client import Batch, RemoteEnv
from ac_bridge_protocol.tasks import TASKS

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 240
ACTOR = (
    "--game", "standin", "--lockstep", "--telemetry-hz", "20", "--smoothing", "none",
    "--log-level", "error",
)  # fmt: skip
SHORT = ("--seed", "3", "--steps", "300", "--every", "150", "--random-steps", "100")

pytestmark = pytest.mark.skipif(
    not os.environ.get("AC_BRIDGE_TRAIN_REQUIRED")
    and importlib.util.find_spec("stable_baselines3") is None,
    reason="the extra `train` is not installed",
)


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run an example with this Python."""
    return subprocess.run(
        [sys.executable, *command],
        capture_output=True, text=True, timeout=TIMEOUT_S, check=False, cwd=ROOT,
    )  # fmt: skip


def example(name: str, *arguments: str) -> str:
    """Return what an example that ends well has printed."""
    done = run(f"examples/{name}", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rows(out: Path) -> list[dict[str, str]]:
    """Return a run's log without what the machine's speed decides."""
    with (out / "progress.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    for row in found:
        del row["wall_s"], row["steps_per_s"]
    return found


@pytest.fixture(scope="module")
def uri() -> Any:
    """An actor as the examples ask for it."""
    with actor_process(*ACTOR) as address:
        yield address


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run in process."""
    out: Path = tmp_path_factory.mktemp("runs") / "local"
    example("train_sac.py", "--local", *SHORT, "--out", str(out))
    return out


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("observation", ["bridge15", "racing"])
def test_stable_baselines3s_checker_passes(uri: str, observation: str, task: str) -> None:
    """Without a warning, once the pedals' 0..1 is rescaled as it recommends."""
    from stable_baselines3.common.env_checker import check_env

    with RemoteEnv(uri, observation=observation, task=task) as env:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            check_env(env, skip_render_check=True)
        texts = [str(warning.message) for warning in caught]
        assert all("symmetric and normalized" in text for text in texts), texts
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            bounds = np.array([-1.0, 1.0], np.float32)
            check_env(gymnasium.wrappers.RescaleAction(env, *bounds), skip_render_check=True)


def test_it_learns_the_same_over_the_wire(uri: str, local: Path, tmp_path: Path) -> None:
    """Every lap in the log, to the last digit."""
    example("train_sac.py", "--uri", uri, *SHORT, "--out", str(tmp_path / "wire"))
    assert [row["steps"] for row in rows(local)] == ["150", "300"]
    assert rows(tmp_path / "wire") == rows(local)


def test_it_goes_on_where_it_was_stopped(local: Path, tmp_path: Path) -> None:
    """With what it had learned and met; what is there already is not written over."""
    out = tmp_path / "again"
    out.mkdir()
    for file in local.iterdir():
        (out / file.name).write_bytes(file.read_bytes())
    refused = run("examples/train_sac.py", "--local", *SHORT, "--out", str(out))
    assert refused.returncode == 1
    assert "--resume" in refused.stderr
    said = example(
        "train_sac.py", "--local", "--resume", "--steps", "400", "--every", "100", "--out", str(out)
    )
    assert "400 steps" in said
    assert [row["steps"] for row in rows(out)] == ["150", "300", "400"]
    assert rows(out)[:2] == rows(local)


def test_a_policy_is_evaluated(local: Path, uri: str, tmp_path: Path) -> None:
    """As a table and for programs; it drives as it did when it was saved."""
    said = example("evaluate.py", str(local), "--local", "--baseline", "--json")
    taught, baseline = json.loads(said)
    assert (taught["driver"], baseline["driver"]) == ("local", "line driver")
    assert f"{taught['distance_m']}" == rows(local)[-1]["distance_m"]
    assert baseline["valid"]
    record = tmp_path / "lap.mcap"
    table = example("evaluate.py", str(local), "--uri", uri, "--record", str(record))
    assert "mean speed" in table
    assert record.stat().st_size > 10_000


def test_a_file_that_is_no_policy_is_refused(tmp_path: Path) -> None:
    """Also one that would run code when it was unpickled."""
    hostile = b"cos\nsystem\n(S'touch " + str(tmp_path / "owned").encode() + b"'\ntR."
    (tmp_path / "policy.pt").write_bytes(hostile)
    done = run("examples/evaluate.py", str(tmp_path), "--local")
    assert done.returncode == 1
    assert "is no policy of a run" in done.stderr
    assert not (tmp_path / "owned").exists()
    missing = run("examples/evaluate.py", str(tmp_path / "nowhere"), "--local")
    assert "nothing was saved there yet" in missing.stderr


def test_curves_are_drawn(local: Path, tmp_path: Path) -> None:
    """As a picture."""
    out = tmp_path / "curves.png"
    example("plot_learning.py", str(local), "--out", str(out), "--baseline-s", "77.4")
    assert out.read_bytes().startswith(b"\x89PNG")


def test_the_single_file_runs(tmp_path: Path) -> None:
    """It learns, shows its laps, and keeps the weights."""
    out = tmp_path / "sac.pt"
    said = example("sac.py", "--local", *SHORT, "--out", str(out))
    assert "300 steps, ceiling 45 km/h" in said
    assert out.stat().st_size > 10_000


EDGE = ("--local", "2", "--seed", "3", "--every", "200", "--random-steps", "100")


def test_the_policy_on_the_actors(tmp_path: Path) -> None:
    """It learns from two, and goes on where it was stopped, with what they lived through since."""
    out = tmp_path / "edge"
    said = example("train_edge_sac.py", *EDGE, "--steps", "400", "--out", str(out))
    assert "gradient steps" in said
    assert said.count("(connected)") == 2
    first = rows(out)
    assert int(first[-1]["steps"]) >= 400
    refused = run("examples/train_edge_sac.py", *EDGE, "--steps", "400", "--out", str(out))
    assert "--resume" in refused.stderr
    further = str(int(first[-1]["steps"]) + 200)
    again = example("train_edge_sac.py", *EDGE, "--resume", "--steps", further, "--out", str(out))
    assert rows(out)[: len(first)] == first
    assert json.loads(again.splitlines()[-1])["steps"] >= int(further)
    [lap] = json.loads(example("evaluate.py", str(out), "--local", "--newest", "--json"))
    assert lap["driver"] == "edge"
    assert lap["distance_m"] > 0.0


def test_a_policy_drives_on_the_actor_as_here(tmp_path: Path) -> None:
    """The two actions, the ceiling and the lap are the same, as a part of the network or not."""
    import driving
    import edge_driving
    import train_edge_sac
    import train_sac

    options = argparse.Namespace(uris=[], local=1)
    with edge_driving.open_actors(options) as stream:
        model = train_sac.new_model(train_edge_sac.Spaces(stream), seed=5)
        model.policy.set_training_mode(False)
        actors = edge_driving.Actors(stream, "t", 5, 0.8)
        there = actors.lap(train_edge_sac.Think(model.actor), 0, lambda _: None)
    env = driving.SpeedAndSteering(driving.LocalEnv())
    here = driving.drive_lap(env, train_sac.policy_of(model))
    env.close()
    assert there.lap_steps > 20
    assert (there.lap_steps, there.end_reason) == (here.lap_steps, here.end_reason)
    assert there.distance_m == pytest.approx(here.distance_m, abs=0.2)


def test_the_short_form_on_policy(tmp_path: Path) -> None:
    """It learns from what the newest policy did, and counts what older ones did."""
    out = tmp_path / "ppo.pt"
    said = example("edge_ppo.py", "--local", "1", "--steps", "2048", "--out", str(out))
    assert "0 of older policies left out" in said
    assert out.stat().st_size > 10_000


def test_what_a_stream_hands_out_goes_into_a_replay_buffer() -> None:
    """Each step as the library itself would have added it."""
    from stable_baselines3.common.buffers import ReplayBuffer

    from ac_bridge_client.replay_buffer import to_replay_buffer
    from ac_bridge_protocol.errors import SettingError

    batch = a_batch()
    spaces = gymnasium.spaces.Box(-2.0, 2.0, (2,)), gymnasium.spaces.Box(-1.0, 1.0, (1,))
    buffer = ReplayBuffer(10, *spaces, device="cpu", handle_timeout_termination=True)
    to_replay_buffer(batch, buffer)
    to_replay_buffer(batch, buffer, action=-batch.action, reward=2.0 * batch.reward)
    assert buffer.size() == 6
    assert buffer.observations[:3, 0].tolist() == batch.observation.tolist()
    assert buffer.next_observations[:3, 0].tolist() == batch.next_observation.tolist()
    assert buffer.actions[:, 0, 0].tolist()[:6] == [0.5, 0.25, 0.0, -0.5, -0.25, 0.0]
    assert buffer.rewards[:6, 0].tolist() == [1.0, 2.0, 3.0, 2.0, 4.0, 6.0]
    assert buffer.dones[:3, 0].tolist() == [0.0, 1.0, 1.0]
    assert buffer.timeouts[:3, 0].tolist() == [0.0, 1.0, 0.0]
    with pytest.raises(SettingError, match="2 rows, and the batch 3 steps"):
        to_replay_buffer(batch, buffer, action=batch.action[:2])
    several = ReplayBuffer(10, *spaces, device="cpu", n_envs=2)
    with pytest.raises(SettingError, match="for 1 environment, not for 2"):
        to_replay_buffer(batch, several)


def a_batch() -> Batch:
    """Return three steps: one that goes on, one that was truncated, one that was terminated."""
    observations = np.array([[0.0, 0.1], [1.0, 1.1], [0.5, 0.6]], np.float32)
    numbers = np.arange(3)
    return Batch(
        observation=observations,
        next_observation=observations + np.float32(0.25),
        action=np.array([[0.5], [0.25], [0.0]], np.float32),
        reward=np.array([1.0, 2.0, 3.0], np.float32),
        terminated=np.array([False, False, True]),
        truncated=np.array([False, True, False]),
        policy=numbers,
        run=("r",) * 3,
        episode=numbers,
        tick=numbers,
        actor=numbers,
        number=numbers,
        receipts=(),
        noise=np.zeros((3, 0), np.float32),
        extras={},
        terms={},
        end_reasons=("", "time_limit", "off_track"),
        frames=None,
        done=lambda: None,
    )
