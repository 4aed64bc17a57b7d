"""Plausible episodes and steps of an export, for what only writes them down."""

from __future__ import annotations

from typing import Any

from ac_bridge.data.steps import Head, Row, Source
from ac_bridge.telemetry.observation import BRIDGE15
from ac_bridge_protocol.messages import WheelState
from ac_bridge_protocol.spec import DRIVING_ACTION
from helpers.frames import make_frame, make_statics
from helpers.wire import make_receipt

RECEIPT = make_receipt(
    action_id=0,
    tick=1,
    tick_asked=0,
    tick_applied=None,
    late=True,
    ticks_held=1,
    ticks_missed=2,
    observation_age_s=0.002,
    sent=WheelState(steer=0.25, throttle=0.5, brake=0.0, clutch=0.125),
)


def make_head(**changes: Any) -> Head:
    """Return the beginning of an episode, with some of it replaced."""
    head = Head(
        recording="drive.mcap",
        recorded_episode=4,
        source=Source.STEPS,
        about={"game": "standin", "recorded_by": "learner"},
        seed=None,
        statics=make_statics(),
        spec=None,
        profile="bridge15",
        features=BRIDGE15.features,
        components=DRIVING_ACTION,
        observation=tuple(number / 16 for number in range(15)),
        frame=make_frame(),
    )
    return head._replace(**changes)


def make_row(step: int, **changes: Any) -> Row:
    """Return a step of it, with some of it replaced."""
    row = Row(
        step=step,
        tick=step,
        action=(-0.5, 0.25, 0.0),
        observation=tuple(step + number / 16 for number in range(15)),
        frame=make_frame(seq=step, speed_kmh=float(step)),
        reward=step / 4,
        terminated=False,
        truncated=False,
        end_reason="",
        receipt=RECEIPT,
    )
    return row._replace(**changes)
