"""The dead-man's switch."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ac_bridge.control.safety import DeadMan


def test_nothing_expires_before_the_first_action() -> None:
    """There is nothing to let go of."""
    dead_man = DeadMan(hold_s=0.5)
    assert not dead_man.expired(1e9)
    assert dead_man.deadline_s() is None


def test_an_action_holds_for_its_time_and_no_longer() -> None:
    """Up to the deadline, which is told; a moment later it is too old."""
    dead_man = DeadMan(hold_s=0.5)
    dead_man.feed(10.0)
    assert dead_man.deadline_s() == 10.5
    assert not dead_man.expired(10.0)
    assert not dead_man.expired(10.5)
    assert dead_man.expired(10.500_001)
    assert dead_man.expired(1e9)


def test_an_action_at_zero_counts() -> None:
    """Zero is a moment like any other."""
    dead_man = DeadMan(hold_s=0.5)
    dead_man.feed(0.0)
    assert dead_man.deadline_s() == 0.5
    assert dead_man.expired(0.75)


def test_each_action_begins_a_new_time() -> None:
    """The newest counts."""
    dead_man = DeadMan(hold_s=0.5)
    dead_man.feed(10.0)
    dead_man.feed(10.4)
    assert not dead_man.expired(10.9)
    assert dead_man.expired(10.95)


def test_after_a_release_nothing_expires_until_the_next_action() -> None:
    """So that letting go is done once."""
    dead_man = DeadMan(hold_s=0.5)
    dead_man.feed(10.0)
    dead_man.release()
    assert not dead_man.expired(20.0)
    assert dead_man.deadline_s() is None
    dead_man.feed(30.0)
    assert dead_man.expired(31.0)


@given(
    hold_s=st.floats(0.01, 10.0),
    waits=st.lists(st.tuples(st.booleans(), st.floats(0.0, 20.0)), max_size=30),
)
def test_it_expires_exactly_when_the_deadline_has_passed(
    hold_s: float, waits: list[tuple[bool, float]]
) -> None:
    """Whatever the rhythm, `expired` and `deadline_s` tell the same."""
    dead_man, now_s = DeadMan(hold_s), 0.0
    for fed, wait_s in waits:
        if fed:
            dead_man.feed(now_s)
        now_s += wait_s
        deadline = dead_man.deadline_s()
        if deadline is not None and abs(now_s - deadline) > 1e-9:
            assert dead_man.expired(now_s) == (now_s > deadline)
