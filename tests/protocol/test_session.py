"""The two sides of a connection as tables: what is legal, and that nothing else changes a thing."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ac_bridge_protocol.codec import JSON, MSGPACK
from ac_bridge_protocol.errors import (
    ErrorCode,
    FrameError,
    LocalProtocolError,
    ProtocolError,
    RemoteProtocolError,
)
from ac_bridge_protocol.limits import HELLO_TIMEOUT_S, MESSAGE_BYTES, MESSAGE_TYPE_BYTES
from ac_bridge_protocol.messages import (
    MESSAGE_TYPES,
    Event,
    EventKind,
    Failure,
    Hello,
    Message,
    Ping,
    Pong,
    Refusal,
    Release,
    Reset,
    ResetPhase,
    ResetProgress,
    ResetResult,
    Role,
    Step,
    StepResult,
    Subscribe,
    Telemetry,
    Unsubscribe,
    Welcome,
)
from ac_bridge_protocol.session import (
    ACTOR,
    LEARNER,
    ActorSession,
    LearnerSession,
    Repeat,
    Session,
    SessionState,
    Stale,
    Table,
    Way,
)
from helpers.frames import make_frame
from helpers.sessions import (
    EVERY,
    KINDS,
    WITHOUT_ID,
    check_bounds,
    kind_of_message,
    snapshot,
    with_id,
)
from helpers.wire import (
    FRAME,
    make_failure,
    make_reset_result,
    make_step_result,
    make_welcome,
)

STATES = [state for state in SessionState if state is not SessionState.RESUMED]
"""Where a session can stand; RESUMED is only passed through."""


class Pair:
    """An actor's and a learner's session joined by a pretend wire that loses nothing."""

    def __init__(self) -> None:
        self.learner = LearnerSession(MSGPACK)
        self.actor = ActorSession(MSGPACK, now=0.0)

    def up(self, *messages: Message) -> None:
        """Carry messages from learner to actor."""
        for message in messages:
            assert self.actor.receive(self.learner.send(message), binary=True) == message

    def down(self, *messages: Message) -> None:
        """Carry messages from actor to learner."""
        for message in messages:
            assert self.learner.receive(self.actor.send(message), binary=True) == message

    @property
    def state(self) -> SessionState:
        """Where both stand."""
        assert self.actor.state is self.learner.state
        assert self.in_flight == list(self.learner.course.in_flight)
        return self.actor.state

    @property
    def in_flight(self) -> list[int]:
        """The ids that the actor has not answered."""
        return list(self.actor.course.in_flight)


def pair_in(state: SessionState, request_id: int = 1, delay_ticks: int = 0) -> Pair:
    """Return a pair that was led into a state.

    The last request has this id; where a reset opens steps by itself, it is the reset's.
    """
    s = SessionState
    pair = Pair()
    hello = (pair.up, Hello(client="c/1"))
    welcome = (pair.down, make_welcome(delay_ticks=delay_ticks))
    reset_id = request_id - (state is s.STEPPING and not delay_ticks)
    path: dict[SessionState, list[tuple[Any, Message]]] = {
        s.CONNECTED: [],
        s.NEGOTIATING: [hello],
        s.READY: [hello, welcome],
    }
    path[s.RESETTING] = [*path[s.READY], (pair.up, Reset(id=reset_id))]
    path[s.EPISODE] = [*path[s.RESETTING], (pair.down, make_reset_result(reset_id))]
    path[s.STEPPING] = [*path[s.EPISODE]]
    implied = range(reset_id + 1, reset_id + 1 + delay_ticks)
    path[s.EPISODE] += [(pair.down, make_step_result(i)) for i in implied]
    if not delay_ticks:
        path[s.STEPPING].append((pair.up, Step(id=request_id, action=(0.0,))))
    path[s.SPECTATING] = [hello, (pair.down, make_welcome(Role.SPECTATOR))]
    path[s.TEACHING] = [hello, (pair.down, make_welcome(Role.LEARNER))]
    path[s.CLOSED] = [hello, (pair.down, Refusal(code=ErrorCode.BUSY, message="No."))]
    for carry, message in path[state]:
        carry(message)
    assert pair.state is state
    return pair


# --- The tables -----------------------------------------------------------------------------------


@pytest.mark.parametrize("table", [ACTOR, LEARNER], ids=["actor", "learner"])
def test_every_state_can_be_reached(table: Table) -> None:
    """From CONNECTED, by the table's moves alone."""
    reached = {SessionState.CONNECTED}
    waiting = [SessionState.CONNECTED]
    while waiting:
        for following in table[waiting.pop()].values():
            if following not in reached:
                reached.add(following)
                waiting.append(following)
    assert reached == set(SessionState)
    assert set(table) == set(SessionState)


@pytest.mark.parametrize("table", [ACTOR, LEARNER], ids=["actor", "learner"])
def test_every_move_is_a_message(table: Table) -> None:
    """Each move names a message type; a suffix is one of the documented ones."""
    moves = {name for moves in table.values() for _, name in moves}
    assert {name.partition(":")[0] for name in moves} == set(MESSAGE_TYPES)
    assert {name for name in moves if ":" in name} == {
        "welcome:driver",
        "welcome:resumed",
        "welcome:spectator",
        "welcome:learner",
        "reset_result:steps",
        "step_result:last",
        "failure:answer",
        "failure:answer:last",
    }


def test_each_type_goes_one_way() -> None:
    """But for ping and pong, the table agrees with the models on who sends what."""
    down = {"welcome", "refusal", "reset_progress", "reset_result", "step_result", "telemetry"}
    down |= {"event", "failure", "policy_status", "run_status", "records"}
    sent = {n.partition(":")[0] for moves in ACTOR.values() for w, n in moves if w is Way.OUT}
    taken = {n.partition(":")[0] for moves in ACTOR.values() for w, n in moves if w is Way.IN}
    assert sent == down | {"ping", "pong"}
    assert taken == set(MESSAGE_TYPES) - down


def test_the_tables_mirror_each_other() -> None:
    """What one side may send in a state, the other may take in the same state, and they meet."""
    for state, moves in ACTOR.items():
        seen = {
            (Way.OUT if way is Way.IN else Way.IN, name): after
            for (way, name), after in LEARNER[state].items()
        }
        assert dict(moves) == seen


def test_closed_is_the_end() -> None:
    """No move leads out of CLOSED; only a refusal leads in. RESUMED is left without a move."""
    assert [state for state, moves in ACTOR.items() if not moves] == [
        SessionState.RESUMED,
        SessionState.CLOSED,
    ]
    ways = {
        name
        for moves in ACTOR.values()
        for (_, name), following in moves.items()
        if following is SessionState.CLOSED
    }
    assert ways == {"refusal"}


# --- Moves ----------------------------------------------------------------------------------------


def test_a_whole_life() -> None:
    """Handshake, reset with progress, a step, release, and free to reset again."""
    pair = pair_in(SessionState.READY)
    pair.up(Subscribe(id=3, hz=10.0), Reset(id=4))
    pair.down(ResetProgress(id=4, phase=ResetPhase.RESTARTING, attempt=1))
    assert pair.in_flight == [4]
    pair.down(make_reset_result(4))
    assert pair.state is SessionState.EPISODE
    assert pair.in_flight == []
    pair.up(Step(id=5, action=(0.0,)))
    pair.down(Telemetry(frame=FRAME, dropped=0))
    assert pair.state is SessionState.STEPPING
    pair.down(make_step_result(5))
    pair.up(Release())
    assert pair.state is SessionState.READY
    pair.up(Unsubscribe())
    pair.down(Event(kind=EventKind.DRIVER_LEFT, message=""))
    pair.up(Reset(id=6))
    assert pair.state is SessionState.RESETTING


def test_a_spectator_never_drives() -> None:
    """Once welcomed as a spectator, a reset is illegal on both sides."""
    pair = pair_in(SessionState.NEGOTIATING)
    pair.down(make_welcome(Role.SPECTATOR))
    assert pair.state is SessionState.SPECTATING
    with pytest.raises(LocalProtocolError):
        pair.learner.send(Reset(id=1))
    with pytest.raises(RemoteProtocolError):
        pair.actor.receive(MSGPACK.encode(Reset(id=1)), binary=True)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (SessionState.RESETTING, SessionState.READY),
        (SessionState.STEPPING, SessionState.EPISODE),
    ],
)
def test_a_failure_of_the_request_answers_it(before: SessionState, after: SessionState) -> None:
    """It ends the request, and the session is where it was before it."""
    pair = pair_in(before, request_id=7)
    pair.down(make_failure(7))
    assert pair.state is after
    assert pair.in_flight == []


@pytest.mark.parametrize("state", [SessionState.RESETTING, SessionState.STEPPING])
@pytest.mark.parametrize("request_id", [None, 8])
def test_another_failure_leaves_the_request_in_flight(
    state: SessionState, request_id: int | None
) -> None:
    """One without an id, or with the id of a subscription, answers nothing."""
    pair = pair_in(state, request_id=7)
    pair.up(Subscribe(id=8, hz=10.0))
    pair.down(make_failure(request_id))
    assert pair.state is state
    assert pair.in_flight == [7]


@pytest.mark.parametrize(
    ("state", "answer"),
    [(SessionState.RESETTING, 1), (SessionState.RESETTING, 2), (SessionState.STEPPING, 4)],
)
def test_an_answer_to_a_request_that_never_was_is_refused(state: SessionState, answer: int) -> None:
    """Neither side lets it pass: the actor does not send it, the learner does not take it."""
    pair = pair_in(state, request_id=7)
    with pytest.raises(LocalProtocolError, match="answers request 8, which is not in flight"):
        pair.actor.send(with_id(8)[answer])
    with pytest.raises(RemoteProtocolError, match="answers request 8") as caught:
        pair.learner.receive(MSGPACK.encode(with_id(8)[answer]), binary=True)
    assert caught.value.request_id == 8
    assert pair.state is state


@pytest.mark.parametrize("late", [Reset(id=6), Step(id=6, action=()), Subscribe(id=6, hz=1.0)])
def test_an_id_that_does_not_rise_is_refused(late: Message) -> None:
    """By both sides; what was in flight stays so, and a higher id is fine."""
    pair = pair_in(SessionState.STEPPING, request_id=7, delay_ticks=2)  # implies 8 and 9
    pair.up(Subscribe(id=12, hz=10.0))
    before = snapshot(pair.actor), snapshot(pair.learner)
    with pytest.raises(LocalProtocolError, match="Request 6 comes too late: the next is 13"):
        pair.learner.send(late)
    with pytest.raises(RemoteProtocolError, match="Request 6 comes too late") as caught:
        pair.actor.receive(MSGPACK.encode(late), binary=True)
    assert (caught.value.code, caught.value.request_id) == (ErrorCode.ILLEGAL, 6)
    assert (snapshot(pair.actor), snapshot(pair.learner)) == before
    pair.up(late.model_copy(update={"id": 20}))


# --- Several steps in flight ----------------------------------------------------------------------


@pytest.mark.parametrize("delay_ticks", [1, 2, 5])
def test_a_reset_opens_as_many_steps_as_the_delay(delay_ticks: int) -> None:
    """Their ids follow its own; each is answered without having been asked."""
    pair = pair_in(SessionState.RESETTING, request_id=4, delay_ticks=delay_ticks)
    pair.down(make_reset_result(4))
    assert pair.state is SessionState.STEPPING
    assert pair.in_flight == list(range(5, 5 + delay_ticks))
    for request_id in range(5, 5 + delay_ticks):
        assert pair.state is SessionState.STEPPING
        pair.down(make_step_result(request_id))
    assert pair.state is SessionState.EPISODE


@pytest.mark.parametrize("delay_ticks", [0, 1, 5])
def test_one_step_more_than_the_delay_is_in_flight_at_most(delay_ticks: int) -> None:
    """The next is refused by both sides, changes nothing, and is taken after an answer."""
    pair = pair_in(SessionState.EPISODE, request_id=0, delay_ticks=delay_ticks)
    ids = itertools.count(1 + delay_ticks)
    for _ in range(delay_ticks + 1):
        pair.up(Step(id=next(ids), action=(0.0,)))
    more = Step(id=next(ids), action=(0.0,))
    before = snapshot(pair.actor), snapshot(pair.learner)
    with pytest.raises(LocalProtocolError, match=f"{delay_ticks + 1} steps are in flight"):
        pair.learner.send(more)
    with pytest.raises(RemoteProtocolError, match=f"{delay_ticks + 1} steps are in") as caught:
        pair.actor.receive(MSGPACK.encode(more), binary=True)
    assert caught.value.request_id == more.id
    assert (snapshot(pair.actor), snapshot(pair.learner)) == before
    pair.down(make_step_result(pair.in_flight[0]))
    pair.up(more)


def test_a_failure_of_a_step_leaves_the_others_in_flight() -> None:
    """In whichever order the answers come; only the last one ends the stepping."""
    pair = pair_in(SessionState.STEPPING, request_id=4, delay_ticks=2)  # implies 5 and 6
    pair.up(Step(id=7, action=(0.0,)))
    pair.down(make_failure(7))
    assert (pair.state, pair.in_flight) == (SessionState.STEPPING, [5, 6])
    pair.down(make_step_result(6), make_failure(5))
    assert (pair.state, pair.in_flight) == (SessionState.EPISODE, [])


@pytest.mark.parametrize("abandon", [Reset(id=20), Release()])
def test_what_a_reset_or_release_abandons_is_stale(abandon: Message) -> None:
    """Answers that were on their way already are told apart from those that are waited for."""
    pair = pair_in(SessionState.STEPPING, request_id=4, delay_ticks=2)
    late = [make_step_result(5), make_failure(6)]
    crossing = [pair.actor.send(answer) for answer in late]
    pair.up(abandon)
    before = snapshot(pair.learner)
    assert [pair.learner.receive(data, binary=True) for data in crossing] == [
        Stale(answer) for answer in late
    ]
    assert snapshot(pair.learner) == before
    assert pair.state in (SessionState.RESETTING, SessionState.READY)


def test_a_reset_that_was_let_go_of_is_stale() -> None:
    """Its progress and its result, also while the next reset is in flight."""
    pair = pair_in(SessionState.RESETTING, request_id=4)
    late = [with_id(4)[1], make_reset_result(4)]
    crossing = [pair.actor.send(message) for message in late]
    pair.up(Release(), Reset(id=5))
    assert [pair.learner.receive(data, binary=True) for data in crossing] == [
        Stale(message) for message in late
    ]
    assert (pair.state, pair.in_flight) == (SessionState.RESETTING, [5])


def test_only_the_newest_subscriptions_failure_is_news() -> None:
    """Of one that was replaced, nobody waits for anything any more."""
    pair = pair_in(SessionState.READY)
    first, second = Subscribe(id=1, hz=1e9), Subscribe(id=2, hz=10.0)
    pair.up(first)
    data = pair.actor.send(make_failure(1))
    assert pair.learner.receive(data, binary=True) == make_failure(1)
    pair.up(second)
    assert pair.learner.receive(data, binary=True) == Stale(make_failure(1))


# --- What is refused, and how ---------------------------------------------------------------------


def test_an_illegal_message_is_explained() -> None:
    """The error names message, state and id, and says what would be possible."""
    pair = pair_in(SessionState.EPISODE)
    with pytest.raises(RemoteProtocolError, match="A hello is not allowed while in an") as caught:
        pair.actor.receive(MSGPACK.encode(Hello(client="c/1")), binary=True)
    assert (caught.value.code, caught.value.request_id) == (ErrorCode.ILLEGAL, None)
    assert "step" in caught.value.hint
    with pytest.raises(LocalProtocolError, match="cannot be sent while in an episode"):
        pair.learner.send(Hello(client="c/1"))


def test_a_step_before_the_first_reset_is_told_as_such() -> None:
    """The code says what is missing, so that the client can raise the fitting error."""
    pair = pair_in(SessionState.READY)
    with pytest.raises(RemoteProtocolError, match="A step is not allowed while ready") as caught:
        pair.actor.receive(MSGPACK.encode(Step(id=9, action=(0.0,))), binary=True)
    assert (caught.value.code, caught.value.request_id) == (ErrorCode.NOT_RESET, 9)
    assert "reset" in caught.value.hint


def test_nothing_is_possible_when_closed() -> None:
    """The hint says so."""
    pair = pair_in(SessionState.CLOSED)
    with pytest.raises(LocalProtocolError, match="Possible now: nothing"):
        pair.learner.send(Ping(id=1, t_sent=0.0))


def test_a_message_too_large_to_send_changes_nothing() -> None:
    """The move is taken only when the bytes are there."""
    pair = pair_in(SessionState.STEPPING)
    huge = make_frame(tyre_compound="x" * 70_000)
    with pytest.raises(FrameError):
        pair.actor.send(make_step_result(1, frame=huge))
    assert pair.state is SessionState.STEPPING
    assert pair.in_flight == [1]


def test_nothing_larger_than_a_hello_is_parsed_by_an_actor() -> None:
    """A stranger's bytes do not cost more than a hello may; to a learner a frame may come."""
    limit = MESSAGE_TYPE_BYTES["hello"]
    actor, learner = ActorSession(JSON, now=0.0), LearnerSession(JSON)
    for session, most in ((actor, limit), (learner, MESSAGE_BYTES)):
        before = snapshot(session)
        for size, code in ((most, ErrorCode.MALFORMED), (most + 1, ErrorCode.TOO_LARGE)):
            with pytest.raises(FrameError) as caught:
                session.receive(b"[" * size, binary=False)
            assert caught.value.code is code
        assert snapshot(session) == before
    hello = JSON.encode(Hello(client="c/1"))
    assert actor.receive(hello + b" " * (limit - len(hello)), binary=False) == Hello(client="c/1")


@pytest.mark.parametrize("codec", [JSON, MSGPACK], ids=lambda codec: codec.name)
def test_a_session_speaks_its_codec_only(codec: Any) -> None:
    """The other kind of frame is refused, and the handshake goes on."""
    session = ActorSession(codec, now=0.0)
    data = LearnerSession(codec).send(Hello(client="c/1"))
    with pytest.raises(FrameError):
        session.receive(data, binary=not codec.binary)
    assert session.state is SessionState.CONNECTED
    session.receive(data, binary=codec.binary)
    assert session.state is SessionState.NEGOTIATING


def test_only_the_silent_have_a_deadline() -> None:
    """A connection has five seconds for its hello, and no limit after it."""
    session = ActorSession(MSGPACK, now=100.0)
    assert session.next_deadline() == 100.0 + HELLO_TIMEOUT_S
    session.receive(MSGPACK.encode(Hello(client="c/1")), binary=True)
    assert session.next_deadline() is None
    assert LearnerSession(MSGPACK).next_deadline() is None


# --- Every move in every state --------------------------------------------------------------------


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
@pytest.mark.parametrize("side", ["actor", "learner"])
def test_what_the_table_does_not_list_changes_nothing(side: str, state: SessionState) -> None:
    """Every message, both ways, in every state: a listed move is taken, any other is refused."""
    for message in EVERY:
        for way in Way:
            session: Session = getattr(pair_in(state), side)
            before = snapshot(session)
            known = known_before(session, way, message)
            following = next_state(session, way, message)
            if known is not None:
                assert exchange(session, way, message) == known
                assert snapshot(session) == before
            elif following is None:
                with pytest.raises(ProtocolError):
                    exchange(session, way, message)
                assert snapshot(session) == before
            else:
                exchange(session, way, message)
                assert session.state is following


def known_before(session: Session, way: Way, message: Message) -> Repeat | Stale | None:
    """Say in plain words what comes in a second time, or too late, without a delay."""
    request_id = getattr(message, "id", None)
    waiting = request_id in session.course.in_flight
    if way is Way.OUT or request_id is None:
        return None
    if isinstance(session, ActorSession) and isinstance(message, Reset | Step):
        answer = session.course.answers.get(request_id)
        return Repeat(request_id, answer) if waiting or answer else None
    if isinstance(session, LearnerSession) and not isinstance(message, Ping | Pong):
        upward = isinstance(message, Reset | Step | Subscribe)
        late = not upward and not waiting and request_id < session.course.next_id
        return Stale(message) if late else None
    return None


def next_state(session: Session, way: Way, message: Message) -> SessionState | None:
    """Look a move up in the table, as its documentation says; None if it is not allowed."""
    request_id = getattr(message, "id", None)
    waiting = request_id in session.course.in_flight
    name = message.type
    if isinstance(message, Welcome):
        name += f":{message.role.value}"
        if message.resumed:
            return None  # there is nothing to go on with
    if isinstance(message, Failure) and waiting:
        name += ":answer:last"
    if isinstance(message, StepResult):
        name += ":last"
    if isinstance(message, ResetProgress | ResetResult | StepResult) and not waiting:
        return None
    if isinstance(message, Reset | Step | Subscribe) and request_id < session.course.next_id:
        return None
    if isinstance(message, Step) and session.course.in_flight:
        return None
    table = ACTOR if isinstance(session, ActorSession) else LEARNER
    return table[session.state].get((way, name))


def exchange(session: Session, way: Way, message: Message) -> Message | Repeat | Stale | bytes:
    """Let one side send a message, or give it the message's bytes."""
    if way is Way.OUT:
        return session.send(message)
    return session.receive(session.codec.encode(message), binary=session.codec.binary)


# --- Random lives ---------------------------------------------------------------------------------

KIND = st.integers(0, KINDS - 1)
DELAY = st.sampled_from([0, 1, 2, 5])
EVENTS = st.one_of(
    st.tuples(st.sampled_from(Way), st.tuples(KIND, st.integers(-8, 3))),
    st.tuples(st.just(Way.IN), st.binary(max_size=20)),
)


@pytest.mark.parametrize("side", ["actor", "learner"])
@given(
    events=st.lists(EVENTS, max_size=40),
    state=st.sampled_from([SessionState.CONNECTED, SessionState.READY, SessionState.EPISODE]),
    delay_ticks=DELAY,
)
def test_no_order_of_events_leaves_the_table(
    side: str, events: list[tuple[Way, Any]], state: SessionState, delay_ticks: int
) -> None:
    """Legal, illegal or rubbish: the state is one of the table's, and refusals change nothing.

    The ids lie about the next one that is free.
    """
    session: Session = getattr(pair_in(state, delay_ticks=delay_ticks), side)
    for way, what in events:
        before = snapshot(session)
        try:
            if isinstance(what, bytes):
                got = session.receive(what, binary=True)
            else:
                kind, offset = what
                request_id = max(0, session.course.next_id + offset)
                got = exchange(session, way, kind_of_message(kind, request_id))
        except ProtocolError:
            assert snapshot(session) == before
        else:
            if isinstance(got, Repeat | Stale):
                assert snapshot(session) == before
        assert session.state in STATES
        check_bounds(session)


@given(
    moves=st.lists(st.tuples(st.booleans(), KIND, st.integers(0, 7)), max_size=60),
    state=st.sampled_from(STATES),
    delay_ticks=DELAY,
)
def test_two_sides_always_agree(
    moves: list[tuple[bool, int, int]], state: SessionState, delay_ticks: int
) -> None:
    """Whatever either tries to send: what leaves one is taken by the other, and they agree."""
    pair = pair_in(state, delay_ticks=delay_ticks)
    for up, kind, pick in moves:
        waiting = pair.in_flight or [pick]
        request_id = pair.learner.course.next_id + pick if up else waiting[pick % len(waiting)]
        message = kind_of_message(kind, request_id)
        try:
            data = pair.learner.send(message) if up else pair.actor.send(message)
        except LocalProtocolError:
            assert pair.state in STATES  # and still agree
            continue
        receiver: Session = pair.actor if up else pair.learner
        assert receiver.receive(data, binary=True) in (message, Stale(message))
        assert pair.state in STATES
        check_bounds(pair.actor)
        check_bounds(pair.learner)


@given(data=st.data(), delay_ticks=DELAY)
def test_two_sides_agree_over_a_slow_wire(data: st.DataObject, delay_ticks: int) -> None:
    """Messages cross on the way; once all have arrived, both sides stand at the same place.

    The learner's ids rise, as the protocol asks; the actor answers what it has heard of, in any
    order. What arrives at a closed side is dropped, as the shells do.
    """
    state = data.draw(st.sampled_from(STATES))
    pair = pair_in(state, request_id=1, delay_ticks=delay_ticks)
    sessions: dict[bool, Session] = {True: pair.learner, False: pair.actor}
    wires: dict[bool, list[bytes]] = {True: [], False: []}
    for _ in range(data.draw(st.integers(0, 60))):
        up = data.draw(st.booleans())
        if wires[up] and data.draw(st.booleans()):
            deliver(sessions[not up], wires[up].pop(0))
            continue
        next_id = pair.learner.course.next_id + data.draw(st.integers(0, 2))
        ids = [next_id] if up else [*pair.in_flight, None]
        request_id = data.draw(st.sampled_from(ids))
        choices = WITHOUT_ID if request_id is None else [*WITHOUT_ID, *with_id(request_id)]
        legal = [m for m in choices if is_legal(sessions[up], m)]
        if legal:
            wires[up].append(sessions[up].send(data.draw(st.sampled_from(legal))))
    for up, wire in wires.items():
        for payload in wire:
            deliver(sessions[not up], payload)
    assert SessionState.CLOSED in (pair.actor.state, pair.learner.state) or pair.state


def is_legal(session: Session, message: Message) -> bool:
    """Whether a side would send a message now."""
    following = session.course.following(Way.OUT, message)
    if following in (None, SessionState.RESUMED):
        return False
    return not session.course.problem(message)


def deliver(receiver: Session, payload: bytes) -> None:
    """Give a side what was on its way."""
    if receiver.state is not SessionState.CLOSED:
        receiver.receive(payload, binary=True)
        check_bounds(receiver)
