"""A drive: one session with an actor, over as many links as it takes.

Holds what outlives a link: the session's secret, its course with the requests in flight, and the
clocks' offset. When a link is lost, whatever waits here connects again, repeats what is in flight,
and goes on waiting for the same answers.

An interrupt (Ctrl+C) may come anywhere. So nothing is kept here that could disagree with the
course: which answers are owed follows from it and from the one number of the last that was handed
out. A link on which something was interrupted half-way is replaced like a lost one.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from websockets.frames import CloseCode

from ac_bridge_client.access import NOBODY, Access
from ac_bridge_client.asking import ResetOptions
from ac_bridge_client.backoff import waits_s
from ac_bridge_client.clock import monotonic_s
from ac_bridge_client.clocks import ClockFilter
from ac_bridge_client.exchange import Action, Notice, expect
from ac_bridge_client.link import Echo, Link
from ac_bridge_client.refusals import TurnedAwayError
from ac_bridge_client.stats import EnvStats, Tally
from ac_bridge_protocol.errors import (
    ConnectError,
    ErrorCode,
    LinkError,
    LinkLostError,
    LinkTimeoutError,
    RefusedError,
    SessionLostError,
    SettingError,
)
from ac_bridge_protocol.helpers import Closing
from ac_bridge_protocol.messages import EndReason, Message, ResetResult, StepResult
from ac_bridge_protocol.observing import ObservationWish
from ac_bridge_protocol.session import Course, SessionState
from ac_bridge_protocol.spec import EnvSpec, Mode

if TYPE_CHECKING:
    from ac_bridge_client.tape import Tape

log = logging.getLogger("ac_bridge_client")

T = TypeVar("T")

ATTEMPT_S = 3.0
"""How long one attempt to connect again may take, in seconds: three round trips around the world,
and a new attempt soon after the link is back."""

RELEASE_S = 1.0
"""How long closing may take to connect once more, only to let go of the car, in seconds."""

PING_S = 1.0
"""Least time between two pings that go with steps, in seconds."""


@dataclasses.dataclass(frozen=True, slots=True)
class DriveOptions:
    """How to drive: what every link of a drive says in its hello."""

    uri: str
    codec: str = "msgpack"
    mode: Mode | None = None
    delay_ticks: int = 0
    observation: ObservationWish = "bridge15"
    connect_timeout_s: float = 10.0
    access: Access = NOBODY


@dataclasses.dataclass(frozen=True, slots=True)
class Stepped:
    """What a step brought."""

    result: StepResult
    action: Action
    """The action that it answers: in mode `fixed_delay` one of some steps ago."""
    observation_age_s: float | None
    """From the frame's sampling to now, in the learner's own clock; None while its offset to the
    actor's is unknown."""


class Drive(Closing):
    """Resets and steps an actor's car; loses nothing when a link is lost.

    Args:
        options: how to drive.
        on_notice: gets streams, events and progress as they come in.
        tape: records what happens; None for nothing.

    Attributes:
        spec: what the actor offers.
        clock: the offset between the actor's clock and ours.
        tally: what became of the steps and links.

    Raises:
        ConnectError: no actor answered there.
        RefusedError: it answered no.
        SettingError: it cannot offer something that the options name.
    """

    def __init__(
        self,
        options: DriveOptions,
        on_notice: Callable[[Notice], None],
        tape: Tape | None = None,
    ) -> None:
        self.options = options
        self._tape = tape
        self.tally = Tally()
        self.clock = ClockFilter()
        self._on_notice = on_notice
        self._stopping = threading.Event()
        self._link: Link | None = None
        self._secret = ""
        self._grace_s = 0.0
        self._course: Course
        self._timeout_s = self._deadline_s = 0.0
        self._pinged_s = float("-inf")
        self._echoes = 0
        self._subscribed_hz: float | None = None
        self._returned = 0
        self._tick_returned = self._tick_asked = 0
        self._actions: dict[int, Action] = {}
        self._adopt(self._dial(options.connect_timeout_s))
        assert self._link is not None  # noqa: S101 -- just adopted
        self.spec: EnvSpec = self._link.welcome.spec
        self.neutral: Action = self.spec.neutral

    # --- What a driver does -----------------------------------------------------------------------

    def reset(self, seed: int | None, asked: ResetOptions, timeout_s: float) -> ResetResult:
        """Begin an episode; in a new session if the one before is lost.

        Args:
            seed: repeats an episode exactly, where the game can.
            asked: what goes with it.
            timeout_s: for the answer, in seconds in which the link is up.

        Raises:
            RefusedError: somebody else drives.
            ResetFailedError: the game did not restart.
            LinkError: the actor cannot be reached, or did not answer in time.
        """
        if self._tape is not None:
            self._tape.episode_over("reset")
        try:
            if self._secret:
                return self._reset(seed, asked, timeout_s)
        except SessionLostError as lost:
            log.info("%s A new session begins.", lost.message)
        self._begin_anew()
        return self._reset(seed, asked, timeout_s)

    def step(self, action: Action, plan: Sequence[Action], timeout_s: float) -> Stepped:
        """Ask for a step, and return the answer of the oldest one in flight.

        After a step that was interrupted its answer is waited for first, and thrown away; unless it
        is the episode's last, which is returned.

        Args:
            action: as the spec has it.
            plan: actions for the ticks after it.
            timeout_s: for the answer, in seconds in which the link is up.

        Raises:
            ActionError: the action cannot be applied.
            SessionLostError: the session cannot go on.
            LinkTimeoutError: no answer came in time; the session goes on with the next reset.
        """
        now_s = self._begin(timeout_s)
        delay_ticks = self.spec.delay_ticks
        while len(owed := self._owed()) > delay_ticks:
            answer = self._answer(owed[0])
            if isinstance(answer, StepResult):
                stepped = self._stepped(answer)
                if stepped.result.end is not None:
                    return stepped
        link = self._up()
        tick = None
        if delay_ticks:
            # The second only matters when frames were skipped: no two steps ask for one tick.
            tick = max(self._tick_returned + delay_ticks, self._tick_asked + 1)
        request = link.exchange.step(action, tick, plan)
        if tick is not None:
            self._tick_asked = tick
        self._actions[request.id] = action
        if now_s - self._pinged_s >= PING_S:
            self._pinged_s = now_s
            self._ask(link, link.ping(), request)
        else:
            self._ask(link, request)
        return self._stepped(expect(self._answer(owed[0] if owed else request.id), StepResult))

    def under_way(self) -> list[Action]:
        """Return the actions that were chosen and not yet answered for, oldest first.

        As many as the mode delays actions by ticks.
        """
        delay_ticks = self.spec.delay_ticks
        if not delay_ticks:
            return []
        chosen = [self._actions.get(owed, self.neutral) for owed in self._owed()][-delay_ticks:]
        return [self.neutral] * (delay_ticks - len(chosen)) + chosen

    def subscribe(self, hz: float) -> None:
        """Ask for frames, on this link and every later one.

        Raises:
            SettingError: more frames a second than the actor samples.
        """
        hz = self.spec.check_rate(hz)
        if not self._secret:
            self._begin_anew()
        self._begin(self.options.connect_timeout_s)
        link = self._up()
        self._subscribed_hz = hz
        self._ask(link, link.exchange.subscribe(hz))

    def probe(self, count: int) -> list[float]:
        """Return so many round trips, made one after the other, in seconds.

        Raises:
            LinkError: the actor went away, or did not answer in time.
        """
        found: list[float] = []
        for _ in range(count):
            self._begin(self.options.connect_timeout_s)
            before, link = self._echoes, self._up()
            began_s = monotonic_s()
            self._ask(link, link.ping())
            while self._echoes == before and self._link is link:
                self._take()
            found.append(monotonic_s() - began_s)
        return found

    def stats(self) -> EnvStats:
        """Return what became of the steps and links so far."""
        self._count_stale()
        return self.tally.stats(self.clock.offset_s, self.clock.error_s)

    def interrupt(self) -> None:
        """End whatever waits in this drive with a `LinkError`, for good. From any thread."""
        self._stopping.set()
        if (link := self._link) is not None:
            link.deafen()

    def close(self) -> None:
        """Let go of the car and close the link. May be called twice."""
        link, secret = self._link, self._secret
        self._count_stale()
        self._link, self._secret = None, ""
        parted = link is not None and link.open and link.part()
        if link is not None:
            link.drop()
        if not secret or parted:
            return
        try:  # the car would wait for us otherwise
            timeout_s = min(RELEASE_S, self.options.connect_timeout_s)
            self._dial(timeout_s, secret, self._course).close()
        except (LinkError, SettingError) as error:
            log.info("The car could not be let go of: %s", error)

    # --- Requests and answers ---------------------------------------------------------------------

    def _reset(self, seed: int | None, asked: ResetOptions, timeout_s: float) -> ResetResult:
        self._begin(timeout_s)
        self._up()
        while self._course.state is SessionState.RESETTING and self._course.in_flight:
            self._take()  # an interrupted one is answered first
        link = self._up()
        request = link.exchange.reset(seed, asked.takeover, asked.start)
        self._ask(link, request)
        result = expect(self._answer(request.id), ResetResult)
        self._actions.clear()
        self._tick_returned, self._tick_asked = 0, self.spec.delay_ticks - 1
        self.tally.episodes += 1
        if self._tape is not None:
            self._tape.episode_started(result, self.spec, seed)
        return result

    def _stepped(self, result: StepResult) -> Stepped:
        self._tick_returned = result.receipt.tick
        age_s = None
        sent_s = self.clock.to_learner(result.t_sent)
        if sent_s is not None:
            # The offset has an error: at least the time that the actor itself took is certain.
            age_s = result.receipt.observation_age_s + max(monotonic_s() - sent_s, 0.0)
        self.tally.count(result.receipt, age_s)
        action = self._actions.pop(result.id, self.neutral)
        if self._tape is not None:
            self._tape.stepped(action, result)
        return Stepped(result, action, age_s)

    def _owed(self) -> list[int]:
        """Return the requests whose answers were not handed out yet, oldest first."""
        course, returned = self._course, self._returned
        return sorted(one for one in (*course.answers, *course.in_flight) if one > returned)

    def _answer(self, request_id: int) -> Message:
        """Wait for a request's answer, good or bad."""
        course = self._course
        while (answer := course.answers.get(request_id)) is None:
            self._take()
        self._returned = request_id
        return answer

    def _begin(self, timeout_s: float) -> float:
        """Begin to wait; return the time."""
        now_s = monotonic_s()
        self._timeout_s, self._deadline_s = timeout_s, now_s + timeout_s
        if self._link is not None:
            self._link.asked_s = now_s
        return now_s

    def _ask(self, link: Link, *messages: Message) -> None:
        try:
            link.send(*messages)
        except LinkLostError as error:
            self._mend(error)

    def _take(self) -> None:
        link = self._up()
        try:
            link.take(self._deadline_s)
        except SessionLostError as lost:  # somebody else was given the car
            self._secret = ""
            link.close()
            lost.hint = lost.hint or _RESET
            raise
        except LinkLostError as error:
            self._mend(error)
        except TimeoutError:
            raise LinkTimeoutError(
                f"The actor at {self.options.uri} did not answer within {self._timeout_s:g} s.",
                hint="Reset to begin a new episode; raise the timeout if the game needs longer.",
            ) from None

    def _on_echo(self, echo: Echo) -> None:
        pong = echo.pong
        took_s = self.clock.add(pong.t_ping, pong.t_received, pong.t_sent, echo.t_back)
        if echo.prompt:
            self.tally.round_trips_s.append(took_s)
        self._echoes += 1

    # --- Links ------------------------------------------------------------------------------------

    def _up(self) -> Link:
        """Return a link on which requests can be made."""
        self._check_wanted()
        if (link := self._link) is not None and link.whole:
            return link
        self._mend(None)
        assert self._link is not None  # noqa: S101 -- mended
        return self._link

    def _check_wanted(self) -> None:
        if self._stopping.is_set():
            raise LinkError("This environment is being closed.")

    def _mend(self, cause: LinkLostError | None) -> None:
        """Connect again and go on with the session. Pauses the wait that it happens in.

        Raises:
            SessionLostError: that did not succeed within the grace period.
        """
        self._check_wanted()
        began_s = monotonic_s()
        code = None
        if self._link is not None:
            self._link.drop()
            code = self._link.close_code
            self._count_stale()
            self._link = None
        if not self._secret:
            raise LinkLostError(f"The link to {self.options.uri} is lost.", hint=_RESET) from cause
        if code == CloseCode.GOING_AWAY:
            raise self._lost(EndReason.ACTOR_STOPPED, "was stopped.") from cause
        why = f"The link to {self.options.uri} is lost." if cause is None else cause.message
        log.info("%s Connecting again.", why)
        for wait_s in waits_s():
            self._stopping.wait(wait_s)
            self._check_wanted()
            try:
                link = self._resumed()
                break
            except (ConnectError, LinkLostError, TurnedAwayError) as error:
                if isinstance(error, SessionLostError):
                    raise
                if monotonic_s() - began_s > self._grace_s:
                    text = f"could not be reached for {self._grace_s:g} s: {error.message}"
                    raise self._lost(EndReason.LINK_LOST, text) from error
        self._link = link
        self._check_wanted()
        self.tally.reconnects += 1
        down_s = monotonic_s() - began_s
        self._deadline_s += down_s
        link.asked_s = monotonic_s()
        log.info("Connected to %s again after %.2f s; the session goes on.", link.uri, down_s)

    def _resumed(self) -> Link:
        """Return a link on which the session goes on, and everything in flight was repeated.

        Raises:
            SessionLostError: it does not.
            TurnedAwayError: not at this moment.
        """
        try:
            timeout_s = min(ATTEMPT_S, self.options.connect_timeout_s)
            link = self._dial(timeout_s, self._secret, self._course)
        except (RefusedError, SettingError) as error:
            if isinstance(error, TurnedAwayError) and error.may_pass:
                raise
            stopped = error.code is ErrorCode.SHUTTING_DOWN
            reason = EndReason.ACTOR_STOPPED if stopped else EndReason.SESSION_LOST
            raise self._lost(reason, f"does not go on: {error.message}") from error
        if not link.welcome.resumed:
            lost = self._lost(EndReason.SESSION_LOST, "knows nothing of the session any more.")
            link.close()
            raise lost
        try:
            self.tally.requests_repeated += link.repeat()
            if self._subscribed_hz is not None:
                link.subscribe(self._subscribed_hz)
        except BaseException:
            link.drop()
            raise
        return link

    def _lost(self, reason: EndReason, what: str) -> SessionLostError:
        self._secret = ""
        return SessionLostError(
            f"The actor at {self.options.uri} {what}", reason=reason.value, hint=_RESET
        )

    def _begin_anew(self) -> None:
        """Begin a new session.

        Raises:
            LinkError: the actor cannot be reached, or offers something else than before.
        """
        if self._link is not None:
            self._link.drop()
        link = self._dial(self.options.connect_timeout_s)
        if link.welcome.spec != self.spec:
            link.close()
            raise LinkError(
                f"The actor at {self.options.uri} offers something else than before: its rates, "
                "mode or observation have changed.",
                hint="Make a new environment, whose spaces fit.",
            )
        self.clock = ClockFilter()  # the actor may be another process, with another clock
        self._adopt(link)
        if self._subscribed_hz is not None:
            link.subscribe(self._subscribed_hz)

    def _adopt(self, link: Link) -> None:
        """Take a new session as this drive's own."""
        self._course = link.exchange.course
        self._returned = -1
        self._actions.clear()
        self._grace_s = link.welcome.grace_s
        self._link, self._secret = link, link.welcome.session
        if self._tape is not None:
            self._tape.statics(link.welcome.statics)

    def _dial(self, timeout_s: float, session: str = "", course: Course | None = None) -> Link:
        options = self.options
        return Link(
            options.uri,
            codec=options.codec,
            mode=options.mode,
            delay_ticks=options.delay_ticks,
            observation=options.observation,
            session=session,
            course=course,
            access=options.access,
            connect_timeout_s=timeout_s,
            on_notice=self._on_notice,
            on_echo=self._on_echo,
            tap=None if self._tape is None else self._tape.tap(),
        )

    def _count_stale(self) -> None:
        if self._link is not None:
            exchange = self._link.exchange
            self.tally.stale_answers += exchange.stale_answers
            exchange.stale_answers = 0


_RESET = "Reset to begin a new session."
