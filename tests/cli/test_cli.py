"""The command line, run as its users run it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import typer

from ac_bridge.cli import app, cert, flowing, token
from ac_bridge.cli.child import actor_process
from ac_bridge.standin.install import write_install
from ac_bridge.standin.layouts import circuit_named
from ac_bridge_client import RemoteEnv
from ac_bridge_protocol.errors import ConnectError
from ac_bridge_recording import Recording

TIMEOUT_S = 120


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `ac-bridge` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "ac_bridge.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


@pytest.mark.parametrize("codec", ["msgpack", "json"])
def test_fast_demo_drives_a_valid_lap(codec: str) -> None:
    """One lap in lockstep: exit 0, one JSON object, every figure there."""
    done = run("demo", "--fast", "--json", "--codec", codec)
    assert done.returncode == 0, done.stderr
    figures: dict[str, Any] = json.loads(done.stdout)
    assert figures["laps_valid"] == len(figures["lap_times_s"]) == 1
    assert 60.0 < figures["lap_times_s"][0] < 120.0
    assert figures["steps"] == pytest.approx(figures["lap_times_s"][0] * 10, abs=10)
    assert figures["ticks_missed"] == 0
    assert figures["tick_error_us"].keys() == {"p50", "p99", "max"}
    assert figures["step_us"].keys() == {"p50", "p99"}
    assert (figures["codec"], figures["mode"]) == (codec, "lockstep")


def test_fast_demo_repeats_itself() -> None:
    """The same seed gives the same lap to the millisecond, also as a table."""
    time = json.loads(run("demo", "--fast", "--json", "--seed", "3").stdout)["lap_times_s"][0]
    table = run("demo", "--fast", "--seed", "3")
    assert table.returncode == 0
    assert f"{time:.3f} s" in table.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("actor", "--control-hz", "1000"), "control_hz"),
        (("actor", "--listen", "0.0.0.0:8765"), "listen"),
        (("actor", "--smoothing", "silky"), "smoothing"),
        (("actor", "--game", "tetris"), "game"),
        (("actor", "--game", "standin", "--track", "monza"), "no track 'monza'"),
        (("actor", "--game", "shm", "--track", "made_1"), "track of a game in another process"),
        (("actor", "--config", "/nowhere.toml"), "nowhere.toml"),
    ],
)
def test_bad_settings_are_named(arguments: tuple[str, ...], said: str) -> None:
    """A bad setting ends with status 1 and a sentence that names it, not with a traceback."""
    done = run(*arguments)
    assert done.returncode == 1
    assert said in done.stderr.replace("\n", "")
    assert "Traceback" not in done.stderr


def test_port_in_use_is_explained() -> None:
    """A port that is taken says what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("actor", "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
    assert done.returncode == 1
    assert "Cannot listen" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_the_actor_in_order(number: signal.Signals) -> None:
    """Ctrl+C and SIGTERM end an actor with status 0, in the middle of a drive, driver told."""
    command = [sys.executable, "-m", "ac_bridge.cli", "actor", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        uri = process.stdout.readline().split()[-1]
        env = RemoteEnv(uri)
        env.reset()
        env.step([0.0, 1.0, 0.0])
        process.send_signal(number)
        _, log = process.communicate(timeout=TIMEOUT_S)
        env.close()
    assert process.returncode == 0, log
    assert "shutting_down" in log
    assert "Traceback" not in log


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("number", ["SIGTERM", "SIGKILL"])
def test_a_killed_demo_leaves_no_actor(number: str) -> None:
    """However the demo ends, its actor ends with it."""
    with subprocess.Popen(
        [sys.executable, "-m", "ac_bridge.cli", "demo"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        uri = process.stdout.readline().split()[2].rstrip(".")
        port = int(uri.rsplit(":", 1)[1])
        process.send_signal(signal.Signals[number])
        process.wait(TIMEOUT_S)
    for _ in range(TIMEOUT_S * 10):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return
        threading.Event().wait(0.1)
    raise AssertionError("the actor still listens")


def test_an_actor_ends_in_order_with_whoever_started_it() -> None:
    """Closing its input ends it with status 0 on every system, in the middle of a drive."""
    command = [sys.executable, "-m", "ac_bridge.cli", "actor", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(
        [*command, "--with-parent"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        env = RemoteEnv(process.stdout.readline().split()[-1])
        env.reset()
        env.step([0.0, 1.0, 0.0])
        _, log = process.communicate(timeout=TIMEOUT_S)  # closes its input first
        env.close()
    assert process.returncode == 0, log
    assert "shutting_down" in log
    assert "Traceback" not in log


def test_demo_ignores_the_users_own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that set up somebody's actor do not change what the demo shows."""
    monkeypatch.setenv("AC_BRIDGE_CONTROL_HZ", "3")
    monkeypatch.setenv("AC_BRIDGE_SMOOTHING", "nonsense")
    done = run("demo", "--fast", "--json")
    assert done.returncode == 0, done.stderr


def test_a_demo_that_is_kept(tmp_path: Path) -> None:
    """The first recording that somebody makes here: with a lap in it, in a folder made for it."""
    done = run("demo", "--fast", "--json", "--record", str(tmp_path / "recordings"))
    assert done.returncode == 0, done.stderr
    (file,) = (tmp_path / "recordings").iterdir()
    ((_, steps, _),) = Recording(file).episodes()
    assert len(steps) == json.loads(done.stdout)["steps"]
    assert steps[-1].frame.completed_laps == 1


def test_paragraphs_of_help_fit_any_terminal() -> None:
    """Lines are broken where the terminal ends, not where the source's do; examples stay lines."""
    said = """One,
    two.

    Three,
    four.

    Examples:
        ac-bridge a

        ac-bridge b
    """
    assert flowing(said) == (
        "One, two.\n\nThree, four.\n\nExamples:\n    ac-bridge a\n\n    ac-bridge b"
    )


@pytest.mark.parametrize("group", [app, token, cert], ids=["app", "token", "cert"])
def test_every_commands_help_flows(group: typer.Typer) -> None:
    """Those of the groups, too: no paragraph has a line break of the source in it."""
    for command in group.registered_commands:
        said, *_ = str(command.help).partition("Examples:")
        paragraphs = said.strip().split("\n\n")
        assert paragraphs[0]
        assert not any("\n" in paragraph for paragraph in paragraphs), command.callback


def test_actor_that_does_not_come_up_says_why() -> None:
    """Starting an actor that cannot start gives its own last words."""
    with (
        pytest.raises(ConnectError, match="come up"),
        actor_process("--control-hz", "1000"),
    ):
        pass


def test_help_has_examples() -> None:
    """Every command's help shows how to call it."""
    for command in ("actor", "demo"):
        done = run(command, "--help")
        assert done.returncode == 0
        assert f"ac-bridge {command}" in done.stdout


def test_what_a_tracks_files_lack_is_in_the_actors_log(tmp_path: Path) -> None:
    """Where the event says that it is; and no level lets through more than it should."""
    write_install(circuit_named("made_3"), tmp_path)
    (tmp_path / "content/tracks/made_3/data/side_l.csv").write_text("1,2")
    command = [sys.executable, "-m", "ac_bridge.cli", "actor", "--listen", "127.0.0.1:0"]
    command += ["--lockstep", "--track", "made_3", "--game-dir", str(tmp_path), "--with-parent"]
    logs = {}
    for level in ("info", "error"):
        with subprocess.Popen(
            [*command, "--log-level", level],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            env = RemoteEnv(process.stdout.readline().split()[-1])
            env.reset()
            env.close()
            _, logs[level] = process.communicate(timeout=TIMEOUT_S)
    assert "not all well: 1 note in the log" in logs["info"]
    assert "side_l.csv cannot be used as an edge" in logs["info"]
    assert logs["error"] == ""
