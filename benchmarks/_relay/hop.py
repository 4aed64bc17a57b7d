"""One bare hop: a pipe between two TCP connections that looks at nothing, on the relay's loop.

Run as ``_relay.hop PORT [CERT KEY]``: whoever connects is joined to that port of this machine. With
a certificate TLS ends here on both legs, as at the relay.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from pathlib import Path
from typing import cast

from ac_bridge.machine.loops import run_on_best_loop
from ac_bridge.net.tls import ServerTls
from ac_bridge_protocol.trust import Trust
from links.servant import say


class End(asyncio.Protocol):
    """One of the two connections: what comes in goes out at the other."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: End | None = None
        self._early = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Pass it on."""
        if self.other is None:
            self._early += data
        elif self.other.transport is not None:
            self.other.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the other, too."""
        self.transport = None
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()

    def join(self, other: End) -> None:
        """Pass on to another end from now on, and what came before."""
        self.other, other.other = other, self
        if self._early and other.transport is not None:
            other.transport.write(self._early)


async def _serve(port: int, cert: str, key: str) -> None:
    loop = asyncio.get_running_loop()
    inside: ssl.SSLContext | None = Trust(ca_file=cert).context() if cert else None
    outside = ServerTls(Path(cert), Path(key)).context if cert else None
    dialling: set[asyncio.Task[None]] = set()

    def made() -> End:
        end = End()

        async def dial() -> None:
            _, other = await loop.create_connection(End, "127.0.0.1", port, ssl=inside)
            end.join(other)

        task = loop.create_task(dial())
        dialling.add(task)
        task.add_done_callback(dialling.discard)
        return end

    server = await loop.create_server(made, "127.0.0.1", 0, ssl=outside)
    say(port=server.sockets[0].getsockname()[1])
    await asyncio.to_thread(sys.stdin.read)


def main() -> None:
    """Pipe until the master is gone."""
    port, cert, key = [*sys.argv[1:], "", ""][:3]
    run_on_best_loop(_serve(int(port), cert, key))


if __name__ == "__main__":
    main()
