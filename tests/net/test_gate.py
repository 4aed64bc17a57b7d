"""Places and patience."""

from __future__ import annotations

import pytest

from ac_bridge.net.addresses import networks
from ac_bridge.net.gate import (
    ADDRESSES,
    FORGIVEN_S,
    FREE_FAILURES,
    LONGEST_WAIT_S,
    TRUSTED_S,
    Gate,
    GateLimits,
)
from ac_bridge_protocol.errors import ErrorCode, RefusedError

STRANGER = "203.0.113.7"
OTHER = "203.0.113.8"
LIMITS = GateLimits(connections=4, per_address=2, knocking=3)


def refused(gate: Gate, address: str) -> ErrorCode | None:
    """Return why one more connection of an address is not served; None if it is."""
    try:
        gate.check_room(address)
    except RefusedError as error:
        return error.code
    return None


def test_places_of_one_address() -> None:
    """A third connection of one address is told why not; when one leaves there is room again."""
    gate = Gate(LIMITS)
    for _ in range(2):
        assert gate.arrive(STRANGER)
        assert refused(gate, STRANGER) is None
        gate.serve()
    assert gate.arrive(STRANGER)
    assert refused(gate, STRANGER) is ErrorCode.TOO_MANY
    gate.leave(STRANGER)
    gate.dismiss()
    gate.leave(STRANGER)
    assert gate.arrive(STRANGER)
    assert refused(gate, STRANGER) is None


def test_places_overall() -> None:
    """The fifth connection is told that all places are taken, whoever it is."""
    gate = Gate(LIMITS)
    for number in range(4):
        assert gate.arrive(f"198.51.100.{number}")
        assert refused(gate, f"198.51.100.{number}") is None
        gate.serve()
    assert gate.arrive(STRANGER)
    assert refused(gate, STRANGER) is ErrorCode.FULL


def test_whoever_only_knocks_takes_no_place() -> None:
    """Connections that ask for nothing do not count as served, and are bounded themselves."""
    gate = Gate(LIMITS)
    for number in range(7):
        assert gate.arrive(f"198.51.100.{number}")
    assert not gate.arrive(STRANGER)
    assert refused(gate, "198.51.100.0") is None
    assert gate.open == 7
    for number in range(7):
        gate.leave(f"198.51.100.{number}")
    assert gate.open == 0


def test_one_address_cannot_take_every_place_to_knock() -> None:
    """Others get in while one address connects as often as it can."""
    gate = Gate(LIMITS)
    assert [gate.arrive(STRANGER) for _ in range(10)].count(True) == 4
    assert gate.arrive(OTHER)


def test_an_ipv6_home_is_one_address() -> None:
    """Whoever has 2**64 addresses has the places of one."""
    gate = Gate(LIMITS)
    for number in range(3):
        assert gate.arrive(f"2001:db8::{number}")
    assert refused(gate, "2001:db8::9") is ErrorCode.TOO_MANY
    assert refused(gate, "2001:db8:0:1::9") is None


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.5"])
def test_this_machine_and_its_proxies_have_all_places(address: str) -> None:
    """They stand for everybody behind them."""
    gate = Gate(LIMITS, networks(["10.0.0.0/24"]))
    for _ in range(4):
        assert gate.arrive(address)
        assert refused(gate, address) is None
        gate.serve()


def test_wrong_tokens_make_an_address_wait() -> None:
    """After some free ones each failure doubles the wait, up to a minute; others do not wait."""
    gate = Gate(LIMITS)
    for _ in range(FREE_FAILURES):
        gate.failed(STRANGER, 0.0)
        assert gate.must_wait_s(STRANGER, 0.0) == 0.0
    now_s, waits = 0.0, []
    for _ in range(9):
        gate.failed(STRANGER, now_s)
        waits.append(gate.must_wait_s(STRANGER, now_s))
        now_s += waits[-1]
        assert gate.must_wait_s(STRANGER, now_s) == 0.0
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, LONGEST_WAIT_S, LONGEST_WAIT_S, LONGEST_WAIT_S]
    assert gate.must_wait_s(OTHER, 0.0) == 0.0


def test_failures_are_forgiven_in_time() -> None:
    """Ten minutes later it is as if nothing had been."""
    gate = Gate(LIMITS)
    for _ in range(FREE_FAILURES + 3):
        gate.failed(STRANGER, 0.0)
    gate.failed(STRANGER, FORGIVEN_S + 1.0)
    assert gate.must_wait_s(STRANGER, FORGIVEN_S + 1.0) == 0.0


def test_whoever_is_known_is_never_locked_out() -> None:
    """A guesser behind the same router makes nobody wait who showed a right token there."""
    gate = Gate(LIMITS)
    gate.passed(STRANGER, 0.0)
    for _ in range(100):
        gate.failed(STRANGER, 1.0)
    assert gate.must_wait_s(STRANGER, 1.0) == 0.0
    for _ in range(FREE_FAILURES + 1):
        gate.failed(STRANGER, TRUSTED_S)
    assert gate.must_wait_s(STRANGER, TRUSTED_S) > 0.0


def test_memory_of_failures_is_bounded() -> None:
    """A guesser with a million addresses fills no memory."""
    gate = Gate(LIMITS)
    for number in range(3 * ADDRESSES):
        gate.failed(f"198.{number % 256}.{number // 256}.1", 0.0)
        gate.passed(f"199.{number % 256}.{number // 256}.1", 0.0)
    assert len(gate._failures) == len(gate._trusted) == ADDRESSES
