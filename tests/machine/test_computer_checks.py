"""Checks of the computer: what is measured, and how it is judged."""

from __future__ import annotations

import socket
import sys

import pytest

from ac_bridge.clock import ManualClock
from ac_bridge.machine import computer_checks
from ac_bridge.machine.computer_checks import (
    WAITS,
    check_loop,
    check_port,
    check_python,
    check_timers,
    measure_lateness,
    punctuality_findings,
    timer_finding,
)
from ac_bridge.machine.findings import Status, worst
from ac_bridge.machine.punctual import Grant
from ac_bridge.settings import ActorSettings


class LateClock(ManualClock):
    """A clock that wakes everybody late by the same time."""

    def __init__(self, late_s: float) -> None:
        super().__init__()
        self._late_s = late_s

    def sleep_until(self, deadline: float) -> None:
        super().sleep_until(deadline + self._late_s)


def test_lateness_is_measured_from_each_deadline() -> None:
    """Every wait counts for itself: lateness does not add up."""
    late_s = measure_lateness(LateClock(0.0003))
    assert len(late_s) == WAITS
    assert late_s == pytest.approx([0.0003] * WAITS)


def test_timers_are_judged_by_the_median() -> None:
    """One bad wait among many is shown, and is no warning; a late median is one."""
    good = timer_finding([0.0001] * 199 + [0.02])
    assert good.status is Status.OK
    assert "100 us late in the median, 20000 us at worst" in good.message
    bad = timer_finding([0.0145] * 200)
    assert bad.status is Status.WARNING
    assert "14500 us" in bad.message
    assert bad.fix


def test_timers_are_measured_with_what_was_granted() -> None:
    """First what the system granted, then the measurement."""
    findings = list(check_timers(LateClock(0.001), raise_priority=False))
    assert {finding.name for finding in findings[:-1]} <= {"punctuality"}
    assert (findings[-1].name, findings[-1].status) == ("timers", Status.WARNING)


def test_what_was_not_granted_is_a_warning() -> None:
    """Each wish has its line."""
    granted = (Grant("a", True, "1 ms"), Grant("b", False, "not allowed"))
    yes, no = punctuality_findings(granted)
    assert (yes.status, yes.message) == (Status.OK, "a: 1 ms")
    assert no.status is Status.WARNING
    assert "not allowed" in no.message


def test_this_python_will_do() -> None:
    """The tests run on one that is supported."""
    (finding,) = check_python()
    assert finding.status is Status.OK


def test_an_old_python_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install."""
    monkeypatch.setattr(computer_checks, "OLDEST_PYTHON", (4, 0))
    (finding,) = check_python()
    assert finding.status is Status.ERROR
    assert "Install" in finding.fix


def test_a_narrow_python_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """32 bits."""
    monkeypatch.setattr(sys, "maxsize", 2**31 - 1)
    (finding,) = check_python()
    assert finding.status is Status.WARNING


def test_the_loop_is_there_or_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the fast loop it works, slower."""
    (finding,) = check_loop()
    assert finding.status is Status.OK
    monkeypatch.setattr(computer_checks, "LOOP", "a_loop_that_nobody_wrote")
    (finding,) = check_loop()
    assert finding.status is Status.WARNING
    assert "pip install a_loop" in finding.fix


def test_a_port_is_free_or_taken() -> None:
    """While somebody listens there, and after."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings = ActorSettings(listen=f"127.0.0.1:{server.getsockname()[1]}")
        (finding,) = check_port(settings)
        assert finding.status is Status.WARNING
        assert "it is taken" in finding.message
    assert worst(check_port(settings)) is Status.OK
