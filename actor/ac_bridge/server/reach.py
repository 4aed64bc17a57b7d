"""From settings to who may come in to an actor, and from where."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Any

import structlog
from pydantic import SecretStr

from ac_bridge.net.addresses import is_loopback, networks
from ac_bridge.net.announcing import Announcement, check_announcing, default_name
from ac_bridge.net.gate import Gate
from ac_bridge.net.tls import ServerTls
from ac_bridge.net.token_file import TokenKeeper
from ac_bridge.net.tokens import TokenBook
from ac_bridge.server.actor import VERSION
from ac_bridge.server.house import Access
from ac_bridge.server.parking import Relay
from ac_bridge.settings import ActorSettings
from ac_bridge_protocol.discovery import Announced
from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.trust import Trust

log = structlog.get_logger()


@dataclasses.dataclass(frozen=True)
class Reach:
    """Who may come in to an actor, and from where.

    Attributes:
        access: tokens and origins.
        gate: counts who comes.
        tls: who we are; None listens unencrypted.
        relay: where the actor parks as well; None parks nowhere.
        announce: the name under which it is announced on the local network; empty for not at all.
    """

    access: Access = dataclasses.field(default_factory=Access)
    gate: Gate = dataclasses.field(default_factory=Gate)
    tls: ServerTls | None = None
    relay: Relay | None = None
    announce: str = ""

    def announcement(self, host: str, port: int) -> contextlib.AbstractAsyncContextManager[Any]:
        """Return what announces the actor for as long as it lasts."""
        if not self.announce:
            return contextlib.nullcontext()
        said = Announced(VERSION, tls=self.tls is not None, tokens=self.access.asks)
        return Announcement(self.announce, host, port, said)

    def log_terms(self, host: str) -> None:
        """Tell whoever started the actor what somebody needs to connect, and what is not safe."""
        if self.tls is not None:
            self.tls.introduce()
        elif not is_loopback(host):
            log.warning(
                "not encrypted: whoever is on the way can read the tokens, and drive",
                hint="Add --tls-cert and --tls-key (ac-bridge cert new), except on a wire of "
                "your own.",
            )

        relay = self.relay
        if relay is not None and not relay.address.secure and not is_loopback(relay.address.host):
            log.warning(
                "not encrypted to the relay: whoever is on the way can read the tokens, and drive",
                hint="Start the relay with TLS, or behind a proxy that has it, and dial wss://.",
            )

    def refresh(self, wall_s: float) -> bool:
        """Look at the files of tokens and certificate; return whether other tokens are good now.

        Args:
            wall_s: now, in wall-clock seconds.
        """
        if self.tls is not None:
            self.tls.refresh()
            self.tls.warn_in_time(wall_s)
        return self.access.tokens.refresh()


def reach_from(settings: ActorSettings) -> Reach:
    """Return what the settings say.

    Raises:
        SettingError: a file that cannot be used, or nobody who could come in from where the actor
            is reached.
    """
    tokens = {
        name: token.get_secret_value()
        for name, token in (
            ("driver", settings.driver_token),
            ("spectator", settings.spectator_token),
        )
        if token is not None
    }
    access = Access(
        TokenKeeper(settings.token_file, TokenBook.of(**tokens)), settings.allow_origins
    )
    if not access.asks and settings.token_file is not None:
        raise SettingError(
            f"{settings.token_file} has no token for a driver or a spectator.",
            setting="token_file",
            hint=f"Add one: ac-bridge token new --for driver --file {settings.token_file}",
        )
    cert, key = settings.tls_cert, settings.tls_key
    return Reach(
        access=access,
        gate=Gate(proxies=networks(settings.trusted_proxies)),
        tls=ServerTls(cert, key) if cert is not None and key is not None else None,
        announce=_announced_name(settings),
        relay=_relay_of(settings, settings.relay_token) if settings.relay else None,
    )


def _announced_name(settings: ActorSettings) -> str:
    if not settings.announce:
        return ""
    check_announcing(settings.host)
    return settings.announce_name or default_name()


def _relay_of(settings: ActorSettings, token: SecretStr | None) -> Relay:
    if token is None:
        raise SettingError(
            "A relay lets nobody park without a token.",
            setting="relay_token",
            hint="Set AC_BRIDGE_RELAY_TOKEN, or relay_token in ac-bridge.toml, to the park token "
            "that the relay's operator gave you.",
        )
    ca_file = settings.relay_ca_file
    return Relay(
        settings.relay or "",
        token.get_secret_value(),
        Trust(str(ca_file) if ca_file else "", settings.relay_fingerprint or ""),
    )
