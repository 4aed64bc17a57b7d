"""Errors as messages. Pure."""

from __future__ import annotations

from ac_bridge_protocol.errors import (
    ACBridgeError,
    ActionError,
    ErrorCode,
    ResetFailedError,
    SettingError,
)
from ac_bridge_protocol.limits import TEXT_CHARACTERS
from ac_bridge_protocol.messages import Failure


def failure_of(error: ACBridgeError, request_id: int | None) -> Failure:
    """Return the message that carries ``error`` across the wire."""
    component = ""
    if isinstance(error, ActionError):
        component = error.component
    elif isinstance(error, SettingError):
        component = error.setting
    return Failure(
        id=request_id,
        code=error.code or ErrorCode.ILLEGAL,
        message=cut(error.message),
        hint=cut(error.hint),
        component=cut(component),
        phase=error.phase if isinstance(error, ResetFailedError) else "",
    )


def cut(text: str) -> str:
    """Return ``text`` no longer than a message may carry."""
    return text if len(text) <= TEXT_CHARACTERS else text[: TEXT_CHARACTERS - 3] + "..."
