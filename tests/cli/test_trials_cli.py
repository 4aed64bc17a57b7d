"""The commands that try a machine out, as processes beside an `ac-bridge simulate`."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
import signal
import subprocess
import sys
import unittest.mock
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest
import structlog

from ac_bridge.cli import main
from ac_bridge.game import NEUTRAL
from ac_bridge.machine.endings import ending_signals
from ac_bridge.standin.shared import WheelRegion
from ac_bridge.standin.wheel import pack_controls
from ac_bridge.trials import controls
from ac_bridge.trials.bench import Look
from ac_bridge.trials.watching import Watch
from ac_bridge_protocol.frame import GameState, TelemetryFrame
from helpers.frames import make_frame

TIMEOUT_S = 120
PATIENCE = 600
"""Lines after which a test gives up waiting for the one that it wants."""


class Beside:
    """A stand-in game in a process of its own, under names that no other test uses."""

    def __init__(self, process: subprocess.Popen[str], prefix: str, wheel: str) -> None:
        self.prefix = prefix
        self.wheel = wheel
        self._process = process

    @property
    def options(self) -> tuple[str, ...]:
        """What makes a command find the game and its wheel."""
        return (*self.pages, "--controller", "standin", "--wheel-name", self.wheel)

    @property
    def pages(self) -> tuple[str, ...]:
        """What makes a command find the game alone."""
        return ("--page-prefix", self.prefix)

    def tell(self, command: str) -> None:
        """Have the game do something, and wait until it has."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        self.hear()

    def hear(self) -> str:
        """Wait for a line of the game's."""
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextlib.contextmanager
def simulating(*options: str) -> Iterator[Beside]:
    """Run `ac-bridge simulate` until the end of the block."""
    name = f"ac_bridge_test_{uuid.uuid4().hex}"
    command = ("simulate", "--prefix", f"{name}_", "--wheel", f"{name}_wheel", "--with-parent")
    with subprocess.Popen(
        [sys.executable, "-m", "ac_bridge.cli", *command, *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        beside = Beside(process, f"{name}_", f"{name}_wheel")
        try:
            assert beside.hear().startswith("Publishing")
            yield beside
        finally:
            assert process.stdin is not None
            process.stdin.close()  # its parent is gone: it ends
            process.wait(TIMEOUT_S)


@pytest.fixture(scope="module")
def game() -> Iterator[Beside]:
    """A game for those tests that leave it as they find it: live, its car standing."""
    with simulating() as beside:
        done = run("reset", *beside.options)
        assert done.returncode == 0, done.stderr
        yield beside


@dataclasses.dataclass(frozen=True)
class Done:
    """A command that has ended."""

    returncode: int
    stdout: str
    stderr: str


def run(*arguments: str) -> Done:
    """Run `ac-bridge` to its end, in this process: importing everything anew takes seconds."""
    out, err = io.StringIO(), io.StringIO()
    # As wide as it likes: sentences are not broken into lines.
    with (
        unittest.mock.patch.dict(os.environ, COLUMNS="200"),
        unittest.mock.patch.object(sys, "argv", ["ac-bridge", *arguments]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    structlog.reset_defaults()
    code = ended.value.code
    return Done(code if isinstance(code, int) else 0, out.getvalue(), err.getvalue())


def flat(text: str) -> str:
    """Return text without its line breaks."""
    return " ".join(text.split())


# --- test-telemetry -------------------------------------------------------------------------------


def test_telemetry_as_objects(game: Beside) -> None:
    """One flat frame a line with its state, at the rate asked for, and nothing else."""
    done = run("test-telemetry", *game.pages, "--hz", "20", "--duration", "1.5", "--json")
    assert done.returncode == 0, done.stderr
    frames: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    assert 1 < len(frames) <= 30
    assert frames[-1]["state"] == "live"
    assert [frame["seq"] for frame in frames] == list(range(len(frames)))
    assert frames[-1]["packet_id"] > frames[0]["packet_id"]
    assert frames[0]["dt"] == pytest.approx(0.05)
    assert not done.stderr


def test_telemetry_as_lines(game: Beside) -> None:
    """Where there is no terminal: plain text without control codes, and a summary."""
    done = run("test-telemetry", *game.pages, "--duration", "1")
    assert done.returncode == 0, done.stderr
    assert "km/h, gear 1" in done.stdout
    assert "looks found the game live" in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="a terminal of POSIX")
def test_telemetry_as_a_table(game: Beside) -> None:
    """On a terminal: the groups that a person looks for, drawn in place."""
    import pty

    ours, theirs = pty.openpty()
    command = ["test-telemetry", *game.pages, "--duration", "1"]
    with subprocess.Popen(
        [sys.executable, "-m", "ac_bridge.cli", *command],
        stdout=theirs,
        env=os.environ | {"COLUMNS": "100", "LINES": "50", "TERM": "xterm"},
    ) as process:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # the other end is closed
            while piece := os.read(ours, 65536):
                shown += piece
        os.close(ours)
    assert process.returncode == 0
    text = shown.decode()
    for word in ("The game is live.", "km/h", "rev/min", "throttle", "tick error", "FL", "grip"):
        assert word in text


def test_telemetry_without_a_game() -> None:
    """It says so in each line, and at the end, with what to do; the status is 1."""
    missing = ("--page-prefix", f"ac_bridge_test_{uuid.uuid4().hex}_")
    done = run("test-telemetry", *missing, "--duration", "0.3", "--json")
    assert done.returncode == 1
    assert {json.loads(line)["state"] for line in done.stdout.splitlines()} == {"absent"}
    assert "No game publishes its pages." in done.stderr
    assert "try: Start a drive" in flat(done.stderr)


def test_telemetry_as_objects_is_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    """A console's code page would break what the game says in other characters."""
    frame = make_frame(tyre_compound="tendre é 😀")
    look = Look(frame, GameState.LIVE, "The game is live.", "")
    monkeypatch.setattr(Watch, "looks", lambda *_: iter([look]))
    lines = run("test-telemetry", "--game", "standin", "--json").stdout.splitlines()
    assert lines[0].isascii()
    assert TelemetryFrame.model_validate_json(lines[0]) == frame


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl+C of POSIX")
def test_telemetry_waits_for_the_game_until_ctrl_c() -> None:
    """A game that comes later is shown, a pause is told, and Ctrl+C ends it with status 0."""
    with simulating() as beside:
        with subprocess.Popen(
            [sys.executable, "-m", "ac_bridge.cli", "test-telemetry", *beside.pages, "--json"],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            states = [until(process.stdout, "live")]
            beside.tell("pause")
            states.append(until(process.stdout, "paused"))
            beside.tell("resume")
            states.append(until(process.stdout, "live"))
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == 0
    assert all(states)


def until(lines: IO[str], state: str) -> bool:
    """Read lines until one tells of ``state``."""
    return any(json.loads(lines.readline())["state"] == state for _ in range(PATIENCE))


# --- test-control ---------------------------------------------------------------------------------


def test_control_of_a_sound_wheel(game: Beside) -> None:
    """Every axis and shift button with its verdict."""
    done = run("test-control", *game.options, "--yes", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    verdicts = {one["control"]: one["verdict"] for one in report["controls"]}
    assert report["ok"]
    assert verdicts == {
        "steer": "ok",
        "brake": "ok",
        "clutch": "not seen",
        "throttle": "ok",
        "shift down": "ok",
        "shift up": "ok",
    }


def test_control_asks_first(game: Beside) -> None:
    """With nobody to answer it moves nothing, and says which option allows it to."""
    done = subprocess.run(
        [sys.executable, "-m", "ac_bridge.cli", "test-control", *game.options],
        input="",  # a pipe: Windows takes its null device for a terminal
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 1
    assert "--yes" in done.stderr


def test_control_of_a_wheel_that_no_game_reads(game: Beside) -> None:
    """The telemetry is one game's, the wheel another's: nothing comes back."""
    other = f"ac_bridge_test_{uuid.uuid4().hex}"
    wheel = ("--controller", "standin", "--wheel-name", other)
    with WheelRegion(other) as region:
        done = run("test-control", *game.pages, *wheel, "--yes")
        assert region._region.read(20) == pack_controls(NEUTRAL)
    assert done.returncode == 1
    assert "nothing came back" in done.stdout
    assert "ac-bridge setup" in flat(done.stdout)


def test_control_without_a_game_only_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """For binding axes in a menu; the status says that nothing was compared."""
    monkeypatch.setattr(controls, "SHOWN_S", 0.01)
    name = f"ac_bridge_test_{uuid.uuid4().hex}"
    wheel = ("--page-prefix", f"{name}_", "--controller", "standin", "--wheel-name", name)
    with WheelRegion(name):
        done = run("test-control", *wheel, "--yes", "--session-buttons")
    assert done.returncode == 1
    assert "Moving steer" in done.stdout
    assert "Moving restart" in done.stdout
    assert "nothing was compared" in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("number", ending_signals())
def test_control_that_is_interrupted_lets_go(number: signal.Signals) -> None:
    """Whatever was pressed is released, by Ctrl+C as by SIGTERM and by a closed terminal."""
    name = f"ac_bridge_test_{uuid.uuid4().hex}"
    wheel = ("--page-prefix", f"{name}_", "--controller", "standin", "--wheel-name", name)
    with (
        WheelRegion(name) as region,
        subprocess.Popen(
            [sys.executable, "-m", "ac_bridge.cli", "test-control", *wheel, "--yes"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        while not region.moved():
            assert process.poll() is None
        process.send_signal(number)
        _, errors = process.communicate(timeout=TIMEOUT_S)
        region.moved()
        assert region.device == pack_controls(NEUTRAL)
    assert process.returncode != 0
    assert "Traceback" not in errors


def test_control_without_a_wheel_says_what_to_start(game: Beside) -> None:
    """A wheel that is not there is named before anything else happens."""
    done = run(
        "test-control", *game.pages, "--controller", "standin", "--wheel-name", "no_such", "--yes"
    )
    assert done.returncode == 1
    assert "Start `ac-bridge simulate` first" in flat(done.stderr)


# --- reset and smoke-test -------------------------------------------------------------------------


def test_reset_goes_through_its_phases(game: Beside) -> None:
    """Each phase with its time, and at the end how long it took; also as an object."""
    done = run("reset", *game.options)
    assert done.returncode == 0, done.stderr
    phases = [line.split()[2].rstrip(":") for line in done.stdout.splitlines()]
    assert phases[:3] == ["restarting", "starting", "settling"]
    assert "The car stands ready." in done.stdout
    report = json.loads(run("reset", *game.options, "--json").stdout)
    assert report["ok"]
    assert [one["phase"] for one in report["phases"]][-1] == "settling"
    assert report["seconds"] >= report["phases"][-1]["at_s"]


def test_reset_of_nothing_fails_at_once(game: Beside) -> None:
    """Nobody waits a minute for a game that is not there."""
    missing = ("--page-prefix", "ac_bridge_test_nobody_")
    wheel = ("--controller", "standin", "--wheel-name", game.wheel)
    done = run("reset", *missing, *wheel, "--json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert not report["ok"]
    assert report["error"] == "No game publishes its pages."
    assert report["hint"]


def test_reset_from_a_seed_is_for_the_stand_in(game: Beside) -> None:
    """The real game cannot; the stand-in of this process can."""
    done = run("reset", *game.options, "--seed", "3")
    assert done.returncode == 1
    assert "cannot repeat an episode" in done.stderr
    assert run("reset", "--game", "standin", "--seed", "3").returncode == 0


def test_smoke_test_measures(game: Beside) -> None:
    """A latency below the time that it waits for one, and every figure there."""
    done = run("smoke-test", *game.options, "--seconds", "1", "--json")
    figures = json.loads(done.stdout)
    assert done.returncode == (0 if figures["ok"] else 1)
    assert figures["ok"] == (not figures["problems"])
    assert figures["steps_seen"] == 10
    assert 0.0 < figures["latency_ms"]["p50"] <= figures["latency_ms"]["max"] < 500.0
    assert figures["telemetry"]["asked_hz"] == 60.0
    assert figures["control"].keys() == {"asked_hz", "achieved_hz", "tick_error_p99_us"}
    assert figures["physics_hz"] > 0.0


def test_smoke_test_of_a_paused_game_fails_with_the_reason() -> None:
    """The reason, what to do, and no traceback."""
    with simulating() as beside:
        assert run("reset", *beside.options).returncode == 0
        beside.tell("pause")
        done = run("smoke-test", *beside.options)
    assert done.returncode == 1
    assert "The game is paused." in done.stderr
    assert "Traceback" not in done.stderr


def test_one_file_of_settings_serves_every_command(game: Beside, tmp_path: Path) -> None:
    """What the actor reads from its file, the trials read from it too."""
    config = tmp_path / "ours.toml"
    config.write_text(
        f'game = "shm"\ncontroller = "standin"\npage_prefix = "{game.prefix}"\n'
        f'wheel_name = "{game.wheel}"\ntelemetry_hz = 100\n'
    )
    done = run("smoke-test", "--config", str(config), "--seconds", "0.5", "--json")
    assert json.loads(done.stdout)["telemetry"]["asked_hz"] == 100.0
    assert run("reset", "--config", str(config)).returncode == 0


@pytest.mark.parametrize("command", ["test-telemetry", "test-control", "reset", "smoke-test"])
def test_bad_settings_and_help(command: str) -> None:
    """A setting that cannot be is named, and the help shows examples."""
    done = run(command, "--game", "tetris")
    assert done.returncode == 1
    assert "The setting game cannot be 'tetris'" in done.stderr
    assert f"ac-bridge {command}" in run(command, "--help").stdout


@pytest.mark.parametrize(
    "command", [("test-telemetry",), ("test-control", "--yes"), ("reset",), ("smoke-test",)]
)
def test_the_track_of_the_stand_in_is_a_flag(command: tuple[str, ...]) -> None:
    """It reaches the game that is opened."""
    done = run(*command, "--game", "standin", "--track", "nowhere")
    assert done.returncode == 1
    assert "no track 'nowhere'" in done.stderr


def test_reset_on_another_track() -> None:
    """One that the stand-in draws."""
    assert run("reset", "--game", "standin", "--track", "made_3").returncode == 0
