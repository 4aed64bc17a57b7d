"""A recorder that is there to be killed. It tells what is safe as soon as it is.

Run as ``python -m _recording.victim FILE SEED HZ [slow]``: records the stream of that seed, so many
moments a second, or as many as it can write with ``0``; to a disk that takes a chunk bit by bit if
it is to be ``slow``, so that a kill can come in the midst of one. Says a line of JSON when it has
begun, and one whenever a chunk is in the file: how many records are in finished chunks then. Ends
when its standard input does, should nobody kill it.
"""

from __future__ import annotations

import itertools
import os
import sys
import threading
from pathlib import Path

from _recording.stream import moments, template
from ac_bridge.clock import SystemClock
from ac_bridge_protocol.wire import WireModel
from ac_bridge_recording import Recorder, file, recorder
from ac_bridge_recording.file import RecordingFile
from ac_bridge_recording.topics import Topic
from links.servant import say

MOST_WAITING = 2000
"""Records ahead of the writer, where nothing else holds the stream back: none may be dropped."""
REST_S = 0.001
BIT_BYTES = 512
BIT_S = 0.0002
"""Of a slow disk: so much at a time, and then so long."""
MADE_FROM_FRAMES = (Topic.POSE, Topic.TRANSFORM)
"""Written beside what is handed over."""


class Telling(RecordingFile):
    """Tells after each chunk how many records are in the file for good."""

    _told = 0

    def write(self, topic: Topic, record: WireModel, time_ns: int) -> None:
        """Write, and tell if that filled a chunk."""
        before = self.counts.total()
        size = self.path.stat().st_size
        super().write(topic, record, time_ns)
        if self.path.stat().st_size > size:  # perhaps before the last of what this wrote
            self._tell(before)

    def flush(self) -> None:
        """Finish the chunk and tell."""
        super().flush()
        self._tell(self.counts.total())

    def _tell(self, safe: int) -> None:
        if safe > self._told:
            self._told = safe
            say(safe=safe)


class SlowDisk(file._Stream):
    """Takes what is written bit by bit."""

    _clock = SystemClock()

    def write(self, data: bytes) -> None:
        """Write it all."""
        for start in range(0, len(data), BIT_BYTES):
            super().write(data[start : start + BIT_BYTES])
            self._clock.sleep_until(self._clock.now() + BIT_S)


def main() -> None:
    """Record until the end."""
    path, seed, hz = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    recorder.RecordingFile = Telling  # type: ignore[attr-defined]
    if sys.argv[4:] == ["slow"]:
        file._Stream = SlowDisk  # type: ignore[misc]
    clock = SystemClock()
    stream = moments(seed, template())
    threading.Thread(target=_end_with_master, daemon=True).start()
    began_s, wall_s = clock.now(), clock.wall()

    def now_ns() -> int:
        return round((wall_s + clock.now() - began_s) * 1e9)

    about = {"software": "test", "recorded_by": "actor", "game": "standin"}
    recording = Recorder(path, about, now_ns=now_ns)
    say(began=True)
    handed = 0
    for number, moment in enumerate(stream):
        for hand_over in moment.hand_over:
            hand_over(recording)
        handed += len(moment.records)
        if hz:
            clock.sleep_until(began_s + number / hz)
        while handed - _written(recording) > MOST_WAITING:
            clock.sleep_until(clock.now() + REST_S)


def _written(recording: Recorder) -> int:
    """Return how many of the records that were handed over are written."""
    return sum(n for topic, n in recording.stats().written.items() if topic not in MADE_FROM_FRAMES)


def _end_with_master() -> None:
    for _ in itertools.takewhile(bool, iter(sys.stdin.readline, None)):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
