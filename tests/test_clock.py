"""Clocks: the test's own, and the machine's with its metronome threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest

from ac_bridge.clock import SLEEP_SLICE_S, ManualClock, SystemClock, settle

# --- The manual clock -----------------------------------------------------------------------------


def test_a_manual_clock_stands_still() -> None:
    """Until a test moves it; its wall time moves with it."""
    clock = ManualClock(start_s=5.0, wall_s=1000.0)
    assert (clock.now(), clock.wall()) == (5.0, 1000.0)
    clock.stall(2.5)
    assert (clock.now(), clock.wall()) == (7.5, 1002.5)


def test_a_blocking_sleep_jumps_and_never_goes_back() -> None:
    """A deadline that has passed moves nothing."""
    clock = ManualClock()
    clock.sleep_until(3.0)
    assert clock.now() == 3.0
    clock.sleep_until(1.0)
    assert clock.now() == 3.0


def test_waiters_run_at_their_own_time_and_in_order() -> None:
    """One advance passes every deadline in turn; equal deadlines go in the order of asking."""

    async def main() -> list[tuple[str, float]]:
        clock = ManualClock()
        seen: list[tuple[str, float]] = []

        async def wait(name: str, deadline: float) -> None:
            await clock.wait_until(deadline)
            seen.append((name, clock.now()))

        async with asyncio.TaskGroup() as tasks:
            for name, deadline in (("c", 0.3), ("a", 0.1), ("b1", 0.2), ("b2", 0.2), ("z", 9.0)):
                tasks.create_task(wait(name, deadline))
            await clock.advance(0.5)
            assert clock.now() == 0.5
            assert len(seen) == 4
            await clock.advance(8.5)
        return seen

    assert asyncio.run(main()) == [("a", 0.1), ("b1", 0.2), ("b2", 0.2), ("c", 0.3), ("z", 9.0)]


def test_a_wait_that_begins_on_the_way_is_kept() -> None:
    """A task that waits again while the clock advances is woken within the same advance."""

    async def main() -> list[float]:
        clock = ManualClock()
        seen: list[float] = []

        async def tick() -> None:
            for k in range(1, 5):
                await clock.wait_until(k / 4)
                seen.append(clock.now())

        task = asyncio.ensure_future(tick())
        await clock.advance(1.0)
        await task
        return seen

    assert asyncio.run(main()) == [0.25, 0.5, 0.75, 1.0]


def test_waiting_for_the_past_returns_but_lets_others_run() -> None:
    """Whoever is late does not starve the loop."""

    async def main() -> bool:
        clock = ManualClock(start_s=5.0)
        ran = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(ran.set_result, True)
        await clock.wait_until(1.0)
        return ran.done()

    assert asyncio.run(main())


def test_a_cancelled_waiter_does_not_hold_up_the_others() -> None:
    """Its deadline passes like any other."""

    async def main() -> float:
        clock = ManualClock()
        gone = asyncio.ensure_future(clock.wait_until(1.0))
        other = asyncio.ensure_future(clock.wait_until(2.0))
        await settle()
        gone.cancel()
        await clock.advance(3.0)
        await other
        assert gone.cancelled()
        return clock.now()

    assert asyncio.run(main()) == 3.0


def test_a_stall_runs_nothing_until_the_next_advance() -> None:
    """The waiter comes late, at the time that it is then."""

    async def main() -> list[float]:
        clock = ManualClock()
        seen: list[float] = []

        async def wait() -> None:
            await clock.wait_until(1.0)
            seen.append(clock.now())

        task = asyncio.ensure_future(wait())
        await settle()
        clock.stall(5.0)
        await settle()
        assert seen == []
        await clock.advance(0.0)
        await task
        return seen

    assert asyncio.run(main()) == [5.0]


def test_advancing_never_goes_back() -> None:
    """Not even when a task slept, blocking, past the advance's end."""

    async def main() -> float:
        clock = ManualClock()

        async def oversleep() -> None:
            await clock.wait_until(1.0)
            clock.sleep_until(10.0)

        task = asyncio.ensure_future(oversleep())
        await clock.advance(2.0)
        await task
        return clock.now()

    assert asyncio.run(main()) == 10.0


# --- The system clock -----------------------------------------------------------------------------


BASE = 1e9
"""Where a held clock begins: beyond any machine's uptime, so that no deadline has passed."""


def finish(main: Coroutine[Any, Any, None]) -> None:
    """Run a test's coroutine; one that waits for ever fails instead of holding up all others."""
    asyncio.run(asyncio.wait_for(main, timeout=30.0))


def metronomes() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "ac-bridge-metronome"]


class HeldClock(SystemClock):
    """A system clock whose threads sleep for as long as the test wants, and whose time it sets."""

    def __init__(self) -> None:
        super().__init__()
        self.time_s = BASE
        self.asked: list[float] = []
        self.asleep = threading.Semaphore(0)
        self.wake = threading.Semaphore(0)

    def now(self) -> float:
        return self.time_s

    def sleep_until(self, deadline: float) -> None:
        self.asked.append(deadline)
        self.asleep.release()
        self.wake.acquire()


@pytest.fixture
def held() -> Iterator[HeldClock]:
    clock = HeldClock()
    yield clock
    clock.wake.release(1000)
    clock.close()
    assert metronomes() == []


FAR = 1e12
"""A deadline that neither the held clock nor the machine's will ever see."""


def test_the_machines_time_goes_on() -> None:
    """`now` never goes back, and a sleep ends no earlier than it was asked to."""
    clock = SystemClock()
    begun = clock.now()
    clock.sleep_until(begun - 1.0)
    clock.sleep_until(begun + 0.002)
    assert clock.now() >= begun + 0.002
    assert clock.wall() > 1_600_000_000


def test_a_wait_ends_no_earlier_than_asked() -> None:
    """In an event loop too; and the thread is used again by the next wait."""

    async def main(clock: SystemClock) -> None:
        for _ in range(5):
            deadline = clock.now() + 0.002
            await clock.wait_until(deadline)
            assert clock.now() >= deadline
            await clock.wait_until(deadline)  # past: returns at once
        assert len(metronomes()) == 1

    clock = SystemClock()
    finish(main(clock))
    clock.close()
    assert metronomes() == []


def test_no_thread_is_started_before_the_first_wait() -> None:
    """A clock that is only looked at, or slept on, costs nothing; closing it twice is allowed."""
    clock = SystemClock()
    clock.sleep_until(clock.now() + 0.001)
    assert metronomes() == []
    clock.close()
    clock.close()


def test_waiters_do_not_wait_for_each_other() -> None:
    """Each has a thread: a long wait holds up no short one."""

    async def main(clock: SystemClock) -> None:
        long = asyncio.ensure_future(clock.wait_until(FAR))
        await settle()
        await clock.wait_until(clock.now() + 0.001)
        assert not long.done()
        assert len(metronomes()) == 2
        long.cancel()
        await asyncio.wait([long])

    clock = SystemClock()
    finish(main(clock))
    clock.close()
    assert metronomes() == []


def test_threads_sleep_in_slices(held: HeldClock) -> None:
    """So that closing, and a cancelled wait, are noticed soon."""

    async def main() -> None:
        waiting = asyncio.ensure_future(held.wait_until(FAR))
        await settle()
        for now in (BASE, BASE + 100.0):
            held.time_s = now
            assert held.asleep.acquire(timeout=10.0)
            assert held.asked[-1] <= now + SLEEP_SLICE_S
            held.time_s = BASE + 100.0
            held.wake.release()
        assert held.asleep.acquire(timeout=10.0)
        held.time_s = FAR
        held.wake.release()
        await waiting

    finish(main())


def test_the_last_slice_ends_at_the_deadline(held: HeldClock) -> None:
    """Not at a multiple of the slice."""

    async def main() -> None:
        waiting = asyncio.ensure_future(held.wait_until(BASE + 0.0625))
        await settle()
        assert held.asleep.acquire(timeout=10.0)
        assert held.asked == [BASE + 0.0625]
        held.time_s = BASE + 0.0625
        held.wake.release()
        await waiting

    finish(main())


def test_after_a_cancelled_wait_the_next_one_is_not_late(held: HeldClock) -> None:
    """The thread of the cancelled one is still asleep: another thread takes the new deadline."""

    async def main() -> None:
        cancelled = asyncio.ensure_future(held.wait_until(FAR))
        await settle()
        assert held.asleep.acquire(timeout=10.0)
        cancelled.cancel()
        await asyncio.wait([cancelled])
        following = asyncio.ensure_future(held.wait_until(BASE + 0.0625))
        await settle()
        assert held.asleep.acquire(timeout=10.0), "the new deadline waits for the sleeper"
        assert held.asked[-1] == BASE + 0.0625
        held.time_s = BASE + 0.0625
        held.wake.release(2)
        await following

    finish(main())


def test_cancelling_a_wait_loses_nothing() -> None:
    """Waits after cancelled waits all come, on their own deadline."""

    async def main(clock: SystemClock) -> None:
        for _ in range(20):
            waiting = asyncio.ensure_future(clock.wait_until(FAR))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
            deadline = clock.now() + 0.000_1
            await clock.wait_until(deadline)
            assert clock.now() >= deadline

    clock = SystemClock()
    finish(main(clock))
    clock.close()
    assert metronomes() == []


def test_closing_ends_the_threads_of_those_who_wait() -> None:
    """The wait ends early, the thread ends, and the clock can be waited on again."""

    async def main(clock: SystemClock) -> None:
        waiting = asyncio.ensure_future(clock.wait_until(FAR))
        await settle()
        clock.close()
        assert metronomes() == []
        await waiting
        await clock.wait_until(clock.now() + 0.001)
        assert len(metronomes()) == 1

    clock = SystemClock()
    finish(main(clock))
    clock.close()
    assert metronomes() == []


def test_a_loop_that_ended_does_not_hurt_the_next(held: HeldClock) -> None:
    """Its waiter's thread finds nobody to wake, and serves the next loop."""

    async def leave() -> None:
        waiting = asyncio.ensure_future(held.wait_until(FAR))
        await settle()
        assert held.asleep.acquire(timeout=10.0)
        waiting.cancel()

    async def back() -> None:
        waiting = asyncio.ensure_future(held.wait_until(FAR + 1.0))
        await settle()
        assert held.asleep.acquire(timeout=10.0)
        held.time_s = FAR + 1.0
        held.wake.release()
        await waiting

    finish(leave())
    held.wake.release()
    finish(back())
