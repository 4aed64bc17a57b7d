"""The game's state, from counters fed by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ac_bridge.telemetry.liveness import Liveness
from ac_bridge_protocol.frame import GameState, GameStatus

STEP_S = 1 / 64
"""A sampler at 64 Hz, whose times are exact in binary."""


class Show:
    """A game that runs, and what a sampler makes of it."""

    def __init__(self) -> None:
        self.liveness = Liveness()
        self.now_s = 10.0
        self.packet, self.picture = 1000, 2001
        self.states: list[GameState] = []

    def run(
        self,
        seconds: float,
        *,
        physics: bool = True,
        pictures: bool = True,
        status: GameStatus = GameStatus.LIVE,
    ) -> GameState:
        """Let time pass with some of the counters advancing."""
        for _ in range(round(seconds / STEP_S)):
            self.now_s += STEP_S
            self.packet += 5 if physics else 0
            self.picture += 2 if pictures else 0
            self.look(status)
        return self.liveness.state

    def look(self, status: GameStatus = GameStatus.LIVE) -> GameState:
        """Look at the counters as they are."""
        state = self.liveness.see(self.packet, self.picture, status, self.now_s)
        if state not in self.states[-1:]:
            self.states.append(state)
        return state


def running() -> Show:
    show = Show()
    show.run(1.0)
    return show


def test_the_first_look_trusts_nothing() -> None:
    """It cannot tell a running game from what a killed one left behind; the second can."""
    show = Show()
    assert show.look() is GameState.WAITING
    assert show.run(STEP_S) is GameState.LIVE


def test_what_a_killed_game_left_behind_is_lost() -> None:
    """LIVE for ever, and never moving."""
    show = Show()
    show.run(0.9, physics=False, pictures=False)
    assert show.states == [GameState.WAITING]
    show.run(0.5, physics=False, pictures=False)
    assert show.states == [GameState.WAITING, GameState.LOST]


def test_a_game_that_stops_stalls_after_50_ms_and_is_lost_after_a_second() -> None:
    """Both counters stand, while the page says LIVE."""
    show = running()
    stopped_s = show.now_s
    while show.run(STEP_S, physics=False, pictures=False) is GameState.LIVE:
        pass
    assert show.liveness.state is GameState.STALLED
    assert 0.05 <= show.now_s - stopped_s < 0.05 + STEP_S
    while show.run(STEP_S, physics=False, pictures=False) is GameState.STALLED:
        pass
    assert show.liveness.state is GameState.LOST
    assert 1.0 <= show.now_s - stopped_s < 1.0 + STEP_S


def test_a_pause_that_says_so_is_seen_at_once() -> None:
    """And lasts for as long as it says so, even if no picture is drawn (a minimised game)."""
    show = running()
    assert show.run(STEP_S, physics=False, status=GameStatus.PAUSE) is GameState.PAUSED
    show.run(5.0, physics=False, pictures=False, status=GameStatus.PAUSE)
    assert show.states == [GameState.WAITING, GameState.LIVE, GameState.PAUSED]


def test_a_pause_that_does_not_say_so_shows_in_the_pictures() -> None:
    """Physics stands, pictures go on: the game does that at times without setting PAUSE."""
    show = running()
    show.run(5.0, physics=False)
    assert show.states == [GameState.WAITING, GameState.LIVE, GameState.PAUSED]
    show.run(2.0, physics=False, pictures=False)
    assert show.states[-1] is GameState.LOST


@pytest.mark.parametrize("pictures", [True, False])
@pytest.mark.parametrize("stop_s", [0.1, 0.5, 3.0])
def test_it_recovers_by_itself(stop_s: float, pictures: bool) -> None:
    """As soon as the physics counter moves, whatever it was before."""
    show = running()
    assert show.run(stop_s, physics=False, pictures=pictures) is not GameState.LIVE
    assert show.run(STEP_S) is GameState.LIVE
    assert show.liveness.launches == 0


def test_a_clean_exit_is_absence() -> None:
    """Status OFF: waiting at first, absent when nothing has moved for a second."""
    show = running()
    assert show.run(0.5, physics=False, pictures=False, status=GameStatus.OFF) is GameState.WAITING
    assert show.run(1.0, physics=False, pictures=False, status=GameStatus.OFF) is GameState.ABSENT


@pytest.mark.parametrize("status", [GameStatus.REPLAY, GameStatus.OFF, GameStatus.UNKNOWN])
def test_no_car_is_driven_outside_of_live(status: GameStatus) -> None:
    """Whatever the counters do."""
    show = running()
    assert show.run(1.0, status=status) is GameState.WAITING


def test_a_counter_that_goes_back_is_a_new_process() -> None:
    """Each of them counts once."""
    show = running()
    show.packet = 3
    show.look()
    show.run(1.0)
    assert show.liveness.launches == 1
    show.packet = 0
    show.run(1.0)
    assert show.liveness.launches == 2


@pytest.mark.parametrize("state", [GameState.ABSENT, GameState.WAITING, GameState.WRONG_GAME])
def test_pages_that_come_back_are_a_new_process(state: GameState) -> None:
    """Even with a higher counter; and the first look at them trusts nothing."""
    show = running()
    for _ in range(3):
        assert show.liveness.missing(state) is state
    show.packet += 1000
    assert show.look() is GameState.WAITING
    assert show.run(1.0) is GameState.LIVE
    assert show.liveness.launches == 1


def test_two_looks_at_one_moment_agree() -> None:
    """Two streams may look at the same moment; that is no stall."""
    show = running()
    assert [show.look() for _ in range(3)] == [GameState.LIVE] * 3


@given(
    st.lists(
        st.tuples(
            st.floats(0.0, 2.0), st.integers(-3, 3), st.integers(0, 3), st.sampled_from(GameStatus)
        ),
        max_size=50,
    )
)
def test_live_means_moving(looks: list[tuple[float, int, int, GameStatus]]) -> None:
    """Whatever the counters do, a state of LIVE has seen physics move within 50 ms."""
    liveness = Liveness()
    now_s, packet, picture, moved_s = 0.0, 1000, 1000, -1.0
    for first, (pause_s, steps, pictures, status) in enumerate(looks):
        now_s += pause_s
        packet, picture = packet + steps, picture + pictures
        if steps and first:
            moved_s = now_s
        if liveness.see(packet, picture, status, now_s) is GameState.LIVE:
            assert status is GameStatus.LIVE
            assert now_s - moved_s < 0.05
