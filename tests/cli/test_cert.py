"""`ac-bridge cert new`: a pair, and what to do with it."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ac_bridge.cli import app
from ac_bridge.clock import SystemClock
from ac_bridge.net.tls import ServerTls
from ac_bridge_protocol.errors import SettingError


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> Result:
    """Run `ac-bridge cert new` to its end."""
    return CliRunner().invoke(app, ["cert", "new", *arguments])


def test_a_pair_to_start_with() -> None:
    """Usable as it is; both lines to copy are there."""
    done = run()
    assert done.exit_code == 0
    tls = ServerTls(Path("ac-bridge-cert.pem"), Path("ac-bridge-key.pem"))
    assert tls.fingerprint in done.stdout
    assert "--tls-cert ac-bridge-cert.pem --tls-key ac-bridge-key.pem" in done.stdout
    python = f'RemoteEnv("wss://{socket.gethostname()}:8765", fingerprint="{tls.fingerprint}")'
    assert python in done.stdout
    assert "PRIVATE" not in done.stdout
    if os.name == "posix":
        assert Path("ac-bridge-key.pem").stat().st_mode & 0o777 == 0o600


def test_json() -> None:
    """Every word of it, for the hosts and days that were asked for."""
    done = run("--host", "::1", "--host", "gaming-pc", "--host", "::1", "--days", "90", "--json")
    said = json.loads(done.stdout)
    tls = ServerTls(Path(said["cert"]), Path(said["key"]))
    assert said["hosts"] == ["::1", "gaming-pc"]
    assert said["fingerprint"] == tls.fingerprint
    assert 'RemoteEnv("wss://[::1]:8765"' in said["python"]
    assert abs(tls.expires - SystemClock().wall() - 90 * 86_400) < 600


def test_by_default_for_this_machine() -> None:
    """By its name, and for whoever is on it."""
    hosts = json.loads(run("--json").stdout)["hosts"]
    assert hosts == list(dict.fromkeys([socket.gethostname(), "localhost", "127.0.0.1"]))


def test_nothing_is_replaced_by_accident() -> None:
    """A pair that learners have pinned stays, unless it is said outright."""
    before = json.loads(run("--json").stdout)["fingerprint"]
    error = run().exception
    assert isinstance(error, SettingError)
    assert "would be replaced" in error.message
    assert "--force" in error.hint
    tls = ServerTls(Path("ac-bridge-cert.pem"), Path("ac-bridge-key.pem"))
    assert tls.fingerprint == before
    assert run("--force").exit_code == 0
    assert tls.refresh(), "a running server takes it"
    assert not list(Path().glob(".*")), "nothing is left beside them"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--host", "ws://gaming-pc:8765"), "neither a host's name nor"),
        (("--host", "gaming-pc:8765"), "neither a host's name nor"),
        (("--host", ""), "neither a host's name nor"),
        (("--host", "a..b"), "neither a host's name nor"),
        (("--cert", "x.pem", "--key", "x.pem"), "a file each"),
        (("--key", "none/key.pem"), "cannot be written"),
    ],
)
def test_what_cannot_be(arguments: tuple[str, ...], says: str) -> None:
    """Says what to do; nothing is written."""
    done = run(*arguments, "--json")
    assert done.exit_code == 1
    said = json.loads(done.stdout)
    assert says in said["error"]
    assert said["hint"]
    assert not list(Path().iterdir())


@pytest.mark.parametrize("host", ["gaming-pc", "a.b.example", "*.example", "bücher.example", "A"])
def test_names_that_can_be(host: str) -> None:
    """With a domain, for all of its names, and beyond ASCII."""
    assert run("--host", host).exit_code == 0


def test_help_has_examples() -> None:
    """Somebody who asks for help gets lines to copy."""
    assert "ac-bridge cert new --host gaming-pc" in run("--help").stdout
