"""What an actor announces, and when it does not. The network itself is in cli/test_actors.py."""

from __future__ import annotations

import asyncio
import sys
from types import SimpleNamespace

import pytest
import structlog

from ac_bridge.net import announcing
from ac_bridge.net.announcing import Announcement, addresses_for, announced_name, default_name
from ac_bridge_protocol.discovery import NAME_CHARACTERS, Announced
from ac_bridge_protocol.errors import SettingError

OWN = ["127.0.0.1", "192.168.1.20", "10.0.0.5", "::1", "fe80::1%eth0", "fd00::7", "169.254.1.1"]
EVERYWHERE = "0.0.0.0"  # noqa: S104 -- nothing is bound to it here
ANNOUNCED = Announced("0.1.0", tls=True, tokens=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]"])
def test_nobody_could_reach_it(host: str) -> None:
    """An actor on loopback has nothing to announce: says what to do."""
    with pytest.raises(SettingError, match="no other machine reaches") as caught:
        Announcement("my-pc", host, 8765, ANNOUNCED)
    assert caught.value.setting == "announce"
    assert "--listen 0.0.0.0:8765" in caught.value.hint


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Says what to install."""
    monkeypatch.setitem(sys.modules, "zeroconf", None)
    with pytest.raises(SettingError, match=r"pip install 'ac-bridge\[discovery\]'"):
        Announcement("my-pc", EVERYWHERE, 8765, ANNOUNCED)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (EVERYWHERE, ("10.0.0.5", "192.168.1.20", "169.254.1.1")),
        ("::", ("fd00::7",)),
        ("gaming-pc", ("10.0.0.5", "192.168.1.20", "169.254.1.1", "fd00::7")),
        ("192.168.1.20", ("192.168.1.20",)),
        ("[fd00::7]", ("fd00::7",)),
        ("192.168.1.99", ()),
    ],
)
def test_which_addresses(host: str, expected: tuple[str, ...]) -> None:
    """Those that the actor listens on and others can dial, IPv4 first."""
    assert addresses_for(host, OWN) == expected


@pytest.mark.parametrize(
    ("name", "announced"),
    [
        (" my-pc ", "my-pc"),
        ("", "ac-bridge"),
        ("a\x1b[31mb", "a?[31mb"),
        ("ä" * 60, "ä" * 29),
    ],
)
def test_names(name: str, announced: str) -> None:
    """Printable, never empty, and as many bytes as DNS takes, with room for a number."""
    assert announced_name(name) == announced
    assert len(announced.encode()) <= NAME_CHARACTERS - 4


def test_default_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own, without its domain."""
    monkeypatch.setattr(announcing.socket, "gethostname", lambda: "gaming-pc.example.org")
    assert default_name() == "gaming-pc"


def test_a_machine_without_that_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is logged; the actor goes on, and nothing is sent."""

    async def announce() -> None:
        async with Announcement("my-pc", "192.168.1.99", 8765, ANNOUNCED) as announcement:
            assert not announcement.announced

    monkeypatch.setattr(announcing, "own_addresses", lambda: OWN)
    with structlog.testing.capture_logs() as logs:
        asyncio.run(announce())
    assert [entry["event"] for entry in logs] == ["not announced on the local network"]


def test_a_network_that_does_not_allow_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is logged too, with its reason; closing twice is nothing."""

    def refuse(**_: object) -> None:
        raise OSError("Address in use")

    import zeroconf

    monkeypatch.setattr(announcing, "own_addresses", lambda: OWN)
    monkeypatch.setattr(zeroconf, "Zeroconf", refuse)
    announcement = Announcement("my-pc", EVERYWHERE, 8765, ANNOUNCED)
    with structlog.testing.capture_logs() as logs:
        announcement.start()
    assert not announcement.announced
    assert logs[0]["reason"] == "Address in use"
    announcement.close()
    announcement.close()


def test_own_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every interface, both kinds."""
    import ifaddr

    ips = [SimpleNamespace(ip="10.0.0.5"), SimpleNamespace(ip=("fe80::1", 0, 2))]
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: [SimpleNamespace(ips=ips)])
    assert announcing.own_addresses() == ["10.0.0.5", "fe80::1"]
