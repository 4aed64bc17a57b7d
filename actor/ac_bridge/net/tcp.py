"""Options of TCP: how the kernel notices that the other machine is gone. A thin shell."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping

import structlog

from ac_bridge_protocol.limits import KEEPALIVE

log = structlog.get_logger()

_SENT_MAY_WAIT = "TCP_USER_TIMEOUT"


def keep_alive(transport: asyncio.BaseTransport) -> None:
    """Let the kernel end a connection whose other machine vanished without a word.

    Not by WebSocket pings: a learner that computes for a minute answers none, and is not dead.
    """
    peer = transport.get_extra_info("socket")
    if peer is not None:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    options = {name: value for name, value in KEEPALIVE.items() if name != _SENT_MAY_WAIT}
    _set_options(transport, options)


def end_if_not_taken(transport: asyncio.BaseTransport) -> None:
    """Let the kernel end a connection over something sent that waits too long to be taken.

    Not a spectator's: Linux counts a peer that answers, but has no room, as one that takes nothing;
    a spectator that stops reading may do so, and costs nothing but its own frames.
    """
    _set_options(transport, {_SENT_MAY_WAIT: KEEPALIVE[_SENT_MAY_WAIT]})


def let_wait(transport: asyncio.BaseTransport) -> None:
    """Take back `end_if_not_taken`."""
    _set_options(transport, {_SENT_MAY_WAIT: 0})


def _set_options(transport: asyncio.BaseTransport, options: Mapping[str, int]) -> None:
    """Set options of TCP, as far as the platform knows them."""
    peer = transport.get_extra_info("socket")
    if peer is None:
        return
    for name, value in options.items():
        option = getattr(socket, name, None)  # not every platform has every one
        if option is None:
            continue
        try:
            peer.setsockopt(socket.IPPROTO_TCP, option, value)
        except OSError as error:  # Python knows it, this system does not: its own default holds
            log.debug("keep-alive option refused", option=name, reason=str(error))
