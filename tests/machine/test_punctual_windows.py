"""What Windows is asked for, with the calls faked: decisions and refusals."""

from __future__ import annotations

import sys

import pytest

from ac_bridge.machine.punctual import Grant, Punctuality
from ac_bridge.machine.punctual_windows import (
    ABOVE_NORMAL,
    EXECUTION_SPEED,
    IDLE,
    IGNORE_TIMER_RESOLUTION,
    NORMAL,
    SystemCalls,
    WindowsCalls,
    windows_measures,
)

BOTH = EXECUTION_SPEED | IGNORE_TIMER_RESOLUTION
HIGH, REALTIME = 0x80, 0x100


class FakeWindows(WindowsCalls):
    """A Windows of which one can say what it knows.

    Args:
        kinds: the kinds of power throttling that it knows; None if it has no such call.
    """

    def __init__(self, kinds: int | None = BOTH, priority: int = NORMAL) -> None:
        self.periods: list[int] = []
        self.kept_off = 0
        self.class_now = priority
        self._kinds = kinds

    def begin_period(self, period_ms: int) -> None:
        self.periods.append(period_ms)

    def end_period(self, period_ms: int) -> None:
        self.periods.remove(period_ms)

    def control_throttling(self, kinds: int) -> None:
        if self._kinds is None or kinds & ~self._kinds:
            raise OSError(22, "The parameter is incorrect")
        self.kept_off = kinds

    def priority(self) -> int:
        return self.class_now

    def set_priority(self, priority: int) -> None:
        self.class_now = priority


def asked(windows: WindowsCalls, *, raise_priority: bool = True) -> Punctuality:
    return Punctuality(measures=windows_measures(windows, raise_priority=raise_priority))


def test_windows_11_grants_everything_and_gets_it_back() -> None:
    """A 1 ms timer, no throttling of either kind, one class up."""
    windows = FakeWindows()
    with asked(windows) as punctuality:
        assert windows.periods == [1]
        assert windows.kept_off == BOTH
        assert windows.class_now == ABOVE_NORMAL
        assert punctuality.granted == (
            Grant("timer period", True, "1 ms"),
            Grant("power throttling", True, "off"),
            Grant("priority", True, "above normal"),
        )
    assert windows.periods == []
    assert windows.kept_off == 0
    assert windows.class_now == NORMAL


def test_windows_10_does_not_know_the_timers_part() -> None:
    """Then the other part is better than nothing, and the grant says so."""
    windows = FakeWindows(kinds=EXECUTION_SPEED)
    with asked(windows) as punctuality:
        assert windows.kept_off == EXECUTION_SPEED
        grant = punctuality.granted[1]
        assert grant.ok
        assert "does not know" in grant.detail


def test_an_older_windows_refuses() -> None:
    """The rest is granted."""
    windows = FakeWindows(kinds=None)
    with asked(windows) as punctuality:
        assert [grant.ok for grant in punctuality.granted] == [True, False, True]
        assert punctuality.granted[1].detail == "The parameter is incorrect"


@pytest.mark.parametrize("priority", [ABOVE_NORMAL, HIGH, REALTIME])
def test_a_higher_priority_is_left_alone(priority: int) -> None:
    """Whoever set it meant it."""
    windows = FakeWindows(priority=priority)
    with asked(windows) as punctuality:
        assert windows.class_now == priority
        assert punctuality.granted[2] == Grant("priority", True, "above normal already")
    assert windows.class_now == priority


def test_a_lower_priority_returns() -> None:
    """To what it was, which need not be normal."""
    windows = FakeWindows(priority=IDLE)
    with asked(windows):
        assert windows.class_now == ABOVE_NORMAL
    assert windows.class_now == IDLE


def test_priority_is_a_setting() -> None:
    """Switched off, it is not even asked about."""
    windows = FakeWindows()
    with asked(windows, raise_priority=False) as punctuality:
        assert windows.class_now == NORMAL
        assert [grant.name for grant in punctuality.granted] == ["timer period", "power throttling"]


@pytest.mark.skipif(sys.platform == "win32", reason="there the calls exist")
def test_elsewhere_every_call_is_refused() -> None:
    """As a function that an old Windows lacks: a warning each, no exception."""
    with asked(SystemCalls()) as punctuality:
        assert len(punctuality.granted) == 3
        assert not any(grant.ok for grant in punctuality.granted)
        assert all(sys.platform in grant.detail for grant in punctuality.granted)
