"""`ac-bridge replay`, as a program."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ac_bridge.cli.actor import READY
from ac_bridge.settings import ActorSettings
from ac_bridge_client import RemoteEnv
from ac_bridge_protocol.messages import EndReason
from ac_bridge_protocol.spec import Mode
from ac_bridge_recording.topics import Topic
from helpers import taped
from helpers.frames import make_statics
from helpers.taped import drive, frames, tape_stream

TIMEOUT_S = 60.0


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings file, no variable of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    for name in ActorSettings.model_fields:
        monkeypatch.delenv(f"AC_BRIDGE_{name.upper()}", raising=False)


@contextlib.contextmanager
def program(*options: str) -> Iterator[subprocess.Popen[str]]:
    """Run the command; it is killed if it hangs."""
    command = [sys.executable, "-m", "ac_bridge.cli", "replay", "--with-parent"]
    command += ["--listen", "127.0.0.1:0"]
    with subprocess.Popen(
        [*command, *options],
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


def test_it_serves_until_it_is_asked_to_end(tmp_path: Path) -> None:
    """One line on stdout says where; a learner drives there."""
    path = tape_stream(tmp_path / "lap.mcap", frames(31))
    with program(str(path), "--speed", "max", "--hz", "20") as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith(f"{READY}ws://127.0.0.1:")
        with contextlib.closing(RemoteEnv(line.removeprefix(READY).strip())) as env:
            assert env.env_spec.mode is Mode.LOCKSTEP
            returned = drive(env, None, [[0.0, 0.0, 0.0]] * 50)
        assert len(returned) == 11
        assert returned[-1][4]["end_reason"] == EndReason.RECORDING_ENDED
        process.communicate(timeout=TIMEOUT_S)  # closes its input: the gentle end on every system
        assert process.returncode == 0


def test_once_ends_by_itself(tmp_path: Path) -> None:
    """With the recording; what was cut off is said."""
    tape = taped.Tape(tmp_path / "cut.mcap")
    tape.put(Topic.STATICS, make_statics())
    for frame in frames(6):
        tape.put(Topic.TELEMETRY, frame)
    tape.cut_off()
    with tape.path.open("ab") as file:
        file.write(b"\6half a chunk")
    with program(str(tape.path), "--once") as process:
        assert process.wait(TIMEOUT_S) == 0
        out, err = process.communicate()
    assert out.startswith(READY)
    assert "cut off" in err
    assert "lost_bytes=13" in err


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "cannot be read"), (b"hello", "not an MCAP file")],
)
def test_what_is_no_recording_is_named(tmp_path: Path, content: bytes | None, said: str) -> None:
    """The command ends with the reason and with status 1."""
    path = tmp_path / "other.mcap"
    if content is not None:
        path.write_bytes(content)
    with program(str(path)) as process:
        out, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 1
    assert out == ""
    assert said in " ".join(err.split())
