"""Who gets which frames."""

from __future__ import annotations

import pytest

from ac_bridge.server.spectators import Spectators, Subscription
from ac_bridge_protocol.messages import Telemetry
from helpers.frames import make_frame


class Reader:
    """A listener that keeps what it is offered, and says whether it had to drop."""

    def __init__(self, *, slow: bool = False) -> None:
        self.got: list[Telemetry] = []
        self.slow = slow

    def offer(self, telemetry: Telemetry) -> bool:
        self.got.append(telemetry)
        return self.slow


@pytest.mark.parametrize(("hz", "expected"), [(60.0, 600), (25.0, 250), (10.0, 100), (1.0, 10)])
def test_rate_is_kept_on_average(hz: float, expected: int) -> None:
    """Thinning a 60 Hz stream gives the rate asked for, whether or not it divides 60."""
    subscription = Subscription(hz)
    wanted = sum(subscription.wants(tick / 60.0) for tick in range(600))
    assert abs(wanted - expected) <= 1


def test_no_burst_after_a_gap() -> None:
    """After ten silent seconds at most two frames come close together."""
    subscription = Subscription(10.0)
    assert subscription.wants(0.0)
    wanted = [subscription.wants(10.0 + tick / 60.0) for tick in range(6)]
    assert sum(wanted) <= 2


def test_clock_that_starts_again() -> None:
    """A lockstep game that is relaunched sets its clock back; the stream goes on."""
    subscription = Subscription(10.0)
    assert subscription.wants(500.0)
    assert subscription.wants(0.0)
    assert not subscription.wants(0.05)
    assert subscription.wants(0.1)


def test_drops_are_counted_in_the_stream() -> None:
    """Each frame tells how many were left out before it."""
    spectators = Spectators()
    reader = Reader(slow=True)
    spectators.subscribe(reader, 60.0)
    for tick in range(3):
        spectators.publish(make_frame(seq=tick), tick / 60.0)
    assert [telemetry.dropped for telemetry in reader.got] == [0, 1, 2]


def test_unsubscribed_gets_nothing() -> None:
    """Nothing comes after unsubscribing, and doing so twice is no error."""
    spectators = Spectators()
    reader = Reader()
    spectators.subscribe(reader, 60.0)
    spectators.unsubscribe(reader)
    spectators.unsubscribe(reader)
    spectators.publish(make_frame(), 0.0)
    assert reader.got == []
    assert len(spectators) == 0
