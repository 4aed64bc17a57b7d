"""Which addresses are whose."""

from __future__ import annotations

import pytest

from ac_bridge.net.addresses import client_address, customer_of, is_loopback, networks


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("localhost", True),
        ("::1", True),
        ("[::1]", True),
        ("::ffff:127.0.0.1", True),
        ("0.0.0.0", False),  # noqa: S104
        ("::", False),
        ("192.168.1.20", False),
        ("gaming-pc", False),
        ("127.0.0.1.evil.example", False),
        ("", False),
    ],
)
def test_loopback(host: str, own: bool) -> None:
    """Only what no other machine reaches; a name may mean anything."""
    assert is_loopback(host) is own


@pytest.mark.parametrize(
    ("address", "customer"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::1"),
        ("?", "?"),
    ],
)
def test_customers(address: str, customer: str) -> None:
    """One home has one IPv4 address, or 2**64 of IPv6."""
    assert customer_of(address) == customer


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.7", [], "203.0.113.7"),
        ("203.0.113.7", ["127.0.0.1"], "203.0.113.7"),
        ("10.0.0.1", ["198.51.100.9"], "198.51.100.9"),
        ("10.0.0.1", ["127.0.0.1, 198.51.100.9"], "198.51.100.9"),
        ("10.0.0.1", ["127.0.0.1", "198.51.100.9"], "198.51.100.9"),
        ("10.0.0.1", ["198.51.100.9, 10.0.0.2"], "198.51.100.9"),
        ("10.0.0.1", ["nonsense"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["10.0.0.2"], "10.0.0.2"),
    ],
)
def test_the_word_of_a_proxy(peer: str, forwarded: list[str], client: str) -> None:
    """Only a proxy that we trust is believed, and only what it added itself."""
    assert client_address(peer, forwarded, networks(["10.0.0.0/24"])) == client
