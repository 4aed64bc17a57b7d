"""Opening a link's socket: TCP, then TLS where the address says so."""

from __future__ import annotations

import functools
import ipaddress
import logging
import socket
import ssl

from websockets.exceptions import InvalidURI
from websockets.uri import WebSocketURI, parse_uri

from ac_bridge_client.clock import monotonic_s
from ac_bridge_protocol.errors import ConnectError
from ac_bridge_protocol.limits import KEEPALIVE
from ac_bridge_protocol.trust import Trust, explain_tls

log = logging.getLogger("ac_bridge_client")

SHORTEST_WAIT_S = 1e-4
"""A socket's timeout of 0 means something else; this still takes what is there already."""


def parse_address(uri: str) -> WebSocketURI:
    """Return the parts of an actor's address.

    Raises:
        ConnectError: it is not one.
    """
    hint = "Write ws://HOST:PORT or wss://HOST:PORT, such as ws://192.168.1.20:8765."
    try:
        address = parse_uri(uri)
    except (InvalidURI, ValueError):
        raise ConnectError(
            f"{uri!r} is not the address of an actor.", uri=str(uri), hint=hint
        ) from None
    if address.username is not None:  # a secret, that every log would repeat
        raise ConnectError(
            "There is no user name or password in an actor's address.",
            uri=f"{'wss' if address.secure else 'ws'}://{address.host}:{address.port}",
            hint=f"{hint} A token goes into a file (token_file), or into AC_BRIDGE_TOKEN.",
        )
    return address


def open_socket(uri: str, address: WebSocketURI, trust: Trust, timeout_s: float) -> socket.socket:
    """Return a socket to whoever is meant; with TLS, its certificate was checked.

    Args:
        uri: the address as it was given, for errors.
        address: its parts.
        trust: whom to believe.
        timeout_s: for all of it, in seconds.

    Raises:
        ConnectError: nobody answers there, or somebody else; says what to check.
        SettingError: the trust cannot be used any more.
    """
    context = trust.context() if address.secure else None
    deadline_s = monotonic_s() + timeout_s
    is_it_tls = " Does it speak TLS there? Else write ws://." if address.secure else ""
    try:
        raw = socket.create_connection((address.host, address.port), timeout=timeout_s)
        try:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _detect_dead_peer(raw)
            if context is None:
                return raw
            raw.settimeout(max(deadline_s - monotonic_s(), SHORTEST_WAIT_S))
            return _encrypted(raw, context, uri, address.host, trust)
        except BaseException:
            raw.close()  # has been taken over by TLS, if it came so far
            raise
    except ConnectError:
        raise
    except ssl.SSLError as error:
        raise explain_tls(error, uri, address.host) from error
    except ConnectionRefusedError as error:
        raise ConnectError(
            f"Nothing listens at {uri}.",
            uri=uri,
            hint="Is the actor running (or the relay), and is this the port it printed?",
        ) from error
    except socket.gaierror as error:
        raise ConnectError(
            f"There is no host {address.host!r} ({error.strerror}).",
            uri=uri,
            hint="Check the name, or use the IP address.",
        ) from error
    except TimeoutError as error:
        raise ConnectError(
            f"{uri} did not answer within {timeout_s:g} s.",
            uri=uri,
            hint=f"Check the address, and that a firewall lets the port through.{is_it_tls}",
        ) from error
    except (OSError, ValueError) as error:
        raise ConnectError(
            f"Cannot connect to {uri}: {error}.",
            uri=uri,
            hint="Check the address, and that this machine can reach it."
            + (is_it_tls if isinstance(error, ConnectionError) else ""),
        ) from error


@functools.cache
def warn_of_plain_token(host: str) -> None:
    """Say once that a token goes to a host in plain text, unless it is this machine."""
    if not _is_loopback(host):
        log.warning(
            "The token goes to %s over plain ws://: whoever is on the way can read it, and drive. "
            "Use wss:// (ac-bridge cert new makes a certificate).",
            host,
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _encrypted(
    raw: socket.socket, context: ssl.SSLContext, uri: str, host: str, trust: Trust
) -> ssl.SSLSocket:
    # To TLS an end without a good-bye is fatal to both directions; to us it is not: WebSocket has
    # a good-bye of its own, and `Link.deafen` ends one direction to use the other.
    # Before OpenSSL 3 there was no such option, and no need of it.
    context.options |= getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    secure = context.wrap_socket(raw, server_hostname=host)
    try:
        trust.check(secure.getpeercert(binary_form=True), uri)
    except BaseException:
        secure.close()
        raise
    return secure


def _detect_dead_peer(raw: socket.socket) -> None:
    """Let the kernel end a connection whose other machine vanished without a word."""
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE.items():
        option = getattr(socket, name, None)  # not every platform has every one
        if option is None:
            continue
        try:
            raw.setsockopt(socket.IPPROTO_TCP, option, value)
        except OSError as error:  # Python knows it, this system does not: its own default holds
            log.debug("keep-alive option %s refused: %s", name, error)
