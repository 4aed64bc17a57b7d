"""What there is to be played of a recording. Pure."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from ac_bridge_protocol.frame import GameStatics, TelemetryFrame
from ac_bridge_protocol.messages import EndReason, Event
from ac_bridge_recording.topics import EpisodeStart, StepRecord


class Tick(NamedTuple):
    """A step of an episode."""

    step: StepRecord
    end: EndReason | None
    """Why it is the episode's last one; None if it is not."""


Record: TypeAlias = TelemetryFrame | Event | GameStatics | EpisodeStart | Tick
"""What there is to be played."""


class Played(NamedTuple):
    """One record, as it comes."""

    time_ns: int
    """When it was handed over, by the recorder's clock."""
    record: Record


def frame_in(record: Record) -> TelemetryFrame | None:
    """Return the frame that a record shows; None if it shows none."""
    if isinstance(record, TelemetryFrame):
        return record
    if isinstance(record, Tick):
        return record.step.frame
    return record.frame if isinstance(record, EpisodeStart) else None
