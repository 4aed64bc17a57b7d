"""Whether an actor is started again, and when."""

from __future__ import annotations

import signal
import sys

import pytest

from ac_bridge.guardian.restarts import (
    ATTEMPTS,
    EXIT_SETTING,
    FIRST_WAIT_S,
    HEALTHY_S,
    LONGEST_WAIT_S,
    Again,
    Leave,
    RestartPolicy,
    cause,
    shell_status,
)

KILLED = -9
SHORT_S = 2.0


def test_an_actor_that_ended_as_asked_stays_ended() -> None:
    """Status 0, however long it ran."""
    assert RestartPolicy().after(0, SHORT_S) == Leave(0, "")
    assert RestartPolicy().after(0, 2 * HEALTHY_S) == Leave(0, "")


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_asks_is_asking(number: signal.Signals) -> None:
    """Also one that comes before the actor can deal with it."""
    assert RestartPolicy().after(-number, 0.1) == Leave(130, "")


@pytest.mark.parametrize("status", [130, 0xC000013A])
def test_ctrl_c_at_the_start_is_asking(status: int) -> None:
    """As shells and Windows tell it."""
    assert isinstance(RestartPolicy().after(status, 0.1), Leave)


def test_unusable_settings_are_not_tried_again() -> None:
    """Somebody must change something first."""
    verdict = RestartPolicy().after(EXIT_SETTING, 0.5)
    assert isinstance(verdict, Leave)
    assert verdict.status == EXIT_SETTING
    assert verdict.reason


def test_settings_that_worked_are_tried_again() -> None:
    """The port is taken for a moment, say."""
    policy = RestartPolicy()
    policy.after(KILLED, HEALTHY_S)
    assert isinstance(policy.after(EXIT_SETTING, 0.5), Again)


@pytest.mark.parametrize("status", [1, KILLED, -6, 3])
def test_waits_grow_and_have_an_end(status: int) -> None:
    """Ten short runs in a row are enough; the last status is handed on."""
    policy = RestartPolicy()
    waits = []
    while isinstance(verdict := policy.after(status, SHORT_S), Again):
        waits.append(verdict.wait_s)
    assert waits[0] == FIRST_WAIT_S
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_WAIT_S
    assert len(waits) == ATTEMPTS - 1
    assert verdict.status == shell_status(status)
    assert "10 times in a row" in verdict.reason


def test_a_healthy_run_forgives() -> None:
    """Whoever ran for long begins with the first wait again, and with all attempts."""
    policy = RestartPolicy()
    for _ in range(5 * ATTEMPTS):
        policy.after(KILLED, SHORT_S)
        assert policy.after(KILLED, HEALTHY_S) == Again(FIRST_WAIT_S)


def test_causes_have_names() -> None:
    """A signal's name, or the status."""
    assert cause(1) == "exit status 1"
    assert cause(-int(signal.SIGTERM)) == "SIGTERM"
    assert cause(-200) == "signal 200"


def test_a_shell_sees_signals_as_128_and_more() -> None:
    """137 is what everybody knows kill -9 by."""
    assert shell_status(KILLED) == 137
    assert shell_status(1) == 1
