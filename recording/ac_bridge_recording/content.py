"""What a recording's records say, one after the other, and whether they can be. Pure."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from ac_bridge_protocol.errors import RecordingError
from ac_bridge_protocol.frame import TelemetryFrame
from ac_bridge_protocol.wire import WireModel
from ac_bridge_recording import foxglove, plain
from ac_bridge_recording.topics import (
    MODELS,
    Dropped,
    EpisodeEnd,
    EpisodeStart,
    Judgement,
    StepRecord,
    Topic,
)

_SCHEMAS = {Topic.POSE: foxglove.POSE_SCHEMA, Topic.TRANSFORM: foxglove.TRANSFORM_SCHEMA}
"""Of the topics that have no model of ours."""

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
}


@dataclasses.dataclass(slots=True)
class TopicCount:
    """What a topic holds."""

    records: int = 0
    first_ns: int = 0
    last_ns: int = 0
    json_bytes: int = 0
    """Before compression."""

    @property
    def rate_hz(self) -> float | None:
        """Records a second from the first to the last; None if that says nothing."""
        span_ns = self.last_ns - self.first_ns
        return (self.records - 1) * 1e9 / span_ns if span_ns > 0 else None


@dataclasses.dataclass(slots=True)
class RecordedDrive:
    """One episode."""

    episode: int
    seed: int | None
    steps: int = 0
    end: str | None = None
    """Why it ended; None if it goes on where the recording ends."""
    total_reward: float | None = None
    """What the learner's task gave; None where it was not recorded."""


class Content:
    """Takes records in the order of the file.

    Attributes:
        topics: what each topic holds.
        drives: the episodes.
        laps: completed.
        dropped: records that were not written, by topic, as far as it was told.
    """

    def __init__(self) -> None:
        self.topics: dict[str, TopicCount] = {}
        self.drives: list[RecordedDrive] = []
        self.laps = 0
        self.dropped: collections.Counter[str] = collections.Counter()
        self._open: RecordedDrive | None = None
        self._laps_before: dict[Topic, int] = {}
        self._laps: collections.Counter[Topic] = collections.Counter()
        self._last_action: tuple[int, int] | None = None

    def take(self, topic: str, time_ns: int, data: bytes) -> Iterator[str]:
        """Take a record; yield what is wrong with it, in sentences."""
        count = self.topics.setdefault(topic, TopicCount(first_ns=time_ns))
        count.records += 1
        count.last_ns = time_ns
        count.json_bytes += len(data)
        try:
            said = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            yield f"a record of {topic} is not JSON: {error}"
            return
        if topic not in _TOPICS:
            yield f"there is no topic {topic} in this version"
            return
        known = _TOPICS[topic]
        if known in _SCHEMAS:
            yield from (f"a record of {topic}: {one}" for one in misfits(_SCHEMAS[known], said))
            return
        try:
            record = plain.restore(MODELS[known], said)
        except RecordingError as error:
            yield error.message
            return
        yield from self._follow(known, record)

    def contradictions(self, result: Mapping[str, str]) -> Iterator[str]:
        """Yield what the end of a whole file says and the rest of it does not."""
        for topic, count in self.topics.items():
            said = result.get(f"written {topic}")
            if said != str(count.records):
                yield f"{topic} has {count.records} records, and the end speaks of {said or 'none'}"
        for name in result:
            topic = name.removeprefix("written ")
            if topic != name and topic not in self.topics:
                yield f"the end speaks of records of {topic}, and there are none"
        for topic, told in self.dropped.items():
            said = result.get(f"dropped {topic}", "0")
            if not said.isdecimal() or int(said) < told:
                yield f"the end speaks of {said} dropped of {topic}; {told} were told before"

    def dropped_in_all(self, result: Mapping[str, str]) -> dict[str, int]:
        """Return how many records of each topic were not written, as far as anything says."""
        dropped = collections.Counter(self.dropped)
        for name, said in result.items():
            topic = name.removeprefix("dropped ")
            if topic != name and said.isdecimal():
                dropped[topic] = max(dropped[topic], int(said))
        return {topic: count for topic, count in sorted(dropped.items()) if count}

    # --- Inside -----------------------------------------------------------------------------------

    def _follow(self, topic: Topic, record: WireModel) -> Iterator[str]:
        """Follow what a record means; yield what cannot be after those before."""
        match record:
            case TelemetryFrame():
                self._count_laps(topic, record)
            case EpisodeStart():
                if self._open is not None and not self.dropped:
                    yield f"episode {record.episode} begins before the one before it has ended"
                self._open = RecordedDrive(record.episode, record.seed)
                self.drives.append(self._open)
                self._laps_before.pop(Topic.STEP, None)
                self._count_laps(Topic.STEP, record.frame)
            case StepRecord():
                yield from self._step(record)
            case Judgement():
                if self._last_action != (record.episode, record.action_id) and not self.dropped:
                    yield f"a reward for action {record.action_id}, which was not the last one"
                if self.drives and self.drives[-1].episode == record.episode:
                    drive = self.drives[-1]
                    drive.total_reward = (drive.total_reward or 0.0) + record.reward
            case EpisodeEnd():
                yield from self._end(record)
            case Dropped():
                if record.count <= self.dropped[record.topic]:
                    yield f"{record.topic}: {record.count} dropped in all, and more before"
                self.dropped[record.topic] = record.count

    def _step(self, step: StepRecord) -> Iterator[str]:
        self._last_action = step.episode, step.receipt.action_id
        self._count_laps(Topic.STEP, step.frame)
        if self._open is None or self._open.episode != step.episode:
            if not self.dropped:
                yield f"a step of episode {step.episode}, which is not under way"
            return
        self._open.steps += 1

    def _end(self, end: EpisodeEnd) -> Iterator[str]:
        drive, self._open = self._open, None
        if drive is None or drive.episode != end.episode:
            if not self.dropped:
                yield f"episode {end.episode} ends, which is not under way"
            return
        if drive.steps != end.steps and not self.dropped:
            yield f"episode {end.episode} ends after {end.steps} steps, and {drive.steps} are here"
        drive.end = end.reason

    def _count_laps(self, topic: Topic, frame: TelemetryFrame) -> None:
        """Count laps by the stream and by the steps: whichever saw more was there all the time."""
        before = self._laps_before.get(topic)
        self._laps_before[topic] = frame.completed_laps
        if before is not None and frame.completed_laps == before + 1:
            self._laps[topic] += 1
            self.laps = max(self._laps.values())


def misfits(schema: Mapping[str, Any], value: Any) -> Iterator[str]:
    """Yield how a value does not fit a schema of flat types, in sentences."""
    kind = schema["type"]
    if not isinstance(value, _TYPES[kind]) or isinstance(value, bool):
        yield f"{value!r} is not of type {kind}"
        return
    if not isinstance(value, dict):
        return
    for name, inner in schema["properties"].items():
        if name not in value:
            yield f"{name} is missing"
        else:
            yield from misfits(inner, value[name])


_TOPICS: dict[str, Topic] = {topic.value: topic for topic in Topic}
