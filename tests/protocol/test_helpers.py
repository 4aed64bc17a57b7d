"""Waits that grow."""

from __future__ import annotations

from ac_bridge_protocol.helpers import GrowingWaits


def test_they_double_up_to_the_longest() -> None:
    """And stay there."""
    waits = GrowingWaits(1.0, 5.0)
    assert [waits.next_s() for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_they_start_over() -> None:
    """After something went well."""
    waits = GrowingWaits(1.0, 5.0)
    waits.next_s()
    waits.next_s()
    waits.start_over()
    assert waits.next_s() == 1.0
