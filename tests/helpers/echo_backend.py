"""A WebSocket server to put behind a load balancer: `python echo_backend.py PORT NAME`.

Answers each message with its own name, the path, what stands in X-Forwarded-For, and the message;
answers /healthz as a relay does. A process of its own, so that it can be killed.
"""

from __future__ import annotations

import asyncio
import http
import sys

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response


def health(connection: ServerConnection, request: Request) -> Response | None:
    """Answer a load balancer's question; let everything else go on to the upgrade."""
    if request.path == "/healthz":
        return connection.respond(http.HTTPStatus.OK, "{}\n")
    return None


async def main(port: int, name: str) -> None:
    """Serve until killed."""

    async def answer(connection: ServerConnection) -> None:
        request = connection.request
        assert request is not None
        seen = request.headers.get_all("X-Forwarded-For")
        async for message in connection:
            await connection.send(f"{name} {request.path} {','.join(seen)} {message!s}")

    async with serve(answer, "127.0.0.1", port, process_request=health) as server:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
