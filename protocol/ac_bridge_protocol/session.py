"""The two sides of a connection as state machines written as tables. No socket, no clock.

`ACTOR` and `LEARNER` are the specification: state -> move -> next state. A move is a message
going in or out, by name; two messages count as two moves each:

- a `welcome` is ``welcome:driver`` or ``welcome:spectator``, for what it grants;
- a `failure` that answers the request in flight is ``failure:answer``.

Whatever the table does not list is refused where it arrives, and changes nothing. Time comes in as
an argument, in seconds of whatever clock the shell uses.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

from ac_bridge_protocol.codec import Codec
from ac_bridge_protocol.errors import ErrorCode, LocalProtocolError, RemoteProtocolError
from ac_bridge_protocol.limits import HELLO_TIMEOUT_S
from ac_bridge_protocol.messages import (
    Failure,
    Message,
    Reset,
    ResetProgress,
    ResetResult,
    Step,
    StepResult,
    Welcome,
)


class SessionState(enum.StrEnum):
    """Where a connection stands. Both sides use the same names."""

    CONNECTED = "connected"
    NEGOTIATING = "negotiating"
    READY = "ready"
    RESETTING = "resetting"
    EPISODE = "in an episode"
    STEPPING = "stepping"
    SPECTATING = "spectating"
    CLOSED = "closed"


class Way(enum.StrEnum):
    """Which way a message goes."""

    IN = "in"
    OUT = "out"


Move = tuple[Way, str]
Table = Mapping[SessionState, Mapping[Move, SessionState]]


def _actor_table() -> Table:
    s, i, o = SessionState, Way.IN, Way.OUT
    table: dict[SessionState, dict[Move, SessionState]] = {
        s.CONNECTED: {(i, "hello"): s.NEGOTIATING, (o, "refusal"): s.CLOSED},
        s.NEGOTIATING: {
            (o, "welcome:driver"): s.READY,
            (o, "welcome:spectator"): s.SPECTATING,
            (o, "refusal"): s.CLOSED,
        },
        s.READY: {(i, "reset"): s.RESETTING, (i, "release"): s.READY},
        s.RESETTING: {
            (o, "reset_progress"): s.RESETTING,
            (o, "reset_result"): s.EPISODE,
            (o, "failure:answer"): s.READY,
        },
        s.EPISODE: {
            (i, "step"): s.STEPPING,
            (i, "reset"): s.RESETTING,
            (i, "release"): s.READY,
        },
        s.STEPPING: {(o, "step_result"): s.EPISODE, (o, "failure:answer"): s.EPISODE},
        s.SPECTATING: {},
        s.CLOSED: {},
    }
    for state in (s.READY, s.RESETTING, s.EPISODE, s.STEPPING, s.SPECTATING):
        for name in ("subscribe", "unsubscribe", "ping", "pong"):
            table[state][i, name] = state
        for name in ("telemetry", "event", "ping", "pong", "failure"):
            table[state][o, name] = state
    return table


def _mirror(table: Table) -> Table:
    """The other side of the same connection: what goes out there comes in here."""
    other = {Way.IN: Way.OUT, Way.OUT: Way.IN}
    return {
        state: {(other[way], name): following for (way, name), following in moves.items()}
        for state, moves in table.items()
    }


ACTOR: Table = _actor_table()
"""The actor's side: state -> move -> next state."""
LEARNER: Table = _mirror(ACTOR)
"""The learner's side: the same, seen from the other end."""


_REQUESTS = (Reset, Step)
_RESULTS = (ResetResult, StepResult)
_ANSWERS = (ResetProgress, ResetResult, StepResult)


class Session:
    """What both sides do alike: look the move up, then take it.

    Attributes:
        state: where the connection stands.
        pending: the id of the request in flight, None if there is none.
    """

    def __init__(self, table: Table, codec: Codec) -> None:
        self._table = table
        self.codec = codec
        self.state = SessionState.CONNECTED
        self.pending: int | None = None

    def receive(self, data: bytes, *, binary: bool) -> Message:
        """Take one WebSocket message from the peer and return what it says.

        Raises:
            FrameError: the bytes are not a message.
            RemoteProtocolError: the message is not allowed now.

        Either way nothing has changed, and the session goes on.
        """
        message = self.codec.decode(data, binary=binary)
        move = self._move(Way.IN, message)
        following = self._table[self.state].get(move)
        if following is None:
            raise self._illegal(message)
        if problem := self._wrong_answer(message):
            raise RemoteProtocolError(problem, request_id=getattr(message, "id", None))
        self._take(message, following)
        return message

    def send(self, message: Message) -> bytes:
        """Return the bytes that carry ``message``, and take its move.

        Raises:
            LocalProtocolError: the message is not allowed now.
            FrameError: it is larger than the peer would take.

        Either way nothing has changed.
        """
        following = self._table[self.state].get(self._move(Way.OUT, message))
        if following is None:
            raise LocalProtocolError(
                f"A {message.type} cannot be sent while {self.state.value}.",
                hint=self._expected(Way.OUT),
            )
        if problem := self._wrong_answer(message):
            raise LocalProtocolError(problem)
        data = self.codec.encode(message)
        self._take(message, following)
        return data

    def next_deadline(self) -> float | None:
        """Return when the shell should close the connection unless something arrives, or None."""
        return None

    def _move(self, way: Way, message: Message) -> Move:
        if isinstance(message, Welcome):
            return way, f"welcome:{message.role.value}"
        if isinstance(message, Failure) and self._ends_request(message):
            return way, "failure:answer"
        return way, message.type

    def _wrong_answer(self, message: Message) -> str:
        """Say why a message cannot answer the request in flight; nothing if it can."""
        if isinstance(message, _ANSWERS) and message.id != self.pending:
            return (
                f"A {message.type} answers request {message.id}, but {self.pending} is in flight."
            )
        return ""

    def _take(self, message: Message, following: SessionState) -> None:
        if isinstance(message, _REQUESTS):
            self.pending = message.id
        elif self._ends_request(message):
            self.pending = None
        self.state = following

    def _illegal(self, message: Message) -> RemoteProtocolError:
        unready = isinstance(message, Step) and self.state is SessionState.READY
        return RemoteProtocolError(
            f"A {message.type} is not allowed while {self.state.value}.",
            code=ErrorCode.NOT_RESET if unready else ErrorCode.ILLEGAL,
            request_id=getattr(message, "id", None),
            hint=self._expected(Way.IN),
        )

    def _ends_request(self, message: Message) -> bool:
        if isinstance(message, Failure):
            return message.id is not None and message.id == self.pending
        return isinstance(message, _RESULTS)

    def _expected(self, way: Way) -> str:
        names = sorted(name for moving, name in self._table[self.state] if moving is way)
        return f"Possible now: {', '.join(names) or 'nothing'}."


class ActorSession(Session):
    """The actor's side of one connection.

    Args:
        codec: as negotiated.
        now: when the connection was opened, in seconds of the shell's clock.
    """

    def __init__(self, codec: Codec, now: float) -> None:
        super().__init__(ACTOR, codec)
        self._opened = now

    def next_deadline(self) -> float | None:
        """Return when a client that has not said Hello is to be closed, or None."""
        if self.state is SessionState.CONNECTED:
            return self._opened + HELLO_TIMEOUT_S
        return None


class LearnerSession(Session):
    """The learner's side of one connection."""

    def __init__(self, codec: Codec) -> None:
        super().__init__(LEARNER, codec)
