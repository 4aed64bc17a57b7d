"""How frames get from the actor to a crowd: in order, and never all in one turn of the loop."""

from __future__ import annotations

import asyncio

from ac_bridge.clock import ManualClock
from ac_bridge.server.actor import AT_ONCE, Actor
from ac_bridge.server.broadcast import Broadcast
from helpers.actors import make_rig
from helpers.frames import make_frame


class Reader:
    """A subscriber that keeps which frames it got."""

    def __init__(self) -> None:
        self.got: list[int] = []

    def offer(self, frame: Broadcast) -> None:
        """Keep it."""
        self.got.append(frame.frame.seq)

    def forget_stream(self) -> None:
        """Nothing to forget."""


async def crowd(lockstep: bool, readers: int) -> tuple[Actor, list[Reader]]:
    """Return an actor whose frames go to so many readers, every other one at half the rate."""
    async with asyncio.TaskGroup() as tasks:
        clock = ManualClock()
        rig = make_rig(lockstep=lockstep, clock=None if lockstep else clock)
        actor = Actor(rig, clock, tasks)
        everybody = [Reader() for _ in range(readers)]
        for number, reader in enumerate(everybody):
            actor.spectators.subscribe(reader, 30.0 if number % 2 else 60.0)
        return actor, everybody


def test_everybody_gets_every_frame_of_its_stream_in_order() -> None:
    """Many frames within one turn of the loop, as a step in lockstep brings, or after a stall."""

    async def play(lockstep: bool) -> None:
        actor, readers = await crowd(lockstep, 3 * AT_ONCE + 1)
        for seq in range(12):
            actor.on_frame(make_frame(seq=seq))
            actor.rig.clock.sleep_until(actor.rig.clock.now() + 1 / 60)
        for _ in range(100):
            await asyncio.sleep(0)
        for number, reader in enumerate(readers):
            assert reader.got == sorted(reader.got)
            assert len(reader.got) == (6 if number % 2 else 12)
        actor.rig.close()

    asyncio.run(play(lockstep=True))
    asyncio.run(play(lockstep=False))


def test_a_crowd_does_not_hold_up_the_loop() -> None:
    """In real time one turn of the loop hands a frame to a few; the rest get it in the next."""

    async def play() -> None:
        actor, readers = await crowd(lockstep=False, readers=3 * AT_ONCE)
        actor.on_frame(make_frame(seq=1))
        assert sum(bool(reader.got) for reader in readers) == AT_ONCE
        await asyncio.sleep(0)
        assert sum(bool(reader.got) for reader in readers) == 2 * AT_ONCE
        actor.rig.close()

    asyncio.run(play())


def test_who_left_in_between_gets_no_more() -> None:
    """Unsubscribed between two turns of the loop."""

    async def play() -> None:
        actor, readers = await crowd(lockstep=False, readers=2 * AT_ONCE)
        actor.on_frame(make_frame(seq=1))
        actor.spectators.unsubscribe(readers[-1])
        for _ in range(5):
            await asyncio.sleep(0)
        assert not readers[-1].got
        assert readers[-2].got
        actor.rig.close()

    asyncio.run(play())
