"""The relay's settings: flags, then `AC_BRIDGE_RELAY_*` variables, a TOML file, then defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from ac_bridge.settings import ListeningSettings, Texts, gather

DEFAULT_CONFIG = Path("relay.toml")
"""Read from the working directory where it exists."""

CONNECTIONS = 4096
"""Most connections served at once: a thousand parked actors, and as many conversations of two
connections each, with room to spare. Each takes some 10 kB here, and a file of the system."""


class RelaySettings(ListeningSettings):
    """Everything that can be set about a relay.

    Each field that is no secret is a flag of `ac-bridge relay`.
    """

    model_config = SettingsConfigDict(env_prefix="AC_BRIDGE_RELAY_")

    listen: str = "127.0.0.1:8765"
    """Address and port; port 0 takes a free one. Anything but loopback needs a park token."""
    token_file: Path | None = None
    """A file of tokens, one ``park TOKEN``, ``park:NAME TOKEN`` or ``list TOKEN`` a line, read anew
    whenever it changes; `ac-bridge token new` writes one."""
    park_token: SecretStr | None = None
    """Actors that show it may park. In the environment or a file, never a flag."""
    list_token: SecretStr | None = None
    """Whoever shows it may list all actors. In the environment or a file, never a flag."""
    tls_cert: Path | None = None
    """PEM file of a certificate: with it and tls_key the relay serves ``wss://``."""
    tls_key: Path | None = None
    """PEM file of the certificate's private key."""
    trusted_proxies: Texts = ()
    """Addresses or networks of proxies whose ``X-Forwarded-For`` is believed."""
    connections: int = Field(default=CONNECTIONS, ge=2, le=100_000)
    """Most connections at once: one for each parked actor, two for each conversation."""


def load_relay_settings(config: Path | None = None, **given: Any) -> RelaySettings:
    """Gather the settings.

    Args:
        config: a TOML file; without one, `relay.toml` in the working directory if it exists.
        given: what was said outright, which beats every other source. None counts as not said.

    Raises:
        SettingError: names the setting, what is wrong with it, and where it came from.
    """
    return gather(RelaySettings, DEFAULT_CONFIG, config, given)
