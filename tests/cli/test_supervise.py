"""`ac-bridge actor --restart`: a parent that starts the actor again when it died."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ac_bridge.cli.supervise import Supervisor
from ac_bridge.clock import SystemClock
from ac_bridge.guardian import restarts
from ac_bridge_client import RemoteEnv
from helpers.guardians import eventually

TIMEOUT_S = 60.0
OPTIONS = ("--game", "standin", "--lockstep", "--listen", "127.0.0.1:0")

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@contextlib.contextmanager
def supervised(*options: str) -> Iterator[subprocess.Popen[str]]:
    """Run a supervised actor; whatever is left of it at the end is ended."""
    with subprocess.Popen(
        [sys.executable, "-m", "ac_bridge.cli", "actor", "--restart", *OPTIONS, *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        watchdog = threading.Timer(TIMEOUT_S, process.kill)
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()
            process.kill()


def address(process: subprocess.Popen[str]) -> str:
    """Return the address that the actor says it serves on."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("Serving on "), process.stderr.read() if process.stderr else ""
    return line.split()[-1]


def child_of(pid: int) -> int:
    """Return the process id of the only child, 0 if there is none."""
    pids = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    assert len(pids) <= 1
    return int(pids[0]) if pids else 0


def listens(uri: str) -> bool:
    """Whether anybody takes connections there."""
    port = int(uri.rsplit(":", 1)[1])
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def run_script(code: str) -> tuple[int, int]:
    """Supervise a Python script; return the status for this process and how often it ran."""
    runs = []

    class Counting(Supervisor):
        def _run_once(self) -> int:
            runs.append(1)
            return super()._run_once()

    with contextlib.closing(SystemClock()) as clock:
        return Counting([sys.executable, "-c", code], clock).run(), len(runs)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hardly any waits."""
    monkeypatch.setattr(restarts, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(restarts, "LONGEST_WAIT_S", 0.01)
    monkeypatch.setattr(restarts, "ATTEMPTS", 3)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("code", "status", "runs"),
    [
        ("", 0, 1),
        ("raise SystemExit(2)", 2, 1),
        ("raise SystemExit(1)", 1, 3),
        ("raise KeyError", 1, 3),
    ],
)
def test_what_dies_is_started_again_with_an_end(code: str, status: int, runs: int) -> None:
    """Not what ended well, nor what must be changed first."""
    assert run_script(code) == (status, runs)


def test_whoever_is_asked_to_end_ends_its_child() -> None:
    """Through the child's standard input; another one is not started."""
    with contextlib.closing(SystemClock()) as clock:
        code = "import sys; sys.stdin.read(); raise SystemExit(7)"
        supervisor = Supervisor([sys.executable, "-c", code], clock)
        supervisor.end()
        supervisor.end()
        assert supervisor.run() == 7


def test_a_child_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """By force, after a while."""
    monkeypatch.setattr("ac_bridge.cli.supervise.END_TIMEOUT_S", 0.0)
    with contextlib.closing(SystemClock()) as clock:
        code = "import threading; threading.Event().wait(60)"
        supervisor = Supervisor([sys.executable, "-c", code], clock)
        supervisor.end()
        assert supervisor.run() != 0


@linux_only
def test_a_killed_actor_is_started_again_on_its_port() -> None:
    """Same options, same port; it says what happened, and a learner can begin anew."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with supervised("--listen", f"127.0.0.1:{port}") as process:
        uri = address(process)
        first = child_of(process.pid)
        os.kill(first, signal.SIGKILL)
        assert address(process) == uri
        assert child_of(process.pid) not in (0, first)
        with RemoteEnv(uri) as env:
            env.reset()
            env.step([0.0, 0.5, 0.0])
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, log
    assert re.search(
        r"actor died.*again_in_s=1\.0.*ended_by=SIGKILL", re.sub(r"\x1b\[\d*m", "", log)
    )


@linux_only
def test_a_variable_makes_one_supervisor_and_not_a_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting reaches the child too, which must not follow it."""
    monkeypatch.setenv("AC_BRIDGE_RESTART", "true")
    with supervised() as process:
        address(process)
        assert child_of(child_of(process.pid)) == 0
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, log


@posix_only
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_are_passed_on(number: signal.Signals) -> None:
    """The actor ends in order, and so does its parent."""
    with supervised() as process:
        uri = address(process)
        process.send_signal(number)
        _, log = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, log
    assert "Traceback" not in log
    assert not listens(uri)


@posix_only
def test_a_killed_supervisor_leaves_no_actor() -> None:
    """Killed with -9, it closes the actor's standard input, and it ends in order."""
    with supervised() as process:
        uri = address(process)
        process.kill()
        process.wait()
        assert eventually(lambda: not listens(uri))


@linux_only
def test_an_actor_that_is_told_to_end_stays_ended() -> None:
    """SIGTERM to the actor itself is a wish, not an accident."""
    with supervised() as process:
        address(process)
        os.kill(child_of(process.pid), signal.SIGTERM)
        _, log = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, log
    assert "actor died" not in log


def test_its_own_parent_can_end_it_too() -> None:
    """The end of its standard input, where that was asked for."""
    with supervised("--with-parent") as process:
        address(process)
        _, log = process.communicate(timeout=TIMEOUT_S)  # closes its input first
    assert process.returncode == 0, log


def test_a_setting_that_cannot_be_used_ends_it_at_once() -> None:
    """A port that is taken, say: the reason is said, and no other actor is started."""
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        supervised("--listen", f"127.0.0.1:{taken.getsockname()[1]}") as process,
    ):
        _, log = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == restarts.EXIT_SETTING
    assert "Cannot listen" in log
    assert "not started again" in log
    assert "actor died" not in log
