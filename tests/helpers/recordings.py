"""Small recordings in which every topic has something, and times that a test chooses."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ac_bridge_protocol.codec import JSON, MSGPACK
from ac_bridge_protocol.messages import Event, EventKind, Hello, Ping, ResetResult, StepResult
from ac_bridge_recording import Recorder
from ac_bridge_recording.file import RecordingFile
from ac_bridge_recording.topics import Topic, Way
from helpers.frames import make_frame, make_statics
from helpers.wire import make_receipt, make_reset_result, make_spec, make_step_result, make_welcome

ABOUT = {"software": "test", "recorded_by": "learner", "game": "standin"}
START_NS = 1_700_000_000_000_000_000
MILLISECOND_NS = 1_000_000


def ticking(start_ns: int = START_NS) -> Callable[[], int]:
    """Return a clock that goes on by a millisecond whenever it is asked."""
    return itertools.count(start_ns, MILLISECOND_NS).__next__


def moving(tick: int, **overrides: Any) -> Any:
    """Return the frame of a tick: a tenth of a second and two metres after the one before."""
    values = {
        "seq": tick,
        "t_wall": START_NS / 1e9 + tick / 10,
        "current_time": 100 * tick,
        "position": (2.0 * tick, 0.0, 0.0),
    }
    return make_frame(**(values | overrides))


def begun(episode: int = 1) -> ResetResult:
    """Return the answer to a reset."""
    return make_reset_result(0, episode=episode).model_copy(update={"frame": moving(0)})


def stepped(tick: int, **overrides: Any) -> StepResult:
    """Return the answer to a step, the first of which has tick 1."""
    receipt = make_receipt(action_id=tick - 1, tick=tick)
    return make_step_result(tick, frame=moving(tick)).model_copy(
        update={"receipt": receipt, **overrides}
    )


def fill(recorder: Recorder, episodes: int = 1, steps: int = 3) -> None:
    """Record something of everything."""
    recorder.wire(1, Way.TO_ACTOR, MSGPACK, MSGPACK.encode(Hello(client="c/1", session="hidden")))
    recorder.wire(1, Way.TO_LEARNER, MSGPACK, MSGPACK.encode(make_welcome()))
    recorder.wire(2, Way.TO_ACTOR, JSON, JSON.encode(Ping(id=1, t_sent=0.5)))
    recorder.statics(make_statics())
    for episode in range(1, episodes + 1):
        recorder.event(Event(kind=EventKind.EPISODE_STARTED, message=f"Episode {episode} begins."))
        recorder.episode_started(begun(episode), make_spec(), seed=episode)
        for tick in range(1, steps + 1):
            recorder.frame(moving(tick))
            result = stepped(tick)
            recorder.step((0.1, 0.5, 0.0), result)
            recorder.judged(result, 0.25 * tick, terminated=False, truncated=False)


def record(path: Path, episodes: int = 1, steps: int = 3) -> Path:
    """Make a small recording of everything but drops; return where it is."""
    with Recorder(path, ABOUT, now_ns=ticking()) as recorder:
        fill(recorder, episodes, steps)
    return path


def in_chunks(path: Path, chunks: int = 4, frames: int = 3) -> list[int]:
    """Make a recording of so many small chunks; return the size of the file after each.

    The last number is the size of the whole file.
    """
    file = RecordingFile(path, ABOUT)
    now_ns = ticking()
    sizes = []
    for chunk in range(chunks):
        for number in range(frames):
            file.write(Topic.TELEMETRY, moving(chunk * frames + number), now_ns())
        file.flush()
        sizes.append(path.stat().st_size)
    file.close({f"written {topic}": str(count) for topic, count in file.counts.items()})
    return [*sizes, path.stat().st_size]
