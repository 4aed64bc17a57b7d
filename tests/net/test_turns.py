"""Work for strangers: a little at a time, and never when something is about due."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from ac_bridge.clock import ManualClock, SystemClock
from ac_bridge.net.turns import CLEAR_S, PAUSE_S, TURN_S, Turns


class Bench:
    """Turns whose clock, and whose next tick, a test moves; a loop's timers run by hand."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.due_in_s = math.inf
        self.turns = Turns(self.clock, lambda: self.due_in_s)
        self.done: list[str] = []

    def work(self, name: str, takes_s: float = 0.0) -> None:
        def do() -> None:
            self.clock.stall(takes_s)
            self.done.append(name)

        self.turns.ask(do)

    def later(self, seconds: float) -> None:
        """Go on, and let the turn be taken that waits for this."""
        self.clock.stall(seconds)
        if self.turns._timer is not None:
            self.turns._timer.cancel()
            self.turns._take_turn()


def played(play: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run it in a loop of its own."""
    asyncio.run(play())


def test_when_it_is_quiet_nobody_waits() -> None:
    """The first one to come is served at once."""

    async def play() -> None:
        bench = Bench()
        bench.work("one")
        assert bench.done == ["one"]

    played(play)


def test_a_turn_ends_and_the_rest_comes_after_a_pause() -> None:
    """In order, and no more in a turn than its time allows."""

    async def play() -> None:
        bench = Bench()
        for number in range(6):
            bench.work(str(number), takes_s=TURN_S * 0.6)
        assert bench.done == ["0"]
        bench.later(PAUSE_S)
        assert bench.done == ["0", "1", "2"]
        bench.later(PAUSE_S / 2)
        assert bench.done == ["0", "1", "2"]
        bench.later(PAUSE_S)
        bench.later(PAUSE_S)
        bench.later(PAUSE_S)
        assert bench.done == ["0", "1", "2", "3", "4", "5"]

    played(play)


def test_nothing_is_begun_before_a_tick() -> None:
    """Neither shortly before it nor while it is overdue; afterwards all of it is."""

    async def play() -> None:
        bench = Bench()
        bench.due_in_s = CLEAR_S * 0.9
        bench.work("one")
        assert bench.done == []
        bench.due_in_s = -0.001
        bench.later(CLEAR_S)
        assert bench.done == []
        bench.due_in_s = 0.016
        bench.later(CLEAR_S)
        assert bench.done == ["one"]

    played(play)


def test_work_that_fails_does_not_stop_the_queue() -> None:
    """It is the loop's to tell of it; whoever comes next is served."""

    async def play() -> None:
        bench = Bench()

        def fail() -> None:
            raise RuntimeError("of a test")

        with pytest.raises(RuntimeError):
            bench.turns.ask(fail)
        bench.clock.stall(PAUSE_S)
        bench.work("next")
        assert bench.done == ["next"]

    played(play)


def test_work_may_ask_for_more() -> None:
    """What is asked for in a turn is done in it, or in the next one."""

    async def play() -> None:
        bench = Bench()
        bench.turns.ask(lambda: bench.work("inner", takes_s=TURN_S))
        assert bench.done == ["inner"]

    played(play)


def test_waiters_are_let_through_one_by_one() -> None:
    """In a real loop, with the real clock."""

    async def play() -> None:
        turns = Turns(SystemClock())
        order: list[int] = []

        async def one(number: int) -> None:
            await turns.wait()
            order.append(number)

        await asyncio.gather(*(one(number) for number in range(20)))
        assert order == list(range(20))
        turns.close()

    played(play)


def test_a_clock_knows_what_is_due() -> None:
    """The earliest wait of all; none once it is over, or was given up."""

    async def play() -> None:
        clock = SystemClock()
        assert clock.due_s() == math.inf
        soon, late = clock.now() + 0.02, clock.now() + 3600.0
        waits = [asyncio.create_task(clock.wait_until(moment)) for moment in (late, soon)]
        await asyncio.sleep(0)
        assert clock.due_s() == soon
        await waits[1]
        assert clock.due_s() == late
        waits[0].cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        assert clock.due_s() == math.inf
        clock.close()

    played(play)
