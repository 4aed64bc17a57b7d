"""How often something may happen."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ac_bridge.net.rate import Bucket, Pace

PACE = Pace(per_s=10.0, burst=5)


def test_a_burst_and_then_the_pace() -> None:
    """As many at once as the burst, then one for each tenth of a second."""
    bucket = Bucket(PACE, 0.0)
    assert [bucket.take(0.0) for _ in range(7)] == [True] * 5 + [False] * 2
    assert bucket.take(0.1)
    assert not bucket.take(0.1)


def test_a_pause_gives_a_burst_and_no_more() -> None:
    """Nobody saves up for a flood."""
    bucket = Bucket(PACE, 0.0)
    bucket.take(0.0)
    assert [bucket.take(3600.0) for _ in range(6)] == [True] * 5 + [False]


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=200))
def test_never_more_than_the_pace(waits_s: list[float]) -> None:
    """Over any time: the burst, and as many as the pace gives."""
    bucket, now_s, taken = Bucket(PACE, 0.0), 0.0, 0
    for wait_s in waits_s:
        now_s += wait_s
        taken += bucket.take(now_s)
    assert taken <= PACE.burst + PACE.per_s * now_s + 1e-6
