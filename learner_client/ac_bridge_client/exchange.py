"""The learner's half of a conversation. Pure: no socket, no clock; both kinds of link use it."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Sequence
from typing import TypeAlias, TypeVar

from ac_bridge_protocol.codec import CODEC_NAMES
from ac_bridge_protocol.errors import (
    ACBridgeError,
    LocalProtocolError,
    NotResetError,
    SettingError,
    error_from_wire,
)
from ac_bridge_protocol.helpers import choose
from ac_bridge_protocol.messages import (
    Event,
    Failure,
    Hello,
    Message,
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
from ac_bridge_protocol.session import LearnerSession, SessionState
from ac_bridge_protocol.spec import Mode

SOFTWARE = f"ac-bridge-client {importlib.metadata.version('ac-bridge')}"
"""What the client calls itself."""

NAME_CHARACTERS = 64
"""Longer than any name that people give."""

Answer: TypeAlias = Welcome | ResetResult | StepResult
"""What a request is answered with."""
Notice: TypeAlias = Telemetry | Event | ResetProgress | Failure
"""What comes without answering the request in flight: streams, events, progress, and failures of
messages that are not waited for."""


class Exchange:
    """Makes requests and recognises their answers.

    Args:
        codec: ``msgpack`` or ``json``.
        on_notice: gets streams, events and progress as they come in.
    """

    def __init__(self, codec: str, on_notice: Callable[[Notice], None]) -> None:
        self.session = LearnerSession(choose(CODEC_NAMES, codec, setting="codec"))
        self._on_notice = on_notice
        self._last_id = 0

    @property
    def codec_is_binary(self) -> bool:
        """Whether messages go as binary WebSocket messages."""
        return self.session.codec.binary

    @property
    def pending(self) -> bool:
        """Whether a request is waiting for its answer."""
        return self.session.pending is not None

    # --- Requests: each returns the bytes to send -------------------------------------------------

    def hello(self, role: Role, mode: Mode | None, observation: str) -> bytes:
        """Introduce ourselves.

        Raises:
            SettingError: a name that is too long to be one.
        """
        if len(observation) > NAME_CHARACTERS:
            raise SettingError(
                f"No observation profile has a name of {len(observation)} characters.",
                setting="observation",
            )
        return self.session.send(
            Hello(client=SOFTWARE, role=role, mode=mode, observation=observation)
        )

    def reset(self, seed: int | None) -> bytes:
        """Ask for a new episode."""
        return self.session.send(Reset(id=self._next_id(), seed=seed))

    def step(self, action: Sequence[float]) -> bytes:
        """Ask for a step.

        Raises:
            NotResetError: no episode has begun.
        """
        if self.session.state is SessionState.READY:
            raise NotResetError("There is no episode to step in.", hint="Call reset() first.")
        return self.session.send(Step(id=self._next_id(), action=tuple(action)))

    def subscribe(self, hz: float) -> bytes:
        """Ask for frames."""
        return self.session.send(Subscribe(id=self._next_id(), hz=hz))

    def release(self) -> bytes | None:
        """Let go of the car; None if it is not held."""
        if self.session.state in (SessionState.READY, SessionState.EPISODE):
            return self.session.send(Release())
        return None

    # --- What comes in ----------------------------------------------------------------------------

    def receive(self, data: bytes, *, binary: bool) -> Answer | None:
        """Take one message; return it if it answers the request in flight.

        Raises:
            ACBridgeError: the answer was no; the class tells why.
            ProtocolError: the actor broke the protocol.
        """
        awaited = self.session.pending
        message: Message = self.session.receive(data, binary=binary)
        match message:
            case StepResult() | ResetResult() | Welcome():
                return message
            case Refusal():
                raise error_from_wire(message.code, message.message, message.hint)
            case Failure() if message.id == awaited and awaited is not None:
                raise _raised(message)
            case Telemetry() | Event() | ResetProgress() | Failure():
                self._on_notice(message)
        return None

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id


def _raised(message: Failure) -> ACBridgeError:
    return error_from_wire(
        message.code, message.message, message.hint, message.component, message.phase
    )


A = TypeVar("A", Welcome, ResetResult, StepResult)


def expect(answer: Answer, kind: type[A]) -> A:
    """Return ``answer`` as the kind that its request is answered with."""
    if not isinstance(answer, kind):
        raise LocalProtocolError(f"Waited for a {kind.__name__}, got a {answer.type}.")
    return answer
