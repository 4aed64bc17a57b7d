"""Every error that ac-bridge raises, as one tree.

    ACBridgeError
    ├── ActionError            an action of the wrong length, not finite, or out of range
    ├── NotResetError          a step before the first reset, or after an episode's end
    ├── SettingError           a setting out of range or contradicting another
    ├── GameError
    │   ├── GameAbsentError    nothing publishes the game's pages
    │   ├── PageError          a page that cannot be what it claims to be
    │   ├── ResetFailedError   the game did not restart; names the phase
    │   ├── TrackError         a track's files that are not there, or cannot be used
    │   ├── WheelError         the virtual wheel did not take its state
    │   └── WrongGameError     the pages belong to another game, or to an unknown version
    ├── LinkError
    │   ├── ConnectError       nobody answered, or not an actor
    │   ├── LinkLostError      the connection ended while it was needed
    │   │   └── SessionLostError   it did not come back in time: the drive has ended
    │   ├── LinkTimeoutError   no answer in time
    │   └── RefusedError       the actor said no; carries its code
    ├── PolicyFailedError      a policy that gave no usable action
    ├── PolicyRefusedError     a policy that an actor does not take; says why
    ├── RecordingError         a recording that cannot be written, or not be read
    ├── SpoolError             a spool that cannot be opened, written or read
    │   └── SpoolFullError     it has no room for what was to be added
    └── ProtocolError
        ├── LocalProtocolError   this side tried something the session does not allow
        ├── RemoteProtocolError  the peer did
        └── FrameError           bytes that are not a message (malformed, too large, wrong codec)

Each says what happened, to what, and what to do next; the facts are attributes too. Errors cross
the wire as a [`Failure`][] or [`Refusal`][] with an [`ErrorCode`][].
"""

from __future__ import annotations

import enum


class ErrorCode(enum.StrEnum):
    """What went wrong, in a word that programs may compare. Part of the wire format."""

    ACTION_LENGTH = "action_length"
    """An action with more or fewer components than the spec names."""
    ACTION_NOT_FINITE = "action_not_finite"
    """A component is NaN or infinite."""
    ACTION_OUT_OF_RANGE = "action_out_of_range"
    """A component lies beyond its bounds."""
    BUSY = "busy"
    """Another driver holds the car."""
    FORBIDDEN = "forbidden"
    """The token does not open this, or a web page of another origin asked."""
    FULL = "full"
    """As many clients as are served are there already."""
    GAME = "game"
    """The game is absent, vanished, or refused its controls."""
    ILLEGAL = "illegal"
    """A message that the session does not allow in its present state."""
    MALFORMED = "malformed"
    """Bytes that are not a message: broken encoding, a missing or unknown field, a wrong type."""
    NO_SUCH_ACTOR = "no_such_actor"
    """No actor is parked at the relay under that name, at this moment."""
    NO_SUCH_MODE = "no_such_mode"
    """The game or the actor cannot offer what the handshake asked for."""
    NOT_RESET = "not_reset"
    """A step without an episode."""
    RESET_FAILED = "reset_failed"
    """The game did not restart in time."""
    SETTING = "setting"
    """A value in the request is out of its range."""
    SHUTTING_DOWN = "shutting_down"
    """The actor is being stopped."""
    TAKEN_OVER = "taken_over"
    """An operator gave the car to somebody else."""
    TOO_LARGE = "too_large"
    """More bytes than the limit for a message."""
    TOO_MANY = "too_many"
    """More connections, messages or failed tokens than one client may have in that time."""
    UNAUTHORIZED = "unauthorized"
    """No token, or one that opens nothing here."""
    UNKNOWN_TYPE = "unknown_type"
    """A message type that this version does not know."""
    WRONG_CODEC = "wrong_codec"
    """Text on a MessagePack connection, or binary on a JSON one."""


class ACBridgeError(Exception):
    """The root of the tree.

    Args:
        message: what happened, to what.
        hint: what to do next, in a sentence. Empty where the message says it all.
    """

    code: ErrorCode | None = None
    """The code under which this error crosses the wire; None if it never does."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class ActionError(ACBridgeError, ValueError):
    """An action that no wheel can take. The car keeps its last good action.

    Attributes:
        component: the name of the offending component, or empty if the length is wrong.
        value: the offending value.
    """

    def __init__(
        self, code: ErrorCode, message: str, *, component: str = "", value: float | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.component = component
        self.value = value


class NotResetError(ACBridgeError):
    """A step was asked for while no episode is running."""

    code = ErrorCode.NOT_RESET


class SettingError(ACBridgeError, ValueError):
    """A setting that cannot be used.

    Attributes:
        setting: its name.
    """

    code = ErrorCode.SETTING

    def __init__(self, message: str, *, setting: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.setting = setting


class GameError(ACBridgeError):
    """Something about the game itself."""

    code = ErrorCode.GAME


class GameAbsentError(GameError):
    """Nothing publishes the game's pages."""


class PageError(GameError):
    """A page that cannot be what it claims to be."""


class ResetFailedError(GameError):
    """The game did not restart.

    Attributes:
        phase: the phase of the reset that did not end in time.
    """

    code = ErrorCode.RESET_FAILED

    def __init__(self, message: str, *, phase: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.phase = phase


class TrackError(GameError):
    """A track's files that are not there, or cannot be used.

    Attributes:
        file: which one; the track's name where no single file is to blame.
        offset: byte in the file, or line of a text; None where that says nothing.
        reason: what is wrong, in a few words.
    """

    def __init__(
        self,
        message: str,
        *,
        file: str,
        reason: str,
        offset: int | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.file = file
        self.offset = offset
        self.reason = reason


class WheelError(GameError):
    """The virtual wheel did not take its state."""


class WrongGameError(GameError):
    """The pages belong to another game, or to a version whose layout is not known.

    Attributes:
        found: what the pages call themselves.
    """

    def __init__(self, message: str, *, found: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.found = found


class LinkError(ACBridgeError):
    """Something about the connection between learner and actor."""


class ConnectError(LinkError, ConnectionError):
    """No actor answered at the address.

    Attributes:
        uri: the address that was tried.
    """

    def __init__(self, message: str, *, uri: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.uri = uri


class LinkLostError(LinkError, ConnectionError):
    """The connection ended while it was needed."""


class LinkTimeoutError(LinkError, TimeoutError):
    """No answer came in time."""


class SessionLostError(LinkLostError):
    """The connection came back too late, or not at all: the drive that it carried has ended.

    Attributes:
        reason: why, as in `EndReason`.
    """

    def __init__(self, message: str, *, reason: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class RefusedError(LinkError):
    """The actor refused the handshake or a request for a reason that has no class of its own."""

    def __init__(self, code: ErrorCode, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code


class PolicyFailedError(ACBridgeError):
    """A policy that gave no action, or one that no wheel can take. It does not act any more.

    Attributes:
        reason: a `PolicyRefusal`: it would be refused for it, had its trial met it.
    """

    def __init__(self, message: str, *, reason: str = "failed", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class PolicyRefusedError(ACBridgeError):
    """A policy that an actor does not take. The one that acts goes on.

    Attributes:
        reason: a `PolicyRefusal`.
    """

    def __init__(self, reason: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class RecordingError(ACBridgeError):
    """A recording that cannot be written, or not be read."""


class SpoolError(ACBridgeError):
    """A spool that cannot be opened, written or read.

    Attributes:
        file: which one.
    """

    def __init__(self, message: str, *, file: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.file = file


class SpoolFullError(SpoolError):
    """The spool has no room for what was to be added. Nothing changed."""


class ProtocolError(ACBridgeError):
    """A rule of the protocol was broken."""

    code = ErrorCode.ILLEGAL


class LocalProtocolError(ProtocolError):
    """This side tried to do what the session does not allow: a mistake in the calling code."""


class RemoteProtocolError(ProtocolError):
    """The peer did what the session does not allow. Nothing changed here.

    Attributes:
        request_id: the id of the offending request, None if it had none.
    """

    def __init__(
        self,
        message: str,
        *,
        code: ErrorCode = ErrorCode.ILLEGAL,
        request_id: int | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.request_id = request_id


class FrameError(ProtocolError):
    """Bytes that are not a message. Nothing changed here.

    Attributes:
        request_id: the id that the bytes carried, where one could still be read.
    """

    def __init__(
        self, code: ErrorCode, message: str, *, request_id: int | None = None, hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.request_id = request_id


_RAISED_FOR: dict[ErrorCode, type[ACBridgeError]] = {
    ErrorCode.NOT_RESET: NotResetError,
    ErrorCode.GAME: GameError,
    ErrorCode.ILLEGAL: LocalProtocolError,
}


def error_from_wire(
    code: ErrorCode, message: str, hint: str, component: str = "", phase: str = ""
) -> ACBridgeError:
    """Return the exception that a failure from the other side stands for."""
    if code in (
        ErrorCode.ACTION_LENGTH,
        ErrorCode.ACTION_NOT_FINITE,
        ErrorCode.ACTION_OUT_OF_RANGE,
    ):
        return ActionError(code, message, component=component)
    if code is ErrorCode.RESET_FAILED:
        return ResetFailedError(message, phase=phase, hint=hint)
    if code is ErrorCode.SETTING:
        return SettingError(message, setting=component, hint=hint)
    if code in _RAISED_FOR:
        return _RAISED_FOR[code](message, hint=hint)
    return RefusedError(code, message, hint=hint)
