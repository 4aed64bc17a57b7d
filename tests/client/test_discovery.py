"""What is made of the local network's hearsay. The network itself is in cli/test_actors.py."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ac_bridge_client.discovery import FOUND, Sighting, find_actors, listed, useful
from ac_bridge_protocol.discovery import Announced
from ac_bridge_protocol.errors import SettingError


def sighting(
    name: str = "my-pc", addresses: tuple[str, ...] = ("192.168.1.20",), port: int | None = 8765
) -> Sighting:
    """Return an honest actor's."""
    record = Announced("0.1.0", tls=True, tokens=True).record()
    return Sighting(name, addresses, port, dict(record))


def test_an_honest_actor() -> None:
    """Everything that is needed to dial it."""
    (found,) = listed([sighting()])
    assert found.name == "my-pc"
    assert (found.host, found.port) == ("192.168.1.20", 8765)
    assert found.uri == "wss://192.168.1.20:8765"
    assert found.software == "ac-bridge 0.1.0"
    assert found.tokens


def test_an_address_of_ipv6_alone() -> None:
    """Stands in brackets; without TLS the scheme is ws."""
    (found,) = listed([Sighting("x", ("fd00::7",), 9, {})])
    assert found.uri == "ws://[fd00::7]:9"
    assert found.software == "ac-bridge"
    assert not found.tokens


def test_ipv4_comes_first() -> None:
    """Whatever the order in which addresses came; link-local ones last."""
    assert useful(["fd00::7", "169.254.3.4", "192.168.1.20"]) == [
        "192.168.1.20",
        "169.254.3.4",
        "fd00::7",
    ]


def test_addresses_that_nobody_can_dial() -> None:
    """One's own machine, groups, and those that need the name of an interface are left out."""
    nowhere = ["127.0.0.1", "::1", "::", "224.0.0.251", "ff02::fb", "fe80::1%eth0", "fe80::2"]
    assert useful(nowhere) == []
    assert listed([sighting(addresses=("127.0.0.1",)), sighting(addresses=())]) == []


@pytest.mark.parametrize("port", [None, 0, 65536])
def test_no_port(port: int | None) -> None:
    """Somebody who named no port cannot be dialled."""
    assert listed([sighting(port=port)]) == []


def test_each_actor_once() -> None:
    """The same address and port under two names is one actor; the list goes by name."""
    twice = [sighting("b"), sighting("b-2"), sighting("A", ("192.168.1.3",))]
    assert [one.name for one in listed(twice)] == ["A", "b"]


def test_no_more_than_a_home_has() -> None:
    """A flood of announcements is cut."""
    flood = [sighting(f"pc{n}", port=1 + n) for n in range(3 * FOUND)]
    assert len(listed(flood)) == FOUND


@given(
    st.text(max_size=300),
    st.dictionaries(st.text(max_size=20), st.none() | st.text(max_size=300), max_size=5),
)
def test_what_strangers_write_is_printable(name: str, record: dict[str, str | None]) -> None:
    """No terminal escape and no novel gets through, whoever wrote it."""
    (found,) = listed([Sighting(name, ("10.0.0.1",), 1, record)])
    for text in (found.name, found.software, found.uri):
        assert len(text) < 100
        assert text.isprintable()


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Says what to install."""
    monkeypatch.setitem(sys.modules, "zeroconf", None)
    with pytest.raises(SettingError, match=r"pip install 'ac-bridge\[discovery\]'"):
        find_actors(1.0)


@pytest.mark.parametrize("seconds", [0.0, 61.0, float("nan")])
def test_times_that_make_no_sense(seconds: float) -> None:
    """Refused before anything is sent."""
    with pytest.raises(SettingError, match="Listen for"):
        find_actors(seconds)
