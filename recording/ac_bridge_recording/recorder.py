"""The recorder: takes records in the midst of work that must not wait, and writes them elsewhere.

Whoever hands something over only appends to a queue; a thread of the recorder's own makes JSON of
it, compresses and writes. If that falls behind, records are dropped, counted and reported, by
topic: never waited for. The thread shares the interpreter with a clock that ticks, so it takes one
record at a time, breathes after each, and takes none while something is due: `pause_s` says so.
"""

from __future__ import annotations

import base64
import collections
import dataclasses
import math
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from ac_bridge_protocol.codec import Codec
from ac_bridge_protocol.frame import GameStatics, TelemetryFrame
from ac_bridge_protocol.helpers import Closing
from ac_bridge_protocol.limits import MESSAGE_BYTES
from ac_bridge_protocol.messages import EndReason, Event, ResetResult, StepResult
from ac_bridge_protocol.spec import EnvSpec
from ac_bridge_protocol.wire import WireModel, trusted
from ac_bridge_recording.file import RecordingFile
from ac_bridge_recording.masks import Masks
from ac_bridge_recording.topics import (
    Dropped,
    EpisodeEnd,
    EpisodeStart,
    Judgement,
    StepRecord,
    Topic,
    Way,
    WireFrame,
)

QUEUE_BYTES = 32 * 1024 * 1024
"""What may wait for the writer: half a minute of everything at 60 Hz, several seconds at 333 Hz."""

FRAME_BYTES = 4096
"""What a record is reckoned as that is not bytes: a frame, which is most of what is recorded."""

ENTRY_BYTES = 512
"""What a WebSocket message takes beyond its bytes: empty ones would wait without end."""

BEGINNING_BYTES = 4096
"""Of a WebSocket message that is larger than any may be, or is no text where it should be, so much
is recorded: to write all of a megabyte of nonsense would hold the interpreter beyond a tick."""

WIRE_SHARE = 0.75
"""How much of what may wait may be full when a WebSocket message still gets in: where there is too
much, it is these that go, as what they said is recorded as frames and steps, too."""

CLOSE_S = 60.0
"""How long `close` waits for a disk. Whoever ends must not hang for one that never answers."""

POLL_S = 0.02
"""How often the writer looks for work, in seconds: nobody spends time on waking it."""

BREATH_S = 0.0001
"""How long the writer rests after each record, in seconds, at the least: without a rest it would
keep the interpreter for all that waits, as whoever else wants it is not awake in time to get it."""

HURRY_ENTRIES = 128
"""When so many wait it takes no breath: where the system's shortest rest is a millisecond or more,
as on Windows, it would fall behind."""

FLUSH_NS = 1_000_000_000
"""A chunk is finished after so long, full or not: what a killed program loses at most, and the
queue's contents."""


@dataclasses.dataclass(frozen=True, slots=True)
class RecordingStats:
    """What became of what was handed over.

    Attributes:
        path: of the file.
        written: records by topic.
        dropped: records by topic that were not written, since the writer was behind.
        most_waiting_bytes: the most that ever waited.
        failure: why nothing more is written; empty while all is well.
    """

    path: Path
    written: Mapping[str, int]
    dropped: Mapping[str, int]
    most_waiting_bytes: int
    failure: str = ""

    def summary(self) -> str:
        """Return it as a sentence."""
        written, dropped = sum(self.written.values()), sum(self.dropped.values())
        text = f"{written:,} records in {self.path}"
        if dropped:
            topics = ", ".join(f"{count:,} of {topic}" for topic, count in self.dropped.items())
            text += f"; {dropped:,} dropped, as the disk or the processor was too slow: {topics}"
        return f"{text}; {self.failure}" if self.failure else text


@dataclasses.dataclass(frozen=True, slots=True)
class _Wire:
    link: int
    way: Way
    codec: Codec
    payload: bytes
    cut: bool
    """Whether there was more of it."""


_Entry = tuple[int, Topic, "WireModel | _Wire", int]
"""When, where, what, and what it is reckoned as."""


class Recorder(Closing):
    """Records into a file until it is closed.

    The methods that take something return at once, whatever becomes of it; they are to be called
    from one thread.

    Args:
        path: of the file, which must not exist yet.
        about: who records what, as text by name.
        now_ns: the time in nanoseconds since 1970-01-01 UTC; must not go back.
        pause_s: how long the writer is to keep out of the way from now, in seconds; 0 for not.
        queue_bytes: how much may wait for the writer.

    Raises:
        RecordingError: the file cannot be made.
    """

    def __init__(
        self,
        path: Path,
        about: Mapping[str, str],
        *,
        now_ns: Callable[[], int],
        pause_s: Callable[[], float] = lambda: 0.0,
        queue_bytes: int = QUEUE_BYTES,
    ) -> None:
        self._file = RecordingFile(path, about)
        self._now_ns = now_ns
        self._pause_s = pause_s
        self._queue_bytes = queue_bytes
        self._queue: collections.deque[_Entry] = collections.deque()
        # Each is written by one side alone, so that neither needs a lock.
        self._put_bytes = self._taken_bytes = self._most_bytes = 0
        self._dropped: collections.Counter[Topic] = collections.Counter()
        self._told_dropped: dict[Topic, int] = {}
        self._masks = Masks()
        self._statics: GameStatics | None = None
        self._episode: int | None = None
        self._stepped_in = 0  # the episode of the last step, which may have ended it
        self._steps = 0
        self._failure = ""
        self._flushed_ns = now_ns()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ac-bridge-recorder", daemon=True)
        self._thread.start()

    # --- What is recorded -------------------------------------------------------------------------

    def frame(self, frame: TelemetryFrame) -> None:
        """Record a frame of the telemetry stream."""
        self._put(Topic.TELEMETRY, frame)

    def event(self, event: Event) -> None:
        """Record what happened."""
        self._put(Topic.EVENT, event)

    def statics(self, statics: GameStatics | None) -> None:
        """Record the game's static facts, if there are any and they are new."""
        if statics is not None and statics is not self._statics:
            changed, self._statics = statics != self._statics, statics
            if changed:
                self._put(Topic.STATICS, statics)

    def episode_started(self, result: ResetResult, spec: EnvSpec, seed: int | None) -> None:
        """Record the beginning of an episode; one that still goes on ends with it."""
        self.episode_ended("reset")
        self.statics(result.statics)
        self._episode, self._steps = result.episode, 0
        start = {
            "episode": result.episode,
            "seed": seed,
            "spec": spec,
            "statics": result.statics,
            "observation": result.observation,
            "frame": result.frame,
        }
        self._put(Topic.EPISODE_START, trusted(EpisodeStart, start))

    def step(self, action: tuple[float, ...], result: StepResult) -> None:
        """Record a step of the episode: the action that was asked for, and its answer."""
        if self._episode is None:
            return  # the answer to a step of an episode that has ended meanwhile
        self._steps += 1
        self._stepped_in = self._episode
        step = {
            "episode": self._episode,
            "action": action,
            "observation": result.observation,
            "frame": result.frame,
            "receipt": result.receipt,
            "end": result.end,
        }
        self._put(Topic.STEP, trusted(StepRecord, step))
        if result.end is not None:
            self.episode_ended(result.end)

    def judged(
        self, result: StepResult, reward: float, *, terminated: bool, truncated: bool
    ) -> None:
        """Record what the learner's task made of the step that was recorded last.

        A reward that is no number cannot be recorded, as JSON has none like it: it is dropped.
        """
        if not math.isfinite(reward):
            self._dropped[Topic.REWARD] += 1
            return
        values = {
            "episode": self._stepped_in,
            "action_id": result.receipt.action_id,
            "reward": reward,
            "terminated": terminated,
            "truncated": truncated,
        }
        self._put(Topic.REWARD, trusted(Judgement, values))

    def episode_ended(self, reason: EndReason | str) -> None:
        """Record that the episode ended; nothing if none goes on."""
        if self._episode is None:
            return
        values = {"episode": self._episode, "steps": self._steps, "reason": str(reason)}
        self._put(Topic.EPISODE_END, trusted(EpisodeEnd, values))
        self._episode = None

    def wire(self, link: int, way: Way, codec: Codec, payload: bytes) -> None:
        """Record a WebSocket message as it goes over the wire; of an oversized one the beginning.

        Args:
            link: number of the connection.
            way: which way it goes.
            codec: of the connection.
            payload: its bytes.
        """
        cut = len(payload) > MESSAGE_BYTES
        if cut:
            payload = payload[:BEGINNING_BYTES]
        size = len(payload) + ENTRY_BYTES
        room = int(self._queue_bytes * WIRE_SHARE)
        self._put(Topic.WIRE, _Wire(link, way, codec, payload, cut), size, room)

    # --- How it goes ------------------------------------------------------------------------------

    @property
    def failure(self) -> str:
        """Why nothing more is written; empty while all is well."""
        return self._failure

    def stats(self) -> RecordingStats:
        """Return what became of what was handed over so far."""
        return RecordingStats(
            self._file.path,
            {str(topic): count for topic, count in self._file.counts.copy().items()},
            {str(topic): count for topic, count in self._dropped.copy().items()},
            self._most_bytes,
            self._failure,
        )

    def close(self) -> None:
        """Write what waits, and finish the file. May be called twice.

        Of a disk that does not answer the file stays without an end; `failure` says so.
        """
        if not self._closing.is_set():
            self.episode_ended("recording_stopped")
            self._closing.set()
        if threading.current_thread() is self._thread:  # what nobody refers to is closed there
            return
        self._thread.join(CLOSE_S)
        if self._thread.is_alive():
            self._failure = f"{self._file.path} was not finished: its disk does not answer."

    # --- Inside -----------------------------------------------------------------------------------

    def _put(
        self,
        topic: Topic,
        record: WireModel | _Wire,
        size: int = FRAME_BYTES,
        room: int | None = None,
    ) -> None:
        waiting = self._put_bytes - self._taken_bytes
        if self._failure or self._closing.is_set():
            return
        if waiting + size > (self._queue_bytes if room is None else room):
            self._dropped[topic] += 1
            return
        self._most_bytes = max(self._most_bytes, waiting + size)
        self._put_bytes += size
        self._queue.append((self._now_ns(), topic, record, size))

    def _run(self) -> None:
        try:
            while not self._closing.wait(POLL_S):
                self._write_waiting()
                self._finish_chunk_in_time()
            self._write_all()
            self._file.close(self._result())
        except OSError as error:
            self._fail(f"{self._file.path} could not be written: {error.strerror or error}.")
        except Exception as error:  # noqa: BLE001 -- told by `failure`; whoever records goes on
            self._fail(f"{self._file.path} could not be written: {error!r}.")

    def _write_waiting(self) -> None:
        """Write what waits, keeping out of the way of what is due."""
        while self._queue and not self._closing.is_set():
            if (pause_s := self._pause_s()) > 0:
                self._closing.wait(pause_s)
            else:
                self._write_next()
                if len(self._queue) < HURRY_ENTRIES:
                    self._closing.wait(BREATH_S)

    def _write_all(self) -> None:
        while self._queue:
            self._write_next()

    def _write_next(self) -> None:
        time_ns, topic, record, size = self._queue.popleft()
        self._tell_of_dropped(time_ns)
        if isinstance(record, _Wire):
            record = self._wire_frame(record)
        self._file.write(topic, record, time_ns)
        self._taken_bytes += size

    def _tell_of_dropped(self, time_ns: int) -> None:
        """Write how many were dropped, where that is news."""
        dropped = dict(self._dropped)  # in one go: who hands over may count at any moment
        if dropped == self._told_dropped:
            return
        for topic, count in dropped.items():
            if count != self._told_dropped.get(topic):
                self._file.write(Topic.DROPPED, Dropped(topic=topic, count=count), time_ns)
        self._told_dropped = dropped

    def _wire_frame(self, wire: _Wire) -> WireFrame:
        payload, masked = self._masks.mask(
            wire.payload, wire.codec, of_learner=wire.way is Way.TO_ACTOR
        )
        text, cut = None, wire.cut
        if not wire.codec.binary:
            try:
                text = payload.decode()
            except UnicodeDecodeError:
                text, cut = payload[:BEGINNING_BYTES].decode(errors="replace"), True
        values = {
            "link": wire.link,
            "way": wire.way,
            "subprotocol": wire.codec.subprotocol,
            "text": text,
            "data": base64.b64encode(payload).decode() if text is None else None,
            "masked": masked or cut,
        }
        return trusted(WireFrame, values)

    def _finish_chunk_in_time(self) -> None:
        now_ns = self._now_ns()
        if now_ns - self._flushed_ns >= FLUSH_NS:
            self._flushed_ns = now_ns
            self._file.flush()

    def _result(self) -> dict[str, str]:
        result = {f"written {topic}": str(count) for topic, count in self._file.counts.items()}
        return result | {f"dropped {topic}": str(count) for topic, count in self._dropped.items()}

    def _fail(self, why: str) -> None:
        self._failure = why
        self._queue.clear()
        self._file.abandon()
