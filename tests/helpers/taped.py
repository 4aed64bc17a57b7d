"""Recordings to replay: of a real drive over a real socket, or of frames that a test makes up."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ac_bridge_client import RemoteEnv
from ac_bridge_client.exchange import Notice
from ac_bridge_protocol.frame import GameStatics, TelemetryFrame
from ac_bridge_protocol.messages import Event, Telemetry
from ac_bridge_protocol.wire import WireModel
from ac_bridge_recording.file import RecordingFile
from ac_bridge_recording.recorder import Recorder
from ac_bridge_recording.topics import Topic
from helpers.frames import make_frame, make_statics

ABOUT = {"software": "test", "recorded_by": "actor"}
START_NS = 1_700_000_000_000_000_000
SECOND_NS = 1_000_000_000

Returned = tuple[Any, ...]
"""What `reset` or `step` returned."""


class Tape:
    """A recording in the making, whose time goes on as a test says."""

    def __init__(self, path: Path, about: Mapping[str, str] = ABOUT) -> None:
        self.path = path
        self.now_ns = START_NS
        self._file = RecordingFile(path, about)

    def put(self, topic: Topic, record: WireModel, after_s: float = 0.0) -> None:
        """Write a record, so long after the one before."""
        self.now_ns += round(after_s * SECOND_NS)
        self._file.write(topic, record, self.now_ns)

    def close(self) -> None:
        """Finish the file."""
        self._file.close({})

    def cut_off(self) -> None:
        """End as after a kill."""
        self._file.flush()
        self._file.abandon()


@contextlib.contextmanager
def taping(path: Path, about: Mapping[str, str] = ABOUT) -> Iterator[Tape]:
    """Make a recording; it is finished at the end."""
    tape = Tape(path, about)
    yield tape
    tape.close()


def frames(count: int, hz: float = 60.0, **values: Any) -> list[TelemetryFrame]:
    """Return frames of a stream in which something changes in each."""
    return [
        make_frame(
            **(
                {
                    "seq": number,
                    "t_wall": 1000.0 + number / hz,
                    "dt": 1.0 / hz,
                    "dt_actual": 1.0 / hz if number else 0.0,
                    "packet_id": 1000 + round(number * 333 / hz),
                    "speed_kmh": 50.0 + number,
                    "steer_angle": (number % 20) / 40.0,
                }
                | values
            )
        )
        for number in range(count)
    ]


def tape_stream(
    path: Path, stream: Iterable[TelemetryFrame], statics: GameStatics | None = None
) -> Path:
    """Record a stream of frames as a spectator does, in real time."""
    with taping(path, ABOUT | {"recorded_by": "spectator"}) as tape:
        tape.put(Topic.STATICS, statics or make_statics())
        for frame in stream:
            tape.put(Topic.TELEMETRY, frame, after_s=frame.dt)
    return path


def tape_drive(
    uri: str,
    path: Path,
    episodes: Sequence[tuple[int | None, Sequence[Sequence[float]]]],
    **options: Any,
) -> list[list[Returned]]:
    """Drive an actor's car, recording as the actor does; return what each episode gave.

    Args:
        uri: the actor's.
        path: of the recording.
        episodes: the seed and the actions of each.
        options: of `RemoteEnv`.
    """
    ticks = iter(range(START_NS, 2 * START_NS, 1_000_000))
    with Recorder(path, ABOUT, now_ns=lambda: next(ticks)) as recorder:

        def keep(notice: Notice) -> None:
            if isinstance(notice, Telemetry):
                recorder.frame(notice.frame)
            elif isinstance(notice, Event):
                recorder.event(notice)

        with contextlib.closing(RemoteEnv(uri, on_notice=keep, **options)) as env:
            env.subscribe(env.env_spec.telemetry_hz)
            _record(env, recorder)
            return [drive(env, seed, actions) for seed, actions in episodes]


def _record(env: RemoteEnv, recorder: Recorder) -> None:
    """Let what the environment's drive brings be recorded."""
    inner = env._drive
    reset, step = inner.reset, inner.step

    def record_reset(seed: int | None, takeover: str, timeout_s: float) -> Any:
        result = reset(seed, takeover, timeout_s)
        recorder.episode_started(result, inner.spec, seed)
        return result

    def record_step(action: Any, plan: Any, timeout_s: float) -> Any:
        stepped = step(action, plan, timeout_s)
        recorder.step(stepped.action, stepped.result)
        return stepped

    inner.reset, inner.step = record_reset, record_step  # type: ignore[method-assign]


def drive(env: RemoteEnv, seed: int | None, actions: Sequence[Sequence[float]]) -> list[Returned]:
    """Reset and take the actions; return everything that came back."""
    returned: list[Returned] = [env.reset(seed=seed)]
    for action in actions:
        returned.append(env.step(action))
        if returned[-1][2] or returned[-1][3]:
            break
    return returned


def assert_same_drive(replayed: Sequence[Returned], recorded: Sequence[Returned]) -> None:
    """Check that a replay gave what the drive gave.

    Apart from what a replay says of itself: `replayed`, `tick_applied` and the episode's number;
    and that the recording ends with its last step.
    """
    assert len(replayed) == len(recorded)
    for one, other in zip(replayed, recorded, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        info, expected = dict(one[-1]), dict(other[-1])
        for told in (info, expected):
            told.pop("episode", None)
        receipt, was = info.pop("receipt", None), expected.pop("receipt", None)
        if was is not None:
            assert receipt.replayed
            assert receipt.tick_applied is None
            assert receipt == was.model_copy(update={"replayed": True, "tick_applied": None})
        if one is replayed[-1]:
            info.pop("end_reason", None)
            expected.pop("end_reason", None)
        else:
            assert one[1:-1] == other[1:-1]
        assert info == expected
