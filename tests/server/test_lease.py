"""Who has the car, for how long, and who may take it."""

from __future__ import annotations

import pytest

from ac_bridge.server.drive import Drive
from ac_bridge.server.lease import Lease, Terms
from ac_bridge_protocol.errors import ErrorCode, RefusedError
from ac_bridge_protocol.limits import CONNECTIONS
from ac_bridge_protocol.messages import Message
from ac_bridge_protocol.session import ACTOR, Course
from helpers.wire import make_spec


class Link:
    """A connection that is there."""

    open = True

    def __init__(self, peer: str = "10.0.0.9:1") -> None:
        self.peer = peer
        self.sent: list[Message] = []

    def send(self, message: Message) -> None:
        """Keep it."""
        self.sent.append(message)

    def supersede(self) -> None:
        """Nothing ends here."""


def driver(secret: str, peer: str = "10.0.0.9:1") -> Drive:
    """Return a driver's session that has a link."""
    return Drive(secret, make_spec(), Course(ACTOR), Link(peer), peer, "client/1")


def lease_with(*drives: Drive, **terms: object) -> Lease:
    """Return a lease that these drivers have joined."""
    lease = Lease(Terms(**terms))  # type: ignore[arg-type]
    for drive in drives:
        lease.join(drive)
    return lease


def test_first_who_asks_has_it_and_the_second_is_told_who() -> None:
    """The refusal names the holder, its software, and for how long it has had the car."""
    first, second = driver("a", "10.0.0.1:5"), driver("b")
    lease = lease_with(first, second)
    assert lease.take(first, "", 100.0) is None
    assert lease.take(first, "", 101.0) is None, "its own second reset"
    with pytest.raises(RefusedError, match=r"10\.0\.0\.1:5 \(client/1\), for 42 s") as caught:
        lease.take(second, "", 142.0)
    assert caught.value.code is ErrorCode.BUSY
    assert lease.holder is first


def test_an_absent_driver_keeps_the_car_for_the_grace_period() -> None:
    """Until then others are refused, told how long; then it is free."""
    first, second = driver("a"), driver("b")
    lease = lease_with(first, second, grace_s=30.0)
    lease.take(first, "", 0.0)
    first.go_away(10.0)
    with pytest.raises(RefusedError, match=r"lost 12 s ago.*18 s more"):
        lease.take(second, "", 22.0)
    assert lease.expired(40.0) == []
    assert lease.expired(40.1) == [first]
    assert lease.forget(first)
    assert lease.take(second, "", 41.0) is None
    assert lease.known("a") is None


def test_a_driver_who_came_back_does_not_expire() -> None:
    """Its time away is over."""
    first = driver("a")
    lease = lease_with(first, grace_s=30.0)
    lease.take(first, "", 0.0)
    first.go_away(10.0)
    first.come_back(Link("10.0.0.2:7"))
    assert lease.expired(1000.0) == []
    assert lease.known("a") is first
    assert first.peer == "10.0.0.2:7"


def test_release_frees_the_car_and_keeps_the_session() -> None:
    """Whoever lets go can take it again."""
    first, second = driver("a"), driver("b")
    lease = lease_with(first, second)
    lease.take(first, "", 0.0)
    assert not lease.free(second), "not its own"
    assert lease.free(first)
    assert lease.take(second, "", 1.0) is None
    assert lease.known("a") is first


def test_only_the_operators_key_takes_the_car_from_its_driver() -> None:
    """A wrong key, or any where there is none, is refused as itself."""
    first, second = driver("a"), driver("b")
    lease = lease_with(first, second, takeover_key="sesame")
    lease.take(first, "", 0.0)
    with pytest.raises(RefusedError, match="not the operator's key"):
        lease.take(second, "sesam", 1.0)
    assert lease.take(second, "sesame", 2.0) is first
    assert lease.holder is second
    keyless = lease_with(first, second)
    keyless.take(first, "", 0.0)
    with pytest.raises(RefusedError, match="no operator's key"):
        keyless.take(second, "sesame", 1.0)


def test_secrets_are_known_whole_or_not_at_all() -> None:
    """A part of one, another one, or none is nobody's."""
    first = driver("long-secret")
    lease = lease_with(first)
    assert lease.known("long-secret") is first
    for wrong in ("", "long", "long-secret ", "ünknown"):
        assert lease.known(wrong) is None


def test_drivers_who_vanish_over_and_over_fill_no_memory() -> None:
    """The oldest absent ones are forgotten; whoever is there stays, and whoever has the car."""
    lease = Lease(Terms())
    present, holder = driver("present"), driver("holder")
    lease.join(present)
    lease.join(holder)
    lease.take(holder, "", 0.0)
    holder.go_away(0.0)
    for number in range(3 * CONNECTIONS):
        drive = driver(f"{number}")
        lease.join(drive)
        drive.go_away(float(number))
    assert len(lease.expired(1e9)) <= CONNECTIONS
    assert lease.known("present") is present
    assert lease.known("holder") is holder
    assert lease.holder is holder
    assert lease.known(f"{3 * CONNECTIONS - 1}") is not None


def test_a_session_that_is_over_takes_no_car() -> None:
    """Nobody would notice when it went away."""
    gone = driver("a")
    lease = lease_with(gone)
    lease.forget(gone)
    with pytest.raises(RefusedError, match="over"):
        lease.take(gone, "", 0.0)
