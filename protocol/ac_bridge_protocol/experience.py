"""What a policy on the gaming PC has lived through, record by record, as it reaches the learner.

An episode is an `EpisodeStart` and a `Transition` for each of its steps. Records are kept and sent
as MessagePack, each for itself. Arrays are the bytes of little-endian float32: an observation's
elements are never read one by one on their way. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import ormsgpack
from pydantic import Field, TypeAdapter, ValidationError

from ac_bridge_protocol.codec import fields_of
from ac_bridge_protocol.errors import ErrorCode, FrameError
from ac_bridge_protocol.frame import GameStatics, TelemetryFrame
from ac_bridge_protocol.limits import (
    ACTION_COMPONENTS,
    EXTRA_ELEMENTS,
    EXTRAS,
    NOISE_ELEMENTS,
    OBSERVATION_ELEMENTS,
    REWARD_TERMS,
)
from ac_bridge_protocol.messages import Receipt, Text
from ac_bridge_protocol.observing import Name
from ac_bridge_protocol.wire import WireModel

Array: TypeAlias = npt.NDArray[np.float32]

FLOAT = np.dtype("<f4")
RunName: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""What a learner calls a run: letters, digits, dots, dashes, underscores; at most 64."""
PolicyVersion: TypeAlias = Annotated[int, Field(ge=1, lt=2**53)]
"""Rises."""


def _floats(most: int) -> Any:
    return Annotated[bytes, Field(max_length=most * FLOAT.itemsize)]


ObservationBytes: TypeAlias = _floats(OBSERVATION_ELEMENTS)  # type: ignore[valid-type]
ActionBytes: TypeAlias = _floats(ACTION_COMPONENTS)  # type: ignore[valid-type]
NoiseBytes: TypeAlias = _floats(NOISE_ELEMENTS)  # type: ignore[valid-type]
ExtraBytes: TypeAlias = _floats(EXTRA_ELEMENTS)  # type: ignore[valid-type]


class EpisodeStart(WireModel):
    """An episode has begun."""

    type: Literal["episode_start"] = "episode_start"
    run: RunName
    """The run that it belongs to."""
    episode: int = Field(ge=1)
    """Its number in the run, from 1; one that could not be begun has a number, too."""
    seed: int | None = None
    """That it was begun from; None where the game draws by itself."""
    statics: GameStatics
    """What does not change in this game and car."""
    observation: ObservationBytes
    """At tick 0."""
    frame: TelemetryFrame | None = None
    """Everything that the game told at tick 0, if the run asked for frames."""


class Transition(WireModel):
    """One step: what was done about the observation before, and what came of it."""

    type: Literal["transition"] = "transition"
    run: RunName
    """The run that it belongs to."""
    episode: int = Field(ge=1)
    """As its start has it."""
    tick: int = Field(ge=1)
    """The tick that ended it; the receipt's."""
    policy: PolicyVersion
    """That chose the action."""
    noise: NoiseBytes = b""
    """That it was given; empty if it takes none."""
    action: ActionBytes
    """As chosen; what the wheel was sent is in the receipt."""
    extras: Annotated[dict[Name, ExtraBytes], Field(max_length=EXTRAS, default_factory=dict)]
    """What else the policy said, such as ``log_prob`` and ``value``."""
    receipt: Receipt
    """What became of the action."""
    reward: float
    """Of the run's task."""
    terms: Annotated[dict[Name, float], Field(max_length=REWARD_TERMS, default_factory=dict)]
    """What the task told beside it, as far as these are numbers."""
    terminated: bool
    """The task is over: its goal reached, or the car lost."""
    truncated: bool
    """The episode is over for another reason."""
    end_reason: Text = ""
    """Why it is over; empty while it goes on."""
    observation: ObservationBytes
    """At that tick."""
    frame: TelemetryFrame | None = None
    """Everything that the game told at that tick, if the run asked for frames."""


Record: TypeAlias = EpisodeStart | Transition
_RECORD: TypeAdapter[Record] = TypeAdapter(Annotated[Record, Field(discriminator="type")])


def to_bytes(values: Sequence[float] | Array) -> bytes:
    """Return numbers as the bytes of little-endian float32."""
    return np.asarray(values, FLOAT).tobytes()


def to_array(data: bytes) -> Array:
    """Return the numbers again, float32[n]; a copy, which may be written to."""
    return np.frombuffer(data, FLOAT).astype(np.float32)


def pack(record: Record) -> bytes:
    """Return a record as it is kept and sent."""
    return ormsgpack.packb(record.__dict__, default=fields_of)


def unpack(data: bytes) -> Record:
    """Return the record that was packed.

    Raises:
        FrameError: these bytes are none.
    """
    try:
        return _RECORD.validate_python(ormsgpack.unpackb(data))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        reason = f"{where}: {first['msg']}"[:200]
    except ValueError as error:
        reason = str(error)
    raise FrameError(ErrorCode.MALFORMED, f"{len(data)} bytes are no record of a run: {reason}.")
