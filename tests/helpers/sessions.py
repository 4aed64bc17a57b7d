"""One message of every kind, and what must hold of a session whatever it was sent."""

from __future__ import annotations

from typing import Any

from ac_bridge_protocol.edge import (
    Acknowledge,
    PolicyChunk,
    PolicyOffer,
    PolicyState,
    PolicyStatus,
    Records,
    RunStart,
    RunStop,
)
from ac_bridge_protocol.errors import ErrorCode
from ac_bridge_protocol.messages import (
    Event,
    EventKind,
    Hello,
    Message,
    Ping,
    Pong,
    Refusal,
    Release,
    Reset,
    ResetPhase,
    ResetProgress,
    Role,
    Step,
    Subscribe,
    Telemetry,
    Unsubscribe,
)
from ac_bridge_protocol.runs import RunTerms
from ac_bridge_protocol.session import Session, SessionState
from helpers.wire import (
    FRAME,
    make_failure,
    make_reset_result,
    make_run_status,
    make_step_result,
    make_welcome,
)


def with_id(request_id: int) -> list[Message]:
    """Return one message of every type that carries an id."""
    return [
        Reset(id=request_id),
        ResetProgress(id=request_id, phase=ResetPhase.STARTING, attempt=1),
        make_reset_result(request_id),
        Step(id=request_id, action=(0.0, 0.0, 0.0)),
        make_step_result(request_id),
        Subscribe(id=request_id, hz=10.0),
        Ping(id=request_id, t_sent=0.0),
        Pong(id=request_id, t_ping=0.0, t_received=0.0, t_sent=0.0),
        make_failure(request_id),
    ]


WITHOUT_ID: list[Message] = [
    Hello(client="c/1"),
    make_welcome(),
    make_welcome(Role.SPECTATOR),
    make_welcome(Role.LEARNER),
    make_welcome(resumed=True),
    Refusal(code=ErrorCode.BUSY, message="No."),
    Release(),
    Unsubscribe(),
    Telemetry(frame=FRAME, dropped=0),
    Event(kind=EventKind.DRIVER_LEFT, message=""),
    make_failure(None),
    PolicyOffer(version=2, sha256="a" * 64, size_bytes=10, spec="b" * 64),
    PolicyChunk(version=2, offset=0, data="AAAA"),
    PolicyStatus(version=2, state=PolicyState.WANTED, received_bytes=0),
    RunStart(terms=RunTerms(run="r")),
    RunStop(),
    make_run_status(),
    Records(spool="0" * 32, first=4, batch="kA=="),
    Acknowledge(spool="0" * 32, upto=7),
]
EVERY: list[Message] = [*WITHOUT_ID, *with_id(0), *with_id(1), *with_id(2), *with_id(3)]
KINDS = len(WITHOUT_ID) + len(with_id(0))


def kind_of_message(kind: int, request_id: int) -> Message:
    """Return a message by its number, below `KINDS`."""
    return [*WITHOUT_ID, *with_id(request_id)][kind]


def snapshot(session: Session) -> tuple[Any, ...]:
    """Return everything that a refused message must leave as it was."""
    course = session.course
    return course.state, dict(course.in_flight), dict(course.answers), course.next_id


def check_bounds(session: Session) -> None:
    """What must hold of every session at any time."""
    course = session.course
    in_flight = course.state in (SessionState.RESETTING, SessionState.STEPPING)
    assert (len(course.in_flight) > 0) == in_flight
    assert len(course.in_flight) <= course.delay_ticks + 1
    assert len(course.answers) <= 2 * course.delay_ticks + 1
    assert not course.in_flight.keys() & course.answers.keys()
    assert all(known < course.next_id for known in [*course.in_flight, *course.answers])
