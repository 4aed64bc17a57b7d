"""Actions by tick: the last write wins, and nothing comes twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ac_bridge.control.schedule import Schedule


def filled(*actions: tuple[int, int]) -> Schedule[str]:
    """Return a schedule with an action for each (tick, number)."""
    schedule: Schedule[str] = Schedule()
    for tick, number in actions:
        schedule.put(tick, number, f"{tick}/{number}")
    return schedule


def test_an_action_waits_for_its_tick() -> None:
    """Before it there is nothing; at it the action comes, once."""
    schedule = filled((3, 0))
    assert schedule.take(2) is None
    assert schedule.take(3) == (3, "3/0")
    assert schedule.take(3) is None
    assert schedule.take(4) is None


def test_the_highest_number_wins_its_tick() -> None:
    """In whatever order they came."""
    assert filled((3, 0), (3, 1)).take(3) == (3, "3/1")
    assert filled((3, 1), (3, 0)).take(3) == (3, "3/1")


def test_of_skipped_ticks_only_the_newest_action_is_left() -> None:
    """No burst: what it overtook is forgotten."""
    schedule = filled((3, 0), (4, 1), (5, 2), (7, 3))
    assert schedule.take(6) == (5, "5/2")
    assert len(schedule) == 1
    assert schedule.take(7) == (7, "7/3")


def test_an_older_action_never_follows_a_newer_one() -> None:
    """Older by its tick, or in the same tick by its number."""
    schedule = filled((5, 4))
    assert schedule.take(5) is not None
    schedule.put(4, 9, "older tick")
    assert schedule.take(5) is None
    schedule.put(5, 3, "older number")
    assert schedule.take(5) is None
    schedule.put(5, 5, "newer number")
    assert schedule.take(6) == (5, "newer number")


def test_what_is_dropped_is_gone_but_the_mark_stays() -> None:
    """What was taken before still decides what is newer."""
    schedule = filled((5, 4), (6, 5))
    assert schedule.take(5) is not None
    schedule.drop()
    assert schedule.take(9) is None
    schedule.put(4, 6, "older")
    assert schedule.take(9) is None


MOVES = st.one_of(
    st.tuples(st.just("put"), st.integers(0, 20), st.integers(0, 30)),
    st.tuples(st.just("take"), st.integers(0, 3), st.just(0)),
    st.tuples(st.just("drop"), st.just(0), st.just(0)),
)


@given(moves=st.lists(MOVES, max_size=60))
def test_each_comes_at_most_once_and_in_order(moves: list[tuple[str, int, int]]) -> None:
    """Whatever arrives in whatever order: what is handed out is due, was put, and gets newer."""
    schedule: Schedule[tuple[int, int]] = Schedule()
    put: set[tuple[int, int]] = set()
    taken: list[tuple[int, int]] = []
    now = 0
    for kind, tick, number in moves:
        if kind == "put":
            schedule.put(tick, number, (tick, number))
            put.add((tick, number))
        elif kind == "drop":
            schedule.drop()
            assert len(schedule) == 0
        else:
            now += tick
            due = schedule.take(now)
            if due is not None:
                assert due[0] <= now
                assert due[0] == due[1][0]
                taken.append(due[1])
    assert set(taken) <= put
    assert taken == sorted(set(taken)), "strictly newer each time"
