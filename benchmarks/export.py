"""How long does it take to export a session, and does what comes out equal what went in?

    uv run python benchmarks/export.py [--seconds 600] [--hz 60] [--json]

A driver laps the stand-in; every step, every frame of telemetry and every wire frame in both
directions goes into one recording. Then, in the same run: the floor (unpacking the file, and
turning the JSON of its steps into Python, which no export can do without), the export as Parquet,
and as a Minari dataset. What was exported is compared with what was driven: observations, actions,
and rewards recomputed from the file. The budget: 10 s for ten minutes at 60 Hz.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from ac_bridge.clock import SystemClock
from ac_bridge.control.smoothing import smoothing_named
from ac_bridge.data.export import Target, export, task_named
from ac_bridge.data.minari_dataset import MinariDataset
from ac_bridge.data.steps import StepOptions, read_steps
from ac_bridge.episode import Episode
from ac_bridge.pacing import TickStats
from ac_bridge.rig import Rig, RigSettings
from ac_bridge.server.stepper import answer
from ac_bridge.standin import StandinGame
from ac_bridge.telemetry.observation import RACING
from ac_bridge_client.drivers import LineDriver
from ac_bridge_protocol.codec import MSGPACK
from ac_bridge_protocol.messages import ResetResult, Step
from ac_bridge_protocol.spec import Mode
from ac_bridge_recording import Recorder, Recording
from ac_bridge_recording.topics import Topic, Way

CLOCK = SystemClock()
MAKE_TASK = task_named("progress")
NO_LIMIT = 1 << 40


@dataclasses.dataclass
class Driven:
    """What the learner was given."""

    observations: npt.NDArray[np.float32]
    actions: npt.NDArray[np.float64]
    rewards: npt.NDArray[np.float64]


def drive(path: Path, steps: int, hz: float) -> Driven:
    """Drive the stand-in and record all of it."""
    rig = Rig(
        StandinGame(lockstep=True), RigSettings(hz, hz, smoothing_named("moderate"), plan=RACING)
    )
    for deadline in rig.reset(1, lambda *_: None):
        rig.clock.sleep_until(deadline)
    episode = Episode(rig, TickStats(), 0)
    driver = LineDriver(rig.spec(Mode.LOCKSTEP), grip_g=0.7)
    began_s = CLOCK.now()
    recorder = Recorder(
        path,
        {"game": "standin", "recorded_by": "actor"},
        now_ns=lambda: round((1.7e9 + CLOCK.now() - began_s) * 1e9),
        queue_bytes=NO_LIMIT,
    )
    statics = rig.require_statics()
    task = MAKE_TASK(statics)
    frame = episode.first
    task.reset(frame)
    first = episode.first_observation
    begun = ResetResult(id=0, episode=1, statics=statics, observation=first, frame=frame)
    recorder.episode_started(begun, rig.spec(Mode.LOCKSTEP), 1)
    observations, actions, rewards = [first], [], []
    for number in range(1, steps + 1):
        action = tuple(driver.act(observations[-1]).tolist())
        recorder.wire(1, Way.TO_ACTOR, MSGPACK, MSGPACK.encode(Step(id=number, action=action)))
        ticket = episode.ask(action)
        for deadline in episode.until_tick():
            rig.clock.sleep_until(deadline)
        episode.reach()
        outcome = episode.outcome(ticket)
        assert outcome is not None
        result = answer(number, outcome, CLOCK.now())
        recorder.step(action, result)
        recorder.frame(result.frame)
        recorder.wire(1, Way.TO_LEARNER, MSGPACK, MSGPACK.encode(result))
        judged = task.step(frame, action, result.frame)
        assert not judged.terminated, f"the driver got lost: {judged.info}"
        frame = result.frame
        observations.append(result.observation)
        actions.append(action)
        rewards.append(judged.reward)
    recorder.close()
    return Driven(np.array(observations, np.float32), np.array(actions), np.array(rewards))


def seconds_of(call: Callable[[], Any]) -> float:
    """Return how long a call takes."""
    began_s = CLOCK.now()
    call()
    return round(CLOCK.now() - began_s, 2)


def walk(recording: Recording, *topics: Topic) -> None:
    """Read some of a recording, and do nothing with it."""
    for _ in recording.entries(*topics):
        pass


def table_is(path: Path, driven: Driven) -> bool:
    """Whether a table holds what was driven."""
    table = pq.read_table(path)
    columns = {
        prefix: np.array([table[name] for name in table.column_names if name.startswith(prefix)]).T
        for prefix in ("obs_", "next_obs_", "action_")
    }
    return (
        np.array_equal(columns["obs_"], driven.observations[:-1])
        and np.array_equal(columns["next_obs_"], driven.observations[1:])
        and np.array_equal(columns["action_"], driven.actions)
        and np.array_equal(table["reward"].to_numpy(), driven.rewards)
    )


def dataset_is(path: Path, driven: Driven, folder: Path) -> bool:
    """Whether a dataset holds what was driven."""
    dataset = MinariDataset(folder, "progress")
    read_steps(Recording(path), StepOptions(MAKE_TASK), dataset)
    parts = dataset.buffers
    observations = [*(one.observations[:-1] for one in parts), parts[-1].observations[-1:]]
    return (
        np.array_equal(np.concatenate(observations), driven.observations)
        and np.array_equal(
            np.concatenate([one.actions for one in parts]), driven.actions.astype(np.float32)
        )
        and np.array_equal(np.concatenate([one.rewards for one in parts]), driven.rewards)
    )


def measure(folder: Path, steps: int, hz: float) -> dict[str, Any]:
    """Drive, export and compare."""
    path, table, sets = folder / "drive.mcap", folder / "drive.parquet", folder / "sets"
    driven = drive(path, steps, hz)
    recording = Recording(path)
    options = StepOptions(MAKE_TASK)

    def exported(target: Target, output: Path) -> Callable[[], Any]:
        return lambda: export([path], target, output, options, task_name="progress")

    return {
        "steps": steps,
        "records": sum(recording.counts().values()),
        "recording_mb": round(path.stat().st_size / 1e6, 1),
        "seconds": {
            "floor: unpacking the file": seconds_of(recording.counts),
            "floor: that, and the JSON of the steps": seconds_of(
                lambda: walk(recording, Topic.STEP)
            ),
            "export to Parquet": seconds_of(exported(Target.PARQUET, table)),
            "export to Minari": seconds_of(exported(Target.MINARI, sets)),
        },
        "parquet_mb": round(table.stat().st_size / 1e6, 1),
        "parquet_equals_what_was_driven": table_is(table, driven),
        "minari_equals_what_was_driven": dataset_is(path, driven, folder / "again"),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600.0, help="of driving")
    parser.add_argument("--hz", type=float, default=60.0, help="of steps and telemetry")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), round(options.seconds * options.hz), options.hz)
    if options.json:
        print(json.dumps(found))
        return
    table = Table(
        title=f"{found['steps']:,} steps in {found['records']:,} records, "
        f"{found['recording_mb']} MB; as Parquet {found['parquet_mb']} MB"
    )
    table.add_column("")
    table.add_column("s", justify="right")
    for name, seconds in found["seconds"].items():
        table.add_row(name, f"{seconds:.2f}")
    Console().print(table)
    for name in ("parquet", "minari"):
        same = found[f"{name}_equals_what_was_driven"]
        print(f"{name} {'equals' if same else 'DIFFERS FROM'} what was driven")


if __name__ == "__main__":
    main()
