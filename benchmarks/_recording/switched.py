"""An actor that records when it is told to: the same process with and without, by turns.

Run as ``python -m _recording.switched FOLDER``. Says its port once it serves; obeys ``record`` (a
new file, or the end of it, which is answered with what became of it). Ends with its master.
"""

from __future__ import annotations

import dataclasses
import logging
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import structlog

from ac_bridge.clock import SystemClock
from ac_bridge.rig import Rig
from ac_bridge.server import app
from ac_bridge.server.drive import Drive
from ac_bridge.server.recording import ActorRecorder, Tap, record_actor
from ac_bridge.settings import ActorSettings
from ac_bridge_protocol.codec import Codec
from ac_bridge_protocol.frame import GameStatics, TelemetryFrame
from ac_bridge_protocol.messages import Event, Message
from ac_bridge_recording.topics import Way
from links.servant import orders, say

CONTROL_HZ = 60.0
TELEMETRY_HZ = 333.0


@dataclasses.dataclass(frozen=True, slots=True)
class Cost:
    """What a recording took, and what came of it."""

    seconds: float
    thread_s: float
    """Of the processor, by the recorder's thread."""
    size_bytes: int
    frames: int
    """Of the stream, handed over."""
    written: dict[str, int]
    dropped: int
    most_waiting_bytes: int


class Switch(ActorRecorder):
    """Records only while it is on. It is switched between episodes.

    Args:
        folder: for the files.
        rig: what is served.
    """

    def __init__(self, folder: Path, rig: Rig) -> None:
        self._folder = folder
        self._rig = rig
        self._clock = SystemClock()
        self._on: ActorRecorder | None = None
        self._links = 0
        self._frames = 0
        self._since_s = 0.0

    def begin(self) -> None:
        """Begin a file."""
        self._since_s = self._clock.now()
        self._frames = 0
        self._on = record_actor(self._folder, self._rig, self._clock, wire=True)

    def end(self) -> Cost:
        """End it, and say what it took. The file is removed."""
        recorder, self._on = self._on, None
        assert recorder is not None
        inner = recorder._recorder
        seconds = self._clock.now() - self._since_s
        thread_s = processor_s(inner._thread)
        recorder.close()
        stats = inner.stats()
        cost = Cost(
            seconds=seconds,
            thread_s=thread_s,
            size_bytes=stats.path.stat().st_size,
            frames=self._frames,
            written=dict(stats.written),
            dropped=sum(stats.dropped.values()),
            most_waiting_bytes=stats.most_waiting_bytes,
        )
        stats.path.unlink()
        return cost

    def tap(self, codec: Codec) -> Tap:
        """Return what takes the messages of the next connection, whenever it is on."""
        self._links += 1
        link = self._links

        def take(way: Way, payload: bytes) -> None:
            if self._on is not None:
                self._on._recorder.wire(link, way, codec, payload)

        return take

    def frame(self, frame: TelemetryFrame, statics: GameStatics | None) -> None:
        """Record a frame of the stream."""
        if self._on is not None:
            self._frames += 1
            self._on.frame(frame, statics)

    def event(self, event: Event) -> None:
        """Record what everybody is told."""
        if self._on is not None:
            self._on.event(event)

    def answered(self, drive: Drive, answer: Message) -> None:
        """Record what a driver is answered."""
        if self._on is not None:
            self._on.answered(drive, answer)

    def ended(self, reason: str) -> None:
        """Record that an episode ends."""
        if self._on is not None:
            self._on.ended(reason)

    def look(self, now_s: float) -> None:
        """Log what went wrong."""
        if self._on is not None:
            self._on.look(now_s)

    def close(self) -> None:
        """End in good order."""
        if self._on is not None:
            self._on.close()


def processor_s(thread: threading.Thread) -> float:
    """Return how long a thread of this process has had a processor."""
    schedule = Path(f"/proc/self/task/{thread.native_id}/schedstat").read_text()
    return int(schedule.split()[0]) / 1e9


def main() -> None:
    """Serve until the master is gone."""
    folder = Path(sys.argv[1])
    switches: list[Switch] = []

    def make(_: ActorSettings, rig: Rig) -> Switch:
        switches.append(Switch(folder, rig))
        return switches[0]

    def obey() -> None:
        for order in orders():
            say(**_obeyed(switches[0], on=order["record"]))
        signal.raise_signal(signal.SIGTERM)

    def ready(port: int) -> None:
        threading.Thread(target=obey, daemon=True).start()
        say(port=port)

    app._recorder = make  # type: ignore[assignment]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    settings = ActorSettings(
        game="standin",
        listen="127.0.0.1:0",
        control_hz=CONTROL_HZ,
        telemetry_hz=TELEMETRY_HZ,
        smoothing="moderate",
    )
    app.run_actor(settings, ready)


def _obeyed(switch: Switch, *, on: bool) -> dict[str, Any]:
    if on:
        switch.begin()
        return {"begun": True}
    return dataclasses.asdict(switch.end())


if __name__ == "__main__":
    main()
