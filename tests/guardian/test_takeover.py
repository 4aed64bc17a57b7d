"""What a guardian decides, without a process."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ac_bridge.guardian.takeover import (
    FAREWELL,
    LONGEST_WAIT_S,
    PATIENCE_S,
    Patience,
    Verdict,
    Watch,
)

PROMISE_S = 0.25
"""Within this the wheel of a dead actor is neutral."""


def test_the_pipes_end_is_the_actors() -> None:
    """Without a word before: the wheel is taken."""
    assert Watch().hear(b"") is Verdict.TAKE


@given(st.integers(1, len(FAREWELL)))
def test_a_farewell_may_come_in_pieces(cut: int) -> None:
    """However the system hands it over, its last byte lets the guardian leave."""
    watch = Watch()
    verdicts = [watch.hear(piece) for piece in (FAREWELL[:cut], FAREWELL[cut:]) if piece]
    assert verdicts == [Verdict.WATCH] * (len(verdicts) - 1) + [Verdict.LEAVE]


@given(st.binary(min_size=1).filter(lambda data: not data.endswith(FAREWELL)))
def test_anything_else_is_no_farewell(data: bytes) -> None:
    """An actor that dies after it is taken for dead."""
    watch = Watch()
    assert watch.hear(data) is Verdict.WATCH
    assert watch.hear(b"") is Verdict.TAKE


def test_half_a_farewell_is_none() -> None:
    """The actor died while it spoke."""
    watch = Watch()
    watch.hear(FAREWELL[:-1])
    assert watch.hear(b"") is Verdict.TAKE


def attempts_at() -> list[float]:
    """When a wheel that never can be had is tried, in seconds after the actor's end."""
    now_s = 0.0
    moments = [now_s]
    patience = Patience(100.0)
    while (wait_s := patience.after_failure(100.0 + now_s)) is not None:
        now_s += wait_s
        moments.append(now_s)
    return moments


def test_a_wheel_is_tried_often_at_first() -> None:
    """A device that the system is still releasing is had within the promised time."""
    assert sum(moment < PROMISE_S for moment in attempts_at()) >= 5


def test_patience_has_an_end() -> None:
    """No guardian tries for ever, and none gives up early."""
    last_s = attempts_at()[-1]
    assert PATIENCE_S - LONGEST_WAIT_S <= last_s <= PATIENCE_S
    assert len(attempts_at()) < 40
