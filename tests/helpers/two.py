"""A learner and an actor joined by a link that can be cut, and what must hold between them."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

from ac_bridge_protocol.codec import MSGPACK
from ac_bridge_protocol.messages import (
    Failure,
    Hello,
    Message,
    Release,
    Reset,
    ResetPhase,
    ResetProgress,
    ResetResult,
    Step,
    StepResult,
    Welcome,
)
from ac_bridge_protocol.session import (
    ActorSession,
    Course,
    LearnerSession,
    Repeat,
    SessionState,
    Stale,
)
from helpers.wire import make_failure, make_reset_result, make_step_result, make_welcome

S = SessionState


@dataclasses.dataclass
class Link:
    """A pretend connection: bytes in order, until it is cut."""

    learner: LearnerSession = dataclasses.field(default_factory=lambda: LearnerSession(MSGPACK))
    actor: ActorSession = dataclasses.field(default_factory=lambda: ActorSession(MSGPACK, 0.0))
    up: list[bytes] = dataclasses.field(default_factory=list)
    down: list[bytes] = dataclasses.field(default_factory=list)


class Two:
    """A learner and an actor as thin shells around their sessions, and whatever link there is.

    The learner asks, and repeats what is in flight when a link has come back. The actor keeps what
    it is asked, answers when it is told to, and answers without a link too. Each answer that the
    actor makes is unlike any other.

    Attributes:
        link: None while there is none.
        taken: how often the actor was given each request, by id.
        made: what the actor answered, by id.
        got: what the learner was answered, by id.
        abandoned: requests that the learner waits for no more.
    """

    def __init__(self, delay_ticks: int = 0) -> None:
        self.delay_ticks = delay_ticks
        self.link: Link | None = Link()
        self.learner_course: Course | None = None
        self.actor_course: Course | None = None
        self.let_go = False
        self.serial = 0
        self.asked: dict[int, Message] = {}
        self.taken: Counter[int] = Counter()
        self.made: dict[int, Message] = {}
        self.got: dict[int, Message] = {}
        self.abandoned: set[int] = set()
        self.ask(Hello(client="c/1"))
        self.carry_all()

    # --- The learner ------------------------------------------------------------------------------

    @property
    def learner(self) -> Course:
        """Where the learner stands."""
        assert self.learner_course is not None
        return self.learner_course

    @property
    def steady(self) -> bool:
        """Whether the learner has a link that it was welcomed on."""
        return self.link is not None and self.link.learner.course is self.learner_course

    def ask(self, message: Message) -> None:
        """Send a message to the actor."""
        assert self.link is not None
        course = self.link.learner.course
        before = list(course.in_flight)
        if course.state is S.RESETTING:
            before += course.implied_ids
        self.link.up.append(self.link.learner.send(message))
        if isinstance(message, Reset | Release):
            self.abandoned.update(before)
        if isinstance(message, Reset | Step):
            self.asked[message.id] = message
        self.let_go = isinstance(message, Release) or (
            self.let_go and not isinstance(message, Reset)
        )

    def step(self) -> int:
        """Ask for a step whose action is its own id."""
        request_id = self.learner.next_id
        self.ask(Step(id=request_id, action=(float(request_id),)))
        return request_id

    def reset(self) -> int:
        """Ask for a reset."""
        request_id = self.learner.next_id
        self.ask(Reset(id=request_id))
        return request_id

    def _told(self, data: bytes) -> None:
        assert self.link is not None
        waiting = set(self.learner_course.in_flight) if self.learner_course else set()
        message = self.link.learner.receive(data, binary=True)
        if isinstance(message, Welcome):
            self.learner_course = self.link.learner.course
            self.link.up += self.link.learner.repeat()
            if self.let_go:
                self.ask(Release())  # it has no answer: to be sure, it is said again
        elif isinstance(message, Stale):
            answer: Any = message.answer
            assert answer.id not in waiting
            assert answer.id in self.got or answer.id in self.abandoned or self._early(answer)
        elif isinstance(message, ResetResult | StepResult | Failure):
            assert message.id in waiting
            assert message.id not in self.got
            self.got[message.id] = message  # type: ignore[index] -- in flight, so not None

    def _early(self, answer: Any) -> bool:
        """Whether an implied step was answered before the lost reset's result came again."""
        return self.learner.state is S.RESETTING and answer.id in self.learner.implied_ids

    # --- The actor --------------------------------------------------------------------------------

    @property
    def actor(self) -> Course:
        """Where the actor stands."""
        assert self.actor_course is not None
        return self.actor_course

    def answer(self, request_id: int, *, well: bool = True) -> None:
        """Let the actor answer a request, well or with a failure; kept if nobody listens."""
        self.serial += 1
        answer: Message
        if not well:
            answer = make_failure(request_id, f"Failure {self.serial}.")
        elif isinstance(self.actor.in_flight[request_id], Reset):
            answer = make_reset_result(request_id, episode=self.serial)
        else:
            answer = make_step_result(request_id, t_sent=float(self.serial))
        assert request_id not in self.made
        self.made[request_id] = answer
        self._tell(answer)

    def progress(self) -> None:
        """Let the actor tell how far the reset is."""
        request_id = next(iter(self.actor.in_flight))
        phase = ResetProgress(id=request_id, phase=ResetPhase.SETTLING, attempt=1)
        if self.link is not None and self.link.actor.course is self.actor_course:
            self._tell(phase)

    def _tell(self, message: Message) -> None:
        if self.link is not None and self.link.actor.course is self.actor_course:
            self.link.down.append(self.link.actor.send(message))
        else:
            self.actor.advance(message)

    def _asked(self, data: bytes) -> None:
        assert self.link is not None
        message = self.link.actor.receive(data, binary=True)
        if isinstance(message, Hello):
            resumed = self.actor_course is not None
            if self.actor_course is not None:
                self.link.actor.resume(self.actor_course)
            welcome = make_welcome(delay_ticks=self.delay_ticks, resumed=resumed)
            self.link.down.append(self.link.actor.send(welcome))
            self.actor_course = self.link.actor.course
        elif isinstance(message, Repeat):
            assert message.answer == self.made.get(message.request_id)
            if message.answer is not None:
                self.link.down.append(MSGPACK.encode(message.answer))
        elif isinstance(message, Reset | Step):
            assert message == self.asked[message.id]
            self.taken[message.id] += 1

    # --- The link ---------------------------------------------------------------------------------

    def carry_up(self) -> None:
        """Let the oldest message to the actor arrive."""
        assert self.link is not None
        self._asked(self.link.up.pop(0))

    def carry_down(self) -> None:
        """Let the oldest message to the learner arrive."""
        assert self.link is not None
        self._told(self.link.down.pop(0))

    def carry_all(self) -> None:
        """Let everything that is on its way arrive, and what comes of it."""
        while self.link is not None and (self.link.up or self.link.down):
            (self.carry_up if self.link.up else self.carry_down)()

    def cut(self) -> None:
        """Lose the link, and what is on its way in either direction."""
        self.link = None

    def connect(self) -> None:
        """Open a new link, and say hello on it: not yet arrived."""
        self.link = Link()
        if self.learner_course is not None:
            self.link.learner.resume(self.learner_course)
        self.link.up.append(self.link.learner.send(Hello(client="c/1", session="secret")))

    # --- What must hold ---------------------------------------------------------------------------

    def check(self) -> None:
        """What must hold at any time."""
        assert all(times == 1 for times in self.taken.values())
        assert all(self.made[request_id] == answer for request_id, answer in self.got.items())
        for course in (self.actor, self.learner):
            assert course.state not in (S.RESUMED, S.CLOSED)
            assert len(course.in_flight) <= self.delay_ticks + 1
            assert len(course.answers) <= 2 * self.delay_ticks + 1

    def check_settled(self) -> None:
        """What must hold once everything has arrived and is answered."""
        self.check()
        assert self.actor.state is self.learner.state
        assert not self.actor.in_flight
        assert not self.learner.in_flight
        implied = {
            request_id + 1 + tick
            for request_id, answer in self.got.items()
            for tick in range(self.delay_ticks)
            if isinstance(answer, ResetResult)
        }
        wanted = (set(self.asked) | implied) - self.abandoned
        assert wanted <= set(self.got) <= wanted | self.abandoned
        assert set(self.asked) - self.abandoned <= set(self.taken) <= set(self.asked)

    def settle(self) -> None:
        """Let a link come back, everything arrive, and everything be answered."""
        if not self.steady:
            self.connect()
        self.carry_all()
        while self.actor.in_flight:
            self.answer(next(iter(self.actor.in_flight)))
            self.carry_all()


def driving(delay_ticks: int) -> Two:
    """Return two in an episode, with nothing in flight."""
    two = Two(delay_ticks)
    two.reset()
    two.settle()
    two.check_settled()
    return two
