"""Who gets which frames."""

from __future__ import annotations

import random

import pytest

from ac_bridge.server.broadcast import Broadcast
from ac_bridge.server.spectators import Spectators, Subscription


class Reader:
    """A listener that keeps what it is offered."""

    def __init__(self) -> None:
        self.begun = 0

    def offer(self, frame: Broadcast) -> None:
        """Take it."""

    def forget_stream(self) -> None:
        self.begun += 1


@pytest.mark.parametrize(("hz", "expected"), [(60.0, 600), (25.0, 250), (10.0, 100), (1.0, 10)])
def test_rate_is_kept_on_average(hz: float, expected: int) -> None:
    """Thinning a 60 Hz stream gives the rate asked for, whether or not it divides 60."""
    subscription = Subscription(hz, 60.0)
    wanted = sum(subscription.wants(tick / 60.0) for tick in range(600))
    assert abs(wanted - expected) <= 1


def test_no_burst_after_a_gap() -> None:
    """After ten silent seconds at most two frames come close together."""
    subscription = Subscription(10.0, 60.0)
    assert subscription.wants(0.0)
    wanted = [subscription.wants(10.0 + tick / 60.0) for tick in range(6)]
    assert sum(wanted) <= 2


def test_clock_that_starts_again() -> None:
    """A lockstep game that is relaunched sets its clock back; the stream goes on."""
    subscription = Subscription(10.0, 60.0)
    assert subscription.wants(500.0)
    assert subscription.wants(0.0)
    assert not subscription.wants(0.05)
    assert subscription.wants(0.1)


def test_jitter_loses_no_frame() -> None:
    """A stream at the source's own rate gets every frame, however its moments jitter."""
    jitter = random.Random(1)
    subscription = Subscription(60.0, 60.0)
    moments = [tick / 60.0 + jitter.uniform(-0.4, 0.4) / 60.0 for tick in range(600)]
    assert all(subscription.wants(moment) for moment in moments)


def test_unsubscribed_gets_nothing() -> None:
    """Nothing comes after unsubscribing, and doing so twice is no error."""
    spectators = Spectators(60.0)
    reader = Reader()
    spectators.subscribe(reader, 60.0)
    assert spectators.due(0.0) == [reader]
    spectators.unsubscribe(reader)
    spectators.unsubscribe(reader)
    assert spectators.due(1.0) == []
    assert len(spectators) == 0
