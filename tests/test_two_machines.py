"""A gaming PC and a learner that cannot reach each other drive a lap through a relay between them.

Three machines: the PC and the learner each have a wire to the relay's, and none to each other. All
is real: processes, TLS, tokens. Where namespaces are not allowed the same is done over loopback.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from _faults.scene import Program
from ac_bridge.net.tokens import new_token
from helpers.certificates import DAY_S, Authority, Files
from helpers.guardians import eventually
from helpers.machines import Wire, machines
from links import RightsMissingError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux only")

PC, RELAY_AT_PC = "10.79.1.1", "10.79.1.2"
LEARNER, RELAY_AT_LEARNER = "10.79.2.1", "10.79.2.2"
LEARNER_PROGRAM = Path(__file__).parent / "helpers" / "lap_learner.py"
TIMEOUT_S = 120.0

KNOCK = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=2).close()
except OSError as error:
    sys.exit(f"no way: {error}")
"""


@dataclasses.dataclass
class World:
    """The three machines.

    Attributes:
        within: what to put before a command on each.
        pc: address of the gaming PC.
        relay_at_pc: address of the relay's machine, as the gaming PC dials it.
        relay_at_learner: as the learner does.
        apart: whether the learner cannot reach the gaming PC.
    """

    within: dict[str, tuple[str, ...]]
    pc: str
    relay_at_pc: str
    relay_at_learner: str
    apart: bool


def no_machines(*_: Wire) -> contextlib.AbstractContextManager[Any]:
    """Fail as where the rights for it are missing."""
    raise RightsMissingError("not here")


@contextlib.contextmanager
def world(make: Any) -> Iterator[World]:
    """Make three machines; one with several addresses where that is not allowed."""
    with contextlib.ExitStack() as stack:
        try:
            within = stack.enter_context(
                make(
                    Wire("pc", PC, "relay", RELAY_AT_PC),
                    Wire("learner", LEARNER, "relay", RELAY_AT_LEARNER),
                )
            )
        except RightsMissingError:
            nowhere: dict[str, tuple[str, ...]] = {"pc": (), "relay": (), "learner": ()}
            yield World(nowhere, "127.0.0.2", "127.0.0.3", "127.0.0.4", apart=False)
            return
        yield World(within, PC, RELAY_AT_PC, RELAY_AT_LEARNER, apart=True)


def start_relay(place: World, folder: Path, files: Files) -> Program:
    """Start a relay that `folder`'s token file opens."""
    return Program(
        *("relay", "--listen", "0.0.0.0:0", "--token-file", str(folder / "relay-tokens.txt")),
        *("--tls-cert", str(files.cert), "--tls-key", str(files.key)),
        ready="Relaying on wss://",
        within=place.within["relay"],
    )


def port_of(program: Program) -> int:
    """Return the port that a program announced."""
    return int(program.first.rpartition(":")[2])


def reaches(place: World, machine: str, address: str, port: int) -> bool:
    """Whether a machine can open a connection to an address."""
    command = [*place.within[machine], sys.executable, "-c", KNOCK, address, str(port)]
    return subprocess.run(command, capture_output=True, check=False, timeout=30).returncode == 0


def learn(place: World, attempts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Let a learner on its machine make attempts; return what became of each."""
    done = subprocess.run(
        [*place.within["learner"], sys.executable, str(LEARNER_PROGRAM)],
        input=json.dumps(attempts),
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def write_tokens(path: Path, text: str) -> Path:
    """Write a token file that nobody else can read."""
    path.write_text(text)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("make", [machines, no_machines], ids=["apart", "loopback"])
def test_a_lap_through_a_relay(make: Any, tmp_path: Path) -> None:
    """It is driven; whoever has the wrong token, name, certificate or fingerprint is told so."""
    park, drive = new_token(), new_token()
    write_tokens(tmp_path / "relay-tokens.txt", f"park:my-pc {park}\n")
    tokens = write_tokens(tmp_path / "actor-tokens.txt", f"driver {drive}\n")
    authority = Authority(tmp_path)
    ca_file = str(authority.ca_file)
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(world(make))
        hosts = (place.relay_at_pc, place.relay_at_learner)
        good = authority.issue(*hosts, name="good")
        old = authority.issue(*hosts, name="old", begins_s=-2 * DAY_S, ends_s=-DAY_S)
        relay = stack.enter_context(start_relay(place, tmp_path, good))
        expired = stack.enter_context(start_relay(place, tmp_path, old))
        park_at = f"wss://{place.relay_at_pc}:{port_of(relay)}/actors/my-pc"
        actor = stack.enter_context(
            Program(
                *("actor", "--game", "standin", "--lockstep", "--listen", f"{place.pc}:0"),
                *("--telemetry-hz", "10", "--token-file", str(tokens)),
                *("--relay", park_at, "--relay-ca-file", ca_file),
                ready="Serving on ws://",
                within=place.within["pc"],
                variables={"AC_BRIDGE_RELAY_TOKEN": park},
            )
        )
        assert eventually(lambda: "parked at the relay" in actor.said()), actor.said()

        own_port = port_of(actor)
        assert reaches(place, "relay", place.pc, own_port)
        assert reaches(place, "learner", place.pc, own_port) is not place.apart

        at = f"wss://{place.relay_at_learner}:{port_of(relay)}/actors"
        at_expired = f"wss://{place.relay_at_learner}:{port_of(expired)}/actors"
        mine = functools.partial(dict, token=drive)
        attempts = [
            (f"{at}/my-pc", mine(ca_file=ca_file, token=new_token()), 0),
            (f"{at}/my-pc", mine(ca_file=ca_file, token=""), 0),
            (f"{at}/other-pc", mine(ca_file=ca_file), 0),
            (f"{at_expired}/my-pc", mine(ca_file=ca_file), 0),
            (f"{at}/my-pc", mine(fingerprint=old.fingerprint), 0),
            (f"{at}/my-pc", mine(), 0),
            (f"{at}/my-pc", mine(fingerprint=good.fingerprint), 0),
            (f"{at}/my-pc", mine(ca_file=ca_file), 1),
        ]
        found = learn(place, [{"uri": u, "options": o, "laps": n} for u, o, n in attempts])
        said = actor.said()
    wrong_token, no_token, wrong_name, expired_one, wrong_pin, unknown, pinned, lap = found

    check(wrong_token, "TurnedAwayError", "token opens nothing", "Ask the owner of the actor")
    check(no_token, "TurnedAwayError", "token is needed", "AC_BRIDGE_TOKEN")
    check(wrong_name, "TurnedAwayError", "No actor is parked here as other-pc", "my-pc")
    check(expired_one, "ConnectError", "has expired", "renew it")
    check(wrong_pin, "ConnectError", "not the server that was pinned", "new fingerprint")
    assert old.fingerprint in wrong_pin["message"]
    assert good.fingerprint in wrong_pin["message"]
    check(unknown, "ConnectError", "authority that is not known", "CA file")
    assert pinned == {"steps": 1}
    assert lap["complete"], lap
    assert 60 < lap["lap_times_s"][0] < 240
    assert said.count("welcome") == 2, "nobody else got as far as the actor"
    for secret in (park, drive):
        assert secret not in said


def check(found: dict[str, Any], error: str, message: str, hint: str) -> None:
    """Check an attempt that has to fail."""
    assert found.get("error") == error, found
    assert message in found["message"], found
    assert hint in found["hint"], found
