"""Finds actors that are announced on the local network.

What is found is hearsay: anybody on the network may announce anything. Only a fingerprint that the
learner pinned says who is there, and a token sent by plain ``ws://`` is read by whoever is.
"""

from __future__ import annotations

import asyncio
import dataclasses
import ipaddress
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING

from ac_bridge_protocol.discovery import NAME_CHARACTERS, SERVICE, announced_by, printable
from ac_bridge_protocol.errors import ConnectError, SettingError

if TYPE_CHECKING:
    from zeroconf import IPVersion, ServiceStateChange, Zeroconf
    from zeroconf.asyncio import AsyncServiceInfo

FOUND = 64
"""Most actors that are listed: a network that announces more of them is not a home's."""

ADDRESSES = 8
"""Most addresses of one actor that are looked at."""

SECONDS = (0.1, 60.0)
"""How long one may listen: an actor that is there has answered after a second or two."""


@dataclasses.dataclass(frozen=True, slots=True)
class FoundActor:
    """An actor that says it is on the local network.

    Attributes:
        name: what it calls itself.
        host: its address; by IPv4 if it has one.
        port: its port.
        uri: what to give to `RemoteEnv`.
        software: its software, as it says.
        tokens: whether it asks for a token.
    """

    name: str
    host: str
    port: int
    uri: str
    software: str
    tokens: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Sighting:
    """What the network said of an actor, as it came.

    Attributes:
        name: the name in its records.
        addresses: of the machine.
        port: of the actor.
        record: keys and values.
    """

    name: str
    addresses: Sequence[str]
    port: int | None
    record: dict[str, str | None]


def find_actors(seconds: float = 3.0) -> list[FoundActor]:
    """Listen for actors on the local network; blocks for that long.

    Args:
        seconds: how long to listen.

    Raises:
        SettingError: the library is missing, or the time makes no sense.
        ConnectError: this machine has no network to listen on.
    """
    if not SECONDS[0] <= seconds <= SECONDS[1]:
        raise SettingError(
            f"Cannot listen for {seconds:g} s.",
            setting="seconds",
            hint=f"Listen for {SECONDS[0]:g} to {SECONDS[1]:g} s.",
        )
    try:
        import zeroconf
    except ImportError as error:
        raise SettingError(
            "Finding actors needs the library zeroconf, which is not installed.",
            setting="discovery",
            hint="Install it with: pip install 'ac-bridge[discovery]'.",
        ) from error
    try:
        multicast = _open(zeroconf.IPVersion.All)
    except OSError:  # a machine without IPv6
        multicast = _open(zeroconf.IPVersion.V4Only)
    try:
        return listed(_listen(multicast, seconds))
    finally:
        multicast.close()


def listed(sightings: Iterable[Sighting]) -> list[FoundActor]:
    """Return the actors among what was seen, each once, by name."""
    found: dict[tuple[str, int], FoundActor] = {}
    for sighting in sightings:
        actor = _actor(sighting)
        if actor is not None:
            found.setdefault((actor.host, actor.port), actor)
    return sorted(found.values(), key=lambda one: (one.name.casefold(), one.uri))[:FOUND]


def _actor(sighting: Sighting) -> FoundActor | None:
    """Return what was seen as an actor, or None if nobody could dial it."""
    hosts = useful(sighting.addresses)
    if not hosts or sighting.port is None or not 0 < sighting.port <= 65535:
        return None
    said = announced_by(sighting.record)
    host = hosts[0]
    authority = f"[{host}]" if ":" in host else host
    return FoundActor(
        name=printable(sighting.name, NAME_CHARACTERS),
        host=host,
        port=sighting.port,
        uri=f"{'wss' if said.tls else 'ws'}://{authority}:{sighting.port}",
        software=f"ac-bridge {said.version}".strip(),
        tokens=said.tokens,
    )


def useful(addresses: Sequence[str]) -> list[str]:
    """Return those addresses that another machine can dial, IPv4 before IPv6.

    Not those of one's own machine, of groups, and those that mean nothing without the name of an
    interface.
    """
    found = []
    for text in addresses[:ADDRESSES]:
        address = ipaddress.ip_address(text.partition("%")[0])
        nobody = address.is_loopback or address.is_multicast or address.is_unspecified
        if not nobody and not (address.version == 6 and address.is_link_local):
            found.append(address)
    return [str(one) for one in sorted(found, key=lambda one: (one.version, one.is_link_local))]


def _open(version: IPVersion) -> Zeroconf:
    """Open sockets on every interface of this machine."""
    import zeroconf

    try:
        return zeroconf.Zeroconf(ip_version=version, use_asyncio=False)
    except RuntimeError as error:  # no interface has an address
        raise ConnectError(
            "There is no network to look for actors on.",
            uri=SERVICE,
            hint="Connect this machine to the network of the actor.",
        ) from error


def _listen(multicast: Zeroconf, seconds: float) -> list[Sighting]:
    """Ask who is there, and everybody who answers for the particulars, until the time is over."""
    from zeroconf import ServiceBrowser

    asked = _Asked(multicast, seconds)
    browser = ServiceBrowser(multicast, SERVICE, handlers=[asked.changed])
    try:
        threading.Event().wait(seconds)
    finally:
        browser.cancel()
    return asked.sightings()


class _Asked:
    """Asks everybody who answers for the particulars, all at the same time.

    The library calls it in a thread of its own.
    """

    def __init__(self, multicast: Zeroconf, seconds: float) -> None:
        self._multicast = multicast
        self._timeout_ms = 1000.0 * seconds
        self._infos: dict[str, AsyncServiceInfo] = {}
        self._answers: list[Future[bool]] = []

    def changed(
        self,
        zeroconf: Zeroconf,
        service_type: str,
        name: str,
        state_change: ServiceStateChange,
    ) -> None:
        """Somebody came, went, or says something else."""
        if state_change.name == "Added":
            self._ask(service_type, name)
        elif state_change.name == "Removed":
            self._infos.pop(name, None)

    def _ask(self, service_type: str, name: str) -> None:
        from zeroconf.asyncio import AsyncServiceInfo

        loop = self._multicast.loop
        if len(self._answers) >= FOUND or loop is None:
            return
        self._infos[name] = info = AsyncServiceInfo(service_type, name)
        request = info.async_request(self._multicast, self._timeout_ms)
        self._answers.append(asyncio.run_coroutine_threadsafe(request, loop))

    def sightings(self) -> list[Sighting]:
        """Return what was learned of each."""
        for answer in self._answers:
            answer.cancel()
        return [
            Sighting(
                name=info.name.removesuffix(f".{SERVICE}"),
                addresses=info.parsed_scoped_addresses(),
                port=info.port,
                record=dict(info.decoded_properties),
            )
            for info in list(self._infos.values())
        ]
