"""The tree of errors, and its way across the wire."""

from __future__ import annotations

import re
from typing import Any

import pytest

import ac_bridge_protocol
from ac_bridge_protocol import errors
from ac_bridge_protocol.errors import (
    ACBridgeError,
    ActionError,
    ConnectError,
    ErrorCode,
    FrameError,
    GameError,
    LinkLostError,
    LinkTimeoutError,
    LocalProtocolError,
    NotResetError,
    RefusedError,
    RemoteProtocolError,
    ResetFailedError,
    SessionLostError,
    SettingError,
    error_from_wire,
)
from ac_bridge_protocol.messages import EndReason

TREE = {
    "ActionError": "ACBridgeError",
    "NotResetError": "ACBridgeError",
    "SettingError": "ACBridgeError",
    "GameError": "ACBridgeError",
    "GameAbsentError": "GameError",
    "PageError": "GameError",
    "ResetFailedError": "GameError",
    "TrackError": "GameError",
    "WheelError": "GameError",
    "WrongGameError": "GameError",
    "LinkError": "ACBridgeError",
    "ConnectError": "LinkError",
    "LinkLostError": "LinkError",
    "SessionLostError": "LinkLostError",
    "LinkTimeoutError": "LinkError",
    "RefusedError": "LinkError",
    "ProtocolError": "ACBridgeError",
    "LocalProtocolError": "ProtocolError",
    "RemoteProtocolError": "ProtocolError",
    "FrameError": "ProtocolError",
    "PolicyFailedError": "ACBridgeError",
    "PolicyRefusedError": "ACBridgeError",
    "RecordingError": "ACBridgeError",
    "SpoolError": "ACBridgeError",
    "SpoolFullError": "SpoolError",
}


def test_the_tree_is_the_documented_one() -> None:
    """Every class has its documented parent, and the module's docstring lists exactly these."""
    found = {
        name: thing.__mro__[1].__name__
        for name, thing in vars(errors).items()
        if isinstance(thing, type) and issubclass(thing, ACBridgeError)
    }
    assert found == TREE | {"ACBridgeError": "Exception"}
    assert set(re.findall(r"\b(\w+Error)\b", errors.__doc__ or "")) == set(found)


def test_every_error_is_public() -> None:
    """Users catch them from the package itself."""
    assert set(ac_bridge_protocol.__all__) >= {*TREE, "ACBridgeError"}


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (ActionError(ErrorCode.ACTION_LENGTH, "x"), ValueError),
        (SettingError("x", setting="hz"), ValueError),
        (ConnectError("x", uri="ws://x"), ConnectionError),
        (LinkLostError("x"), ConnectionError),
        (SessionLostError("x", reason="session_lost"), ConnectionError),
        (LinkTimeoutError("x"), TimeoutError),
    ],
)
def test_errors_are_what_python_calls_them_too(
    error: ACBridgeError, builtin: type[Exception]
) -> None:
    """So that code which knows nothing of us does the right thing."""
    assert isinstance(error, builtin)
    assert str(error) == "x"


def test_a_sentence_with_its_hint() -> None:
    """What happened, then what to do next; both are attributes as well."""
    error = GameError("It vanished.", hint="Start it.")
    assert str(error) == "It vanished. Start it."
    assert (error.message, error.hint) == ("It vanished.", "Start it.")
    assert str(GameError("It vanished.")) == "It vanished."


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotResetError("x"), ErrorCode.NOT_RESET),
        (SettingError("x", setting="hz"), ErrorCode.SETTING),
        (GameError("x"), ErrorCode.GAME),
        (errors.GameAbsentError("x"), ErrorCode.GAME),
        (errors.PageError("x"), ErrorCode.GAME),
        (errors.WheelError("x"), ErrorCode.GAME),
        (ResetFailedError("x", phase="settling"), ErrorCode.RESET_FAILED),
        (LocalProtocolError("x"), ErrorCode.ILLEGAL),
        (RemoteProtocolError("x"), ErrorCode.ILLEGAL),
        (FrameError(ErrorCode.TOO_LARGE, "x"), ErrorCode.TOO_LARGE),
        (RefusedError(ErrorCode.BUSY, "x"), ErrorCode.BUSY),
        (LinkLostError("x"), None),
        (SessionLostError("x", reason="session_lost"), None),
    ],
)
def test_each_error_knows_its_code(error: ACBridgeError, code: ErrorCode | None) -> None:
    """Under which it crosses the wire; those of the link itself never do."""
    assert error.code is code


@pytest.mark.parametrize("code", ErrorCode)
def test_every_code_becomes_an_error_of_that_code(code: ErrorCode) -> None:
    """With message and code kept, and a class that says where the mistake lies."""
    error = error_from_wire(code, "It failed.", "Try again.", component="steer", phase="settling")
    assert isinstance(error, ACBridgeError)
    assert error.code is code
    assert error.message == "It failed."
    expected: dict[ErrorCode, tuple[type[ACBridgeError], dict[str, Any]]] = {
        ErrorCode.ACTION_LENGTH: (ActionError, {"component": "steer"}),
        ErrorCode.ACTION_NOT_FINITE: (ActionError, {"component": "steer"}),
        ErrorCode.ACTION_OUT_OF_RANGE: (ActionError, {"component": "steer"}),
        ErrorCode.NOT_RESET: (NotResetError, {"hint": "Try again."}),
        ErrorCode.SETTING: (SettingError, {"setting": "steer", "hint": "Try again."}),
        ErrorCode.RESET_FAILED: (ResetFailedError, {"phase": "settling", "hint": "Try again."}),
        ErrorCode.GAME: (GameError, {"hint": "Try again."}),
        ErrorCode.ILLEGAL: (LocalProtocolError, {"hint": "Try again."}),
    }
    kind, facts = expected.get(code, (RefusedError, {"hint": "Try again."}))
    assert type(error) is kind
    assert {name: getattr(error, name) for name in facts} == facts


@pytest.mark.parametrize("reason", [EndReason.SESSION_LOST, EndReason.LINK_LOST])
def test_a_lost_session_says_why(reason: EndReason) -> None:
    """In a word of `EndReason`, the same that ends an episode."""
    error = SessionLostError("The drive has ended.", reason=reason, hint="Call reset().")
    assert EndReason(error.reason) is reason
    assert str(error) == "The drive has ended. Call reset()."


def test_codes_are_their_own_words() -> None:
    """Part of the wire format: the value is the name in small letters."""
    assert all(code.value == code.name.lower() for code in ErrorCode)
