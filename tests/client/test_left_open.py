"""Environments that nobody closes: the car is let go of all the same."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from ac_bridge_client import RemoteEnv
from ac_bridge_protocol.errors import RefusedError

DRIVE = [0.0, 0.5, 0.0]
LIMIT_S = 60.0

SCRIPT = """
import gc, os, sys
from ac_bridge_client import RemoteEnv
env = RemoteEnv(sys.argv[1])
env.reset(seed=1)
env.step([0.0, 0.5, 0.0])
print("drives", flush=True)
"""

FORK = """
child = os.fork()
if child == 0:
    del env
    gc.collect()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(env.step([0.0, 0.5, 0.0])[4]["receipt"].tick, flush=True)
"""


def run(script: str, uri: str) -> subprocess.CompletedProcess[str]:
    """Run a learner's script to its end."""
    command = [sys.executable, "-c", script, uri]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)


def assert_free(uri: str) -> None:
    """Take the car, which somebody else's grace period would refuse."""
    with RemoteEnv(uri) as env:
        env.reset(seed=1)


@pytest.mark.parametrize(
    ("last", "status"),
    [("", 0), ("sys.exit(3)", 3), ("raise ValueError", 1), ("raise KeyboardInterrupt", None)],
)
def test_a_program_that_ends_frees_the_car(lockstep_uri: str, last: str, status: int) -> None:
    """However it ends by itself; without a word about it, and with its own exit status."""
    ended = run(SCRIPT + last, lockstep_uri)
    assert ended.stdout == "drives\n"
    assert "ac_bridge" not in ended.stderr
    if status is not None:  # the status of Ctrl+C is the platform's own
        assert ended.returncode == status
    assert_free(lockstep_uri)


def test_a_forgotten_environment_frees_the_car(lockstep_uri: str) -> None:
    """Nothing refers to it any more; so in a notebook that makes another under the same name."""
    env = RemoteEnv(lockstep_uri)
    env.reset(seed=1)
    with RemoteEnv(lockstep_uri) as other, pytest.raises(RefusedError):
        other.reset(seed=1)
    del env
    gc.collect()
    assert_free(lockstep_uri)


def test_a_lost_link_keeps_no_car(lockstep_uri: str) -> None:
    """An environment that is forgotten while its link is lost connects once more to let go."""
    env = RemoteEnv(lockstep_uri)
    env.reset(seed=1)
    link = env._drive._link
    assert link is not None
    link.drop()
    del env, link
    gc.collect()
    assert_free(lockstep_uri)


@pytest.mark.skipif(sys.platform == "win32", reason="no fork there")
def test_a_fork_does_not_free_its_parents_car(lockstep_uri: str) -> None:
    """What a forked process forgets is a copy: the parent drives on."""
    ended = run(SCRIPT + FORK, lockstep_uri)
    assert ended.stdout.split() == ["drives", "2"], ended.stderr
    assert_free(lockstep_uri)


def test_a_closed_environment_is_not_closed_again(lockstep_uri: str) -> None:
    """Neither by being forgotten, nor at the end of the program."""
    env = RemoteEnv(lockstep_uri)
    env.close()
    assert not env._unclosed.alive
