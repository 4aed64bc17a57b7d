"""What an actor records: everything it serves, handed to a recorder that never makes it wait."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import structlog

from ac_bridge.clock import Clock
from ac_bridge.server.drive import Drive
from ac_bridge.server.stage import Served
from ac_bridge_protocol.codec import Codec
from ac_bridge_protocol.frame import GameStatics, TelemetryFrame
from ac_bridge_protocol.helpers import Closing
from ac_bridge_protocol.messages import Event, Message, Reset, ResetResult, Step, StepResult
from ac_bridge_recording.about import about, make_folder, new_path
from ac_bridge_recording.recorder import Recorder
from ac_bridge_recording.topics import Way

log = structlog.get_logger()

GUARD_S = 0.0015
"""The recorder's thread rests when a tick is due this soon: it takes a record at a time, and holds
the interpreter for a few dozen microseconds each."""

AFTER_S = 0.0005
"""So long after the tick it rests still: what a tick does comes first."""

TELL_S = 60.0
"""Least time between two lines of the log about records that were dropped."""

Tap = Callable[[Way, bytes], None]
"""Takes each WebSocket message of one connection."""


class ActorRecorder(Closing):
    """Records what one actor serves.

    Args:
        recorder: takes the records.
        wire: whether WebSocket messages are recorded, too.
    """

    def __init__(self, recorder: Recorder, *, wire: bool = True) -> None:
        self._recorder = recorder
        self._wire = wire
        self._links = 0
        self._told_failure = False
        self._told_dropped = 0
        self._told_s = float("-inf")

    def tap(self, codec: Codec) -> Tap | None:
        """Return what takes the messages of the next connection; None if nothing does."""
        if not self._wire:
            return None
        self._links += 1
        link, record = self._links, self._recorder.wire
        return lambda way, payload: record(link, way, codec, payload)

    def frame(self, frame: TelemetryFrame, statics: GameStatics | None) -> None:
        """Record a frame of the stream, and the game's static facts where they are new."""
        self._recorder.statics(statics)
        self._recorder.frame(frame)

    def event(self, event: Event) -> None:
        """Record what everybody is told."""
        self._recorder.event(event)

    def answered(self, drive: Drive, answer: Message) -> None:
        """Record what a driver is answered, with what it had asked for; before it is sent."""
        if isinstance(answer, StepResult):
            request = drive.course.in_flight.get(answer.id)
            # A step that the reset's result opened says nothing: it is neutral.
            action = request.action if isinstance(request, Step) else ()
            self._recorder.step(action or drive.spec.neutral, answer)
        elif isinstance(answer, ResetResult):
            reset = drive.course.in_flight.get(answer.id)
            seed = reset.seed if isinstance(reset, Reset) else None
            self._recorder.episode_started(answer, drive.spec, seed)

    def ended(self, reason: str) -> None:
        """Record that an episode, if one goes on, ends: nobody will answer its steps any more."""
        self._recorder.episode_ended(reason)

    def look(self, now_s: float) -> None:
        """Log what went wrong since the last look.

        Args:
            now_s: in seconds of any clock.
        """
        failure = self._recorder.failure
        if failure and not self._told_failure:
            self._told_failure = True
            log.error("nothing is recorded any more", why=failure)
        stats = self._recorder.stats()
        dropped = sum(stats.dropped.values())
        if dropped > self._told_dropped and now_s - self._told_s >= TELL_S:
            self._told_dropped, self._told_s = dropped, now_s
            log.warning("records dropped", count=dropped, so_far=stats.summary())

    def close(self) -> None:
        """Write what waits and finish the file. May be called twice."""
        self._recorder.close()
        stats = self._recorder.stats()
        (log.warning if stats.dropped or stats.failure else log.info)(
            "recorded", what=stats.summary()
        )


def record_actor(folder: Path, served: Served, clock: Clock, *, wire: bool) -> ActorRecorder:
    """Begin to record what is served, into a new file of a folder.

    Args:
        folder: made if it is not there.
        served: what.
        clock: the machine's.
        wire: whether WebSocket messages are recorded, too.

    Raises:
        SettingError: there can be no such folder.
        RecordingError: no file can be made in it.
    """
    make_folder(folder)
    began_ns = round((clock.wall() - clock.now()) * 1e9)

    def now_ns() -> int:
        return began_ns + round(clock.now() * 1e9)

    path = new_path(folder, now_ns())
    said = about("actor", served.spec(served.modes[0]), now_ns())
    log.info("recording", file=str(path))
    return ActorRecorder(Recorder(path, said, now_ns=now_ns, pause_s=_pauses(served)), wire=wire)


def _pauses(served: Served) -> Callable[[], float]:
    """Return what tells the recorder's thread for how many seconds to rest from now."""
    if served.lockstep:
        return lambda: 0.0  # no tick is due while time stands still
    clock = served.clock

    def pause_s() -> float:
        due_s = clock.due_s() - clock.now()
        return max(due_s, 0.0) + AFTER_S if due_s < GUARD_S else 0.0

    return pause_s
