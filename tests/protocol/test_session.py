"""The two sides of a connection as tables: what is legal, and that nothing else changes a thing."""

from __future__ import annotations

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
from ac_bridge_protocol.limits import HELLO_TIMEOUT_S
from ac_bridge_protocol.messages import (
    MESSAGE_TYPES,
    Event,
    EventKind,
    Failure,
    Hello,
    Message,
    Ping,
    Pong,
    Receipt,
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
    WheelState,
)
from ac_bridge_protocol.session import (
    ACTOR,
    LEARNER,
    ActorSession,
    LearnerSession,
    Session,
    SessionState,
    Table,
    Way,
)
from ac_bridge_protocol.spec import DRIVING_ACTION, EnvSpec, Mode
from helpers.frames import make_frame, make_statics

SPEC = EnvSpec(
    game="standin",
    mode=Mode.LATEST,
    control_hz=10.0,
    telemetry_hz=60.0,
    observation_profile="none",
    observation=(),
    action=DRIVING_ACTION,
    smoothing="none",
)
FRAME = make_frame()
SENT = WheelState(steer=0.0, throttle=0.0, brake=0.0, clutch=0.0)
COUNTS = ("action_id", "tick", "tick_asked", "tick_applied", "ticks_held", "ticks_missed")
TIMES = ("tick_error_s", "action_age_s", "observation_age_s")
RECEIPT = Receipt(**dict.fromkeys(COUNTS, 0), **dict.fromkeys(TIMES, 0.0), late=False, sent=SENT)


def welcome(role: Role) -> Welcome:
    return Welcome(actor="a/1", role=role, spec=SPEC, statics=None)


def failure(request_id: int | None) -> Failure:
    return Failure(id=request_id, code=ErrorCode.GAME, message="It vanished.")


def with_id(request_id: int) -> list[Message]:
    """Return one message of every type that carries an id."""
    return [
        Reset(id=request_id),
        ResetProgress(id=request_id, phase=ResetPhase.STARTING, attempt=1),
        ResetResult(id=request_id, episode=1, statics=make_statics(), observation=(), frame=FRAME),
        Step(id=request_id, action=(0.0, 0.0, 0.0)),
        StepResult(id=request_id, observation=(), frame=FRAME, receipt=RECEIPT),
        Subscribe(id=request_id, hz=10.0),
        Ping(id=request_id, t_sent=0.0),
        Pong(id=request_id, t_ping=0.0, t_received=0.0, t_sent=0.0),
        failure(request_id),
    ]


WITHOUT_ID: list[Message] = [
    Hello(client="c/1"),
    welcome(Role.DRIVER),
    welcome(Role.SPECTATOR),
    Refusal(code=ErrorCode.BUSY, message="No."),
    Release(),
    Unsubscribe(),
    Telemetry(frame=FRAME, dropped=0),
    Event(kind=EventKind.DRIVER_LEFT, message=""),
    failure(None),
]
EVERY: list[Message] = [*WITHOUT_ID, *with_id(0), *with_id(1), *with_id(2)]


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
        assert self.actor.pending == self.learner.pending
        return self.actor.state


def pair_in(state: SessionState, request_id: int = 1) -> Pair:
    """Return a pair that was led into a state; a request in flight has this id."""
    s = SessionState
    pair = Pair()
    result = ResetResult(
        id=request_id, episode=1, statics=make_statics(), observation=(), frame=FRAME
    )
    path: dict[SessionState, list[tuple[Any, Message]]] = {
        s.CONNECTED: [],
        s.NEGOTIATING: [(pair.up, Hello(client="c/1"))],
        s.READY: [(pair.up, Hello(client="c/1")), (pair.down, welcome(Role.DRIVER))],
    }
    path[s.RESETTING] = [*path[s.READY], (pair.up, Reset(id=request_id))]
    path[s.EPISODE] = [*path[s.RESETTING], (pair.down, result)]
    path[s.STEPPING] = [*path[s.EPISODE], (pair.up, Step(id=request_id, action=(0.0,)))]
    path[s.SPECTATING] = [*path[s.NEGOTIATING], (pair.down, welcome(Role.SPECTATOR))]
    refusal = Refusal(code=ErrorCode.BUSY, message="No.")
    path[s.CLOSED] = [*path[s.NEGOTIATING], (pair.down, refusal)]
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
    """Each move names a message type; a suffix is one of the documented three."""
    moves = {name for moves in table.values() for _, name in moves}
    assert {name.partition(":")[0] for name in moves} == set(MESSAGE_TYPES)
    assert {name for name in moves if ":" in name} == {
        "welcome:driver",
        "welcome:spectator",
        "failure:answer",
    }


def test_each_type_goes_one_way() -> None:
    """But for ping and pong, the table agrees with the models on who sends what."""
    down = {"welcome", "refusal", "reset_progress", "reset_result", "step_result", "telemetry"}
    down |= {"event", "failure"}
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
    """No move leads out of CLOSED; only a refusal leads in."""
    assert not ACTOR[SessionState.CLOSED]
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
    assert pair.actor.pending == 4
    pair.down(with_id(4)[2])
    assert pair.state is SessionState.EPISODE
    assert pair.actor.pending is None
    pair.up(Step(id=5, action=(0.0,)))
    pair.down(Telemetry(frame=FRAME, dropped=0))
    assert pair.state is SessionState.STEPPING
    pair.down(with_id(5)[4])
    pair.up(Release())
    assert pair.state is SessionState.READY
    pair.up(Unsubscribe())
    pair.down(Event(kind=EventKind.DRIVER_LEFT, message=""))
    pair.up(Reset(id=6))
    assert pair.state is SessionState.RESETTING


def test_a_spectator_never_drives() -> None:
    """Once welcomed as a spectator, a reset is illegal on both sides."""
    pair = pair_in(SessionState.NEGOTIATING)
    pair.down(welcome(Role.SPECTATOR))
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
def test_a_failure_with_the_pending_id_answers(before: SessionState, after: SessionState) -> None:
    """It ends the request, and the session is where it was before it."""
    pair = pair_in(before, request_id=7)
    pair.down(failure(7))
    assert pair.state is after
    assert pair.actor.pending is None


@pytest.mark.parametrize("state", [SessionState.RESETTING, SessionState.STEPPING])
@pytest.mark.parametrize("request_id", [None, 6])
def test_another_failure_leaves_the_request_in_flight(
    state: SessionState, request_id: int | None
) -> None:
    """One without an id, or with the id of a subscription, answers nothing."""
    pair = pair_in(state, request_id=7)
    pair.down(failure(request_id))
    assert pair.state is state
    assert pair.actor.pending == 7


@pytest.mark.parametrize(
    ("state", "answer"),
    [(SessionState.RESETTING, 1), (SessionState.RESETTING, 2), (SessionState.STEPPING, 4)],
)
def test_an_answer_to_another_request_is_refused(state: SessionState, answer: int) -> None:
    """Neither side lets it pass: the actor does not send it, the learner does not take it."""
    pair = pair_in(state, request_id=7)
    with pytest.raises(LocalProtocolError, match="answers request 8, but 7 is in flight"):
        pair.actor.send(with_id(8)[answer])
    with pytest.raises(RemoteProtocolError, match="answers request 8") as caught:
        pair.learner.receive(MSGPACK.encode(with_id(8)[answer]), binary=True)
    assert caught.value.request_id == 8
    assert pair.state is state


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
        pair.actor.send(StepResult(id=1, observation=(), frame=huge, receipt=RECEIPT))
    assert pair.state is SessionState.STEPPING
    assert pair.actor.pending == 1


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


@pytest.mark.parametrize("state", SessionState, ids=lambda state: state.name)
@pytest.mark.parametrize("side", ["actor", "learner"])
def test_what_the_table_does_not_list_changes_nothing(side: str, state: SessionState) -> None:
    """Every message, both ways, in every state: a listed move is taken, any other is refused."""
    table = ACTOR if side == "actor" else LEARNER
    for message in EVERY:
        for way in Way:
            session: Session = getattr(pair_in(state), side)
            pending = session.pending
            name = message.type
            if isinstance(message, Welcome):
                name += f":{message.role.value}"
            if isinstance(message, Failure) and pending is not None and message.id == pending:
                name += ":answer"
            wrong = name in ("reset_progress", "reset_result", "step_result")
            wrong = wrong and getattr(message, "id", None) != pending
            following = None if wrong else table[state].get((way, name))
            if following is None:
                with pytest.raises(ProtocolError):
                    exchange(session, way, message)
                assert (session.state, session.pending) == (state, pending)
            else:
                exchange(session, way, message)
                assert session.state is following


def exchange(session: Session, way: Way, message: Message) -> None:
    """Let one side send a message, or give it the message's bytes."""
    if way is Way.OUT:
        session.send(message)
    else:
        session.receive(session.codec.encode(message), binary=session.codec.binary)


# --- Random lives ---------------------------------------------------------------------------------

EVENTS = st.one_of(
    st.tuples(st.sampled_from(Way), st.sampled_from(EVERY)),
    st.tuples(st.just(Way.IN), st.binary(max_size=20)),
)


@pytest.mark.parametrize("side", ["actor", "learner"])
@given(
    events=st.lists(EVENTS, max_size=40),
    state=st.sampled_from([SessionState.CONNECTED, SessionState.READY, SessionState.EPISODE]),
)
def test_no_order_of_events_leaves_the_table(
    side: str, events: list[tuple[Way, Any]], state: SessionState
) -> None:
    """Legal, illegal or rubbish: the state is one of the table's, and refusals change nothing."""
    session: Session = getattr(pair_in(state), side)
    for way, what in events:
        before = session.state, session.pending
        try:
            if isinstance(what, bytes):
                session.receive(what, binary=True)
            else:
                exchange(session, way, what)
        except ProtocolError:
            assert (session.state, session.pending) == before
        assert session.state in SessionState
        in_flight = session.state in (SessionState.RESETTING, SessionState.STEPPING)
        assert (session.pending is not None) == in_flight


@given(
    moves=st.lists(st.tuples(st.booleans(), st.sampled_from(EVERY)), max_size=60),
    state=st.sampled_from(SessionState),
)
def test_two_sides_always_agree(moves: list[tuple[bool, Message]], state: SessionState) -> None:
    """Whatever either tries to send: what leaves one is taken by the other, and they agree."""
    pair = pair_in(state)
    for up, message in moves:
        try:
            data = pair.learner.send(message) if up else pair.actor.send(message)
        except LocalProtocolError:
            assert pair.state in SessionState  # and still agree
            continue
        receiver: Session = pair.actor if up else pair.learner
        assert receiver.receive(data, binary=True) == message
        assert pair.state in SessionState


@given(data=st.data())
def test_two_sides_agree_over_a_slow_wire(data: st.DataObject) -> None:
    """Messages cross on the way; once all have arrived, both sides stand at the same place.

    The learner's ids rise by one, as the protocol asks; the actor fails only what it has heard of.
    What arrives at a closed side is dropped, as the shells do.
    """
    pair = pair_in(data.draw(st.sampled_from(SessionState)), request_id=0)
    sessions: dict[bool, Session] = {True: pair.learner, False: pair.actor}
    wires: dict[bool, list[bytes]] = {True: [], False: []}
    next_id = 1
    heard: list[int | None] = [None, 0]
    for _ in range(data.draw(st.integers(0, 60))):
        up = data.draw(st.booleans())
        if wires[up] and data.draw(st.booleans()):
            deliver(sessions[not up], wires[up].pop(0), heard if up else [])
            continue
        request_id = next_id if up else data.draw(st.sampled_from(heard))
        choices = WITHOUT_ID if request_id is None else [*WITHOUT_ID, *with_id(request_id)]
        legal = [m for m in choices if is_legal(sessions[up], m)]
        if not legal:
            continue
        message = data.draw(st.sampled_from(legal))
        wires[up].append(sessions[up].send(message))
        next_id += up
    for up, wire in wires.items():
        for payload in wire:
            deliver(sessions[not up], payload, heard if up else [])
    assert SessionState.CLOSED in (pair.actor.state, pair.learner.state) or pair.state


def is_legal(session: Session, message: Message) -> bool:
    """Whether a side would send a message now; found out on a copy."""
    copy = Session(session._table, session.codec)
    copy.state, copy.pending = session.state, session.pending
    try:
        copy.send(message)
    except LocalProtocolError:
        return False
    return True


def deliver(receiver: Session, payload: bytes, heard: list[int | None]) -> None:
    if receiver.state is SessionState.CLOSED:
        return
    message = receiver.receive(payload, binary=True)
    if getattr(message, "id", None) is not None:
        heard.append(message.id)  # type: ignore[union-attr]
