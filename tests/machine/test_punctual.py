"""Asking for punctuality: this Linux for real, and every system's refusals."""

from __future__ import annotations

import sys
import threading

import pytest
from structlog.testing import capture_logs

from ac_bridge.machine.punctual import (
    LEAST_SLACK_NS,
    Grant,
    Measure,
    Punctuality,
    TimerSlack,
    measures_here,
    timer_slack_ns,
)

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux")


class Fake(Measure):
    """Something to ask for that writes down what became of it."""

    def __init__(self, name: str, events: list[str], refuses: tuple[str, ...] = ()) -> None:
        self.name = name
        self._events = events
        self._refuses = refuses

    def take(self) -> str:
        self._do("take")
        return f"{self.name} holds"

    def give_back(self) -> None:
        self._do("give back")

    def _do(self, what: str) -> None:
        self._events.append(f"{what} {self.name}")
        if what in self._refuses:
            raise PermissionError(1, "Operation not permitted")


# --- On any system --------------------------------------------------------------------------------


def test_what_is_taken_is_given_back() -> None:
    """In reverse order, and once."""
    events: list[str] = []
    punctuality = Punctuality(measures=[Fake("a", events), Fake("b", events)])
    assert events == []
    assert punctuality.granted == ()
    with punctuality:
        assert punctuality.granted == (Grant("a", True, "a holds"), Grant("b", True, "b holds"))
        assert events == ["take a", "take b"]
    assert events[2:] == ["give back b", "give back a"]


def test_a_refusal_is_a_warning() -> None:
    """The others are asked all the same, and only what was granted is given back."""
    events: list[str] = []
    measures = [Fake("a", events, ("take",)), Fake("b", events)]
    with capture_logs() as logs, Punctuality(measures=measures) as punctuality:
        pass
    assert punctuality.granted[0] == Grant("a", False, "Operation not permitted")
    assert punctuality.granted[1].ok
    assert events == ["take a", "take b", "give back b"]
    assert [(line["log_level"], line["what"], line["why"]) for line in logs] == [
        ("warning", "a", "Operation not permitted")
    ]


def test_what_cannot_be_given_back_is_a_warning() -> None:
    """The rest is given back nevertheless."""
    events: list[str] = []
    measures = [Fake("a", events), Fake("b", events, ("give back",))]
    with capture_logs() as logs, Punctuality(measures=measures):
        pass
    assert events[2:] == ["give back b", "give back a"]
    assert [(line["log_level"], line["what"]) for line in logs] == [("warning", "b")]


def test_an_error_inside_goes_through() -> None:
    """And everything is given back."""
    events: list[str] = []
    with pytest.raises(ZeroDivisionError), Punctuality(measures=[Fake("a", events)]):
        _ = 1 // 0
    assert events == ["take a", "give back a"]


def test_it_can_be_entered_again() -> None:
    """As by an actor that is started twice in one process."""
    events: list[str] = []
    punctuality = Punctuality(measures=[Fake("a", events)])
    for _ in range(2):
        with punctuality:
            pass
    assert events == ["take a", "give back a"] * 2


def test_a_system_that_nobody_knows_is_asked_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As macOS."""
    monkeypatch.setattr(sys, "platform", "darwin")
    assert measures_here() == ()


# --- Linux ----------------------------------------------------------------------------------------


@on_linux
def test_linux_is_asked_for_less_slack_and_gets_it_back() -> None:
    """As the kernel itself tells."""
    before_ns = timer_slack_ns()
    assert before_ns > LEAST_SLACK_NS
    with Punctuality() as punctuality:
        assert timer_slack_ns() == LEAST_SLACK_NS
        assert punctuality.granted == (
            Grant("timer slack", True, f"1 ns instead of {before_ns} ns"),
        )
    assert timer_slack_ns() == before_ns


@on_linux
def test_threads_started_later_inherit_the_slack() -> None:
    """So the metronome threads of a clock are punctual too; other threads keep theirs."""
    seen: dict[str, int] = {}
    go = threading.Event()

    def look(name: str) -> None:
        go.wait(10.0)
        seen[name] = timer_slack_ns()

    earlier = threading.Thread(target=look, args=("earlier",))
    earlier.start()
    with Punctuality():
        later = threading.Thread(target=look, args=("later",))
        later.start()
        go.set()
        for thread in (earlier, later):
            thread.join(10.0)
    assert seen["later"] == LEAST_SLACK_NS
    assert seen["earlier"] > LEAST_SLACK_NS


@on_linux
def test_a_slack_that_was_set_before_is_kept() -> None:
    """What is restored is what was, not the system's default."""
    outer = TimerSlack()
    outer.take()
    try:
        with Punctuality():
            pass
        assert timer_slack_ns() == LEAST_SLACK_NS
    finally:
        outer.give_back()


@on_linux
def test_linux_has_no_priority_to_raise() -> None:
    """That takes special rights there."""
    assert [type(m) for m in measures_here(raise_priority=True)] == [TimerSlack]
