"""The learner's half of a conversation. Pure: no socket, no clock.

Several requests may be in flight; whatever the order of their answers, each is kept under its
request's id in the course, until somebody asks for it or it has grown old.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Sequence
from typing import TypeAlias, TypeVar

from ac_bridge_protocol.codec import CODEC_NAMES
from ac_bridge_protocol.edge import PolicyStatus, Records, RunStatus
from ac_bridge_protocol.errors import (
    ACBridgeError,
    ErrorCode,
    LocalProtocolError,
    SessionLostError,
    SettingError,
    error_from_wire,
)
from ac_bridge_protocol.helpers import choose
from ac_bridge_protocol.limits import PLAN_TICKS, TEXT_CHARACTERS
from ac_bridge_protocol.messages import (
    EndReason,
    Event,
    Failure,
    Hello,
    Message,
    Ping,
    Pong,
    Refusal,
    Release,
    Reset,
    ResetProgress,
    ResetResult,
    Role,
    Step,
    StepResult,
    Subscribe,
    Telemetry,
    Welcome,
)
from ac_bridge_protocol.observing import ObservationWish
from ac_bridge_protocol.session import Course, LearnerSession, Repeat, SessionState, Stale
from ac_bridge_protocol.spec import Mode
from ac_bridge_protocol.starts import Start

SOFTWARE = f"ac-bridge-client {importlib.metadata.version('ac-bridge')}"
"""What the client calls itself."""

NAME_CHARACTERS = 64
"""Longer than any name that people give."""

Action: TypeAlias = tuple[float, ...]

Notice: TypeAlias = Telemetry | Event | ResetProgress | Failure
"""What comes without answering a request in flight: streams, events, progress, and failures of
messages that are not waited for."""

Teaching: TypeAlias = PolicyStatus | RunStatus | Records
"""What an actor says to the learner of a policy that acts there."""

_DRIVING = (
    SessionState.READY,
    SessionState.RESETTING,
    SessionState.EPISODE,
    SessionState.STEPPING,
)


class Exchange:
    """Makes requests and recognises their answers, on one link.

    Args:
        codec: ``msgpack`` or ``json``.
        on_notice: gets streams, events and progress as they come in.
        course: of the session to go on with; None begins a new one.

    Attributes:
        stale_answers: how many came that nobody waited for any more.
    """

    def __init__(
        self, codec: str, on_notice: Callable[[Notice], None], course: Course | None = None
    ) -> None:
        self.session = LearnerSession(choose(CODEC_NAMES, codec, setting="codec"))
        self.stale_answers = 0
        self._on_notice = on_notice
        if course is not None:
            self.session.resume(course)

    @property
    def course(self) -> Course:
        """What outlives the link."""
        return self.session.course

    @property
    def driving(self) -> bool:
        """Whether this is a driver's session, which can be released."""
        return self.session.state in _DRIVING

    # --- Requests ---------------------------------------------------------------------------------

    def hello(
        self,
        role: Role,
        mode: Mode | None,
        delay_ticks: int,
        observation: ObservationWish,
        session: str,
    ) -> Hello:
        """Introduce ourselves.

        Raises:
            SettingError: a name that is too long to be one.
        """
        if isinstance(observation, str) and len(observation) > NAME_CHARACTERS:
            raise SettingError(
                f"No observation profile has a name of {len(observation)} characters.",
                setting="observation",
            )
        return Hello(
            client=SOFTWARE,
            role=role,
            mode=mode,
            delay_ticks=delay_ticks,
            observation=observation,
            session=session,
        )

    def reset(self, seed: int | None, takeover: str = "", start: Start | None = None) -> Reset:
        """Ask for a new episode.

        Raises:
            SettingError: a key that is too long to be one.
        """
        if len(takeover) > TEXT_CHARACTERS:
            raise SettingError(
                f"No operator's key has {len(takeover)} characters.", setting="takeover"
            )
        return Reset(id=self.course.next_id, seed=seed, takeover=takeover, start=start)

    def step(self, action: Action, tick: int | None = None, plan: Sequence[Action] = ()) -> Step:
        """Ask for a step.

        Raises:
            SettingError: a plan that is too long.
        """
        if len(plan) > PLAN_TICKS:
            raise SettingError(
                f"A plan of {len(plan)} actions is too long: a step may carry {PLAN_TICKS}.",
                setting="plan",
            )
        return Step(id=self.course.next_id, action=action, tick=tick, plan=tuple(plan))

    def subscribe(self, hz: float) -> Subscribe:
        """Ask for frames."""
        return Subscribe(id=self.course.next_id, hz=hz)

    def release(self) -> Release:
        """Let go of the car."""
        return Release()

    # --- What comes in ----------------------------------------------------------------------------

    def receive(self, data: bytes, *, binary: bool) -> Welcome | Ping | Pong | Teaching | None:
        """Take one message; return it if it concerns the link itself, or is a teacher's to hear.

        Answers to requests are in `Course.answers` afterwards.

        Raises:
            ACBridgeError: the actor refused the handshake; the class tells why.
            SessionLostError: somebody else was given the car, or the token was withdrawn.
            ProtocolError: the actor broke the protocol.
        """
        message: Message | Repeat | Stale = self.session.receive(data, binary=binary)
        match message:
            case StepResult() | ResetResult():
                pass
            case Failure(code=ErrorCode.TAKEN_OVER):
                raise SessionLostError(
                    message.message, reason=EndReason.TAKEN_OVER.value, hint=message.hint
                )
            case Failure(code=ErrorCode.UNAUTHORIZED):
                raise SessionLostError(
                    message.message, reason=EndReason.SESSION_LOST.value, hint=message.hint
                )
            case Failure() if message.id is not None and message.id in self.course.answers:
                pass
            case Telemetry() | Event() | ResetProgress() | Failure():
                self._on_notice(message)
            case Stale():
                self.stale_answers += 1
            case Refusal():
                raise error_from_wire(message.code, message.message, message.hint)
            case Welcome() | Ping() | Pong() | PolicyStatus() | RunStatus() | Records():
                return message
        return None


def raised(message: Failure) -> ACBridgeError:
    """Return the exception that a failure stands for."""
    return error_from_wire(
        message.code, message.message, message.hint, message.component, message.phase
    )


A = TypeVar("A", ResetResult, StepResult)


def expect(answer: Message, kind: type[A]) -> A:
    """Return ``answer`` as the kind that its request is answered with.

    Raises:
        ACBridgeError: the answer was no; the class tells why.
    """
    if isinstance(answer, kind):
        return answer
    if isinstance(answer, Failure):
        raise raised(answer)
    raise LocalProtocolError(f"Waited for a {kind.__name__}, got a {answer.type}.")
