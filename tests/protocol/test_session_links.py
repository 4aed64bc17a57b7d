"""A session outlives its link: what is lost on the way is asked for again, and nothing twice."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ac_bridge_protocol.codec import JSON, MSGPACK
from ac_bridge_protocol.errors import LocalProtocolError, RemoteProtocolError
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
    Subscribe,
    Welcome,
)
from ac_bridge_protocol.session import (
    ACTOR,
    LEARNER,
    ActorSession,
    Course,
    LearnerSession,
    Repeat,
    SessionState,
    Stale,
    Way,
)
from helpers.wire import make_failure, make_reset_result, make_step_result, make_welcome

S = SessionState
DELAYS = [0, 1, 5]


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


# --- A link that is cut at any moment -------------------------------------------------------------


class LossyLink(RuleBasedStateMachine):
    """Random asking, answering, arriving, cutting and coming back."""

    @initialize(delay_ticks=st.sampled_from(DELAYS), driving_already=st.booleans())
    def begin(self, delay_ticks: int, driving_already: bool) -> None:
        self.two = driving(delay_ticks) if driving_already else Two(delay_ticks)

    def can(self, way: Way, message: Message) -> bool:
        return self.two.steady and self.two.learner.following(way, message) is not None

    @precondition(lambda self: self.can(Way.OUT, Step(id=0, action=())))
    @rule()
    def step(self) -> None:
        if len(self.two.learner.in_flight) <= self.two.delay_ticks:
            self.two.step()

    @precondition(lambda self: self.can(Way.OUT, Reset(id=0)))
    @rule()
    def reset(self) -> None:
        self.two.reset()

    @precondition(lambda self: self.can(Way.OUT, Release()))
    @rule()
    def release(self) -> None:
        self.two.ask(Release())

    @precondition(lambda self: self.two.steady)
    @rule()
    def subscribe(self) -> None:
        self.two.ask(Subscribe(id=self.two.learner.next_id, hz=10.0))

    @precondition(lambda self: self.two.actor.in_flight)
    @rule(which=st.integers(0, 5), well=st.booleans())
    def answer(self, which: int, well: bool) -> None:
        waiting = list(self.two.actor.in_flight)
        self.two.answer(waiting[which % len(waiting)], well=well)

    @precondition(lambda self: self.two.actor.state is S.RESETTING)
    @rule()
    def progress(self) -> None:
        self.two.progress()

    @precondition(lambda self: self.two.link and self.two.link.up)
    @rule()
    def carry_up(self) -> None:
        self.two.carry_up()

    @precondition(lambda self: self.two.link and self.two.link.down)
    @rule()
    def carry_down(self) -> None:
        self.two.carry_down()

    @precondition(lambda self: self.two.steady)
    @rule()
    def carry_all(self) -> None:
        self.two.carry_all()

    @precondition(lambda self: self.two.link)
    @rule()
    def cut(self) -> None:
        self.two.cut()

    @precondition(lambda self: not self.two.link)
    @rule()
    def connect(self) -> None:
        self.two.connect()

    @invariant()
    def holds(self) -> None:
        if hasattr(self, "two"):
            self.two.check()

    def teardown(self) -> None:
        if hasattr(self, "two"):
            self.two.settle()
            self.two.check_settled()


def test_nothing_is_lost_taken_twice_or_mixed_up_on_a_link_that_is_cut() -> None:
    """In modes of 0, 1 and 5 steps in flight beyond the first.

    Whatever is lost on the way, in either direction and again while a link comes back: each step is
    taken once, each request gets its own answer once, and both sides end up at the same place.
    """
    run_state_machine_as_test(LossyLink, settings=settings(stateful_step_count=60))


@pytest.mark.parametrize("delay_ticks", DELAYS)
@pytest.mark.parametrize("arrived", range(12))
def test_a_cut_after_any_message_of_a_drive_costs_nothing(delay_ticks: int, arrived: int) -> None:
    """A reset and a few steps, each answered at once, and a cut after the nth message."""
    two = Two(delay_ticks)
    two.reset()
    for _ in range(arrived):
        assert two.link is not None
        if two.link.up:
            two.carry_up()
        elif two.actor.in_flight:
            two.answer(next(iter(two.actor.in_flight)))
        elif two.link.down:
            two.carry_down()
        else:
            two.step()
    two.cut()
    two.settle()
    two.check_settled()
    assert two.learner.state is S.EPISODE


# --- One thing at a time --------------------------------------------------------------------------


def test_a_step_that_did_not_arrive_is_taken_when_repeated() -> None:
    """The cut came before the actor heard of it."""
    two = driving(0)
    step = two.step()
    two.cut()
    two.connect()
    two.carry_all()
    assert (two.taken[step], two.actor.state) == (1, S.STEPPING)
    assert step not in two.got


def test_a_step_that_is_worked_on_is_not_begun_again() -> None:
    """The actor knows the repeated id, and has nothing to say yet."""
    two = driving(0)
    step = two.step()
    two.carry_all()
    two.cut()
    two.connect()
    two.carry_all()
    assert two.taken[step] == 1
    two.answer(step)
    two.carry_all()
    assert two.got[step] == two.made[step]


def test_an_answer_made_while_nobody_listened_is_kept() -> None:
    """Also one that was on its way when the link was cut, and one that was a failure."""
    two = driving(1)
    first, second = two.step(), two.step()
    two.carry_all()
    two.answer(first)
    two.cut()
    two.answer(second, well=False)
    assert not two.actor.in_flight
    two.connect()
    two.carry_all()
    assert {first: two.made[first], second: two.made[second]}.items() <= two.got.items()
    assert isinstance(two.got[second], Failure)


@pytest.mark.parametrize("delay_ticks", [1, 5])
def test_a_reset_whose_result_was_lost_brings_its_steps_again(delay_ticks: int) -> None:
    """The learner never heard of the steps that were opened and answered meanwhile."""
    two = Two(delay_ticks)
    reset = two.reset()
    two.carry_all()
    two.answer(reset)
    two.cut()
    for step in list(two.actor.in_flight):
        two.answer(step)
    assert two.learner.state is S.RESETTING
    two.connect()
    two.carry_all()
    assert set(two.got) == set(range(reset, reset + delay_ticks + 1))
    two.check_settled()


@pytest.mark.parametrize("times", [1, 5])
def test_fresh_answers_may_overtake_a_repeated_one(times: int) -> None:
    """They are taken by their ids; what the old one said is still known after cut upon cut."""
    two = driving(1)
    first, newest = two.step(), two.step()
    two.carry_all()
    two.answer(first)
    for _ in range(times):
        two.cut()
        two.connect()
        two.carry_up()
        two.carry_down()  # the welcome: the repeats are on their way
        two.answer(newest)
        two.carry_down()
        assert newest in two.got
        assert first not in two.got
        newest = two.step()
        while two.link is not None and two.link.up:
            two.carry_up()  # the first answer is sent again, and lost again
    two.cut()
    two.settle()
    two.check_settled()
    assert two.got[first] == two.made[first]


def test_a_release_that_was_lost_does_not_keep_the_next_reset_out() -> None:
    """The actor, still resetting as before, begins anew."""
    two = Two()
    first = two.reset()
    two.carry_all()
    two.ask(Release())
    second = two.reset()
    two.cut()
    two.settle()
    two.check_settled()
    assert first not in two.got
    assert isinstance(two.got[second], ResetResult)


def test_a_reset_that_did_not_arrive_still_abandons_the_steps_before_it() -> None:
    """What the actor answered meanwhile is nothing to the learner any more."""
    two = driving(1)
    old = [two.step(), two.step()]
    two.carry_all()
    reset = two.reset()
    two.cut()
    two.answer(old[0])
    two.connect()
    two.carry_up()
    two.answer(old[1])  # on the new link, before the repeated reset arrives
    two.carry_all()
    assert not set(old) & set(two.got)
    assert list(two.actor.in_flight) == [reset]
    two.settle()
    two.check_settled()


def test_a_link_may_be_cut_in_the_handshake_of_another() -> None:
    """Neither an unanswered hello nor a lost welcome costs anything."""
    two = driving(0)
    step = two.step()
    two.cut()
    two.connect()
    two.cut()
    two.connect()
    two.carry_up()  # the welcome is on its way
    two.cut()
    two.settle()
    two.check_settled()
    assert two.taken[step] == 1


def test_a_session_may_come_back_in_another_codec() -> None:
    """Answers are kept as messages, not as bytes."""
    two = driving(0)
    step = two.step()
    two.carry_all()
    two.cut()
    two.answer(step)
    learner, actor = LearnerSession(JSON), ActorSession(JSON, 0.0)
    learner.resume(two.learner)
    actor.resume(two.actor)
    actor.receive(learner.send(Hello(client="c/1", session="secret")), binary=False)
    learner.receive(actor.send(make_welcome(resumed=True)), binary=False)
    [repeated] = learner.repeat()
    assert actor.receive(repeated, binary=False) == Repeat(step, two.made[step])


def test_a_welcome_that_resumes_what_never_was_is_refused() -> None:
    """By the learner that had no session, and by the actor that would send it."""
    learner, actor = LearnerSession(MSGPACK), ActorSession(MSGPACK, 0.0)
    actor.receive(learner.send(Hello(client="c/1")), binary=True)
    resumed = make_welcome(resumed=True)
    with pytest.raises(LocalProtocolError, match="goes on with a session that there never was"):
        actor.send(resumed)
    with pytest.raises(RemoteProtocolError, match="goes on with a session that there never was"):
        learner.receive(MSGPACK.encode(resumed), binary=True)
    assert learner.state is actor.state is S.NEGOTIATING


def test_a_welcome_that_resumes_nothing_begins_anew() -> None:
    """The session is gone: nothing of it is left on the new link."""
    two = driving(1)
    two.step()
    two.cut()
    learner, actor = LearnerSession(MSGPACK), ActorSession(MSGPACK, 0.0)
    learner.resume(two.learner)
    actor.receive(learner.send(Hello(client="c/1", session="secret")), binary=True)
    learner.receive(actor.send(make_welcome(delay_ticks=1)), binary=True)
    assert learner.course is not two.learner
    assert (learner.state, learner.repeat()) == (S.READY, [])


def test_a_course_advances_without_a_link_by_the_same_rules() -> None:
    """What could not be sent cannot be kept as an answer either, and changes nothing."""
    course = Course(ACTOR)
    with pytest.raises(LocalProtocolError, match="cannot be sent while connected") as caught:
        course.advance(make_failure(1))
    assert "refusal" in caught.value.hint
    two = driving(0)
    step = two.step()
    two.carry_all()
    two.cut()
    with pytest.raises(LocalProtocolError, match="is not in flight"):
        two.actor.advance(make_step_result(step + 1))
    assert list(two.actor.in_flight) == [step]
    assert not Course(LEARNER).in_flight
