"""The autopilot: a run on the actor itself, through the same stepper, lease and recorder."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import numpy as np
import pytest

from ac_bridge.clock import ManualClock
from ac_bridge.edge.pilot import Over, Pilot
from ac_bridge.edge.seat import Seat, Seated
from ac_bridge.game import NEUTRAL
from ac_bridge.server.actor import Actor
from ac_bridge.server.autopilot import Autopilot
from ac_bridge.server.lease import Terms
from ac_bridge_protocol.errors import ErrorCode, RefusedError, SpoolFullError
from ac_bridge_protocol.experience import Array, EpisodeStart, Record, Transition
from ac_bridge_protocol.messages import Reset
from ac_bridge_protocol.runs import RunEnd, RunTerms, Swap
from ac_bridge_protocol.tasks import TaskSpec
from helpers.actors import make_rig, wheel_of

TWENTY_STEPS = TaskSpec.of("progress", rules={"step_limit": {"steps": 20.0}})


class Thought:
    """Full throttle."""

    action = np.array([0.0, 1.0, 0.0], np.float32)
    extras: Mapping[str, Array] = {}


class Floored:
    """A policy."""

    noise_size = 0

    def act(self, observation: Array, noise: Array | None) -> Thought:
        """Choose."""
        return Thought()


class Stage:
    """An actor with an autopilot that has not started."""

    def __init__(self, tasks: asyncio.TaskGroup, *, lockstep: bool, **terms: Any) -> None:
        self.clock = ManualClock()
        self.rig = make_rig(lockstep=lockstep, clock=None if lockstep else self.clock)
        self.actor = Actor(self.rig, self.clock, tasks, terms=Terms(takeover_key="key"))
        self.seat = Seat()
        self.kept: list[Record] = []
        self.overs: list[Over] = []
        said = {"run": "r", "task": TWENTY_STEPS, "seed": 1} | terms
        spec = self.actor.spec(self.actor.modes[0])
        run = RunTerms.model_validate(said)
        self.keep: Callable[[Record], None] = self.kept.append
        pilot = Pilot(run, self.seat, spec, lambda record: self.keep(record), self.clock.now())
        self.autopilot = Autopilot(self.actor, spec, pilot, self.overs.append)

    def give_policy(self) -> None:
        """Let a policy act."""
        self.seat.offer(Seated(1, Floored()), Swap.EPISODE)

    async def until(self, done: Callable[[], bool]) -> None:
        """Let game time pass until something is so."""
        for _ in range(3000):
            if done():
                return
            await self.clock.advance(0.02)
        raise AssertionError(f"not done: {len(self.kept)} records, {self.overs}")

    @property
    def steps(self) -> list[Transition]:
        """The steps so far."""
        return [record for record in self.kept if isinstance(record, Transition)]


def on_stage(play: Callable[[Stage], Awaitable[None]], *, lockstep: bool, **terms: Any) -> None:
    """Play a scene in an event loop; in real time its only clock is the manual one."""

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            stage = Stage(tasks, lockstep=lockstep, **terms)
            try:
                await play(stage)
            finally:
                stage.actor.close()
                stage.rig.close()

    asyncio.run(asyncio.wait_for(main(), 60))


both_ways = pytest.mark.parametrize("lockstep", [True, False], ids=["lockstep", "real_time"])


@both_ways
def test_a_run_is_driven_to_its_end(*, lockstep: bool) -> None:
    """Two episodes of twenty steps, tick after tick; then the wheel is neutral and the car free."""

    async def play(stage: Stage) -> None:
        stage.give_policy()
        stage.autopilot.start()
        await stage.until(lambda: bool(stage.overs))
        starts = [record for record in stage.kept if isinstance(record, EpisodeStart)]
        assert [start.episode for start in starts] == [1, 2]
        ticks = [(step.episode, step.tick) for step in stage.steps]
        assert ticks == [(episode, tick) for episode in (1, 2) for tick in range(1, 21)]
        assert all(step.receipt.ticks_held == 0 and not step.receipt.late for step in stage.steps)
        assert stage.steps[-1].receipt.sent.throttle > 0.9
        assert stage.overs == [(RunEnd.EPISODES, "All 2 episodes of the run are done.")]
        assert wheel_of(stage.rig).now == NEUTRAL
        assert not stage.actor.driven
        assert not stage.autopilot.running

    on_stage(play, lockstep=lockstep, episodes=2)


@both_ways
def test_it_waits_for_a_policy(*, lockstep: bool) -> None:
    """The car is its own meanwhile, and stands."""

    async def play(stage: Stage) -> None:
        stage.autopilot.start()
        await stage.clock.advance(1.0)
        assert stage.actor.driven
        assert stage.kept == []
        stage.give_policy()
        stage.autopilot.look()
        await stage.until(lambda: bool(stage.overs))
        assert len(stage.steps) == 20

    on_stage(play, lockstep=lockstep, episodes=1)


@both_ways
def test_it_is_stopped(*, lockstep: bool) -> None:
    """At once; nothing comes after it."""

    async def play(stage: Stage) -> None:
        stage.give_policy()
        stage.autopilot.start()
        await stage.until(lambda: len(stage.steps) >= 5)
        stage.autopilot.stop(RunEnd.TOLD, "The learner said so.")
        assert wheel_of(stage.rig).now == NEUTRAL
        assert not stage.actor.driven
        kept = len(stage.kept)
        await stage.clock.advance(1.0)
        assert len(stage.kept) == kept
        stage.autopilot.stop(RunEnd.TOLD, "Again.")
        assert stage.overs == [(RunEnd.TOLD, "The learner said so.")]

    on_stage(play, lockstep=lockstep)


@both_ways
def test_a_full_spool_stops_it(*, lockstep: bool) -> None:
    """Neutral, with the reason."""

    async def play(stage: Stage) -> None:
        def keep(record: Record) -> None:
            if len(stage.kept) == 7:
                raise SpoolFullError("The spool is full.", file="x.spool", hint="Empty it.")
            stage.kept.append(record)

        stage.keep = keep
        stage.give_policy()
        stage.autopilot.start()
        await stage.until(lambda: bool(stage.overs))
        assert stage.overs == [(RunEnd.SPOOL_FULL, "The spool is full. Empty it.")]
        assert len(stage.kept) == 7
        assert wheel_of(stage.rig).now == NEUTRAL
        assert not stage.actor.driven

    on_stage(play, lockstep=lockstep)


def test_nobody_else_drives_meanwhile() -> None:
    """And it does not begin while somebody does."""

    async def play(stage: Stage) -> None:
        stage.give_policy()
        stage.autopilot.start()
        spec = stage.actor.spec(stage.actor.modes[0])
        pilot = Pilot(RunTerms(run="other"), Seat(), spec, stage.kept.append, 0.0)
        other = Autopilot(stage.actor, spec, pilot, stage.overs.append)
        with pytest.raises(RefusedError, match="driven by the actor itself"):
            other.start()
        assert stage.actor.driven
        stage.autopilot.stop(RunEnd.TOLD, "Enough.")
        other.start()
        assert stage.actor.driven
        other.stop(RunEnd.TOLD, "Enough.")

    on_stage(play, lockstep=True)


@both_ways
def test_a_reset_that_does_not_take_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, *, lockstep: bool
) -> None:
    """Until it has failed too often in a row; then it stops and says why."""

    async def play(stage: Stage) -> None:
        def refuse(driver: Any, request: Reset, spec: Any) -> None:
            asyncio.get_running_loop().call_soon(
                driver.fail, RefusedError(ErrorCode.GAME, "The game did not restart."), request.id
            )

        monkeypatch.setattr("ac_bridge.server.autopilot.WAIT_S", 0.0)
        monkeypatch.setattr(stage.actor.stepper, "reset", refuse)
        stage.give_policy()
        stage.autopilot.start()
        await stage.until(lambda: bool(stage.overs))
        assert stage.overs[0].end is RunEnd.FAILURES
        assert stage.overs[0].why.startswith("3 failures one after the other")
        assert "did not restart" in stage.overs[0].why
        assert not stage.actor.driven

    on_stage(play, lockstep=lockstep, failures=3)
