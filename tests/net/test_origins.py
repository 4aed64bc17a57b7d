"""Which web pages may open a WebSocket."""

from __future__ import annotations

import pytest

from ac_bridge.net.origins import may_open

ALLOWED = ("https://lab.example", "http://lab.example:8080")


@pytest.mark.parametrize(
    ("origin", "host", "may"),
    [
        (None, "127.0.0.1:8765", True),
        ("http://127.0.0.1:8765", "127.0.0.1:8765", True),
        ("http://localhost:8765", "localhost:8765", True),
        ("https://192.168.1.20:8765", "192.168.1.20:8765", True),
        ("http://[::1]:8765", "[::1]:8765", True),
        ("https://lab.example", "127.0.0.1:8765", True),
        ("https://LAB.example/", "127.0.0.1:8765", True),
        ("http://lab.example:8080", "x", True),
        ("http://lab.example", "127.0.0.1:8765", False),
        ("https://lab.example.evil.example", "127.0.0.1:8765", False),
        ("https://evil.example", "127.0.0.1:8765", False),
        ("http://127.0.0.1:3000", "127.0.0.1:8765", False),
        ("http://evil.example:8765", "evil.example:8765", False),
        ("http://127.0.0.1.evil.example:8765", "127.0.0.1.evil.example:8765", False),
        ("null", "127.0.0.1:8765", False),
        ("file://", "127.0.0.1:8765", False),
        ("", "", False),
        ("http://[::1", "[::1", False),
        ("chrome-extension://127.0.0.1:8765", "127.0.0.1:8765", False),
    ],
)
def test_origins(origin: str | None, host: str, may: bool) -> None:
    """Our own page, and those that are named; no name proves that a page is our own."""
    assert may_open(origin, host, ALLOWED) is may
