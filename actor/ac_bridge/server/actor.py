"""The actor: who drives, who watches, and what each message leads to."""

from __future__ import annotations

import asyncio
import collections
import importlib.metadata
import secrets
from collections.abc import Callable

import structlog
from websockets.frames import CloseCode

from ac_bridge.clock import Clock
from ac_bridge.net.rate import Bucket, Pace
from ac_bridge.net.refusals import LINES_PACE
from ac_bridge.net.tokens import Grant
from ac_bridge.net.turns import Turns
from ac_bridge.pacing import TickStats
from ac_bridge.server.autopilot import Autopilot
from ac_bridge.server.broadcast import Broadcast
from ac_bridge.server.connection import DRIVERS_PACE, LOCKSTEP_PACE, Caller, Connection
from ac_bridge.server.drive import Drive
from ac_bridge.server.failures import cut
from ac_bridge.server.lease import Lease, Terms
from ac_bridge.server.recording import ActorRecorder, Tap
from ac_bridge.server.spectators import Listener, Spectators
from ac_bridge.server.stage import Served, stepper_of
from ac_bridge.server.teaching import Teaching
from ac_bridge_protocol.codec import Codec
from ac_bridge_protocol.errors import ErrorCode, NotResetError, RefusedError, SettingError
from ac_bridge_protocol.frame import TelemetryFrame
from ac_bridge_protocol.limits import CONNECTIONS, DRIVERS_WAITING
from ac_bridge_protocol.messages import (
    EndReason,
    Event,
    EventKind,
    Hello,
    Message,
    Ping,
    Pong,
    Release,
    Reset,
    Role,
    Step,
    Subscribe,
    Unsubscribe,
    Welcome,
)
from ac_bridge_protocol.observing import ObservationWish
from ac_bridge_protocol.runs import RunEnd
from ac_bridge_protocol.spec import EnvSpec, Mode

log = structlog.get_logger()

VERSION = importlib.metadata.version("ac-bridge")

SOFTWARE = f"ac-bridge {VERSION}"
"""What the actor calls itself."""

SECRET_BYTES = 16
"""Of a session: nobody guesses it."""

AT_ONCE = 8
"""Spectators that a frame is given to before the loop looks whether a tick is due: some 50 us."""


class Actor:
    """One rig, or a stage without one, served to one driver and any number of spectators.

    Args:
        rig: what is driven; see `ac_bridge.server.stage`.
        clock: the machine's, for everything that is not the game's.
        tasks: the group in which waiting is done.
        keep_house: called when a step in lockstep was answered, and nobody waits.
        terms: on which the car is lent.
        recorder: takes everything that is served; None records nothing.
    """

    def __init__(
        self,
        rig: Served,
        clock: Clock,
        tasks: asyncio.TaskGroup,
        keep_house: Callable[[], None] = lambda: None,
        terms: Terms | None = None,
        recorder: ActorRecorder | None = None,
    ) -> None:
        self.rig = rig
        self.clock = clock
        self.connections: set[Connection] = set()
        self.turns = Turns(clock, self.due_in_s)
        self._drivers_turns = Turns(clock)
        self.drivers_pace: Pace = LOCKSTEP_PACE if rig.lockstep else DRIVERS_PACE
        self.closing = False
        self._lines = Bucket(LINES_PACE, clock.now())
        self.spectators = Spectators(self.spec(self.modes[0]).telemetry_hz)
        rig.on_event = self.tell
        self.stepper = stepper_of(rig, clock, tasks, self.on_frame, self.tell)
        self._lease = Lease(terms or Terms())
        self.teaching: Teaching | None = None
        self._keep_house = keep_house
        self._recorder = recorder
        self._outgoing: collections.deque[tuple[Broadcast, list[Listener]]] = collections.deque()
        """Frames on their way, with those who still get them; the oldest first."""

    @property
    def stats(self) -> TickStats:
        """How punctual the control ticks were."""
        return self.stepper.stats

    @property
    def driven(self) -> bool:
        """Whether somebody has the car."""
        return self._lease.holder is not None or self.stopped

    @property
    def stopped(self) -> bool:
        """Whether the operator at this machine has stopped the car, and not let go of it yet."""
        return self._lease.stopped

    @property
    def modes(self) -> tuple[Mode, ...]:
        """How ticks and steps may go together here; the first is what is offered unasked."""
        return self.rig.modes

    def due_in_s(self) -> float:
        """Return in how many seconds a tick or a sample is due; lockstep has none."""
        clock = self.rig.clock
        return clock.due_s() - clock.now()

    def on_frame(self, frame: TelemetryFrame) -> None:
        """Hand a frame to whoever subscribed."""
        if self._recorder is not None:
            self._recorder.frame(frame, self.rig.statics())
        if not self.spectators:
            return
        self._outgoing.append((Broadcast(frame), self.spectators.due(self.rig.shown_s())))
        if self.rig.lockstep:
            self._hand_out(CONNECTIONS)  # no tick is due while time stands still
        elif len(self._outgoing) == 1:
            self._hand_out(AT_ONCE)

    def tell(self, event: Event) -> None:
        """Tell every client what happened, and the log."""
        log.info(event.kind.value, message=event.message)
        if self._recorder is not None:
            self._recorder.event(event)
        for connection in self.connections:
            if connection.role is not None:
                connection.send(event)

    def tell_all(self, kind: EventKind, message: str) -> None:
        """Tell every client what happened, and the log."""
        self.tell(Event(kind=kind, message=cut(message)))

    def keep_time(self, now_s: float) -> None:
        """Do what is due by the clock: end what has been away for too long, and show that we live.

        Args:
            now_s: on the actor's clock.
        """
        for drive in self._lease.expired(now_s):
            self._end_drive(drive, f"{drive.peer} did not come back.")
        for connection in list(self.connections):
            connection.beat(now_s)
        if self.teaching is not None:
            self.teaching.pump()
        if self._recorder is not None:
            self._recorder.look(now_s)

    def tap(self, codec: Codec) -> Tap | None:
        """Return what takes the messages of a new connection, to record them; None for nothing."""
        return None if self._recorder is None else self._recorder.tap(codec)

    def keep_out(self, still_good: Callable[[Caller], bool]) -> None:
        """End every connection whose token was withdrawn.

        Args:
            still_good: whether somebody would get in today.
        """
        for connection in list(self.connections):
            if not still_good(connection.caller):
                log.warning("token withdrawn", peer=connection.peer)
                connection.send_away(
                    RefusedError(
                        ErrorCode.UNAUTHORIZED,
                        "The token was withdrawn.",
                        hint="Ask the owner of the actor for a new one.",
                    )
                )

    def drives(self, connection: Connection) -> bool:
        """Whether a client has the car, or teaches who has it."""
        if connection.drive is not None:
            return connection.drive is self._lease.holder
        return self.teaching is not None and self.teaching.link is connection

    def turns_of(self, connection: Connection) -> Turns:
        """Return the turns of a client: who has the car shares them with nobody."""
        return self._drivers_turns if self.drives(connection) else self.turns

    def handle(self, connection: Connection, message: Message) -> None:
        """Act on a message that the session allows."""
        if self.closing:
            return
        match message:
            case Step():
                self._step(connection, message)
            case Reset():
                self._reset(connection, message)
            case Hello():
                self._welcome(connection, message)
            case Subscribe():
                self._subscribe(connection, message)
            case Unsubscribe():
                self.spectators.unsubscribe(connection)
            case Release():
                self._release(connection)
            case Ping():
                now = self.clock.now()
                connection.send(
                    Pong(id=message.id, t_ping=message.t_sent, t_received=now, t_sent=now)
                )
            case Pong():
                pass  # nothing was asked for with it
            case _:
                if self.teaching is not None:  # who is not welcome as a learner says none of these
                    self.teaching.handle(message)

    def left(self, connection: Connection, *, for_good: bool) -> None:
        """The connection is gone: its driver too, or it may come back for a while."""
        self.spectators.unsubscribe(connection)
        if self.teaching is not None:
            self.teaching.left(connection)
        drive = connection.drive
        if drive is None or drive.link is not connection or self.closing:
            return
        drive.go_away(self.clock.now())
        if for_good:
            self._end_drive(drive, f"{connection.peer} let go of the car.")
        elif drive is self._lease.holder:
            grace_s = self._lease.terms.grace_s
            text = f"The link to {drive.peer} was lost; it may come back for {grace_s:g} s."
            self.tell_all(EventKind.DRIVER_AWAY, text)

    def take_car(self, drive: Drive) -> None:
        """Let the autopilot have the car, if nobody has it.

        Raises:
            RefusedError: somebody else drives.
        """
        self._lease.join(drive)
        try:
            self._lease.take(drive, "", self.clock.now())
        except RefusedError:
            self._lease.forget(drive)
            raise
        if self._recorder is not None:
            drive.on_answer = self._recorder.answered
        self.tell_all(EventKind.DRIVER_JOINED, f"{drive.peer} drives: {drive.client}.")

    def give_back_car(self, drive: Drive, why: str) -> None:
        """The autopilot wants the car no more."""
        self._end_drive(drive, why)

    def stop_car(self) -> None:
        """The operator at this machine takes the car from whoever has it: it is let go of at once.

        Nobody drives until `let_drive`. May be called again.
        """
        was_stopped = self.stopped
        before = self._lease.stop(self.clock.now())
        if before is not None:
            self._dispossess(before, RunEnd.EMERGENCY, "The operator at the gaming PC stopped it.")
        self.stepper.stop()
        if not was_stopped:
            log.warning("stopped by its operator", hint="Shift and the key, or go, lets it drive.")
            self.tell_all(EventKind.DRIVER_JOINED, "The operator at the gaming PC has the car.")

    def let_drive(self) -> None:
        """The operator at this machine lets go of the car; nobody drives before asking to."""
        if self.stopped:
            self._lease.go()
            self.tell_all(EventKind.DRIVER_LEFT, "The operator at the gaming PC let go of the car.")

    def close(self) -> None:
        """Let go of the wheel and say good-bye to everybody; nothing is acted on after that."""
        self.closing = True
        if self.teaching is not None:
            self.teaching.close()
        self._note_end(EndReason.ACTOR_STOPPED)
        self.stepper.close()
        self._lease.holder = None
        self.tell_all(EventKind.SHUTTING_DOWN, "The actor is being stopped.")
        for connection in list(self.connections):
            connection.close(CloseCode.GOING_AWAY, "the actor is being stopped")

    def spec(
        self, mode: Mode, delay_ticks: int = 0, wish: ObservationWish | None = None
    ) -> EnvSpec:
        """Return what this actor offers to who steps in ``mode`` and wishes for that observation.

        Raises:
            SettingError: an observation that there is not.
        """
        return self.rig.spec(mode, delay_ticks, wish)

    # --- Coming and going -------------------------------------------------------------------------

    def _welcome(self, connection: Connection, hello: Hello) -> None:
        try:
            self._check_grant(connection.caller, hello.role)
            spec = self._check(hello)
            teaching = self._check_teaching(spec) if hello.role is Role.LEARNER else None
            before = self._lease.known(hello.session) if hello.session else None
            if before is None or hello.role is not Role.DRIVER:
                self._check_room(hello.role)
        except (RefusedError, SettingError) as error:
            client = _printable(hello.client)
            log.warning("refused", peer=connection.peer, client=client, reason=str(error))
            connection.refuse(error)
            return
        if hello.role is Role.DRIVER and before is not None:
            if before.link is not None:
                before.link.supersede()  # the driver noticed before we did
            if before.spec == spec:
                self._welcome_back(connection, before)
                return
            self._end_drive(before, f"{before.peer} wants to drive in another way.")
        secret = secrets.token_urlsafe(SECRET_BYTES) if hello.role is Role.DRIVER else ""
        self._send_welcome(connection, hello.role, spec, secret)
        client = _printable(hello.client)
        if secret and connection.course is not None:
            drive = Drive(secret, spec, connection.course, connection, connection.peer, client)
            connection.drive = drive
            if self._recorder is not None:
                drive.on_answer = self._recorder.answered
            self._lease.join(drive)
        if teaching is not None:
            teaching.came(connection, spec)
        if secret or self._lines.take(self.clock.now()):
            log.info("welcome", peer=connection.peer, client=client, role=hello.role.value)

    def _welcome_back(self, connection: Connection, drive: Drive) -> None:
        """Let a driver go on where its last link was lost."""
        connection.resume(drive.course)
        self._send_welcome(connection, Role.DRIVER, drive.spec, drive.secret, resumed=True)
        connection.drive = drive
        drive.come_back(connection)
        log.info("welcome back", peer=connection.peer, client=drive.client)
        if drive is self._lease.holder:
            self.tell_all(EventKind.DRIVER_BACK, f"{connection.peer} is back.")

    def _send_welcome(
        self,
        connection: Connection,
        role: Role,
        spec: EnvSpec,
        secret: str,
        *,
        resumed: bool = False,
    ) -> None:
        connection.send(
            Welcome(
                actor=SOFTWARE,
                role=role,
                spec=spec,
                statics=self.rig.statics(),
                session=secret,
                resumed=resumed,
                grace_s=self._lease.terms.grace_s,
            )
        )
        connection.role = role  # from now on it hears of events

    def _check_teaching(self, spec: EnvSpec) -> Teaching:
        """Return what a learner is welcomed to.

        Raises:
            RefusedError: there is nothing of the kind, or somebody is there.
        """
        if self.teaching is None:
            raise RefusedError(
                ErrorCode.NO_SUCH_MODE,
                "This actor takes no policies: it has no spool for what they live through.",
                hint="Start it with --spool DIR.",
            )
        self.teaching.check_room()
        self.teaching.check_spec(spec)
        return self.teaching

    def _check_grant(self, caller: Caller, role: Role) -> None:
        if role is not Role.SPECTATOR and Grant.DRIVER not in caller.grants:
            raise RefusedError(
                ErrorCode.FORBIDDEN,
                "This token may watch, and not drive.",
                hint="Connect as a spectator, or with a driver's token.",
            )

    def _check(self, hello: Hello) -> EnvSpec:
        """Return what a client is offered.

        Raises:
            RefusedError: nothing.
            SettingError: because of something that it asked for.
        """
        mode = hello.mode or self.modes[0]
        if mode not in self.modes:
            raise RefusedError(
                ErrorCode.NO_SUCH_MODE,
                f"This actor steps in {_listed(self.modes)}, not in {mode.value}.",
                hint=self.rig.modes_hint,
            )
        if (hello.delay_ticks > 0) is not (mode is Mode.FIXED_DELAY):
            raise SettingError(
                f"Mode {mode.value} does not go with a delay of {hello.delay_ticks} ticks.",
                setting="delay_ticks",
                hint="Mode fixed_delay has one of 1 tick or more, the others have none.",
            )
        # A spectator is told of no observation of its own: it has none.
        wish = hello.observation if hello.role is not Role.SPECTATOR else None
        return self.spec(mode, hello.delay_ticks, wish)

    def _check_room(self, role: Role) -> None:
        """Check that one more may watch, or wait for the car.

        Raises:
            RefusedError: there is no room.
        """
        here = [one for one in self.connections if one.role is role]
        if role is Role.SPECTATOR and len(here) >= self._lease.terms.spectators:
            raise RefusedError(
                ErrorCode.FULL,
                f"{len(here)} spectators watch already, which is all that this actor serves.",
                hint="Try again later, or start it with a higher --spectators.",
            )
        waiting = sum(one.drive is not self._lease.holder for one in here)
        if role is Role.DRIVER and waiting >= DRIVERS_WAITING:
            raise RefusedError(
                ErrorCode.FULL,
                f"{waiting} drivers wait for the car already, which is all that may.",
                hint="Try again later, or connect as a spectator.",
            )

    def _release(self, connection: Connection) -> None:
        if connection.drive is not None and self._lease.free(connection.drive):
            self._note_end("released")
            self._let_go(f"{connection.peer} let go of the car.")

    def _end_drive(self, drive: Drive, why: str) -> None:
        """A driver is gone for good."""
        if self._lease.forget(drive):
            self._note_end("driver_left")
            self._let_go(why)

    def _let_go(self, why: str) -> None:
        self.stepper.stop()
        self.tell_all(EventKind.DRIVER_LEFT, why)

    # --- Driving and watching ---------------------------------------------------------------------

    def _step(self, connection: Connection, request: Step) -> None:
        drive = connection.drive
        if drive is None or drive is not self._lease.holder:
            connection.fail(_taken_over(), request.id)
            return
        self.stepper.step(drive, request)
        if self.rig.lockstep:
            self._keep_house()

    def _reset(self, connection: Connection, request: Reset) -> None:
        """Reset for whoever may drive: the first reset takes the car."""
        drive = connection.drive
        if drive is None:
            connection.fail(NotResetError("Only a driver resets."), request.id)
            return
        had_it = self._lease.holder is drive
        try:
            self.rig.check_reset(request.seed, request.start)
        except SettingError as error:  # before anybody loses the car for it
            connection.fail(error, request.id)
            return
        try:
            before = self._lease.take(drive, request.takeover, self.clock.now())
        except RefusedError as busy:
            connection.fail(busy, request.id)
            if request.takeover and not self.stopped:
                log.warning("wrong operator's key", peer=connection.peer)
                connection.close(CloseCode.POLICY_VIOLATION, "wrong key")  # no quick second guess
            return
        if before is not None:
            self._dispossess(before, RunEnd.TAKEN_OVER, "An operator took the car.")
        if not had_it:
            self.tell_all(EventKind.DRIVER_JOINED, f"{connection.peer} drives.")
        self._note_end("reset")
        self.stepper.reset(drive, request, drive.spec)

    def _dispossess(self, drive: Drive, end: RunEnd, why: str) -> None:
        """Tell a driver that the car is somebody else's now."""
        self._note_end(EndReason.TAKEN_OVER)
        self.stepper.stop()
        if isinstance(drive.link, Autopilot):
            drive.link.dispossessed(end, why)
            self._lease.forget(drive)
        for request_id in list(drive.course.in_flight):
            drive.fail(_taken_over(), request_id)
        self.tell_all(EventKind.DRIVER_LEFT, f"An operator took the car from {drive.peer}.")

    def _subscribe(self, connection: Connection, request: Subscribe) -> None:
        try:
            self.spec(self.modes[0]).check_rate(request.hz)
        except SettingError as error:
            connection.fail(error, request.id)
            return
        self.spectators.subscribe(connection, request.hz)

    def _hand_out(self, at_once: int) -> None:
        """Give the oldest frame to a few more of those who get it: no crowd may hold up a tick."""
        frame, listeners = self._outgoing[0]
        for listener in listeners[:at_once]:
            if listener in self.spectators:  # still
                listener.offer(frame)
        if len(listeners) > at_once:
            self._outgoing[0] = frame, listeners[at_once:]
        else:
            self._outgoing.popleft()
        if self._outgoing:
            asyncio.get_running_loop().call_soon(self._hand_out, at_once)

    def _note_end(self, reason: str) -> None:
        """Record why an episode ends whose steps nobody will answer any more."""
        if self._recorder is not None:
            self._recorder.ended(reason)


def _printable(text: str) -> str:
    """Return what a stranger calls itself, without what a terminal would obey."""
    return "".join(one if one.isprintable() else "?" for one in text)


def _taken_over() -> RefusedError:
    return RefusedError(
        ErrorCode.TAKEN_OVER, "An operator gave the car to somebody else.", hint="Reset."
    )


def _listed(modes: tuple[Mode, ...]) -> str:
    return " or ".join(mode.value for mode in modes)
