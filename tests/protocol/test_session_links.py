"""A session outlives its link: what is lost on the way is asked for again, and nothing twice."""

from __future__ import annotations

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
    ResetResult,
    Step,
    Subscribe,
)
from ac_bridge_protocol.session import (
    ACTOR,
    LEARNER,
    ActorSession,
    Course,
    LearnerSession,
    Repeat,
    SessionState,
    Way,
)
from helpers.two import Two, driving
from helpers.wire import make_failure, make_step_result, make_welcome

S = SessionState
DELAYS = [0, 1, 5]


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
