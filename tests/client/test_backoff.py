"""How long to wait between attempts to connect again."""

from __future__ import annotations

import itertools

from ac_bridge_client.backoff import waits_s


def test_at_once_then_doubling_up_to_two_seconds() -> None:
    """The first attempt is made at once, and no wait is longer than two seconds."""
    waits = list(itertools.islice(waits_s(), 10))
    assert waits == [0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 2.0]
