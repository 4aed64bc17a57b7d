"""How an actor is announced on the local network: its service type and what its record says. Pure.

Anybody on the network may announce anything, in anybody's name. So a record carries nothing that
could be trusted: no secret, which everybody would read, and no certificate's fingerprint, which
would prove nothing (an impostor announces its own). It says where to knock, and what to bring.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

SERVICE = "_ac-bridge._tcp.local."
"""The service type, in DNS-SD's words."""

NAME_CHARACTERS = 63
"""Longest name of an announced actor: what DNS allows a label, in bytes."""

VERSION_CHARACTERS = 40
"""Longest version that is believed; ours have five characters."""


@dataclasses.dataclass(frozen=True, slots=True)
class Announced:
    """What the record of an actor says.

    Attributes:
        version: of its software.
        tls: whether it is reached by ``wss://``.
        tokens: whether it asks for a token.
    """

    version: str
    tls: bool
    tokens: bool

    def record(self) -> dict[str, str]:
        """Return the record: keys and values, as DNS-SD has them."""
        return {
            "version": self.version,
            "tls": str(int(self.tls)),
            "tokens": str(int(self.tokens)),
            "relay": "0",  # whoever finds it finds the actor itself
        }


def announced_by(record: Mapping[str, str | None]) -> Announced:
    """Return what a record from the network says. Whatever is missing or strange counts as no."""
    return Announced(
        version=printable(record.get("version") or "", VERSION_CHARACTERS),
        tls=record.get("tls") == "1",
        tokens=record.get("tokens") == "1",
    )


def printable(text: str, most: int) -> str:
    """Return what a stranger wrote, without what a terminal would obey, and cut to a length."""
    return "".join(one if one.isprintable() else "?" for one in text[:most])
