"""The stepper: resets, and steps on the control clock, for whoever drives.

Two of them around the same `Episode`. In lockstep a step is made within the call that asks for it,
since time stands still until then. In real time a task waits for the ticks, whether a step asks for
them or not, and answers the steps whose tick has come.
"""

from __future__ import annotations

import abc
import asyncio
from typing import Protocol

import structlog

from ac_bridge.clock import Clock
from ac_bridge.episode import Episode, Outcome, Ticket, why_over
from ac_bridge.pacing import TickStats
from ac_bridge.rig import OnEvent, OnFrame, Rig
from ac_bridge.server.failures import cut
from ac_bridge.telemetry.observation import plan_of_spec
from ac_bridge_protocol.errors import ACBridgeError, GameError
from ac_bridge_protocol.messages import (
    Event,
    EventKind,
    Message,
    Reset,
    ResetPhase,
    ResetProgress,
    ResetResult,
    Step,
    StepResult,
)
from ac_bridge_protocol.spec import EnvSpec
from ac_bridge_protocol.wire import trusted

log = structlog.get_logger()


class Driver(Protocol):
    """Whoever drives, as far as the stepper cares."""

    def send(self, message: Message) -> None:
        """Send a message that must arrive."""

    def fail(self, error: ACBridgeError, request_id: int | None) -> None:
        """Say that a request could not be granted."""


class Stepper(abc.ABC):
    """What resets and steps, for whoever drives.

    Args:
        clock: the machine's, for the times on the wire.
        tasks: the group in which waiting is done.
        on_frame: gets every frame on the way.
        on_event: gets told what happened.

    Attributes:
        stats: how punctual the ticks were.
        episodes: how many have begun.
    """

    def __init__(
        self, clock: Clock, tasks: asyncio.TaskGroup, on_frame: OnFrame, on_event: OnEvent
    ) -> None:
        self.stats = TickStats()
        self.episodes = 0
        self._clock = clock
        self._tasks = tasks
        self._on_frame = on_frame
        self._on_event = on_event
        self._running: asyncio.Task[None] | None = None
        self._why_over = ""

    @abc.abstractmethod
    def reset(self, driver: Driver, request: Reset, spec: EnvSpec) -> None:
        """Begin to reset; the answer goes to ``driver`` when it is done.

        Args:
            driver: who asks.
            request: what it asks.
            spec: what it was offered.
        """

    @abc.abstractmethod
    def step(self, driver: Driver, request: Step) -> None:
        """Take an action; the answer goes to ``driver`` when its tick has come."""

    @abc.abstractmethod
    def stop(self) -> None:
        """End the drive, if there is one, at once."""

    def close(self) -> None:
        """End the drive, and whatever else goes on."""
        self.stop()

    def _refuse(self, driver: Driver, request_id: int) -> None:
        """There is no episode to step in any more."""
        driver.fail(GameError(f"The episode is over. {self._why_over}", hint="Reset."), request_id)

    def _tell(self, kind: EventKind, message: str) -> None:
        self._on_event(Event(kind=kind, message=message))

    def _cancel(self) -> None:
        if self._running is not None:
            self._running.cancel()
            self._running = None


class RigStepper(Stepper):
    """What both ways to step a rig do alike: resets, and the end of a drive.

    Args:
        rig: what is driven.
        clock: the machine's, for the times on the wire.
        tasks: the group in which waiting is done.
        on_frame: gets every frame sampled on the way.
        on_event: gets told what happened.
    """

    def __init__(
        self,
        rig: Rig,
        clock: Clock,
        tasks: asyncio.TaskGroup,
        on_frame: OnFrame,
        on_event: OnEvent,
    ) -> None:
        super().__init__(clock, tasks, on_frame, on_event)
        self._rig = rig
        self._episode: Episode | None = None
        self._waiting: dict[int, Ticket] = {}
        """The steps that wait for their tick, by the request's id, oldest first."""

    def reset(self, driver: Driver, request: Reset, spec: EnvSpec) -> None:
        """Begin to reset; the answer goes to ``driver`` when it is done."""
        self._cancel()
        resetting = self._reset(driver, request, spec)
        self._running = self._tasks.create_task(resetting, name="reset")

    def stop(self) -> None:
        """End the drive, if there is one, and let go of the wheel at once."""
        self._cancel()
        self._episode = None
        self._rig.neutral()

    @abc.abstractmethod
    async def _drive(self, driver: Driver, episode: Episode, first_id: int) -> None:
        """Do what an episode needs between its steps.

        Args:
            driver: whose it is.
            episode: that has just begun.
            first_id: of the steps that it opens by itself.
        """

    async def _reset(self, driver: Driver, request: Reset, spec: EnvSpec) -> None:
        def on_phase(phase: ResetPhase, attempt: int) -> None:
            driver.send(ResetProgress(id=request.id, phase=phase, attempt=attempt))

        self._episode = None
        try:
            for deadline in self._rig.reset(request.seed, on_phase, request.start):
                await self._rig.clock.wait_until(deadline)
            plan = plan_of_spec(spec)
            episode = Episode(self._rig, self.stats, spec.delay_ticks, plan)
            statics = self._rig.require_statics()
        except ACBridgeError as error:
            log.warning("reset failed", error=str(error))
            self._rig.neutral()
            driver.fail(error, request.id)
            return
        self.episodes += 1
        self._episode = episode
        self._tell(EventKind.EPISODE_STARTED, f"Episode {self.episodes} begins.")
        if unseen := self._rig.why_unseen(plan):
            self._tell(EventKind.NOT_OBSERVED, cut(unseen))
        driver.send(
            ResetResult(
                id=request.id,
                episode=self.episodes,
                statics=statics,
                observation=episode.first_observation,
                frame=episode.first,
            )
        )
        await self._drive(driver, episode, request.id + 1)

    def _answer(self, driver: Driver, request_id: int, outcome: Outcome) -> None:
        driver.send(answer(request_id, outcome, self._clock.now()))
        if outcome.end:
            self._end(why_over(outcome))

    def _end(self, why: str) -> None:
        """The episode is over."""
        self._episode = None
        self._why_over = why

    def _lost(self, error: GameError) -> None:
        """The wheel failed in the middle of an episode, which has let go of it and said so."""
        log.error("wheel lost", error=str(error))
        self._end(str(error))

    def _cancel(self) -> None:
        self._waiting.clear()  # nobody waits for the steps of a drive that is over
        super()._cancel()


class LockstepStepper(RigStepper):
    """Game time stands still between steps."""

    def step(self, driver: Driver, request: Step) -> None:
        """Apply the action, let one control period of game time run, and answer."""
        episode = self._episode
        if episode is None:
            self._refuse(driver, request.id)
            return
        try:
            ticket = episode.ask(request.action, tick=request.tick, plan=request.plan)
            for deadline in episode.until_tick():
                self._rig.run_lockstep(deadline, self._stream, self._on_frame)
            episode.reach()
            outcome = episode.outcome(ticket)
        except GameError as error:
            self._lost(error)
            driver.fail(error, request.id)
        except ACBridgeError as error:
            driver.fail(error, request.id)
        else:
            assert outcome is not None  # noqa: S101 -- its tick has just come
            self._answer(driver, request.id, outcome)
            self._publish(outcome)

    async def _drive(self, driver: Driver, episode: Episode, first_id: int) -> None:
        self._stream = self._rig.telemetry_stream()
        self._on_frame(self._rig.restamp(episode.first, self._stream))

    def _publish(self, outcome: Outcome) -> None:
        """Hand on a step's frame as one of the telemetry stream, which has its own numbers."""
        self._on_frame(self._rig.restamp(outcome.frame, self._stream))


class RealTimeStepper(RigStepper):
    """Ticks come whether a step asks for them or not."""

    def step(self, driver: Driver, request: Step) -> None:
        """Take the action; its tick answers, and at once if that has come already."""
        episode = self._episode
        if episode is None:
            self._refuse(driver, request.id)
            return
        try:
            ticket = episode.ask(request.action, tick=request.tick, plan=request.plan)
        except GameError as error:
            self._fail(driver, error)
            driver.fail(error, request.id)
        except ACBridgeError as error:
            driver.fail(error, request.id)
        else:
            self._waiting[request.id] = ticket
            self._answer_due(driver, episode)

    async def _drive(self, driver: Driver, episode: Episode, first_id: int) -> None:
        self._waiting = dict(enumerate(episode.implied(), first_id))
        while self._episode is episode:
            for deadline in episode.until_tick():
                await self._rig.clock.wait_until(deadline)
            if episode.missed_now:
                self._tell(EventKind.TICKS_MISSED, f"Skipped {episode.missed_now}.")
            try:
                episode.reach()
            except GameError as error:
                self._fail(driver, error)
            else:
                self._answer_due(driver, episode)

    def _answer_due(self, driver: Driver, episode: Episode) -> None:
        """Answer every step whose tick has come."""
        for request_id, ticket in list(self._waiting.items()):
            outcome = episode.outcome(ticket)
            if outcome is None:
                continue
            del self._waiting[request_id]
            self._answer(driver, request_id, outcome)
            if outcome.end:
                self._refuse_waiting(driver)
                return

    def _fail(self, driver: Driver, error: GameError) -> None:
        self._lost(error)
        self._refuse_waiting(driver)

    def _refuse_waiting(self, driver: Driver) -> None:
        for request_id in self._waiting:
            self._refuse(driver, request_id)
        self._waiting.clear()


def answer(request_id: int, outcome: Outcome, now_s: float) -> StepResult:
    """Return the answer to a step, sent at ``now_s`` of the actor's clock."""
    return trusted(
        StepResult,
        {
            "type": "step_result",
            "id": request_id,
            "observation": outcome.observation,
            "frame": outcome.frame,
            "receipt": outcome.receipt,
            "end": outcome.end,
            "t_sent": now_s,
        },
    )
