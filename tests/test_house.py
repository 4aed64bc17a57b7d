"""The house itself: generated pages are current, examples run, what is installed resolves."""

from __future__ import annotations

import contextlib
import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

import ac_bridge
import ac_bridge_client
import ac_bridge_protocol
from ac_bridge.cli.child import actor_process

ROOT = Path(__file__).parents[1]
TIMEOUT_S = 120


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a script of the project with this Python."""
    return subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        cwd=ROOT,
    )


def test_generated_documents_are_current() -> None:
    """The reference and the protocol page say what the models say."""
    done = run("docs/generate_reference.py", "--check")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("package", "root"),
    [
        (ac_bridge, "actor"),
        (ac_bridge_client, "learner_client"),
        (ac_bridge_protocol, "protocol"),
    ],
)
def test_packages_resolve_and_are_typed(package: object, root: str) -> None:
    """Each package is found where its side of the wire is, and carries its types."""
    folder = Path(package.__file__).parent  # type: ignore[attr-defined]
    assert (folder / "py.typed").exists()
    if folder.is_relative_to(ROOT) and ".venv" not in str(folder):
        assert folder.parent == ROOT / root


def test_public_names_exist() -> None:
    """Whatever a package lists as public can be imported from it."""
    for package in (ac_bridge, ac_bridge_client, ac_bridge_protocol):
        for name in package.__all__:
            assert hasattr(package, name), f"{package.__name__}.{name}"


def test_command_and_environment_are_registered() -> None:
    """The command is installed; Gymnasium knows the environment by either way of importing us."""
    scripts = importlib.metadata.entry_points(group="console_scripts")
    assert scripts["ac-bridge"].value == "ac_bridge.cli:main"
    for code in (
        "import gymnasium, ac_bridge_client; gymnasium.spec('ac_bridge/AssettoCorsa-v0')",
        "import gymnasium; gymnasium.make('ac_bridge_client:ac_bridge/AssettoCorsa-v0', uri='x')",
    ):
        done = run("-c", code)
        assert "NamespaceNotFound" not in done.stderr
        assert done.returncode == 0 or "is not the address of an actor" in done.stderr


@pytest.mark.parametrize(
    ("example", "actor", "arguments"),
    [
        ("train_loop.py", "--lockstep", ("--steps", "40")),
        ("custom_task.py", "--lockstep", ("--steps", "40")),
        ("line_driver.py", "--lockstep", ("--steps", "60")),
        ("spectate.py", "--real-time", ("--frames", "5")),
        ("local_drive.py", "", ("--lockstep", "--steps", "20")),
    ],
)
def test_examples_run(example: str, actor: str, arguments: tuple[str, ...]) -> None:
    """Every example runs in its short form and ends well."""
    with contextlib.ExitStack() as stack:
        if actor:
            uri = stack.enter_context(actor_process(actor, "--log-level", "error"))
            arguments = ("--uri", uri, *arguments)
        done = run(f"examples/{example}", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout


def test_every_example_is_run() -> None:
    """No example is left out."""
    shown = {path.name for path in (ROOT / "examples").glob("*.py")}
    run_above = {
        "train_loop.py", "custom_task.py", "line_driver.py", "spectate.py", "local_drive.py",
    }  # fmt: skip
    run_elsewhere = {
        "minimal_client.py": "test_minimal_clients.py",
        "driving.py": "test_driving.py",
    }
    shared = {"edge_driving.py", "run_folder.py"}  # no programs: parts of some
    learning = (ROOT / "tests/train/test_learning.py").read_text()
    of_learning = {name for name in shown if f'"{name}"' in learning}
    assert shown == run_above | of_learning | run_elsewhere.keys() | shared


def test_no_pickle_and_no_eval() -> None:
    """Nothing that a peer or a file sends is ever unpickled or evaluated."""
    for source in ROOT.glob("*/ac_bridge*/**/*.py"):
        text = source.read_text()
        for word in ("import pickle", "eval(", "exec("):
            assert word not in text, f"{source.name}: {word}"
