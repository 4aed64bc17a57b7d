"""The stepper: resets, and steps on the control clock, for whoever drives.

Two of them around the same `Episode`. In lockstep a step is made within the call that asks for it,
since time stands still until then. In real time a task waits for the ticks; a step's action is
applied the moment it arrives, and answered at the next tick.
"""

from __future__ import annotations

import abc
import asyncio
from typing import Protocol

import structlog

from ac_bridge.episode import Episode, Outcome, why_over
from ac_bridge.pacing import TickStats
from ac_bridge.rig import OnEvent, OnFrame, Rig
from ac_bridge_protocol.errors import ACBridgeError, GameError
from ac_bridge_protocol.frame import TelemetryFrame
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
from ac_bridge_protocol.wire import trusted

log = structlog.get_logger()


class Driver(Protocol):
    """Whoever drives, as far as the stepper cares."""

    def send(self, message: Message) -> None:
        """Send a message that must arrive."""

    def fail(self, error: ACBridgeError, request_id: int | None) -> None:
        """Say that a request could not be granted."""


class Stepper(abc.ABC):
    """What both ways to step do alike: resets, and the end of a drive.

    Args:
        rig: what is driven.
        tasks: the group in which waiting is done.
        on_frame: gets every frame sampled on the way.
        on_event: gets told what happened.
    """

    def __init__(
        self, rig: Rig, tasks: asyncio.TaskGroup, on_frame: OnFrame, on_event: OnEvent
    ) -> None:
        self.stats = TickStats()
        self.episodes = 0
        self._rig = rig
        self._tasks = tasks
        self._on_frame = on_frame
        self._on_event = on_event
        self._running: asyncio.Task[None] | None = None
        self._episode: Episode | None = None
        self._why_over = ""

    def reset(self, driver: Driver, request: Reset) -> None:
        """Begin to reset; the answer goes to ``driver`` when it is done."""
        self._cancel()
        self._running = self._tasks.create_task(self._reset(driver, request), name="reset")

    @abc.abstractmethod
    def step(self, driver: Driver, request: Step) -> None:
        """Apply an action; the answer goes to ``driver`` at the next tick."""

    def stop(self) -> None:
        """End the drive, if there is one, and let go of the wheel at once."""
        self._cancel()
        self._episode = None
        self._rig.neutral()

    @abc.abstractmethod
    async def _drive(self, episode: Episode) -> None:
        """Do what an episode needs between its steps."""

    async def _reset(self, driver: Driver, request: Reset) -> None:
        def on_phase(phase: ResetPhase, attempt: int) -> None:
            driver.send(ResetProgress(id=request.id, phase=phase, attempt=attempt))

        self._episode = None
        try:
            for deadline in self._rig.reset(request.seed, on_phase):
                await self._rig.clock.wait_until(deadline)
            episode = Episode(self._rig, self.stats)
            statics = self._rig.require_statics()
        except ACBridgeError as error:
            log.warning("reset failed", error=str(error))
            self._rig.neutral()
            driver.fail(error, request.id)
            return
        self.episodes += 1
        self._episode = episode
        self._tell(EventKind.EPISODE_STARTED, f"Episode {self.episodes} begins.")
        driver.send(
            ResetResult(
                id=request.id,
                episode=self.episodes,
                statics=statics,
                observation=episode.observe(episode.first),
                frame=episode.first,
            )
        )
        await self._drive(episode)

    def _refuse(self, driver: Driver, request: Step) -> None:
        """There is no episode to step in any more."""
        driver.fail(GameError(f"The episode is over. {self._why_over}", hint="Reset."), request.id)

    def _end(self, why: str) -> None:
        """The episode is over."""
        self._episode = None
        self._why_over = why

    def _lost(self, error: GameError) -> None:
        """The game failed in the middle of an episode: let go, and say so."""
        log.error("game lost", error=str(error))
        self._end(str(error))
        self._rig.neutral()
        self._tell(EventKind.NEUTRALISED, str(error))

    def _tell(self, kind: EventKind, message: str) -> None:
        self._on_event(Event(kind=kind, message=message))

    def _cancel(self) -> None:
        if self._running is not None:
            self._running.cancel()
            self._running = None


class LockstepStepper(Stepper):
    """Game time stands still between steps."""

    def step(self, driver: Driver, request: Step) -> None:
        """Apply the action, let one control period of game time run, and answer."""
        episode = self._episode
        if episode is None:
            self._refuse(driver, request)
            return
        try:
            episode.act(request.action)
            for deadline in episode.until_tick():
                self._rig.run_lockstep(deadline, self._stream, self._on_frame)
            outcome = episode.tick()
        except GameError as error:
            self._lost(error)
            driver.fail(error, request.id)
        except ACBridgeError as error:
            driver.fail(error, request.id)
        else:
            driver.send(answer(request.id, outcome))
            self._publish(outcome.frame)
            if outcome.end:
                self._end(why_over(outcome))

    async def _drive(self, episode: Episode) -> None:
        self._stream = self._rig.telemetry_stream()
        self._publish(episode.first)

    def _publish(self, frame: TelemetryFrame) -> None:
        """Hand on a step's frame as one of the telemetry stream, which has its own numbers."""
        self._on_frame(self._rig.restamp(frame, self._stream))


class RealTimeStepper(Stepper):
    """Ticks come whether a step asks for them or not."""

    _waiting: tuple[Driver, int] | None = None

    def step(self, driver: Driver, request: Step) -> None:
        """Apply the action now; the next tick answers."""
        if self._episode is None:
            self._refuse(driver, request)
            return
        try:
            self._episode.act(request.action)
        except ACBridgeError as error:
            driver.fail(error, request.id)
        else:
            self._waiting = driver, request.id

    def stop(self) -> None:
        """End the drive, if there is one, and let go of the wheel at once."""
        self._waiting = None
        super().stop()

    async def _drive(self, episode: Episode) -> None:
        self._waiting = None
        while self._episode is episode:
            for deadline in episode.until_tick():
                await self._rig.clock.wait_until(deadline)
            if episode.missed_now:
                self._tell(EventKind.TICKS_MISSED, f"Skipped {episode.missed_now}.")
            waiting, self._waiting = self._waiting, None
            try:
                if waiting is not None:
                    driver, request_id = waiting
                    outcome = episode.tick()
                    driver.send(answer(request_id, outcome))
                    if outcome.end:
                        self._end(why_over(outcome))
                else:
                    episode.hold()
            except GameError as error:
                self._lost(error)
                if waiting is not None:
                    waiting[0].fail(error, waiting[1])


def answer(request_id: int, outcome: Outcome) -> StepResult:
    """Return the answer to a step."""
    return trusted(
        StepResult,
        {
            "type": "step_result",
            "id": request_id,
            "observation": outcome.observation,
            "frame": outcome.frame,
            "receipt": outcome.receipt,
            "end": outcome.end,
        },
    )


def ignore_frame(frame: TelemetryFrame) -> None:
    """Do nothing with a frame."""
