"""Which web pages may open a WebSocket. Pure.

A browser says with every WebSocket which page wants it, in the header ``Origin``; any page can open
one to any address, 127.0.0.1 included. Other programs send no such header.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from ac_bridge.net.addresses import address_in


def may_open(origin: str | None, host: str, allowed: Collection[str]) -> bool:
    """Whether a request may open a WebSocket.

    Args:
        origin: its header of that name; None if it has none.
        host: its header of that name: how it was addressed.
        allowed: origins that may, such as ``https://lab.example``, beside the server's own.
    """
    if origin is None:
        return True
    return origin.rstrip("/").lower() in allowed or _is_own(origin, host)


def _is_own(origin: str, host: str) -> bool:
    """Whether a page came from this very server.

    Only if it was addressed by number, or as localhost: a name in both headers proves nothing, as
    whoever owns the name can let it point to this machine once the page is loaded.
    """
    try:
        parts = urlsplit(origin)
        name = parts.hostname or ""
    except ValueError:
        return False
    by_number = name == "localhost" or address_in(name) is not None
    return by_number and parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()
