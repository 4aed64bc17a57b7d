"""Messages of a plausible session, each with what a test wants to say about it."""

from __future__ import annotations

from typing import Any

from ac_bridge_protocol.edge import RunStatus
from ac_bridge_protocol.errors import ErrorCode
from ac_bridge_protocol.messages import (
    Failure,
    Receipt,
    ResetResult,
    Role,
    StepResult,
    Welcome,
    WheelState,
)
from ac_bridge_protocol.spec import DRIVING_ACTION, EnvSpec, Mode
from helpers.frames import make_frame, make_statics

FRAME = make_frame()

SPEC_VALUES: dict[str, Any] = {
    "game": "standin",
    "mode": Mode.LATEST,
    "modes": (Mode.LATEST, Mode.FIXED_DELAY),
    "control_hz": 10.0,
    "telemetry_hz": 60.0,
    "observation_profile": "none",
    "observation": (),
    "action": DRIVING_ACTION,
    "smoothing": "none",
}
"""Every field of `make_spec`'s spec."""

RECEIPT_VALUES: dict[str, Any] = {
    "action_id": 5,
    "tick": 9,
    "tick_asked": 8,
    "tick_applied": 8,
    "late": False,
    "ticks_held": 0,
    "ticks_eased": 0,
    "ticks_planned": 0,
    "ticks_missed": 0,
    "tick_error_s": 0.000_1,
    "action_age_s": 0.1,
    "observation_age_s": 0.000_2,
    "sent": WheelState(steer=0.1, throttle=0.2, brake=0.3, clutch=0.0),
    "replayed": False,
}
"""Every field of `make_receipt`'s receipt."""


def make_spec(delay_ticks: int = 0, **overrides: Any) -> EnvSpec:
    """Return a spec of mode `latest`, or of `fixed_delay` if there is a delay."""
    mode = Mode.FIXED_DELAY if delay_ticks else Mode.LATEST
    return EnvSpec(**(SPEC_VALUES | {"mode": mode, "delay_ticks": delay_ticks} | overrides))


def make_receipt(**overrides: Any) -> Receipt:
    """Return the receipt of an action that was in time, with some fields replaced."""
    return Receipt(**(RECEIPT_VALUES | overrides))


def make_welcome(
    role: Role = Role.DRIVER, *, delay_ticks: int = 0, resumed: bool = False
) -> Welcome:
    """Return a welcome; a driver's has a session to come back with."""
    return Welcome(
        actor="a/1",
        role=role,
        spec=make_spec(delay_ticks),
        statics=None,
        session="secret" if role is Role.DRIVER else "",
        resumed=resumed,
        grace_s=10.0,
    )


def make_reset_result(request_id: int, *, episode: int = 1) -> ResetResult:
    """Return the answer to a reset."""
    return ResetResult(
        id=request_id, episode=episode, statics=make_statics(), observation=(), frame=FRAME
    )


def make_step_result(request_id: int, **overrides: Any) -> StepResult:
    """Return the answer to a step, with some fields replaced."""
    values: dict[str, Any] = {"observation": (), "frame": FRAME, "t_sent": 1.5}
    return StepResult(id=request_id, receipt=make_receipt(), **(values | overrides))


def make_failure(request_id: int | None, message: str = "It vanished.") -> Failure:
    """Return a failure of the game's."""
    return Failure(id=request_id, code=ErrorCode.GAME, message=message)


def make_run_status(**overrides: Any) -> RunStatus:
    """Return how a run stands: it goes on."""
    values: dict[str, Any] = {
        "run": "r",
        "driving": True,
        "episodes": 1,
        "spool": "0" * 32,
        "last": 7,
        "acknowledged": 3,
        "dropped": 0,
    }
    return RunStatus(**(values | overrides))
