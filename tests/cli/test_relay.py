"""`ac-bridge relay`, as a program and as settings."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from ac_bridge.cli import app
from ac_bridge.cli.relay import READY
from ac_bridge.relay.app import allow_files, relay_from
from ac_bridge.relay.settings import RelaySettings, load_relay_settings
from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.relay import PARKING
from helpers.relays import LIST, PARK, Parked, dial


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings file, no variable of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    for name in RelaySettings.model_fields:
        monkeypatch.delenv(f"AC_BRIDGE_RELAY_{name.upper()}", raising=False)


def _tokens(folder: Path) -> Path:
    file = folder / "tokens.txt"
    file.write_text(f"park {PARK}\nlist {LIST}\n")
    file.chmod(0o600)
    return file


def _ignore(_: int) -> None:
    """Nobody listens."""


def test_program(tmp_path: Path) -> None:
    """The program prints one line, relays, and ends in good order when asked."""
    command = [sys.executable, "-m", "ac_bridge.cli", "relay", "--listen", "127.0.0.1:0"]
    command += ["--token-file", str(_tokens(tmp_path))]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith(f"{READY}ws://127.0.0.1:")
            uri = f"{line.removeprefix(READY).strip()}/actors/pc"
            with dial(uri, PARK, Subprotocol(PARKING)) as websocket:
                actor = Parked(websocket)
                actor.park()
                process.send_signal(signal.SIGTERM)
                with pytest.raises(ConnectionClosed):
                    actor.hear()
            out, err = process.communicate(timeout=20)
        finally:
            process.kill()
        assert out == ""
        if sys.platform != "win32":  # which has no signal that asks
            assert process.returncode == 0
            assert "Traceback" not in err


def test_flags_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every setting but the secrets is a flag, and what is typed arrives."""
    seen: list[RelaySettings] = []
    monkeypatch.setattr(
        sys.modules["ac_bridge.cli.relay"], "run_relay", lambda settings, _: seen.append(settings)
    )
    result = CliRunner().invoke(
        app,
        [
            *("relay", "--listen", "[::1]:9000", "--token-file", "t", "--tls-cert", "c"),
            *("--tls-key", "k", "--trusted-proxy", "10.0.0.1", "--trusted-proxy", "fd00::/8"),
            *("--connections", "77"),
        ],
    )
    assert result.exit_code == 0, result.output
    assert seen[0].model_dump() == {
        "listen": "[::1]:9000",
        "token_file": Path("t"),
        "park_token": None,
        "list_token": None,
        "tls_cert": Path("c"),
        "tls_key": Path("k"),
        "trusted_proxies": ("10.0.0.1", "fd00::/8"),
        "connections": 77,
    }
    assert (seen[0].host, seen[0].port) == ("::1", 9000)


def test_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flag beats a variable, a variable beats relay.toml."""
    (tmp_path / "relay.toml").write_text('listen = "127.0.0.1:1"\nconnections = 5\n')
    monkeypatch.setenv("AC_BRIDGE_RELAY_CONNECTIONS", "6")
    monkeypatch.setenv("AC_BRIDGE_RELAY_TRUSTED_PROXIES", "10.0.0.1, 10.0.0.2")
    settings = load_relay_settings(listen="127.0.0.1:2")
    assert (settings.port, settings.connections) == (2, 6)
    assert settings.trusted_proxies == ("10.0.0.1", "10.0.0.2")


@pytest.mark.parametrize(
    ("given", "setting"),
    [
        ({"listen": "8765"}, "listen"),
        ({"connections": 1}, "connections"),
        ({"trusted_proxies": ("not-an-address",)}, "trusted_proxies"),
        ({"tls_cert": Path("c")}, "tls_key"),
        ({"park_token": "short"}, "park_token"),
        ({"speed": 3}, "speed"),
    ],
)
def test_bad_settings(given: dict[str, Any], setting: str) -> None:
    """A setting that cannot be used is named."""
    with pytest.raises(SettingError) as caught:
        load_relay_settings(**given)
    assert caught.value.setting == setting
    assert "short" not in str(caught.value)


@pytest.mark.parametrize("token", [{}, {"list_token": LIST}])
def test_reachable_without_park_token(token: dict[str, Any]) -> None:
    """A relay that others can reach needs a park token; a list token does not keep actors out."""
    with pytest.raises(SettingError) as caught:
        relay_from(load_relay_settings(listen="0.0.0.0:0", **token), _ignore)
    assert caught.value.setting == "listen"
    assert "token new --for park" in caught.value.hint


def test_missing_files(tmp_path: Path) -> None:
    """A token file or a certificate that is not there is named."""
    with pytest.raises(SettingError) as caught:
        relay_from(load_relay_settings(token_file=tmp_path / "none"), _ignore)
    assert caught.value.setting == "token_file"
    none = tmp_path / "none"
    with pytest.raises(SettingError) as caught:
        relay_from(load_relay_settings(tls_cert=none, tls_key=none), _ignore)
    assert caught.value.setting == "tls_cert"


def test_warnings(tmp_path: Path) -> None:
    """An open port without encryption is warned about; a loopback one with tokens is not."""
    with capture_logs() as logs:
        relay_from(load_relay_settings(listen="0.0.0.0:0", park_token=PARK), _ignore)
    assert ["not encrypted" in one["event"] for one in logs] == [True]
    with capture_logs() as logs:
        relay_from(load_relay_settings(token_file=_tokens(tmp_path)), _ignore)
    assert logs == []
    with capture_logs() as logs:
        relay_from(load_relay_settings(), _ignore)
    assert ["no park token" in one["event"] for one in logs] == [True]


def test_port_is_taken(tmp_path: Path) -> None:
    """An address that cannot be listened on ends the program with a sentence."""
    command = [sys.executable, "-m", "ac_bridge.cli", "relay", "--listen", "192.0.2.1:1"]
    command += ["--token-file", str(_tokens(tmp_path))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "Cannot listen on 192.0.2.1:1" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no such limit")
@pytest.mark.parametrize(
    ("limits", "wanted", "warned"),
    [
        ((1024, 8192), [(4096, 8192)], False),
        ((1024, -1), [(4096, -1)], False),
        ((1024, 2048), [(2048, 2048)], True),
        ((8192, 8192), [], False),
        ((-1, -1), [], False),
    ],
)
def test_files_are_allowed(
    monkeypatch: pytest.MonkeyPatch,
    limits: tuple[int, int],
    wanted: list[tuple[int, int]],
    warned: bool,
) -> None:
    """As many files as connections are asked for, as far as that goes; if not, it is said."""
    import resource

    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _, both: asked.append(both))
    with capture_logs() as logs:
        allow_files(4096)
    assert asked == wanted
    assert bool(logs) == warned
