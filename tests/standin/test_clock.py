"""Lockstep time."""

import asyncio

import pytest

from ac_bridge.standin.clock import WALL_EPOCH_S, LockstepClock


def test_waiting_moves_time_to_the_deadline() -> None:
    """Time stands still until somebody waits, and then is exactly what was waited for."""
    lived: list[float] = []
    clock = LockstepClock(lived.append)
    assert clock.now() == 0.0
    clock.sleep_until(0.1)
    assert clock.now() == 0.1
    assert clock.wall() == WALL_EPOCH_S + 0.1
    assert lived == [0.1]


def test_a_deadline_that_has_passed_moves_nothing() -> None:
    """Time never goes back."""
    lived: list[float] = []
    clock = LockstepClock(lived.append)
    clock.sleep_until(1.0)
    clock.sleep_until(0.5)
    assert clock.now() == 1.0
    assert lived == [1.0]


def test_an_awaited_deadline_gives_others_a_turn() -> None:
    """Waiting in the event loop runs the game and lets ready tasks run."""

    async def scenario() -> list[str]:
        seen: list[str] = []
        clock = LockstepClock(lambda _: seen.append("game"))

        async def other() -> None:
            seen.append("other")

        task = asyncio.create_task(other())
        await clock.wait_until(0.2)
        seen.append("waiter")
        await task
        return seen

    assert asyncio.run(scenario()) == ["game", "other", "waiter"]


def test_a_failing_game_does_not_move_time() -> None:
    """When the game fails on the way, the deadline was not reached."""

    def fail(_: float) -> None:
        raise RuntimeError("engine")

    clock = LockstepClock(fail)
    with pytest.raises(RuntimeError):
        clock.sleep_until(1.0)
    assert clock.now() == 0.0
