"""A small HTTP server over loopback that plays a relay whose actors are listed."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

POLL_S = 0.01
"""How soon the server sees that it is to end."""

PARKED = {
    "name": "my-pc",
    "software": "ac-bridge 0.1.0",
    "parked_s": 12,
    "ready": True,
    "drivers": 1,
    "spectators": 2,
}


@contextlib.contextmanager
def relay_that_says(body: bytes, status: int = 200) -> Iterator[tuple[str, list[Any]]]:
    """Serve an answer; give the address, and the requests that came."""
    requests: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append((self.path, dict(self.headers)))
            self.send_response(status)
            self.end_headers()
            with contextlib.suppress(OSError):  # whoever has read enough hangs up
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Be silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(POLL_S,))
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.server_port}", requests
        finally:
            server.shutdown()
            thread.join()


def listing(*actors: dict[str, Any]) -> bytes:
    """Return what a relay says."""
    return json.dumps({"actors": actors}).encode()
