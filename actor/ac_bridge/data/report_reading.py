"""What a report needs of a recording, gathered in one pass over the file. Pure but for the reading.

A recording of ten minutes at 333 Hz has 200,000 frames: they go by one at a time, and columns of a
few fields stay.
"""

from __future__ import annotations

import array
import base64
import binascii
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from ac_bridge.data.laps import Lap, laps
from ac_bridge_protocol.codec import CODECS
from ac_bridge_protocol.errors import FrameError, RecordingError
from ac_bridge_protocol.messages import Ping, Pong
from ac_bridge_recording.plain import restore
from ac_bridge_recording.reader import Entry, Recording
from ac_bridge_recording.topics import MODELS, Topic, Way

NO_EPISODE = -1
"""Of a frame that belongs to no episode."""

FRAME_COLUMNS = (
    *("dt", "dt_actual", "packet_id", "current_time", "normalized_position"),
    *("speed_kmh", "steer_angle", "throttle", "brake", "gear", "tyres_out"),
)
"""Fields of a frame that are kept as they are."""

STEP_COLUMNS = (
    *("late", "ticks_held", "ticks_eased", "ticks_missed", "ticks_planned"),
    *("tick_error_s", "action_age_s", "observation_age_s"),
)
"""Fields of a receipt that are kept."""

_OWN_WAY = {"actor": Way.TO_LEARNER}
"""Which way a recorder's own pings go, where it is not to the actor."""

PROGRESS_EVERY = 1000
"""Records."""

_RARE = {
    *(Topic.EPISODE_START, Topic.EPISODE_END, Topic.EVENT, Topic.STATICS, Topic.DROPPED),
}
"""What is validated: of these there are few, and the page repeats what they say."""

Column: TypeAlias = "array.array[float]"


@dataclasses.dataclass(slots=True)
class Episode:
    """What is told of an episode.

    Attributes:
        number: as the actor counts.
        begun_ns: when its start was recorded.
        seed: as the reset asked; None if it did not.
        mode: how it was stepped.
        control_hz: control ticks a second.
        steps: that were recorded.
        late: of these, with an action that came too late.
        reward: sum of what the task gave; None if nobody recorded that.
        reason: why it ended; empty if the recording does not say.
    """

    number: int
    begun_ns: int
    seed: int | None
    mode: str
    control_hz: float
    steps: int = 0
    late: int = 0
    reward: float | None = None
    reason: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Happening:
    """Something that was recorded as having happened."""

    time_ns: int
    kind: str
    message: str


def _columns(*names: str) -> dict[str, Column]:
    return {name: array.array("d") for name in names}


@dataclasses.dataclass
class Gathered:
    """What a report needs of a recording.

    Attributes:
        counts: how many records each topic has.
        source: which topic the laps were cut from.
        frames: a column for each of `FRAME_COLUMNS`, and x, z, damage and episode.
        laps: every stretch of driving, by indices into the frames.
        steps: a column for each of `STEP_COLUMNS`, and time_ns.
        episodes: that were recorded, in order.
        happenings: events, in order.
        dropped: what the recorder could not write, by topic.
        round_trips_s: of the recorder's own pings.
        statics: what the game said of car and track last; empty if it did not.
    """

    counts: dict[Topic, int]
    source: Topic
    frames: dict[str, Column] = dataclasses.field(
        default_factory=lambda: _columns(*FRAME_COLUMNS, "x", "z", "damage", "episode")
    )
    laps: list[Lap] = dataclasses.field(default_factory=list)
    steps: dict[str, Column] = dataclasses.field(
        default_factory=lambda: _columns(*STEP_COLUMNS, "time_ns")
    )
    episodes: list[Episode] = dataclasses.field(default_factory=list)
    happenings: list[Happening] = dataclasses.field(default_factory=list)
    dropped: dict[str, int] = dataclasses.field(default_factory=dict)
    round_trips_s: list[float] = dataclasses.field(default_factory=list)
    statics: dict[str, Any] = dataclasses.field(default_factory=dict)


def gather(recording: Recording, progress: Callable[[int], None] = lambda _: None) -> Gathered:
    """Read a recording once.

    Args:
        recording: to be read.
        progress: gets how many records were read, every now and then.

    Raises:
        RecordingError: it is damaged, or holds something that this version does not know.
    """
    counts = recording.counts()
    gathered = Gathered(counts, _densest(counts))
    pass_ = _Pass(gathered, _OWN_WAY.get(recording.about.get("recorded_by", ""), Way.TO_ACTOR))
    try:
        gathered.laps = laps(pass_.frames(recording, progress))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RecordingError(
            f"{recording.path} holds a record that this version cannot read: "
            f"{type(error).__name__}: {error}.",
            hint="It was written by another version of ac-bridge, or damaged.",
        ) from error
    return gathered


def _densest(counts: dict[Topic, int]) -> Topic:
    """Return where most frames are: an actor's stream is denser than its steps, a learner's not."""
    stepped = counts.get(Topic.STEP, 0) + counts.get(Topic.EPISODE_START, 0)
    return Topic.TELEMETRY if counts.get(Topic.TELEMETRY, 0) >= stepped else Topic.STEP


class _Pass:
    """One pass over a recording's entries; each kind has a method, called by its topic."""

    def __init__(self, gathered: Gathered, own_way: Way) -> None:
        self._into = gathered
        self._own_way = own_way
        self._pings: dict[tuple[int, int, float], int] = {}
        self._current: Episode | None = None
        self._by_number: dict[int, Episode] = {}
        self._takers: dict[Topic, Callable[[Entry], None]] = {
            Topic.EPISODE_START: self._started,
            Topic.STEP: self._stepped,
            Topic.EPISODE_END: self._ended,
            Topic.REWARD: self._judged,
            Topic.EVENT: self._happened,
            Topic.STATICS: self._told,
            Topic.DROPPED: self._missed,
            Topic.WIRE: self._went,
        }

    def frames(
        self, recording: Recording, progress: Callable[[int], None]
    ) -> Iterator[dict[str, Any]]:
        """Yield the frames that laps are cut from; take note of all else on the way."""
        from_steps = self._into.source is Topic.STEP
        for number, entry in enumerate(recording.entries(Topic.TELEMETRY, *self._takers), 1):
            if number % PROGRESS_EVERY == 0:
                progress(number)
            if entry.topic in _RARE:
                restore(MODELS[entry.topic], entry.plain)
            if entry.topic in self._takers:
                self._takers[entry.topic](entry)
            if entry.topic is Topic.TELEMETRY and not from_steps:
                yield self._kept(entry.plain)
            elif entry.topic in (Topic.EPISODE_START, Topic.STEP) and from_steps:
                yield self._kept(entry.plain["frame"])

    def _kept(self, frame: Any) -> dict[str, Any]:
        columns = self._into.frames
        for name in FRAME_COLUMNS:
            columns[name].append(frame[name])
        x, _, z = frame["position"]
        columns["x"].append(x)
        columns["z"].append(z)
        columns["damage"].append(max(frame["car_damage"]))
        columns["episode"].append(NO_EPISODE if self._current is None else self._current.number)
        kept: dict[str, Any] = frame
        return kept

    def _started(self, entry: Entry) -> None:
        plain, spec = entry.plain, entry.plain["spec"]
        episode = Episode(
            plain["episode"], entry.time_ns, plain.get("seed"), spec["mode"], spec["control_hz"]
        )
        self._current = self._by_number[episode.number] = episode
        self._into.episodes.append(episode)
        self._into.statics = plain["statics"]

    def _stepped(self, entry: Entry) -> None:
        receipt, columns = entry.plain["receipt"], self._into.steps
        for name in STEP_COLUMNS:
            columns[name].append(receipt[name])
        columns["time_ns"].append(entry.time_ns)
        episode = self._by_number.get(entry.plain["episode"])
        if episode is not None:
            episode.steps += 1
            episode.late += receipt["late"]

    def _ended(self, entry: Entry) -> None:
        episode = self._by_number.get(entry.plain["episode"])
        if episode is not None:
            episode.reason = entry.plain["reason"]
        self._current = None

    def _judged(self, entry: Entry) -> None:
        episode = self._by_number.get(entry.plain["episode"])
        if episode is not None:
            episode.reward = (episode.reward or 0.0) + entry.plain["reward"]

    def _happened(self, entry: Entry) -> None:
        plain = entry.plain
        self._into.happenings.append(Happening(entry.time_ns, plain["kind"], plain["message"]))

    def _told(self, entry: Entry) -> None:
        self._into.statics = entry.plain

    def _missed(self, entry: Entry) -> None:
        self._into.dropped[entry.plain["topic"]] = entry.plain["count"]

    def _went(self, entry: Entry) -> None:
        """Pair the recorder's pings with their answers: both times are by the recorder's clock."""
        message = _ping_or_pong(entry.plain)
        outward = entry.plain["way"] == self._own_way
        link = entry.plain["link"]
        if isinstance(message, Ping) and outward:
            self._pings[link, message.id, message.t_sent] = entry.time_ns
        elif isinstance(message, Pong) and not outward:
            sent_ns = self._pings.pop((link, message.id, message.t_ping), None)
            if sent_ns is not None:
                there_s = message.t_sent - message.t_received
                took_s = (entry.time_ns - sent_ns) / 1e9 - there_s
                self._into.round_trips_s.append(max(took_s, 0.0))


_MARKS = (b'"ping"', b'"pong"', b"\xa4ping", b"\xa4pong")
"""The types as either codec writes them: what has none of them needs no closer look."""


def _ping_or_pong(plain: dict[str, Any]) -> Ping | Pong | None:
    codec = CODECS.get(plain["subprotocol"])
    text, data = plain.get("text"), plain.get("data")
    try:
        payload = base64.b64decode(data) if data is not None else str(text).encode()
        if codec is None or not any(mark in payload for mark in _MARKS):
            return None
        message = codec.decode(payload, binary=codec.binary)
    except (FrameError, binascii.Error):
        return None  # not ours to judge: a recording holds malformed input as it came
    return message if isinstance(message, Ping | Pong) else None
