"""Addresses of the network: which are this machine's own, and whose word is believed. Pure."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Sequence
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

HOME_BITS = 64
"""An IPv6 customer gets a network of this size, and may use any address of it."""


def address_in(text: str) -> Address | None:
    """Return the address that a text stands for, or None; an IPv4 one also from within IPv6."""
    try:
        address = ipaddress.ip_address(text.strip().strip("[]").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine reach a host of that name."""
    if host.lower() == "localhost":
        return True
    address = address_in(host)
    return address is not None and address.is_loopback


@functools.lru_cache(maxsize=1024)
def customer_of(address: str) -> str:
    """Return what stands for one customer of the network: an IPv4 address, or an IPv6 home."""
    found = address_in(address)
    if isinstance(found, ipaddress.IPv6Address) and not found.is_loopback:
        return str(ipaddress.ip_network((found, HOME_BITS), strict=False))
    return address if found is None else str(found)


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Return the networks that texts stand for; a lone address is a network of one.

    Raises:
        ValueError: one of them is none.
    """
    return tuple(ipaddress.ip_network(text.strip(), strict=False) for text in texts)


def client_address(peer: str, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """Return the address of the client, by the word of a proxy if it is one that we trust.

    Args:
        peer: the address that the connection came from.
        forwarded: what the headers ``X-Forwarded-For`` say, in order.
        trusted: the proxies. Each adds at the end the address that it was called from; what stands
            before that, anybody may have written.
    """
    hops = [hop for line in forwarded for hop in line.split(",")]
    client = peer
    while hops and is_among(client, trusted):
        said = address_in(hops.pop())
        if said is None:
            break
        client = str(said)
    return client


def is_among(host: str, among: Sequence[Network]) -> bool:
    """Whether an address belongs to one of some networks."""
    address = address_in(host)
    return address is not None and any(address in network for network in among)
