"""Real relays behind the shipped HAProxy and Caddy; an actor, a learner, and a lost relay."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from ac_bridge.net.token_file import add_token
from ac_bridge.net.tokens import Grant, new_token
from ac_bridge_client import RemoteEnv
from helpers.balancers import Door, caddy, free_port, haproxy, logging_to, needs
from helpers.guardians import eventually

CLI = [sys.executable, "-m", "ac_bridge.cli"]


@contextlib.contextmanager
def relay(folder: Path, port: int, tokens: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a relay that believes the balancer about addresses."""
    command = [*CLI, "relay", "--listen", f"127.0.0.1:{port}", "--token-file", str(tokens)]
    log = folder / f"relay-{port}.log"
    with logging_to(log, [*command, "--trusted-proxy", "127.0.0.1"]) as process:
        assert eventually(lambda: "Relaying on" in log.read_text())
        yield process


@contextlib.contextmanager
def parked_actor(folder: Path, door: Door, tokens: Path, park: str) -> Iterator[None]:
    """Run an actor with the stand-in that parks through the balancer."""
    command = [*CLI, "actor", "--game", "standin", "--lockstep", "--listen", "127.0.0.1:0"]
    command += ["--relay", f"wss://127.0.0.1:{door.port}/actors/pc", "--token-file", str(tokens)]
    command += ["--relay-ca-file", str(folder / "c.pem")]
    with logging_to(folder / "actor.log", command, AC_BRIDGE_RELAY_TOKEN=park):
        yield


def parked_at(folder: Path, port: int) -> int:
    """Return how often an actor parked at a relay so far."""
    log = folder / f"relay-{port}.log"
    lines = log.read_text().splitlines() if log.exists() else []
    return sum("name=pc" in line and "parked" in line for line in lines)


@needs("haproxy")
def test_a_drive_survives_the_loss_of_its_relay(tmp_path: Path) -> None:
    """Actor and learner meet at one relay; when that is killed they meet at the other and go on."""
    park, drive = new_token(), new_token()
    add_token(tmp_path / "relay.tokens", park, Grant.PARK, "")
    add_token(tmp_path / "actor.tokens", drive, Grant.DRIVER, "")
    ports = [free_port(), free_port()]
    tokens = tmp_path / "relay.tokens"
    with contextlib.ExitStack() as stack:
        relays = {port: stack.enter_context(relay(tmp_path, port, tokens)) for port in ports}
        door = stack.enter_context(haproxy(tmp_path, ports))
        stack.enter_context(parked_actor(tmp_path, door, tmp_path / "actor.tokens", park))
        assert eventually(lambda: any(parked_at(tmp_path, port) for port in ports)), said(tmp_path)
        [home] = [port for port in ports if parked_at(tmp_path, port)]
        [other] = [port for port in ports if port != home]
        env = RemoteEnv(
            f"wss://127.0.0.1:{door.port}/actors/pc", token=drive, ca_file=str(tmp_path / "c.pem")
        )
        try:
            env.reset(seed=1)
            ticks = []
            for number in range(60):
                if number == 20:
                    os.kill(relays[home].pid, signal.SIGKILL)
                *_, truncated, info = env.step([0.0, 0.5, 0.0])
                assert not truncated, info
                ticks.append(info["receipt"].tick)
        finally:
            env.close()
        assert parked_at(tmp_path, other)
        # In lockstep a step that was lost or done twice would show in the ticks.
        assert [after - before for before, after in itertools.pairwise(ticks)] == [1] * 59


@needs("caddy")
def test_a_drive_through_caddy(tmp_path: Path) -> None:
    """Actor and learner both reach a relay through Caddy's TLS."""
    park, drive = new_token(), new_token()
    add_token(tmp_path / "relay.tokens", park, Grant.PARK, "")
    add_token(tmp_path / "actor.tokens", drive, Grant.DRIVER, "")
    port = free_port()
    with (
        relay(tmp_path, port, tmp_path / "relay.tokens"),
        caddy(tmp_path, port) as door,
        parked_actor(tmp_path, door, tmp_path / "actor.tokens", park),
    ):
        assert eventually(lambda: bool(parked_at(tmp_path, port))), said(tmp_path)
        env = RemoteEnv(
            f"wss://127.0.0.1:{door.port}/actors/pc", token=drive, ca_file=str(tmp_path / "c.pem")
        )
        env.reset(seed=1)
        for _ in range(20):
            *_, truncated, info = env.step([0.0, 0.5, 0.0])
            assert not truncated, info
        env.close()


def said(folder: Path) -> str:
    """Return the ends of all logs, to see why it failed."""
    return "\n".join(f"{log}: {log.read_text()[-1500:]}" for log in folder.glob("*log"))
