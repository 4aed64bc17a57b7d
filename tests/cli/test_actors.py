"""`ac-bridge actors`, run as its users run it: on a home's network of its own, and at a relay."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from helpers.home_network import GAMING_PC, home_network
from helpers.listing_relay import PARKED, listing, relay_that_says

COMMAND = [sys.executable, "-m", "ac_bridge.cli", "actors"]

ANNOUNCE = """
import asyncio, sys
from ac_bridge.net.announcing import Announcement
from ac_bridge_protocol.discovery import Announced

async def main():
    announced = Announced("0.1.0", tls=True, tokens=True)
    async with Announcement("my-pc", "0.0.0.0", 8765, announced) as announcement:
        print(announcement.name, flush=True)
        await asyncio.to_thread(sys.stdin.readline)

asyncio.run(main())
"""
"""An actor's announcement, until a line comes."""


def run(*arguments: str, within: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run `ac-bridge actors` to its end."""
    command = [*within, *COMMAND, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_home_network() -> None:
    """What is announced on one machine is found on another, and no more once it has ended."""
    with home_network() as (gaming_pc, learner):
        announcing = subprocess.Popen(
            [*gaming_pc, sys.executable, "-c", ANNOUNCE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        with announcing:
            assert announcing.stdout is not None
            log = iter(announcing.stdout.readline, "")
            assert next(line for line in log if line.startswith("my-pc")) == "my-pc\n"
            found = run("--seconds", "3", "--json", within=learner)
            announcing.communicate("\n", timeout=20)
        gone = run("--seconds", "0.5", "--json", within=learner)
    assert json.loads(found.stdout)["actors"] == [
        {
            "name": "my-pc",
            "host": GAMING_PC,
            "port": 8765,
            "uri": f"wss://{GAMING_PC}:8765",
            "software": "ac-bridge 0.1.0",
            "tokens": True,
        }
    ]
    assert json.loads(gone.stdout) == {"actors": []}


def test_nobody_at_home() -> None:
    """Says what to check."""
    with home_network() as (_, learner):
        done = run("--seconds", "0.2", within=learner)
    assert done.returncode == 0
    assert "No actor is announced" in done.stdout
    assert "--announce" in done.stdout


def test_a_relay() -> None:
    """A table, with the address to dial."""
    with relay_that_says(listing(PARKED, {"name": "b", "parked_s": 7300})) as (uri, _):
        done = run(uri)
    assert done.returncode == 0, done.stderr
    for text in ("my-pc", "ac-bridge 0.1.0", "12 s", "2 h", " 3 ", f"{uri}/actors/my-pc"):
        assert text in done.stdout.replace("\n", "")


def test_a_relay_as_json() -> None:
    """One object, and nothing else on stdout."""
    with relay_that_says(listing(PARKED)) as (uri, _):
        done = run(uri, "--json")
    (found,) = json.loads(done.stdout)["actors"]
    assert found == {**PARKED, "parked_s": 12.0, "uri": f"{uri}/actors/my-pc"}


def test_an_empty_relay() -> None:
    """Says how to park."""
    with relay_that_says(listing()) as (uri, _):
        done = run(uri)
    assert "No actor is parked" in done.stdout
    assert "--relay" in done.stdout


@pytest.mark.parametrize("as_json", [False, True])
def test_a_refusal(as_json: bool) -> None:
    """A sentence, a hint, and exit status 1."""
    with relay_that_says(b"", 401) as (uri, _):
        done = run(uri, *(["--json"] if as_json else []))
    assert done.returncode == 1
    said = json.loads(done.stdout)["hint"] if as_json else done.stderr
    assert "Ask the owner" in said


def test_help_has_examples() -> None:
    """Somebody who asks for help gets lines to copy."""
    assert "ac-bridge actors wss://" in run("--help").stdout
