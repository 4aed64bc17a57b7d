"""`deploy/proxy/`: HAProxy and Caddy as they are shipped, started, and asked."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

import pytest

from helpers.balancers import PROXY, Door, LostError, caddy, echo_backend, free_port, haproxy, needs
from helpers.guardians import eventually

PATHS = [f"/actors/pc-{number}" for number in range(24)]


def homes(door: Door) -> dict[str, str]:
    """Return which backend each path leads to."""
    return {path: door.ask(path)[0] for path in PATHS}


@needs("haproxy")
def test_haproxy_spreads_names_over_relays_and_keeps_each_at_one(tmp_path: Path) -> None:
    """Every relay gets some of the names, and a name is always sent to the same one."""
    one, two = free_port(), free_port()
    with echo_backend(one, "one"), echo_backend(two, "two"), haproxy(tmp_path, [one, two]) as door:
        first = homes(door)
        assert set(first.values()) == {"one", "two"}
        assert homes(door) == first
        # What comes after the path does not count.
        assert {path: door.ask(f"{path}?again=1")[0] for path in PATHS} == first


@needs("haproxy")
def test_names_of_a_stopped_relay_move_and_come_back(tmp_path: Path) -> None:
    """Only the names of the relay that stopped move; free again, they come back with it."""
    one, two = free_port(), free_port()
    with echo_backend(one, "one"), haproxy(tmp_path, [one, two]) as door:
        with echo_backend(two, "two"):
            assert eventually(lambda: set(homes_or_none(door).values()) == {"one", "two"})
            before = homes(door)
        assert eventually(lambda: set(homes_or_none(door).values()) == {"one"})
        with echo_backend(two, "two"):
            assert eventually(lambda: homes_or_none(door) == before)


@needs("haproxy")
def test_a_name_stays_with_the_relay_where_its_actor_is_parked(tmp_path: Path) -> None:
    """A relay that returns does not get a name back while an actor is parked at the other one."""
    one, two = free_port(), free_port()
    with echo_backend(one, "one"), haproxy(tmp_path, [one, two]) as door:
        with echo_backend(two, "two"):
            assert eventually(lambda: set(homes_or_none(door).values()) == {"one", "two"})
            moving = next(path for path, home in homes(door).items() if home == "two")
        assert eventually(lambda: home_or_none(door, moving) == "one")
        with door.dial(moving) as parked, echo_backend(two, "two"):
            # Names that nobody uses come back, this one does not.
            assert eventually(lambda: "two" in homes_or_none(door).values())
            for _ in range(12):
                assert eventually(lambda: "two" in homes_or_none(door).values())
                assert door.ask(moving)[0] == "one"
            assert parked.say("still here").endswith("still here")


@needs("haproxy")
def test_a_relay_that_dies_takes_its_connections_along(tmp_path: Path) -> None:
    """Whoever was parked there learns it at once, and can park elsewhere."""
    one, two = free_port(), free_port()
    with (
        echo_backend(one, "one"),
        echo_backend(two, "two") as second,
        haproxy(tmp_path, [one, two]) as door,
    ):
        path = next(path for path, home in homes(door).items() if home == "two")
        with door.dial(path) as parked:
            second.kill()
            with pytest.raises(LostError):
                parked.hear()
        assert eventually(lambda: home_or_none(door, path) == "one")


@needs("haproxy")
def test_haproxy_tells_the_address_and_believes_no_claim(tmp_path: Path) -> None:
    """The relay sees the address that HAProxy saw, whatever the client says."""
    port = free_port()
    with echo_backend(port, "one"), haproxy(tmp_path, [port, free_port()]) as door:
        assert eventually(lambda: home_or_none(door, "/actors/x") == "one")
        answer = door.ask("/actors/x", **{"X-Forwarded-For": "203.0.113.9"})
        assert answer[1:3] == ["/actors/x", "127.0.0.1"]


@needs("haproxy")
def test_haproxy_finds_nothing_to_complain_about(tmp_path: Path) -> None:
    """The shipped file is valid, without so much as a warning."""
    with haproxy(tmp_path, [free_port(), free_port()]):
        pass
    config = str(tmp_path / "haproxy.cfg")
    done = subprocess.run(
        ["haproxy", "-c", "-f", config], capture_output=True, text=True, check=True
    )
    assert "WARNING" not in done.stdout + done.stderr


@needs("caddy")
def test_caddy_ends_tls_and_passes_on(tmp_path: Path) -> None:
    """A conversation goes through; the relay sees the true address, whatever the client says."""
    port = free_port()
    with echo_backend(port, "relay"), caddy(tmp_path, port) as door:
        answer = door.ask("/actors/my-pc", "hi", **{"X-Forwarded-For": "203.0.113.9"})
        assert answer == ["relay", "/actors/my-pc", "127.0.0.1", "hi"]


@needs("caddy")
def test_caddy_says_when_the_relay_is_gone(tmp_path: Path) -> None:
    """No relay: an answer that a client understands, and none that hangs."""
    with caddy(tmp_path, free_port()) as door, pytest.raises(LostError, match="502"):
        door.ask("/actors/my-pc")


@needs("caddy")
def test_caddy_takes_the_file_as_it_is(tmp_path: Path) -> None:
    """The shipped file is valid and formatted as Caddy formats it."""
    shipped = PROXY / "Caddyfile"
    formatted = subprocess.run(
        ["caddy", "fmt", str(shipped)], capture_output=True, text=True, check=True
    )
    assert formatted.stdout == shipped.read_text()


def home_or_none(door: Door, path: str) -> str:
    """Return where a path leads, nothing while it leads nowhere."""
    with contextlib.suppress(LostError):
        return door.ask(path)[0]
    return ""


def homes_or_none(door: Door) -> dict[str, str]:
    """Return where each path leads, nothing for those that lead nowhere."""
    return {path: home_or_none(door, path) for path in PATHS}
