"""`ac-bridge record`, run as its users run it."""

from __future__ import annotations

import itertools
import signal
import socket
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ac_bridge.cli import app
from ac_bridge.cli.child import actor_process
from ac_bridge.cli.record import Seen
from ac_bridge.net.token_file import add_token
from ac_bridge.net.tokens import Grant, new_token
from ac_bridge_protocol.frame import GameState
from ac_bridge_protocol.messages import Event, EventKind, Subscribe, Telemetry
from ac_bridge_recording import Recording
from ac_bridge_recording.check import check
from ac_bridge_recording.topics import Topic
from helpers.certificates import self_signed_files
from helpers.frames import make_frame
from helpers.scripted import Peer, scripted

COMMAND = [sys.executable, "-m", "ac_bridge.cli", "record"]
WAITING = make_frame(state=GameState.WAITING)
"""Of a game whose static facts nobody knows yet."""


@pytest.fixture(scope="module")
def uri() -> Iterator[str]:
    """An actor in real time, whose game runs on whether or not anybody drives."""
    with actor_process("--game", "standin", "--log-level", "error") as uri:
        yield uri


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `ac-bridge record` to its end."""
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def run_here(*arguments: str | Path) -> Result:
    """Run it in this process: a scripted actor waits for nobody who takes long to start."""
    return CliRunner().invoke(app, ["record", *map(str, arguments)])


def assert_right(path: Path) -> None:
    """Check that a recording is whole and that nothing in it is wrong."""
    checked = check(path)
    assert checked.ok, [str(problem) for problem in checked.problems]


def test_for_some_seconds(uri: str, tmp_path: Path) -> None:
    """Into a folder, at a rate; says what it did."""
    done = run(uri, tmp_path, "--seconds", "1.5", "--hz", "20")
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.iterdir()
    assert_right(path)
    recording = Recording(path)
    times = [frame.t_wall for frame in recording.frames()]
    apart = statistics.median(b - a for a, b in itertools.pairwise(times))
    assert apart == pytest.approx(1 / 20, rel=0.5)
    assert recording.about["recorded_by"] == "spectator"
    assert {Topic.STATICS, Topic.WIRE, Topic.POSE} <= recording.counts().keys()
    for text in ("20 frames a second", "frames; 0 laps;", " records in ", path.name):
        assert text in done.stdout.replace("\n", " ")
    assert "dropped" not in done.stdout


def test_without_the_wire(uri: str, tmp_path: Path) -> None:
    """Where it is not wanted; at the actor's own rate."""
    done = run(uri, tmp_path / "a.mcap", "--seconds", "0.5", "--no-wire")
    assert done.returncode == 0, done.stderr
    assert "60 frames a second" in done.stdout
    assert Topic.WIRE not in Recording(tmp_path / "a.mcap").counts()


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal there")
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_until_it_is_told_to_end(uri: str, tmp_path: Path, end: signal.Signals) -> None:
    """Ctrl+C is the way to end it: the file is finished, and the status is 0."""
    path = tmp_path / "a.mcap"
    with subprocess.Popen([*COMMAND, uri, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "Ctrl+C ends it" in process.stdout.readline()
        while not path.exists() or Topic.TELEMETRY not in Recording(path).counts():
            assert process.poll() is None
        process.send_signal(end)
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert " records in " in said
    assert_right(path)


def test_nobody_drives_in_lockstep(tmp_path: Path) -> None:
    """No frame is no recording: status 1, and why that may be."""
    with actor_process("--lockstep", "--log-level", "error") as uri:
        done = run(uri, tmp_path / "a.mcap", "--seconds", "0.3")
    assert done.returncode == 1
    assert "No frame came in" in done.stderr
    assert "somebody" in done.stderr
    assert_right(tmp_path / "a.mcap")


def test_a_link_that_is_lost(tmp_path: Path) -> None:
    """Is said, counted, and replaced."""

    def serve(peer: Peer) -> None:
        peer.welcome()
        peer.next(Subscribe)
        peer.send(Telemetry(frame=WAITING, dropped=2))
        peer.close()

    def last(peer: Peer) -> None:
        peer.welcome()
        peer.next(Subscribe)
        peer.send(Telemetry(frame=WAITING, dropped=1))
        peer.until_hung_up()

    with scripted(serve, last) as uri:
        done = run_here(uri, tmp_path / "a.mcap", "--seconds", "2", "--hz", "10")
    assert done.exit_code == 0, done.output
    said = done.stdout.replace("\n", " ")
    for text in ("Connecting again", "again.", "left out by the actor: 3", "links lost: 1"):
        assert text in said


def test_nothing_listens(tmp_path: Path) -> None:
    """What to check, status 1, and no file."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        done = run(f"ws://127.0.0.1:{unused.getsockname()[1]}", tmp_path / "a.mcap")
    assert done.returncode == 1
    assert "Is the actor running" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there(uri: str, tmp_path: Path) -> None:
    """Is not overwritten."""
    (tmp_path / "a.mcap").write_bytes(b"precious")
    done = run(uri, tmp_path / "a.mcap")
    assert done.returncode == 1
    assert "exists already" in " ".join(done.stderr.split())
    assert (tmp_path / "a.mcap").read_bytes() == b"precious"


def test_over_tls_with_a_token(tmp_path: Path) -> None:
    """Shown and believed as by every other command; and not in the file."""
    files = self_signed_files(tmp_path)
    add_token(tmp_path / "token", token := new_token(), Grant.SPECTATOR)

    def serve(peer: Peer) -> None:
        assert peer.request.headers["Authorization"] == f"Bearer {token}"
        peer.welcome()
        peer.next(Subscribe)
        peer.send(Telemetry(frame=WAITING, dropped=0))

    access = ("--token-file", tmp_path / "token", "--fingerprint", files.fingerprint)
    with scripted(serve, tls=files.server().context) as uri:
        done = run_here(uri, tmp_path / "a.mcap", "--seconds", "0.5", *access)
    assert done.exit_code == 0, done.output
    recording = Recording(tmp_path / "a.mcap")
    assert token not in str([entry.plain for entry in recording.entries()])
    assert token not in str(recording.about)
    assert token not in done.stdout


def test_laps() -> None:
    """Counted when the game counts one more; not when a session begins anew."""
    seen = Seen()
    seen.take(Event(kind=EventKind.EASING, message="No frame."))
    for laps in (3, 3, 4, 4, 0, 1, 7):
        seen.take(Telemetry(frame=make_frame(completed_laps=laps), dropped=0))
    assert (seen.laps, seen.frames) == (2, 7)


def test_help_has_examples() -> None:
    """Somebody who asks for help gets lines to copy."""
    assert "ac-bridge record ws://" in run("--help").stdout
