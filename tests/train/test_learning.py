"""The learning examples, in short: they run, save, go on, and learn the same over the wire.

They need the extra `train`, which is large: without it these are skipped, unless the variable
AC_BRIDGE_TRAIN_REQUIRED says that they must not be.
"""

from __future__ import annotations

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
from ac_bridge_client import RemoteEnv
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
