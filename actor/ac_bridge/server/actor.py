"""The actor: who drives, who watches, and what each message leads to."""

from __future__ import annotations

import asyncio
import importlib.metadata
from collections.abc import Callable

import structlog

from ac_bridge.clock import Clock
from ac_bridge.pacing import TickStats
from ac_bridge.rig import Rig
from ac_bridge.server.connection import Connection, cut
from ac_bridge.server.spectators import Spectators
from ac_bridge.server.stepper import LockstepStepper, RealTimeStepper, Stepper
from ac_bridge.telemetry.observation import profile_named
from ac_bridge_protocol.errors import ErrorCode, RefusedError, SettingError
from ac_bridge_protocol.frame import TelemetryFrame
from ac_bridge_protocol.messages import (
    Event,
    EventKind,
    Hello,
    Message,
    Ping,
    Pong,
    Release,
    Reset,
    Step,
    Subscribe,
    Unsubscribe,
    Welcome,
)
from ac_bridge_protocol.spec import EnvSpec, Mode

log = structlog.get_logger()

SOFTWARE = f"ac-bridge {importlib.metadata.version('ac-bridge')}"
"""What the actor calls itself."""


class Actor:
    """One rig, served to one driver and any number of spectators.

    Args:
        rig: what is driven.
        clock: the machine's, for everything that is not the game's.
        tasks: the group in which waiting is done.
        keep_house: called when a step in lockstep was answered, and nobody waits.
    """

    def __init__(
        self,
        rig: Rig,
        clock: Clock,
        tasks: asyncio.TaskGroup,
        keep_house: Callable[[], None] = lambda: None,
    ) -> None:
        self.rig = rig
        self.clock = clock
        self.connections: set[Connection] = set()
        self.spectators = Spectators(rig.settings.telemetry_hz)
        rig.on_event = self.tell
        kind = LockstepStepper if rig.lockstep else RealTimeStepper
        self.stepper: Stepper = kind(rig, tasks, self.on_frame, self.tell)
        self._driver: Connection | None = None
        self._keep_house = keep_house
        self._closing = False
        self._driving_since = 0.0

    @property
    def stats(self) -> TickStats:
        """How punctual the control ticks were."""
        return self.stepper.stats

    def on_frame(self, frame: TelemetryFrame) -> None:
        """Hand a frame to whoever subscribed."""
        if self.spectators:
            self.spectators.publish(frame, self.rig.clock.now())

    def tell(self, event: Event) -> None:
        """Tell every client what happened, and the log."""
        log.info(event.kind.value, message=event.message)
        for connection in self.connections:
            if connection.role is not None:
                connection.send(event)

    def _tell(self, kind: EventKind, message: str) -> None:
        self.tell(Event(kind=kind, message=cut(message)))

    def handle(self, connection: Connection, message: Message) -> None:
        """Act on a message that the session allows."""
        if self._closing:
            return
        match message:
            case Step():
                self.stepper.step(connection, message)
                if self.rig.lockstep:
                    self._keep_house()
            case Reset():
                self._reset(connection, message)
            case Hello():
                self._welcome(connection, message)
            case Subscribe():
                self._subscribe(connection, message)
            case Unsubscribe():
                self.spectators.unsubscribe(connection)
            case Release():
                self._free(connection)
            case Ping():
                now = self.clock.now()
                connection.send(
                    Pong(id=message.id, t_ping=message.t_sent, t_received=now, t_sent=now)
                )
            case _:
                pass  # a Pong: nothing was asked for with it

    def left(self, connection: Connection) -> None:
        """The connection is gone: whatever it held is free."""
        self.spectators.unsubscribe(connection)
        self._free(connection)

    def close(self) -> None:
        """Let go of the wheel and say good-bye to everybody; nothing is acted on after that."""
        self._closing = True
        self.stepper.stop()
        self._driver = None
        self._tell(EventKind.SHUTTING_DOWN, "The actor is being stopped.")
        for connection in list(self.connections):
            connection.close()

    def spec(self) -> EnvSpec:
        """Return what this actor offers."""
        settings = self.rig.settings
        return EnvSpec(
            game=self.rig.game.name,
            mode=self._mode(),
            control_hz=settings.control_hz,
            telemetry_hz=settings.telemetry_hz,
            observation_profile=settings.profile.name,
            observation=settings.profile.features,
            action=self.rig.format.components,
            smoothing=settings.smoothing.name,
        )

    def _mode(self) -> Mode:
        return Mode.LOCKSTEP if self.rig.lockstep else Mode.LATEST

    def _welcome(self, connection: Connection, hello: Hello) -> None:
        try:
            self._check(hello)
        except (RefusedError, SettingError) as error:
            log.warning("refused", peer=connection.peer, client=hello.client, reason=str(error))
            connection.refuse(error)
            return
        connection.role = hello.role
        statics = self.rig.statics()
        connection.send(Welcome(actor=SOFTWARE, role=hello.role, spec=self.spec(), statics=statics))
        log.info("welcome", peer=connection.peer, client=hello.client, role=hello.role.value)

    def _check(self, hello: Hello) -> None:
        profile_named(hello.observation)
        if hello.mode is not None and hello.mode is not self._mode():
            raise RefusedError(
                ErrorCode.NO_SUCH_MODE,
                f"This actor runs in mode {self._mode().value}, not {hello.mode.value}.",
                hint="Start it with --lockstep for lockstep, or without for latest.",
            )

    def _reset(self, connection: Connection, request: Reset) -> None:
        """Reset for whoever may drive: the first reset takes the car."""
        if self._driver is None:
            self._driver = connection
            self._driving_since = self.clock.now()
            self._tell(EventKind.DRIVER_JOINED, f"{connection.peer} drives.")
        elif self._driver is not connection:
            held_s = self.clock.now() - self._driving_since
            busy = RefusedError(
                ErrorCode.BUSY,
                f"The car is driven by {self._driver.peer}, for {held_s:.0f} s now.",
                hint="Wait until it lets go, or connect as a spectator.",
            )
            connection.fail(busy, request.id)
            return
        self.stepper.reset(connection, request)

    def _subscribe(self, connection: Connection, request: Subscribe) -> None:
        try:
            self.spec().check_rate(request.hz)
        except SettingError as error:
            connection.fail(error, request.id)
            return
        self.spectators.subscribe(connection, request.hz)

    def _free(self, connection: Connection) -> None:
        """Whoever held the car no longer does."""
        if connection is not self._driver:
            return
        self._driver = None
        self.stepper.stop()
        self._tell(EventKind.DRIVER_LEFT, f"{connection.peer} let go of the car.")
