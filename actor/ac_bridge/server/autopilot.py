"""The autopilot: drives a run on the actor itself, as any driver does, without a link in between.

It takes the car as a driver of its own, resets and steps through the same stepper, and is recorded,
watched, dispossessed and let go of in the same way. What it decides is in `ac_bridge.edge.pilot`.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Protocol

import structlog

from ac_bridge.clock import Clock
from ac_bridge.edge.pilot import Attempt, Brought, Over, Pilot
from ac_bridge.server.drive import Drive
from ac_bridge.server.failures import cut
from ac_bridge.server.stepper import Stepper
from ac_bridge_protocol.errors import ACBridgeError, ProtocolError, SpoolError, SpoolFullError
from ac_bridge_protocol.experience import Array
from ac_bridge_protocol.messages import (
    EventKind,
    Failure,
    Message,
    Reset,
    ResetResult,
    Step,
    StepResult,
)
from ac_bridge_protocol.runs import RunEnd
from ac_bridge_protocol.session import ACTOR, Course, SessionState, Way
from ac_bridge_protocol.spec import EnvSpec

log = structlog.get_logger()

PEER = "the actor itself"
WAIT_S = 1.0
"""From a reset that did not take to the next attempt, in seconds: the game may be loading."""


class Car(Protocol):
    """What an autopilot needs of the actor."""

    clock: Clock
    stepper: Stepper

    @property
    def stopped(self) -> bool:
        """Whether the operator at this machine has stopped it."""

    def tell_all(self, kind: EventKind, message: str) -> None:
        """Tell everybody who listens what happened."""

    def take_car(self, drive: Drive) -> None:
        """Have the car.

        Raises:
            RefusedError: somebody else has it.
        """

    def give_back_car(self, drive: Drive, why: str) -> None:
        """Have it no more: the wheel goes to neutral."""


class Autopilot:
    """One run on one car, from `start` until it is over.

    Args:
        car: the actor.
        spec: in which way it drives; the policy's observation and action.
        pilot: decides.
        on_over: called once, with why, when the run is over and the wheel neutral.

    Attributes:
        drive: its session as a driver.
        running: whether it goes on.
    """

    peer = PEER
    open = True

    def __init__(
        self, car: Car, spec: EnvSpec, pilot: Pilot, on_over: Callable[[Over], None]
    ) -> None:
        self._car = car
        self._pilot = pilot
        self._on_over = on_over
        self._attempt: Attempt | None = None
        self._next_id = 0
        self._later: asyncio.Handle | None = None
        secret = secrets.token_urlsafe()  # that nobody learns: no link comes back to this drive
        self.drive = Drive(secret, spec, Course(ACTOR), self, PEER, f"run {pilot.terms.run}")
        self.drive.course.state = SessionState.READY
        self.running = False

    def start(self) -> None:
        """Take the car and begin.

        Raises:
            RefusedError: somebody else drives.
        """
        self._car.take_car(self.drive)
        self.running = True
        self._soon(self._attempt_one)

    def look(self) -> None:
        """See whether there is something to do that there was not: a first policy, for instance."""
        if self.running and self._attempt is None and self._later is None:
            self._soon(self._attempt_one)

    def stop(self, end: RunEnd, why: str) -> None:
        """End the run at once, and give the car back. Does nothing when it is over already."""
        if not self.running:
            return
        self._over(end, why)
        self._car.give_back_car(self.drive, cut(why))

    def dispossessed(self, end: RunEnd, why: str) -> None:
        """Somebody took the car."""
        if self.running:
            self._over(end, why)

    # --- What the stepper says --------------------------------------------------------------------

    def send(self, message: Message) -> None:
        """Take what a driver is told."""
        if not self.running:
            return
        self.drive.course.advance(message)
        match message:
            case StepResult():
                self._moved(message)
            case ResetResult():
                self._begun(message)
            case Failure():
                self._failed(message.message)
            case _:
                pass  # a reset's progress

    def supersede(self) -> None:
        """No other link ever carries this drive."""

    # --- Inside -----------------------------------------------------------------------------------

    def _attempt_one(self) -> None:
        attempt = self._pilot.next_attempt(self._car.clock.now())
        over = self._pilot.over
        if over is not None:
            self.stop(over.end, over.why)
        elif attempt is not None:
            self._attempt = attempt
            request = Reset(id=self._next_id, seed=attempt.seed, start=attempt.start)
            self._asked(request)
            self._car.stepper.reset(self.drive, request, self.drive.spec)

    def _begun(self, result: ResetResult) -> None:
        assert self._attempt is not None  # noqa: S101 -- it was asked for
        attempt, observation, frame = self._attempt, result.observation, result.frame
        self._judged(lambda: self._pilot.begun(attempt, result.statics, observation, frame))

    def _moved(self, result: StepResult) -> None:
        brought = Brought(result.observation, result.frame, result.receipt, result.end)
        self._judged(lambda: self._pilot.moved(brought, self._car.clock.now()))

    def _judged(self, decide: Callable[[], Array | None]) -> None:
        """Do what the pilot decides: apply the action, begin the next episode, or stop."""
        try:
            action = decide()
        except ACBridgeError as error:
            self.stop(_end_of(error), str(error))
            return
        if action is not None:
            # In lockstep a step is answered within the call: not one inside the other for ever.
            self._soon(self._step, tuple(action.tolist()))
            return
        self._car.stepper.stop()  # nobody drives on while the next one is decided on
        self._attempt = None
        self._soon(self._attempt_one)

    def _step(self, action: tuple[float, ...]) -> None:
        request = Step(id=self._next_id, action=action)
        self._asked(request)
        self._car.stepper.step(self.drive, request)

    def _failed(self, why: str) -> None:
        """A reset did not take, an action was refused, or the wheel failed."""
        log.warning("autopilot", failed=why)
        self._pilot.not_begun(why)
        self._car.stepper.stop()
        self._attempt = None
        if self._later is not None:
            self._later.cancel()
        self._later = asyncio.get_running_loop().call_later(
            WAIT_S, self._run_later, self._attempt_one
        )

    def _over(self, end: RunEnd, why: str) -> None:
        self.running = False
        self._pilot.stop(end, why)
        if self._later is not None:
            self._later.cancel()
            self._later = None
        self._on_over(Over(end, why))

    def _soon(self, call: Callable[..., None], *arguments: object) -> None:
        self._later = asyncio.get_running_loop().call_soon(self._run_later, call, *arguments)

    def _run_later(self, call: Callable[..., None], *arguments: object) -> None:
        self._later = None
        if self.running:
            call(*arguments)

    def _asked(self, request: Reset | Step) -> None:
        """Note a request in the session's course, as if it had come in: a recorder looks there."""
        course = self.drive.course
        following = course.following(Way.IN, request)
        assert following is not None  # noqa: S101 -- a reset always may be, a step after its answer
        course.take(request, following)
        self._next_id = request.id + 1


def _end_of(error: ACBridgeError) -> RunEnd:
    """Return what an error in judging or keeping a step means for the run."""
    if isinstance(error, SpoolFullError):
        return RunEnd.SPOOL_FULL
    if isinstance(error, SpoolError | ProtocolError):
        return RunEnd.NOT_KEPT
    return RunEnd.TASK_FAILED
