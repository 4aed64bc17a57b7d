"""What a recording holds: one topic for each kind of record, and the models of those records.

The rest of the project's models are recorded as they are: frames, events, static facts, the spec.
All of it is plain JSON with a schema, so that other tools read it too; what differs from the wire's
own JSON is in `ac_bridge_recording.plain`.
"""

from __future__ import annotations

import enum
from typing import Annotated, Literal

from pydantic import Field

from ac_bridge_protocol.frame import GameStatics, TelemetryFrame
from ac_bridge_protocol.messages import ActionValues, EndReason, Event, Observation, Receipt
from ac_bridge_protocol.spec import EnvSpec
from ac_bridge_protocol.wire import BY_VALUE, WireModel


class Way(enum.StrEnum):
    """Which way a wire frame went."""

    TO_ACTOR = "to_actor"
    TO_LEARNER = "to_learner"


class EpisodeStart(WireModel):
    """An episode begins: everything that was known at its tick 0."""

    episode: int
    """Episodes begun on the actor since it started, this one included."""
    seed: int | None
    """What the reset asked for."""
    spec: EnvSpec
    """How it is stepped."""
    statics: GameStatics
    observation: Observation
    frame: TelemetryFrame


class StepRecord(WireModel):
    """One step: the action, and what came of it."""

    episode: int
    action: ActionValues
    """As the learner asked for it; `receipt.sent` is what the wheel did."""
    observation: Observation
    """As the actor sent it: without the actions under way, which the client adds."""
    frame: TelemetryFrame
    receipt: Receipt
    end: Annotated[EndReason, BY_VALUE] | None
    """Why the actor ended the episode with this step."""


class EpisodeEnd(WireModel):
    """An episode ended."""

    episode: int
    steps: int
    """How many were answered."""
    reason: str
    """An `EndReason`, the task's own word, or ``reset``, ``released``, ``no_answer`` (the learner's
    patience ended), ``recording_stopped``."""


class Judgement(WireModel):
    """What the learner's task made of a step, while it was driven."""

    episode: int
    action_id: int
    """As in the step's receipt."""
    reward: float
    terminated: bool
    truncated: bool


class WireFrame(WireModel):
    """One WebSocket message as it went over the wire, with secrets masked."""

    link: int
    """Number of the connection, from 1 in the order in which they were opened."""
    way: Annotated[Way, BY_VALUE]
    subprotocol: str
    text: str | None
    """Of a text message."""
    data: Annotated[str | None, Field(json_schema_extra={"contentEncoding": "base64"})]
    """Of a binary message, in base64."""
    masked: bool
    """Whether a secret was replaced, or nonsense left out (what is larger than any message, or no
    text where it should be): then these are not the bytes that went over the wire."""


class Dropped(WireModel):
    """What was not recorded, since the writer was behind. Counts since the recording began."""

    topic: str
    count: int


class Topic(enum.StrEnum):
    """Where each kind of record is found in the file."""

    TELEMETRY = "/telemetry"
    """`TelemetryFrame`: the stream of frames, at the telemetry rate."""
    EPISODE_START = "/episode/start"
    STEP = "/episode/step"
    EPISODE_END = "/episode/end"
    REWARD = "/reward"
    """`Judgement`; only a learner's own recording has it."""
    EVENT = "/event"
    STATICS = "/statics"
    """`GameStatics`, whenever they changed."""
    WIRE = "/wire"
    DROPPED = "/dropped"
    POSE = "/pose"
    """Where the car is, as ``foxglove.PoseInFrame``: made from the frames, for other tools."""
    TRANSFORM = "/tf"
    """How the game's axes lie in a world whose z is up, as ``foxglove.FrameTransform``."""


MODELS: dict[Topic, type[WireModel]] = {
    Topic.TELEMETRY: TelemetryFrame,
    Topic.EPISODE_START: EpisodeStart,
    Topic.STEP: StepRecord,
    Topic.EPISODE_END: EpisodeEnd,
    Topic.REWARD: Judgement,
    Topic.EVENT: Event,
    Topic.STATICS: GameStatics,
    Topic.WIRE: WireFrame,
    Topic.DROPPED: Dropped,
}
"""The model of each topic that we read back."""

RecordedBy = Literal["actor", "learner", "spectator"]
"""Where a recording was made."""
