"""The second implementations: clients without a line of ours, against a real actor."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ac_bridge.net.token_file import TokenKeeper
from ac_bridge.net.tokens import TokenBook
from ac_bridge.server.house import Access
from ac_bridge.server.reach import Reach
from helpers.actors import make_rig, serving

EXAMPLES = Path(__file__).parents[1] / "examples"
TIMEOUT_S = 120
NODE = shutil.which("node")
NODE_REQUIRED = os.environ.get("AC_BRIDGE_NODE_REQUIRED") == "1"

Run = Callable[..., subprocess.CompletedProcess[str]]


def run_client(*command: str, token: str = "") -> subprocess.CompletedProcess[str]:
    """Run a client to its end; no proxy of this machine stands between."""
    environment = {**os.environ, "NO_PROXY": "*", "no_proxy": "*", "AC_BRIDGE_TOKEN": token}
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=TIMEOUT_S,
        check=False,
        env=environment,
    )


def run_python(*arguments: str, token: str = "") -> subprocess.CompletedProcess[str]:
    """Run the one in Python."""
    return run_client(sys.executable, str(EXAMPLES / "minimal_client.py"), *arguments, token=token)


def run_node(*arguments: str, token: str = "") -> subprocess.CompletedProcess[str]:
    """Run the one for Node."""
    if NODE is None:
        assert not NODE_REQUIRED, "node is required here, and not on the PATH"
        pytest.skip("no node on the PATH")
    script = str(EXAMPLES / "minimal_client.mjs")
    return run_client(NODE, "--experimental-websocket", script, *arguments, token=token)


@pytest.fixture(params=[run_python, run_node], ids=["python", "node"])
def run(request: pytest.FixtureRequest) -> Run:
    """Run either client."""
    chosen: Run = request.param
    return chosen


def receipt_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Return the receipt that a client printed last."""
    assert done.returncode == 0, done.stdout + done.stderr
    receipt: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{") :])
    return receipt


def test_a_hundred_steps_in_lockstep(run: Run) -> None:
    """Each action is applied at its tick, and the car is let go of in the end."""
    rig = make_rig()
    with serving(rig) as (uri, _):
        done = run(uri)
        receipt = receipt_of(done)
        assert (receipt["action_id"], receipt["tick"], receipt["late"]) == (99, 100, False)
        assert "standin, lockstep, 10 control ticks a second" in done.stdout
        assert receipt_of(run(uri))["tick"] == 100  # so the first one has let go


@pytest.mark.parametrize("delay", [0, 2])
def test_a_hundred_steps_in_real_time(run: Run, delay: int) -> None:
    """In either mode the hundredth answer is one to an action of this episode."""
    rig = make_rig(lockstep=False, control_hz=50.0)
    with serving(rig) as (uri, _):
        done = run(uri, str(delay))
    receipt = receipt_of(done)
    assert receipt["action_id"] == 99
    assert receipt["tick"] >= 100
    assert f"standin, {'fixed_delay' if delay else 'latest'}, 50 control" in done.stdout


def test_a_refusal_in_words(run: Run) -> None:
    """A mode that the actor does not offer: its own sentence, and exit status 1."""
    with serving(make_rig()) as (uri, _):
        done = run(uri, "2")
    assert done.returncode == 1
    assert "no_such_mode: This actor steps in lockstep" in done.stderr
    assert "Traceback" not in done.stderr


def test_turned_away_in_words(run: Run) -> None:
    """Without the token HTTP says 401, and why; with it the client drives."""
    reach = Reach(Access(TokenKeeper(None, TokenBook.of(driver="d" * 32))))
    with serving(make_rig(), reach=reach) as (uri, _):
        done = run(uri)
        assert done.returncode == 1
        assert "HTTP 401, unauthorized: A token is needed here." in done.stderr
        assert receipt_of(run(uri, token="d" * 32))["tick"] == 100


def test_nobody_there(run: Run) -> None:
    """A port without an actor: a sentence, and exit status 1; no address: how to call it."""
    done = run("ws://127.0.0.1:9")
    assert done.returncode == 1
    assert "refused" in done.stderr.lower()
    usage = run()
    assert usage.returncode == 1
    assert "DELAY_TICKS" in usage.stderr


def test_without_a_websocket() -> None:
    """A Node that has none says which one has."""
    if NODE is None:
        assert not NODE_REQUIRED, "node is required here, and not on the PATH"
        pytest.skip("no node on the PATH")
    code = "delete globalThis.WebSocket; process.argv[1] = 'x/minimal_client.mjs';"
    script = (EXAMPLES / "minimal_client.mjs").as_uri()
    done = run_client(NODE, "-e", f"{code} import({script!r})", "ws://127.0.0.1:9")
    assert done.returncode == 1
    assert "take Node 22" in done.stderr.replace("Take", "take")


@pytest.mark.parametrize("name", ["minimal_client.py", "minimal_client.mjs"])
def test_short(name: str) -> None:
    """Each fits two screens."""
    assert len((EXAMPLES / name).read_text(encoding="utf-8").splitlines()) < 120


def test_nothing_of_ours() -> None:
    """The one in Python needs websockets and the standard library; the other Node's own alone."""
    tree = ast.parse((EXAMPLES / "minimal_client.py").read_text(encoding="utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {
        name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    }
    assert {str(module).partition(".")[0] for module in modules} == {
        *("json", "os", "sys", "typing", "websockets")
    }
    script = (EXAMPLES / "minimal_client.mjs").read_text(encoding="utf-8")
    assert re.findall(r"^import|from \"", script, re.MULTILINE) == []
    assert set(re.findall(r"\"(node:\w+)\"", script)) == {"node:http", "node:https"}
