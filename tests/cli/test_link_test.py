"""`ac-bridge link-test`, run as its users run it, and what it says of links far away."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ac_bridge.cli.child import actor_process
from ac_bridge.cli.link_test import Finding
from ac_bridge.net.token_file import add_token
from ac_bridge.net.tokens import Grant, new_token
from ac_bridge_client import RemoteEnv
from ac_bridge_client.measure import LinkMeter
from ac_bridge_client.recommend import figures_of, recommend
from ac_bridge_protocol.messages import Ping
from ac_bridge_protocol.spec import Mode
from helpers.certificates import self_signed_files
from helpers.scripted import Peer, scripted
from helpers.wire import make_spec

URI = "ws://gaming-pc:8765"


@pytest.fixture(scope="module")
def uri() -> Iterator[str]:
    """An actor in real time."""
    with actor_process("--game", "standin", "--control-hz", "50", "--log-level", "error") as uri:
        yield uri


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `ac-bridge link-test` to its end."""
    command = [sys.executable, "-m", "ac_bridge.cli", "link-test", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def finding(round_trip_s: float, hz: float = 10.0, **spec: object) -> Finding:
    """Return what a link of even round trips is found to be."""
    figures = figures_of([round_trip_s] * 10)
    advice = recommend(figures, hz)
    return Finding(URI, make_spec(**spec), hz, figures, advice, -0.5, 0.001)


def test_json(uri: str) -> None:
    """One object with every figure; nobody who drives is disturbed."""
    env = RemoteEnv(uri)
    env.reset()
    done = run(uri, "--json", "--seconds", "0.5")
    assert env.step([0.0, 0.1, 0.0])[3] is False
    env.close()
    assert done.stderr == ""
    said = json.loads(done.stdout)
    assert done.returncode == (0 if said["recommendation"]["holds"] else 1)
    assert said["link"]["round_trips"] == 25, "at the actor's own rate"
    assert 0 < said["link"]["least_s"] <= said["link"]["p50_s"] <= said["link"]["worst_s"]
    assert abs(said["clock_offset_s"]) <= said["clock_offset_error_s"] + 1e-4
    assert said["python"].startswith(f'env = RemoteEnv("{uri}", mode="')


def test_table(uri: str) -> None:
    """Figures, the recommendation and the line to write, for people."""
    done = run(uri, "--seconds", "0.3", "--control-hz", "20")
    for text in ("p99", "jitter", "clock offset", "mode ", "20 Hz", "RemoteEnv(", "runs at 50"):
        assert text in done.stdout


@pytest.mark.parametrize("as_json", [False, True])
def test_nothing_listens(as_json: bool) -> None:
    """A port where nothing listens: what to check, and exit status 1."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"ws://127.0.0.1:{unused.getsockname()[1]}"
        done = run(address, *(["--json"] if as_json else []))
    assert done.returncode == 1
    said = json.loads(done.stdout)["hint"] if as_json else done.stderr
    assert "Is the actor running" in said


def test_over_tls_with_a_token(tmp_path: Path) -> None:
    """A file with the token, and the fingerprint of the one certificate to believe."""
    files = self_signed_files(tmp_path)
    add_token(tmp_path / "token", token := new_token(), Grant.SPECTATOR)
    access = ("--token-file", str(tmp_path / "token"), "--fingerprint", files.fingerprint)

    def echo(peer: Peer) -> None:
        assert peer.request.headers["Authorization"] == f"Bearer {token}"
        peer.welcome()
        while isinstance(ping := peer.any(), Ping):
            peer.pong(ping)

    with scripted(echo, tls=files.server().context) as uri:
        done = run(uri, "--json", "--seconds", "0.2", *access)
    assert done.stderr == ""
    said = json.loads(done.stdout)
    assert said["link"]["round_trips"] == 2
    assert f'fingerprint="{files.fingerprint}"' in said["python"], "or the line would not work"
    assert "token_file=" in said["python"]
    assert token not in done.stdout


def test_a_ca_file_that_is_not_there(tmp_path: Path) -> None:
    """Is named, and the environment's does not stand in for it."""
    done = run(URI, "--ca-file", str(tmp_path / "none.pem"))
    assert done.returncode == 1
    assert "CA file" in done.stderr


def test_help_has_examples() -> None:
    """Somebody who asks for help gets a line to copy."""
    assert "ac-bridge link-test ws://" in run("--help").stdout


def test_pings_take_no_longer_than_they_should(uri: str) -> None:
    """As many pings as asked for, in order, and the bar is told of each."""
    told: list[tuple[int, int]] = []
    with LinkMeter(uri) as meter:
        trips = meter.measure(100.0, 0.2, lambda *counts: told.append(counts))
    assert len(trips) == 20
    assert told == [(number, 20) for number in range(1, 21)]
    assert meter.clock.offset_s is not None


@pytest.mark.parametrize(
    ("round_trip_s", "python"),
    [
        (0.001, f'env = RemoteEnv("{URI}", mode="latest")'),
        (0.08, f'env = RemoteEnv("{URI}", mode="fixed_delay", delay_ticks=5)'),
    ],
)
def test_the_line_to_write(round_trip_s: float, python: str) -> None:
    """It asks for what is recommended."""
    assert finding(round_trip_s).python() == python
    assert finding(round_trip_s).report()["python"] == python


def test_another_rate_than_the_actors() -> None:
    """Says with which option to start the actor, and what `latest` would hold."""
    notes = " ".join(finding(0.02, hz=50.0).notes())
    assert "--control-hz 50" in notes
    assert "latest would do up to 12.5 Hz" in notes
    assert finding(0.001).notes() == []


def test_an_actor_in_lockstep() -> None:
    """There any link will do; the recommendation is for another time."""
    found = finding(0.2, mode=Mode.LOCKSTEP, modes=(Mode.LOCKSTEP,))
    assert found.python() == f'env = RemoteEnv("{URI}")'
    assert "lockstep" in found.notes()[0]
