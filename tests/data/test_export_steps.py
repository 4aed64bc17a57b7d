"""Steps of recordings: what was driven comes out as it went in, and is rewarded as it was."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ac_bridge.cli.child import actor_process
from ac_bridge.data.asked import AskedActions
from ac_bridge.data.export import task_named
from ac_bridge.data.minari_dataset import MinariDataset
from ac_bridge.data.steps import Action, Head, Row, Source, StepCounts, StepOptions, read_steps
from ac_bridge.telemetry.observation import BRIDGE15, PROFILES, ObservationPlan, Part
from ac_bridge_client import RemoteEnv
from ac_bridge_protocol.codec import JSON, MSGPACK
from ac_bridge_protocol.errors import RecordingError, SettingError
from ac_bridge_protocol.frame import GameState, GameStatics, TelemetryFrame
from ac_bridge_protocol.messages import Reset, Step
from ac_bridge_protocol.tasks import ProgressTask, Task, TaskResult
from ac_bridge_recording import Recorder, Recording, plain
from ac_bridge_recording.file import RecordingFile
from ac_bridge_recording.topics import MODELS, StepRecord, Topic, Way, WireFrame
from helpers.actors import make_rig, serving
from helpers.frames import make_frame, make_statics


class Kept:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.heads: list[Head] = []
        self.rows: list[list[Row]] = []
        self.under_way: list[Sequence[Action]] = []

    def begin(self, head: Head) -> None:
        self.heads.append(head)
        self.rows.append([])

    def step(self, row: Row) -> None:
        self.rows[-1].append(row)

    def end(self, under_way: Sequence[Action]) -> None:
        self.under_way.append(under_way)


class Distance:
    """A task that remembers, and looks at all that it is given."""

    def __init__(self, most_steps: int = 10**9) -> None:
        self.most_steps = most_steps
        self.steps = 0

    def reset(self, frame: TelemetryFrame) -> None:
        self.steps = 0

    def step(
        self, previous: TelemetryFrame, action: tuple[float, ...], frame: TelemetryFrame
    ) -> TaskResult:
        assert previous.state is GameState.LIVE
        self.steps += 1
        reward = frame.distance_traveled - previous.distance_traveled - sum(action) / self.steps
        done = self.steps == self.most_steps
        return TaskResult(reward, terminated=done, info={"end_reason": "far"} if done else {})


def distance(statics: GameStatics) -> Task:
    return Distance()


def read(path: Path, make_task: Any = distance, **options: Any) -> tuple[Kept, StepCounts]:
    kept = Kept()
    counts = read_steps(Recording(path), StepOptions(make_task, **options), kept)
    return kept, counts


def drive(env: Any, episodes: int, steps: int) -> list[list[tuple[Any, ...]]]:
    """Drive at random; return what reset and step returned, and the actions."""
    draws = np.random.default_rng(7)
    driven: list[list[tuple[Any, ...]]] = []
    for seed in range(episodes):
        observation, _ = env.reset(seed=seed)
        said: list[tuple[Any, ...]] = [(observation, None, 0.0, False, False)]
        for _ in range(steps):
            action = draws.uniform((-0.3, 0.4, 0.0), (0.3, 1.0, 0.1)).astype(np.float32)
            observation, reward, terminated, truncated, _ = env.step(action)
            said.append((observation, action, reward, terminated, truncated))
        driven.append(said)
    return driven


@pytest.mark.parametrize("task", [Distance(), None])
def test_steps_are_what_the_learner_was_given(tmp_path: Path, task: Any) -> None:
    """Over a real socket: every observation, action and reward, to the last bit."""
    path = tmp_path / "drive.mcap"
    with (
        serving(make_rig()) as (uri, _),
        contextlib.closing(RemoteEnv(uri, record=path, task=task)) as env,
    ):
        driven = drive(env, episodes=2, steps=40)
    kept, counts = read(path, distance if task else task_named("progress"))
    assert counts == (Source.STEPS, 0)
    assert [len(rows) for rows in kept.rows] == [40, 40]
    for head, rows, said in zip(kept.heads, kept.rows, driven, strict=True):
        given = [(head.observation, None), *((row.observation, row.action) for row in rows)]
        for (observation, action), (seen, asked, *_) in zip(given, said, strict=True):
            np.testing.assert_array_equal(np.array(observation, np.float32), seen)
            assert action is None or action == tuple(asked.tolist())
        assert [row.reward for row in rows] == [one[2] for one in said[1:]]
    judged = [record.reward for _, record in Recording(path).records(Topic.REWARD)]
    assert [row.reward for rows in kept.rows for row in rows] == judged
    assert [head.seed for head in kept.heads] == [0, 1]
    assert [rows[-1].end_reason for rows in kept.rows] == ["reset", "released"]


@pytest.mark.parametrize("with_wire", [True, False])
def test_with_a_delay_a_dataset_has_what_the_learner_saw(tmp_path: Path, with_wire: bool) -> None:
    """With the actions under way; those that nobody answered for are known from the wire alone."""
    path = tmp_path / "drive.mcap"
    rig = make_rig(lockstep=False, control_hz=30.0)
    with (
        serving(rig) as (uri, _),
        contextlib.closing(
            RemoteEnv(uri, record=path, mode="fixed_delay", delay_ticks=3, task=Distance())
        ) as env,
    ):
        driven = drive(env, episodes=2, steps=20)
        spaces = env.observation_space, env.action_space
    if not with_wire:
        path = rewrite(path, tmp_path / "without.mcap", without=Topic.WIRE)
    same_as_driven(path, tmp_path, driven, spaces, known=None if with_wire else -3)


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (["--lockstep"], {}),
        (["--game", "standin", "--control-hz", "30"], {"mode": "fixed_delay", "delay_ticks": 2}),
    ],
)
def test_an_actors_recording_makes_the_same_dataset(
    tmp_path: Path, arguments: list[str], options: dict[str, Any]
) -> None:
    """It tells of everything that was driven there."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    with (
        actor_process(*arguments, "--record", str(folder), "--log-level", "error") as uri,
        contextlib.closing(RemoteEnv(uri, task=Distance(), **options)) as env,
    ):
        driven = drive(env, episodes=2, steps=15)
        spaces = env.observation_space, env.action_space
    (path,) = folder.iterdir()
    same_as_driven(path, tmp_path, driven, spaces)


def same_as_driven(
    path: Path,
    tmp_path: Path,
    driven: list[list[tuple[Any, ...]]],
    spaces: tuple[Any, Any],
    known: int | None = None,
) -> None:
    """Demand that a dataset has what `drive` returned: all of it, or the steps up to ``known``."""
    dataset = MinariDataset(tmp_path / "sets", "distance")
    read_steps(Recording(path), StepOptions(distance), dataset)
    assert len(dataset.buffers) == len(driven)
    for buffer, said in zip(dataset.buffers, driven, strict=True):
        seen = np.array([one[0] for one in said])
        np.testing.assert_array_equal(buffer.observations[:known], seen[:known])
        np.testing.assert_array_equal(buffer.observations[:, :15], seen[:, :15])
        asked = np.array([one[1] for one in said[1:]])
        np.testing.assert_array_equal(buffer.actions[:known], asked[:known])
        assert buffer.rewards.tolist() == [one[2] for one in said[1:]]
        assert all(spaces[0].contains(one) for one in buffer.observations)
        assert all(spaces[1].contains(one) for one in buffer.actions)


# --- Written by hand ------------------------------------------------------------------------------


def recorded(path: Path, steps: int) -> Path:
    """Record a few steps over a socket, and return the path."""
    with (
        serving(make_rig()) as (uri, _),
        contextlib.closing(RemoteEnv(uri, record=path, task=Distance())) as env,
    ):
        drive(env, episodes=1, steps=steps)
    return path


def rewrite(
    path: Path, to: Path, *, leave_out: Sequence[int] = (), without: Topic | None = None
) -> Path:
    """Copy a recording without some of its steps, or without a topic."""
    written = RecordingFile(to, {"game": "standin"})
    steps = itertools.count()
    for topic, time_ns, said in Recording(path).entries(*MODELS):
        if topic is not without and not (topic is Topic.STEP and next(steps) in leave_out):
            written.write(topic, plain.restore(MODELS[topic], said), time_ns)
    written.close({})
    return to


def test_an_episode_ends_where_its_task_ends_it(tmp_path: Path) -> None:
    """What was driven after that is not of the task, and is counted."""
    path = recorded(tmp_path / "drive.mcap", 10)
    kept, counts = read(path, lambda _: Distance(most_steps=4))
    assert [len(rows) for rows in kept.rows] == [4]
    assert kept.rows[0][-1][-4:-1] == (True, False, "far")
    assert counts.left_out == 6


def test_steps_that_were_not_recorded_part_an_episode(tmp_path: Path) -> None:
    """No transition is made up across them."""
    path = rewrite(recorded(tmp_path / "a.mcap", 10), tmp_path / "b.mcap", leave_out=[4, 5])
    kept, _ = read(path)
    assert [len(rows) for rows in kept.rows] == [4, 3]
    assert kept.heads[1].frame.seq == 7  # that of step 6, the first after the gap
    assert [(rows[-1].truncated, rows[-1].end_reason) for rows in kept.rows] == [
        (True, "gap"),
        (True, "released"),
    ]


def test_a_recording_that_was_cut_off_has_its_steps(tmp_path: Path) -> None:
    """Up to its last whole chunk; the last of them is truncated."""
    path = rewrite(recorded(tmp_path / "a.mcap", 6), tmp_path / "b.mcap")
    path.write_bytes(path.read_bytes()[:-50])
    recording = Recording(path)
    assert not recording.whole
    kept, _ = read(path)
    assert [len(rows) for rows in kept.rows] == [6]
    assert kept.rows[0][-1].truncated


def test_another_observation_is_made_of_the_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the first one, too; the recorded profile's own is taken as it is."""
    part = Part(BRIDGE15.features[:1], lambda look: (look.frame.speed_kmh / 300.0,))
    speed = ObservationPlan("speed", (part,))
    monkeypatch.setitem(PROFILES, "speed", speed)
    path = recorded(tmp_path / "a.mcap", 3)
    kept, _ = read(path, observation="speed")
    assert kept.heads[0].profile == "speed"
    assert kept.heads[0].observation == (kept.heads[0].frame.speed_kmh / 300.0,)
    assert [row.observation for row in kept.rows[0]] == [
        (row.frame.speed_kmh / 300.0,) for row in kept.rows[0]
    ]
    same, _ = read(path, observation="bridge15")
    assert same.rows == read(path)[0].rows


def test_steps_whose_beginning_was_dropped(tmp_path: Path) -> None:
    """Nobody knows how they were stepped, and they are not the episode's before them."""
    path = recorded(tmp_path / "a.mcap", 4)
    written = RecordingFile(tmp_path / "b.mcap", {"game": "standin"})
    for episode in (1, 2):
        for topic, time_ns, said in Recording(path).entries(Topic.EPISODE_START, Topic.STEP):
            if (topic, episode) != (Topic.EPISODE_START, 2):
                record = plain.restore(MODELS[topic], said | {"episode": episode})
                written.write(topic, record, time_ns)
    written.close({})
    kept, _ = read(tmp_path / "b.mcap")
    assert [len(rows) for rows in kept.rows] == [4]
    (only,) = Recording(tmp_path / "b.mcap").episodes()
    assert len(only.steps) == 4


def test_an_odd_record_is_named(tmp_path: Path) -> None:
    """Whoever wrote it."""
    path = recorded(tmp_path / "a.mcap", 1)
    time_ns, record = next(Recording(path).records(Topic.STEP))
    odd = StepRecord.model_construct(**{**record.__dict__, "observation": "much"})
    start = next(Recording(path).records(Topic.EPISODE_START))[1]
    written = RecordingFile(tmp_path / "b.mcap", {"game": "standin"})
    written.write(Topic.EPISODE_START, start, time_ns)
    written.write(Topic.STEP, odd, time_ns)
    written.close({})
    with pytest.raises(RecordingError, match=r"StepRecord .* observation"):
        read(tmp_path / "b.mcap")


@pytest.mark.parametrize(
    ("topic", "field"),
    [(Topic.STEP, "action"), (Topic.STEP, "observation"), (Topic.EPISODE_START, "observation")],
)
def test_what_is_not_as_long_as_its_spec_says(tmp_path: Path, topic: Topic, field: str) -> None:
    """A row of it would not fit its table."""
    path = recorded(tmp_path / "a.mcap", 3)
    written = RecordingFile(tmp_path / "b.mcap", {"game": "standin"})
    for found, time_ns, said in Recording(path).entries(Topic.EPISODE_START, Topic.STEP):
        record = plain.restore(MODELS[found], said)
        if found is topic:
            record = record.model_copy(update={field: getattr(record, field)[:-1]})
        written.write(found, record, time_ns)
    written.close({})
    with pytest.raises(RecordingError, match=f"{field} .* numbers, and its spec names"):
        read(tmp_path / "b.mcap")


# --- What was asked for ---------------------------------------------------------------------------


def on_the_wire(message: Any, codec: Any = MSGPACK, way: Way = Way.TO_ACTOR) -> dict[str, Any]:
    """Return a message as a recording has it."""
    data = codec.encode(message)
    frame = WireFrame(
        link=1,
        way=way,
        subprotocol=codec.subprotocol,
        text=None if codec.binary else data.decode(),
        data=base64.b64encode(data).decode() if codec.binary else None,
        masked=False,
    )
    said: dict[str, Any] = json.loads(frame.model_dump_json(exclude_none=True))
    return said


@pytest.mark.parametrize("codec", [JSON, MSGPACK])
def test_the_wire_tells_what_was_asked_for(codec: Any) -> None:
    """By the numbers of the requests since the reset, in either codec."""
    asked = AskedActions()
    asked.see(on_the_wire(Reset(id=9), codec))
    asked.begin()
    for number in range(5):
        asked.see(on_the_wire(Step(id=10 + number, action=(number / 8, 0.0, 0.0)), codec))
    asked.see(on_the_wire(Step(id=15, action=(0.9, 0.0, 0.0)), codec, Way.TO_LEARNER))
    assert asked.after(2, (2 / 8, 0.0, 0.0), 4) == [(3 / 8, 0.0, 0.0), (4 / 8, 0.0, 0.0)]
    assert asked.after(2, (2 / 8, 0.0, 0.0), 1) == [(3 / 8, 0.0, 0.0)]


def test_the_wire_of_another_drive_tells_nothing() -> None:
    """Numbers may be the same by chance; actions are not."""
    asked = AskedActions()
    asked.see(on_the_wire(Reset(id=9)))
    asked.begin()
    asked.see(on_the_wire(Step(id=10, action=(0.5, 0.0, 0.0))))
    asked.see(on_the_wire(Step(id=11, action=(0.6, 0.0, 0.0))))
    assert asked.after(0, (0.4, 0.0, 0.0), 2) == []


@pytest.mark.parametrize(
    "change", [{"subprotocol": "other"}, {"data": "!"}, {"data": None}, {"text": "{"}]
)
def test_what_is_no_message_tells_nothing(change: dict[str, Any]) -> None:
    """Strangers send anything, and it is recorded as it came."""
    asked = AskedActions()
    asked.see(on_the_wire(Reset(id=9)) | change)
    asked.see({})
    asked.begin()
    asked.see(on_the_wire(Step(id=0, action=(0.5, 0.0, 0.0))))
    assert asked.after(-1, (0.0, 0.0, 0.0), 1) == [(0.5, 0.0, 0.0)]


# --- Telemetry ------------------------------------------------------------------------------------


def watched(path: Path, frames: Sequence[TelemetryFrame], *, statics: bool = True) -> Path:
    """Record frames as a spectator does."""
    with contextlib.closing(
        Recorder(path, {"game": "shm"}, now_ns=itertools.count(10**18, 10**6).__next__)
    ) as recorder:
        if statics:
            recorder.statics(make_statics())
        for frame in frames:
            recorder.frame(frame)
    return path


def lapping(seconds: float, hz: float = 50.0, lap_s: float = 2.0) -> list[TelemetryFrame]:
    """Return frames of a human who laps in no time."""
    frames = []
    for number in range(round(seconds * hz)):
        now_s = number / hz
        lap, in_lap_s = divmod(now_s, lap_s)
        frames.append(
            make_frame(
                seq=number,
                dt=1 / 333,
                t_wall=1000.0 + now_s,
                packet_id=number * 7,
                position=(20.0 * now_s, 0.0, 0.0),
                completed_laps=int(lap),
                current_time=round(in_lap_s * 1000),
                normalized_position=in_lap_s / lap_s,
                throttle=number % 10 / 10,
                steer_angle=-1.5 if number == 3 else 0.25,
                brake=0.5,
            )
        )
    return frames


def test_laps_of_a_human_are_episodes(tmp_path: Path) -> None:
    """Each from line to line; actions are what the game had taken at the step's end."""
    frames = lapping(5.0)
    kept, counts = read(watched(tmp_path / "a.mcap", frames), task_named("progress"))
    assert counts.source is Source.TELEMETRY
    assert [len(rows) for rows in kept.rows] == [100, 100, 49]
    assert [rows[-1].end_reason for rows in kept.rows] == ["lap", "lap", "recording_ended"]
    assert kept.rows[0][-1].frame == kept.heads[1].frame.model_copy(
        update={"dt_actual": kept.rows[0][-1].frame.dt_actual}
    )
    assert kept.rows[0][2].action == (-1.0, 0.3, 0.5)
    assert kept.rows[0][2].frame.seq == 3
    assert kept.rows[0][2].receipt is None
    assert kept.heads[0].game == "shm"
    assert kept.rows[0][5].frame.dt == pytest.approx(1 / 50)
    judge = ProgressTask(make_statics().track_length_m)
    assert kept.rows[0][7].reward == pytest.approx(judge.progress_m(frames[7], frames[8]))


def test_telemetry_is_thinned_to_a_rate(tmp_path: Path) -> None:
    """The nearest frames are taken, and say how long the step was."""
    kept, _ = read(watched(tmp_path / "a.mcap", lapping(2.0, hz=52.0, lap_s=9.0)), hz=10.0)
    (rows,) = kept.rows
    assert len(rows) == pytest.approx(19, abs=1)
    assert {row.frame.dt for row in rows} == {0.1}
    assert all(0.07 < row.frame.dt_actual < 0.13 for row in rows)
    assert sum(row.frame.dt_actual for row in rows) == pytest.approx(2.0, abs=0.15)


def test_a_thinned_lap_still_ends_at_its_line(tmp_path: Path) -> None:
    """At the first frame that is taken after it."""
    kept, _ = read(watched(tmp_path / "a.mcap", lapping(5.0)), hz=7.0)
    assert [rows[-1].end_reason for rows in kept.rows] == ["lap", "lap", "recording_ended"]
    for before, after in itertools.pairwise(kept.heads):
        assert after.frame.completed_laps == before.frame.completed_laps + 1
        assert after.frame.current_time < 1000 / 7 * 1.3


def test_a_pause_parts_the_laps_of_a_human(tmp_path: Path) -> None:
    """And the frames of the pause are of neither."""
    frames = lapping(1.0)
    for number in range(20, 30):
        frames[number] = frames[number].model_copy(update={"state": GameState.PAUSED})
    kept, _ = read(watched(tmp_path / "a.mcap", frames))
    assert [len(rows) for rows in kept.rows] == [19, 19]
    assert kept.rows[0][-1].end_reason == "not_live"


def test_a_lap_begins_when_the_car_moves(tmp_path: Path) -> None:
    """Waiting on the grid is not what a task should call stuck."""
    frames = lapping(1.0)
    for number in range(12):
        frames[number] = frames[number].model_copy(update={"speed_kmh": 0.5})
    kept, _ = read(watched(tmp_path / "a.mcap", frames))
    assert kept.heads[0].frame.seq == 12
    assert [len(rows) for rows in kept.rows] == [37]


def test_driven_steps_have_a_rate_already(tmp_path: Path) -> None:
    """Frames between them were not recorded, and to leave some out would make others of them."""
    with pytest.raises(SettingError, match="--from telemetry"):
        read(recorded(tmp_path / "a.mcap", 2), hz=5.0)


def test_a_recording_without_steps_has_none(tmp_path: Path) -> None:
    """Whoever asks for them gets told where there are some."""
    path = watched(tmp_path / "a.mcap", lapping(1.0))
    with pytest.raises(RecordingError, match="--from telemetry"):
        read(path, source=Source.STEPS)


@pytest.mark.parametrize(("frames", "statics", "says"), [(50, False, "which car"), (1, True, "no")])
def test_telemetry_that_says_too_little_is_refused(
    tmp_path: Path, frames: int, statics: bool, says: str
) -> None:
    """It has no track length, or no rate."""
    path = watched(tmp_path / "a.mcap", lapping(1.0)[:frames], statics=statics)
    with pytest.raises(RecordingError, match=says):
        read(path)


# --- Tasks ----------------------------------------------------------------------------------------


def test_a_task_of_ones_own_is_made_with_the_statics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a module, by the name of its factory."""
    (tmp_path / "my_own_tasks.py").write_text("def make(statics): return ('made', statics)\n")
    monkeypatch.syspath_prepend(tmp_path)
    make: Any = task_named("my_own_tasks:make")
    assert make(7) == ("made", 7)


@pytest.mark.parametrize("name", ["progres", "no_such:thing", "json:nothing", "json:__name__", ":"])
def test_a_task_that_is_not_there_is_named(name: str) -> None:
    """With what to write instead."""
    with pytest.raises(SettingError, match="module:factory"):
        task_named(name)
