"""Announces an actor on the local network, by multicast DNS. Off unless asked for.

The library (zeroconf) is an extra and is imported here alone, when something is announced. It
works in a thread of its own: whatever the network's other machines shout is parsed there, and never
in the loop that drives.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

import structlog

from ac_bridge.net.addresses import address_in, is_loopback
from ac_bridge_protocol.discovery import NAME_CHARACTERS, SERVICE, Announced, printable
from ac_bridge_protocol.errors import SettingError

if TYPE_CHECKING:
    from zeroconf import ServiceInfo, Zeroconf

log = structlog.get_logger()

EXTRA_HINT = "Install it with: pip install 'ac-bridge[discovery]'."
ADDRESSES = 16
"""Most addresses that are announced: a machine with more of them is no gaming PC."""


class Announcement:
    """An actor's presence on the local network, from `start` to `close`.

        async with Announcement("my-pc", host, port, Announced("0.1.0", tls=True, tokens=True)):
            ...

    Args:
        name: what the actor is called there. If another machine has it, a number is added; two
            actors of one machine are only told apart if each is given a name of its own.
        host: the address that the actor listens on.
        port: the port.
        announced: what others may know.

    Attributes:
        name: what it is called in the end.

    Raises:
        SettingError: the library is missing, or nobody else could reach the actor.
    """

    def __init__(self, name: str, host: str, port: int, announced: Announced) -> None:
        check_announcing(host)
        self.name = announced_name(name)
        self._host = host
        self._port = port
        self._announced = announced
        self._zeroconf: Zeroconf | None = None
        self._info: ServiceInfo | None = None

    @property
    def announced(self) -> bool:
        """Whether others can find the actor."""
        return self._info is not None

    def start(self) -> None:
        """Announce the actor. Takes about a second: others are asked first for the name.

        A network that does not allow it is logged, and the actor goes on without.
        """
        import zeroconf

        addresses = list(addresses_for(self._host, own_addresses()))
        if not addresses:
            _warn(f"this machine has no address that {self._host} stands for")
            return
        info = zeroconf.ServiceInfo(
            SERVICE,
            f"{self.name}.{SERVICE}",
            port=self._port,
            properties=self._announced.record(),
            server=f"{_host_label(self.name)}.local.",
            parsed_addresses=addresses,
        )
        try:
            self._zeroconf = zeroconf.Zeroconf(interfaces=addresses, use_asyncio=False)
            self._zeroconf.register_service(info, allow_name_change=True)
        except (zeroconf.Error, OSError, RuntimeError) as error:
            _warn(str(error) or type(error).__name__)
            self.close()
            return
        self._info = info
        self.name = info.name.removesuffix(f".{SERVICE}")
        log.info("announced on the local network", name=self.name, addresses=addresses)

    def close(self) -> None:
        """Say good-bye, so that nobody finds the actor any more. May be called twice."""
        found, self._zeroconf, self._info = self._zeroconf, None, None
        if found is not None:
            found.close()  # unregisters what is registered

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.close)


def check_announcing(host: str) -> None:
    """Check that an actor which listens there can be announced.

    Raises:
        SettingError: the library is missing, or nobody else could reach the actor.
    """
    if is_loopback(host):
        raise SettingError(
            f"The actor listens on {host}, which no other machine reaches: there is nothing "
            "to announce.",
            setting="announce",
            hint="Listen on an address of this machine, such as --listen 0.0.0.0:8765, with "
            "tokens; or leave --announce out.",
        )
    _check_extra()


def default_name() -> str:
    """Return what this machine is called."""
    return socket.gethostname().partition(".")[0] or "ac-bridge"


def announced_name(name: str) -> str:
    """Return a name as DNS can carry it: printable, at most 63 bytes, not empty.

    Room is left for the number that is added where the name is taken.
    """
    cleaned = printable(name.strip(), NAME_CHARACTERS).encode()[: NAME_CHARACTERS - 4]
    return cleaned.decode(errors="ignore") or "ac-bridge"


def addresses_for(host: str, own: Sequence[str]) -> tuple[str, ...]:
    """Return which of this machine's addresses to announce, IPv4 first.

    Args:
        host: the address that the actor listens on.
        own: all addresses of this machine.
    """
    listening = address_in(host)
    found = [address for address in map(address_in, own) if address is not None]
    if listening is None or listening.is_unspecified:
        version = 0 if listening is None else listening.version
        found = [one for one in found if version in (0, one.version)]
    else:
        found = [one for one in found if one == listening]
    useful = {one for one in found if not (one.is_loopback or one.is_unspecified)}
    in_order = sorted(useful, key=lambda one: (one.version, one.is_link_local, int(one)))
    return tuple(str(one) for one in in_order if not _needs_scope(one))[:ADDRESSES]


def own_addresses() -> list[str]:
    """Return every address of this machine."""
    import ifaddr  # comes with zeroconf

    found = [address.ip for adapter in ifaddr.get_adapters() for address in adapter.ips]
    return [one if isinstance(one, str) else one[0] for one in found]


def _needs_scope(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an address means nothing without the name of an interface."""
    return address.version == 6 and address.is_link_local


def _host_label(name: str) -> str:
    """Return a name as a host may be called: letters, digits and hyphens."""
    label = "".join(one if one.isascii() and one.isalnum() else "-" for one in name).strip("-")
    return label or "ac-bridge"


def _warn(reason: str) -> None:
    hint = "The actor works without; learners dial its address."
    log.warning("not announced on the local network", reason=reason, hint=hint)


def _check_extra() -> None:
    try:
        import zeroconf  # noqa: F401 -- whether it is there
    except ImportError as error:
        raise SettingError(
            "Announcing on the local network needs the library zeroconf, which is not installed.",
            setting="announce",
            hint=EXTRA_HINT,
        ) from error
