"""The two sides of a session as state machines written as tables. No socket, no clock.

`ACTOR` and `LEARNER` are the specification: state -> move -> next state. A move is a message
going in or out, by name; some messages count as several moves each:

- a `welcome` is ``welcome:driver``, ``welcome:spectator`` or ``welcome:learner``, for what it
  grants, or ``welcome:resumed``, after which a session stands where it stood when its link was
  lost;
- a `reset_result` is ``reset_result:steps`` where it opens steps by itself (mode `fixed_delay`);
- a `step_result` that leaves no other step in flight is ``step_result:last``;
- a `failure` that answers a request in flight is ``failure:answer``, or ``failure:answer:last``.

Whatever the table does not list is refused where it arrives, and changes nothing. Time comes in as
an argument, in seconds of whatever clock the shell uses.

A `Session` is one link. Its `Course` is what outlives a lost link: where the drive stands, which
requests are in flight, and on the actor's side what was answered last, to say it again.
"""

from __future__ import annotations

import abc
import dataclasses
import enum
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from ac_bridge_protocol.codec import Codec
from ac_bridge_protocol.errors import ErrorCode, LocalProtocolError, RemoteProtocolError
from ac_bridge_protocol.limits import HELLO_TIMEOUT_S, ID_LIMIT, MESSAGE_TYPE_BYTES
from ac_bridge_protocol.messages import (
    Failure,
    Message,
    Release,
    Reset,
    ResetResult,
    Step,
    StepResult,
    Subscribe,
    Welcome,
)


class SessionState(enum.StrEnum):
    """Where a session stands. Both sides use the same names."""

    CONNECTED = "connected"
    NEGOTIATING = "negotiating"
    RESUMED = "where it stood"
    """Only ever passed through: the course that the session goes on with has its own state."""
    READY = "ready"
    RESETTING = "resetting"
    EPISODE = "in an episode"
    STEPPING = "stepping"
    SPECTATING = "spectating"
    TEACHING = "teaching"
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
            (o, "welcome:resumed"): s.RESUMED,
            (o, "welcome:spectator"): s.SPECTATING,
            (o, "welcome:learner"): s.TEACHING,
            (o, "refusal"): s.CLOSED,
        },
        s.RESUMED: {},
        s.READY: {(i, "reset"): s.RESETTING},
        s.RESETTING: {
            (i, "reset"): s.RESETTING,
            (o, "reset_progress"): s.RESETTING,
            (o, "reset_result"): s.EPISODE,
            (o, "reset_result:steps"): s.STEPPING,
            (o, "failure:answer:last"): s.READY,
        },
        s.EPISODE: {(i, "step"): s.STEPPING, (i, "reset"): s.RESETTING},
        s.STEPPING: {
            (i, "step"): s.STEPPING,
            (i, "reset"): s.RESETTING,
            (o, "step_result"): s.STEPPING,
            (o, "step_result:last"): s.EPISODE,
            (o, "failure:answer"): s.STEPPING,
            (o, "failure:answer:last"): s.EPISODE,
        },
        s.SPECTATING: {},
        s.TEACHING: {
            (i, "policy_offer"): s.TEACHING,
            (i, "policy_chunk"): s.TEACHING,
            (i, "run_start"): s.TEACHING,
            (i, "run_stop"): s.TEACHING,
            (i, "acknowledge"): s.TEACHING,
            (o, "policy_status"): s.TEACHING,
            (o, "run_status"): s.TEACHING,
            (o, "records"): s.TEACHING,
        },
        s.CLOSED: {},
    }
    for state in (s.READY, s.RESETTING, s.EPISODE, s.STEPPING):
        table[state][i, "release"] = s.READY
    for state in (s.READY, s.RESETTING, s.EPISODE, s.STEPPING, s.SPECTATING, s.TEACHING):
        for name in ("subscribe", "unsubscribe", "ping", "pong"):
            table[state][i, name] = state
        for name in ("telemetry", "event", "ping", "pong", "failure"):
            table[state][o, name] = state
    return table


def _mirror(table: Table) -> Table:
    """The other side of the same session: what goes out there comes in here."""
    other = {Way.IN: Way.OUT, Way.OUT: Way.IN}
    return {
        state: {(other[way], name): following for (way, name), following in moves.items()}
        for state, moves in table.items()
    }


ACTOR: Table = _actor_table()
"""The actor's side: state -> move -> next state."""
LEARNER: Table = _mirror(ACTOR)
"""The learner's side: the same, seen from the other end."""


def _most_bytes(table: Table) -> int:
    """Return how large the largest message is that ever comes in."""
    coming = {name for moves in table.values() for way, name in moves if way is Way.IN}
    return max(MESSAGE_TYPE_BYTES[name.partition(":")[0]] for name in coming)


@dataclasses.dataclass(frozen=True, slots=True)
class Repeat:
    """A request came in again.

    Attributes:
        request_id: its id.
        answer: what it was answered with; None while it is still being worked on.
    """

    request_id: int
    answer: Message | None


@dataclasses.dataclass(frozen=True, slots=True)
class Stale:
    """An answer came in to a request that nobody waits for any more.

    Attributes:
        answer: what it says.
    """

    answer: Message


class Course:
    """What of a session outlives its link.

    Attributes:
        state: where it stands.
        delay_ticks: the k of mode `fixed_delay`; at most one step more than that is in flight.
        in_flight: the requests that have no answer yet, by id, oldest first.
        answers: the last answers by id, the one sent last at the end, for whoever asks again.
        next_id: the lowest id that the next request may have.
        implied_ids: the ids of the steps that the last reset's result opens.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self.state = SessionState.CONNECTED
        self.delay_ticks = 0
        self.in_flight: dict[int, Message] = {}
        self.answers: dict[int, Message] = {}
        self.next_id = 0
        self.implied_ids = range(0)
        self._subscription: int | None = None

    def following(self, way: Way, message: Message) -> SessionState | None:
        """Return the state that a message leads to; None if it is not allowed now."""
        return self._table[self.state].get((way, self._name(message)))

    def allowed(self, message: Message) -> SessionState:
        """Return the state that a message to be sent leads to.

        Raises:
            LocalProtocolError: it is not allowed now. Nothing has changed.
        """
        following = self.following(Way.OUT, message)
        if following is None:
            raise LocalProtocolError(
                f"A {message.type} cannot be sent while {self.state.value}.",
                hint=self.expected(Way.OUT),
            )
        if problem := self.problem(message):
            raise LocalProtocolError(problem, hint=self.expected(Way.OUT))
        return following

    def advance(self, message: Message) -> None:
        """Send a message without a link to carry it: its peer will ask for it again.

        Raises:
            LocalProtocolError: it is not allowed now. Nothing has changed.
        """
        self.take(message, self.allowed(message))

    def problem(self, message: Message) -> str:
        """Say what is wrong with a message that the table allows; nothing if nothing is."""
        kind = message.type
        if kind in _NUMBERED and _id_of(message) < self.next_id:
            return f"Request {_id_of(message)} comes too late: the next is {self.next_id} or above."
        if kind == "reset" and _id_of(message) + self.delay_ticks >= ID_LIMIT - 1:
            return "No ids are left in this session: begin a new one."
        if kind == "step" and len(self.in_flight) > self.delay_ticks:
            return f"{len(self.in_flight)} steps are in flight, which is all that this mode has."
        if kind in _ANSWERS and _id_of(message) not in self.in_flight:
            return f"A {kind} answers request {_id_of(message)}, which is not in flight."
        return ""

    def take(self, message: Message, following: SessionState) -> None:
        """Take a move that was found to be allowed."""
        taking = _TAKING.get(message.type)
        if taking is not None:
            taking(self, message)
        self.state = following

    def repeated(self, message: Message) -> Repeat | None:
        """Return what is known of a request that came before; None if it is a new one."""
        if message.type not in _REQUESTS:
            return None
        request_id = _id_of(message)
        answer = self.answers.pop(request_id, None)
        if answer is not None:
            self.answers[request_id] = answer  # the last one sent again
            return Repeat(request_id, answer)
        # The ids of the steps that a reset's result opens are no learner's to use, even after the
        # reset failed: whoever names one repeats it together with the reset.
        known = request_id in self.in_flight or request_id in self.implied_ids
        return Repeat(request_id, None) if known else None

    def stale(self, message: Message) -> Stale | None:
        """Return an answer as one that nobody waits for any more; None if it is no such one."""
        if message.type not in _ANSWERS and message.type != "failure":
            return None
        answered: int | None = _id_of(message)
        if answered is None or answered in self.in_flight or answered == self._subscription:
            return None
        return Stale(message) if answered < self.next_id else None

    def implied(self) -> list[Step]:
        """Return the steps that the last reset's result opens, one for each tick of the delay."""
        # Known by their ids: what they ask for is nothing.
        return [Step(id=i, action=(), tick=tick) for tick, i in enumerate(self.implied_ids)]

    def expected(self, way: Way) -> str:
        """Say what is allowed now."""
        names = sorted(name for moving, name in self._table[self.state] if moving is way)
        return f"Possible now: {', '.join(names) or 'nothing'}."

    # --- What each message changes ----------------------------------------------------------------

    def _take_reset(self, message: Reset) -> None:
        self._forget()  # nobody waits for the steps of the episode before
        first = message.id + 1
        self.next_id = first + self.delay_ticks  # for the steps that its result will open
        self.implied_ids = range(first, self.next_id)
        self.in_flight[message.id] = message

    def _take_step(self, message: Step) -> None:
        self.next_id = message.id + 1
        self.in_flight[message.id] = message

    def _take_subscribe(self, message: Subscribe) -> None:
        self.next_id = message.id + 1
        self._subscription = message.id

    def _take_release(self, message: Release) -> None:
        self._forget()

    def _take_welcome(self, message: Welcome) -> None:
        self.delay_ticks = message.spec.delay_ticks

    def _take_reset_result(self, message: ResetResult) -> None:
        self._take_answer(message)
        self.in_flight.update({step.id: step for step in self.implied()})

    def _take_answer(self, message: ResetResult | StepResult | Failure) -> None:
        answered = message.id
        if answered is None or self.in_flight.pop(answered, None) is None:
            return  # a failure of something that was not a request
        self.answers[answered] = message
        # Links deliver in order. After an answer that did not arrive come at most those to the k
        # other requests that are still in flight at the other end, and to k that were when the link
        # came back: these had arrived, and were sent once more because they were asked for again.
        while len(self.answers) > 2 * self.delay_ticks + 1:
            del self.answers[next(iter(self.answers))]

    def _forget(self) -> None:
        self.in_flight.clear()
        self.answers.clear()

    def _name(self, message: Message) -> str:
        naming = _NAMING.get(message.type)
        return message.type if naming is None else naming(self, message)

    def _name_welcome(self, message: Welcome) -> str:
        return "welcome:resumed" if message.resumed else f"welcome:{message.role.value}"

    def _name_reset_result(self, message: ResetResult) -> str:
        return "reset_result:steps" if self.delay_ticks else "reset_result"

    def _name_step_result(self, message: StepResult) -> str:
        return "step_result:last" if self._is_last(message.id) else "step_result"

    def _name_failure(self, message: Failure) -> str:
        if message.id not in self.in_flight:
            return "failure"
        return "failure:answer:last" if self._is_last(message.id) else "failure:answer"

    def _is_last(self, request_id: int | None) -> bool:
        return len(self.in_flight) == 1 and request_id in self.in_flight


# By the type's name: asking pydantic's classes whether they fit costs microseconds in each step.
_REQUESTS = frozenset({"reset", "step"})
_NUMBERED = _REQUESTS | {"subscribe"}
_ANSWERS = frozenset({"reset_progress", "reset_result", "step_result"})
_TAKING: Mapping[str, Callable[[Course, Any], None]] = {
    "reset": Course._take_reset,
    "step": Course._take_step,
    "subscribe": Course._take_subscribe,
    "release": Course._take_release,
    "welcome": Course._take_welcome,
    "reset_result": Course._take_reset_result,
    "step_result": Course._take_answer,
    "failure": Course._take_answer,
}
_NAMING: Mapping[str, Callable[[Course, Any], str]] = {
    "welcome": Course._name_welcome,
    "reset_result": Course._name_reset_result,
    "step_result": Course._name_step_result,
    "failure": Course._name_failure,
}


def _id_of(message: Any) -> Any:
    """Return the id of a message whose type has one."""
    return message.id


class Session(abc.ABC):
    """One link, and the course that it carries: look the move up, then take it.

    Attributes:
        course: what outlives the link.
    """

    most_bytes: ClassVar[int]
    """What is larger cannot be a message to this side, and is not parsed."""

    def __init__(self, table: Table, codec: Codec) -> None:
        self.codec = codec
        self.course = Course(table)
        self._resuming: Course | None = None

    @property
    def state(self) -> SessionState:
        """Where the session stands."""
        return self.course.state

    def resume(self, course: Course) -> None:
        """Go on with a course from its welcome on, if that says so."""
        self._resuming = course

    def receive(self, data: bytes, *, binary: bool) -> Message | Repeat | Stale:
        """Take one WebSocket message from the peer and return what it says.

        Raises:
            FrameError: the bytes are not a message.
            RemoteProtocolError: the message is not allowed now.

        Either way nothing has changed, and the session goes on.
        """
        message = self.codec.decode(data, binary=binary, most_bytes=self.most_bytes)
        known = self._known(message)
        if known is not None:
            return known
        following = self.course.following(Way.IN, message)
        if following is None:
            raise self._illegal(message)
        if problem := self.course.problem(message) or self._unresumable(following):
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
        following = self.course.allowed(message)
        if problem := self._unresumable(following):
            raise LocalProtocolError(problem)
        data = self.codec.encode(message)
        self._take(message, following)
        return data

    def next_deadline(self) -> float | None:
        """Return when the shell should close the connection unless something arrives, or None."""
        return None

    @abc.abstractmethod
    def _known(self, message: Message) -> Repeat | Stale | None:
        """Return what came in if it needs no move, because it came before or comes too late."""

    def _unresumable(self, following: SessionState) -> str:
        """Say that there is nothing to go on with, if a welcome says so and there is not."""
        if following is SessionState.RESUMED and self._resuming is None:
            return "A welcome goes on with a session that there never was."
        return ""

    def _take(self, message: Message, following: SessionState) -> None:
        if following is SessionState.RESUMED and self._resuming is not None:
            self.course, self._resuming = self._resuming, None
            return
        self.course.take(message, following)

    def _illegal(self, message: Message) -> RemoteProtocolError:
        unready = isinstance(message, Step) and self.state is SessionState.READY
        return RemoteProtocolError(
            f"A {message.type} is not allowed while {self.state.value}.",
            code=ErrorCode.NOT_RESET if unready else ErrorCode.ILLEGAL,
            request_id=getattr(message, "id", None),
            hint=self.course.expected(Way.IN),
        )


class ActorSession(Session):
    """The actor's side of one connection.

    Args:
        codec: as negotiated.
        now: when the connection was opened, in seconds of the shell's clock.
    """

    most_bytes = _most_bytes(ACTOR)

    def __init__(self, codec: Codec, now: float) -> None:
        super().__init__(ACTOR, codec)
        self._opened = now

    def next_deadline(self) -> float | None:
        """Return when a client that has not said Hello is to be closed, or None."""
        if self.state is SessionState.CONNECTED:
            return self._opened + HELLO_TIMEOUT_S
        return None

    def _known(self, message: Message) -> Repeat | None:
        return self.course.repeated(message)


class LearnerSession(Session):
    """The learner's side of one connection."""

    most_bytes = _most_bytes(LEARNER)

    def __init__(self, codec: Codec) -> None:
        super().__init__(LEARNER, codec)

    def repeat(self) -> list[bytes]:
        """Return the bytes of every request in flight, to ask for their answers once more.

        With a reset go the steps that its result opens: that, and their answers, may be lost.
        """
        waiting: list[Message] = list(self.course.in_flight.values())
        if self.state is SessionState.RESETTING:
            waiting += self.course.implied()
        return [self.codec.encode(message) for message in waiting]

    def _known(self, message: Message) -> Stale | None:
        return self.course.stale(message)
