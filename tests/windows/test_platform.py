"""That the other tests of this folder run where they believe they do."""

from __future__ import annotations

import json
import signal

from ac_bridge.cli.actor import READY
from ac_bridge_client import RemoteEnv
from helpers.wine import WindowsPython

LOOPBACK = "127.0.0.1:0"
TIMEOUT_S = 60.0

ASK = """
import asyncio, importlib.metadata, json, sys
from ac_bridge.machine.loops import run_on_best_loop

async def loop_name():
    return type(asyncio.get_running_loop()).__module__

print(json.dumps({
    "platform": sys.platform,
    "version": importlib.metadata.version("ac-bridge"),
    "loop": run_on_best_loop(loop_name()),
}))
"""


def test_windows_python_runs_this_project_on_winloop(wpy: WindowsPython) -> None:
    """The platform is Windows, the project's version is known, and the loop is winloop's."""
    done = wpy("-c", ASK)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["platform"] == "win32"
    assert found["loop"].partition(".")[0] == "winloop"
    assert found["version"]


def test_an_actor_there_is_driven_from_here_and_ends_on_ctrl_c(wpy: WindowsPython) -> None:
    """A learner on Linux drives an actor in Windows Python; Ctrl+C ends it in good order."""
    with wpy.start("-m", "ac_bridge.cli", "actor", "--lockstep", "--listen", LOOPBACK) as process:
        line = process.stdout.readline()
        assert line.startswith(READY), process.communicate()[1]
        with RemoteEnv(line.split()[-1]) as env:
            env.reset(seed=5)
            speeds_kmh = [env.step([0.0, 1.0, 0.0])[4]["speed_kmh"] for _ in range(20)]
        process.send_signal(signal.SIGINT)
        _, log = process.communicate(timeout=TIMEOUT_S)
    assert speeds_kmh[-1] > 10.0
    assert process.returncode == 0, log
    assert "shutting_down" in log
