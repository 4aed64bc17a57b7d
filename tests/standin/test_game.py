"""The stand-in behind the doors of a game: time, seeds, threads, closing."""

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ac_bridge.clock import ManualClock, SystemClock
from ac_bridge.game import NEUTRAL, Controls, GameAbility, Page
from ac_bridge.standin import StandinGame
from ac_bridge_protocol.errors import GameAbsentError, SettingError, WheelError
from standin.support import START, driving, graphics, pages, physics, wait

PLAN = [
    (1.0, START),
    (1.1, Controls(throttle=1.0)),
    (3.05, Controls(throttle=0.6, steer=0.1)),
    (3.4, Controls(brake=0.8, steer=-0.2)),
    (3.9, Controls(throttle=1.0, steer=-1.0)),
]


def played(game: StandinGame, seed: int | None = None, until_s: float = 4.5) -> list[bytes]:
    """Play the plan and return the pages at each tenth of a second."""
    if seed is not None:
        game.relaunch(seed)
    start, plan = game.clock.now(), list(PLAN)
    seen: list[bytes] = []
    for tick in range(10, round(until_s * 10)):
        while plan and plan[0][0] <= tick / 10:
            at, controls = plan.pop(0)
            game.clock.sleep_until(start + at)
            game.wheel.apply(controls)
        game.clock.sleep_until(start + tick / 10)
        seen += pages(game)
    game.wheel.apply(NEUTRAL)
    return seen


def test_what_it_is_able_to_do() -> None:
    """Seeds and starts always; lockstep only when asked for."""
    with StandinGame(lockstep=True) as game:
        assert game.name == "standin"
        always = GameAbility.SEED | GameAbility.STARTS
        assert game.abilities == always | GameAbility.LOCKSTEP
    with StandinGame(clock=ManualClock()) as game:
        assert game.abilities == always


def test_one_seed_gives_the_same_bytes() -> None:
    """In a new game and after a relaunch alike."""
    game = StandinGame(lockstep=True, seed=3)
    first = played(game)
    assert played(StandinGame(lockstep=True, seed=3)) == first
    assert played(game, seed=3) == first


def test_another_seed_gives_another_drive() -> None:
    """Conditions and the drive itself differ."""
    one, two = (
        played(StandinGame(lockstep=True, seed=1)),
        played(StandinGame(lockstep=True, seed=2)),
    )
    assert one[-3] != two[-3]
    assert one[-2] != two[-2]


def test_how_often_it_is_read_changes_nothing() -> None:
    """A reader does not disturb the game."""
    often, seldom = driving(7), driving(7)
    for game, reads in ((often, 50), (seldom, 1)):
        game.wheel.apply(Controls(throttle=0.8, steer=0.02))
        start = game.clock.now()
        for n in range(1, reads + 1):
            game.clock.sleep_until(start + 2.0 * n / reads)
            pages(game)
    assert pages(often) == pages(seldom)


def test_real_time_gives_the_pages_of_lockstep() -> None:
    """The same moments of the same drive, whoever moves the clock and wherever it began."""
    lockstep = played(StandinGame(lockstep=True, seed=5))
    assert played(StandinGame(seed=5, clock=ManualClock())) == lockstep
    assert played(StandinGame(seed=5, clock=ManualClock(start_s=12345.678))) == lockstep


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 300_000))
def test_steps_end_exactly_on_their_schedule(step: int) -> None:
    """Step n ends at n * 0.003 s: the sum of floats that a caller computed is not early."""
    game = StandinGame(lockstep=True)
    game.crash()
    clock_s = step * 0.003
    game.clock.sleep_until(clock_s)
    assert game._session.steps == step


def test_lockstep_time_is_what_was_waited_for() -> None:
    """The clock shows the deadline, not the last step's end."""
    game = StandinGame(lockstep=True)
    game.clock.sleep_until(1.0)
    assert game.clock.now() == 1.0
    assert physics(game)["packetId"] == 34


def test_the_wheel_acts_from_the_moment_it_moved() -> None:
    """In real time, catching up uses the wheel state that held until then."""
    clock = ManualClock()
    game = StandinGame(clock=clock)
    clock.sleep_until(1.0)
    game.wheel.apply(START)
    clock.sleep_until(1.1)
    game.wheel.apply(Controls(throttle=1.0))
    clock.sleep_until(1.9)
    game.wheel.apply(NEUTRAL)
    assert physics(game)["speedKmh"] > 5.0


def test_a_suspended_machine_suspends_the_game() -> None:
    """Of a long gap only the last second is lived through."""
    clock = ManualClock()
    game = StandinGame(clock=clock)
    clock.sleep_until(0.95)
    before = physics(game)["packetId"]
    clock.stall(3600.0)
    assert physics(game)["packetId"] - before == pytest.approx(333, abs=1)
    clock.sleep_until(clock.now() + 0.3)
    assert physics(game)["packetId"] - before == pytest.approx(433, abs=1)


def test_a_whole_second_is_caught_up_in_full() -> None:
    """The bound does not cut what it allows."""
    clock = ManualClock()
    game = StandinGame(clock=clock)
    for second in range(1, 6):
        clock.sleep_until(second * 1.0)
        expected = 1 + second * 1000 // 3 - 300
        assert physics(game)["packetId"] == expected


def test_readers_and_the_wheel_may_be_different_threads() -> None:
    """Nothing tears and nothing is lost under real time."""
    game = StandinGame()
    failures: list[BaseException] = []

    def read() -> None:
        try:
            for _ in range(200):
                try:
                    game.pages.read(Page.PHYSICS)
                except GameAbsentError:
                    continue
        except BaseException as error:  # noqa: BLE001 -- shown by the assertion below
            failures.append(error)

    def steer() -> None:
        try:
            for n in range(200):
                game.wheel.apply(Controls(steer=n / 200))
        except BaseException as error:  # noqa: BLE001 -- shown by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=work) for work in (read, read, steer)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    game.close()
    assert not failures


def test_closing_releases_the_wheel_and_the_pages() -> None:
    """The pedals come up, and nothing can be read or driven any more. Twice is fine."""
    game = driving()
    game.wheel.apply(Controls(throttle=1.0))
    wait(game, 0.1)
    game.close()
    game.close()
    with pytest.raises(GameAbsentError):
        game.pages.read(Page.GRAPHICS)
    with pytest.raises(WheelError):
        game.wheel.apply(NEUTRAL)


def test_it_brings_the_machines_clock_by_itself() -> None:
    """Without a clock it lives in real time."""
    with StandinGame() as game:
        assert isinstance(game.clock, SystemClock)


def test_a_lockstep_game_takes_no_clock() -> None:
    """It brings its own."""
    with pytest.raises(SettingError, match="lockstep"):
        StandinGame(lockstep=True, clock=ManualClock())


def test_a_pedal_held_at_launch_stays_unseen() -> None:
    """After a relaunch the throttle reads zero until it moves."""
    game = driving()
    game.wheel.apply(Controls(throttle=1.0))
    wait(game, 0.1)
    game.relaunch(0)
    wait(game, 1.0)
    assert physics(game)["gas"] == 0.0
    game.wheel.apply(Controls(throttle=0.99))
    wait(game, 0.01)
    assert physics(game)["gas"] > 0.9


def test_the_gearbox_can_be_shifted_by_hand() -> None:
    """Sequential: from neutral with button 1."""
    game = driving(gearbox="sequential")
    assert physics(game)["gear"] == 1
    game.wheel.apply(Controls(buttons=frozenset({1})))
    wait(game, 0.3)
    assert physics(game)["gear"] == 2
    assert physics(game)["autoShifterOn"] == 0
    assert graphics(game)["isInPit"] == 0
