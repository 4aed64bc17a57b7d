"""`ac-bridge export`, from the command line."""

from __future__ import annotations

import contextlib
import errno
import json
import subprocess
import sys
from pathlib import Path

import minari
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from ac_bridge.cli import app
from ac_bridge.cli.export import MOST_SHOWN
from ac_bridge.data.minari_dataset import ROOT_VARIABLE
from ac_bridge_client import RemoteEnv
from ac_bridge_protocol.errors import RecordingError, SettingError
from ac_bridge_recording import Recording, plain
from ac_bridge_recording.file import RecordingFile
from ac_bridge_recording.topics import MODELS, EpisodeStart, StepRecord, Topic
from helpers.actors import make_rig, serving


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two episodes, driven over a socket."""
    path = tmp_path_factory.mktemp("recording") / "drive.mcap"
    with serving(make_rig()) as (uri, _), contextlib.closing(RemoteEnv(uri, record=path)) as env:
        for steps in (12, 7):
            env.reset(seed=1)
            for _ in range(steps):
                env.step([0.0, 1.0, 0.0])
    return path


@pytest.fixture(autouse=True)
def _path_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo what the command does to the import path."""
    monkeypatch.setattr(sys, "path", sys.path.copy())


def test_a_table_is_made_and_summed_up(recording: Path, tmp_path: Path) -> None:
    """Episodes, steps, return and seconds."""
    out = tmp_path / "a.parquet"
    result = CliRunner().invoke(
        app, ["export", str(recording), "--to", "parquet", "-o", str(out)], env={"COLUMNS": "200"}
    )
    assert result.exit_code == 0, result.output
    assert pq.read_table(out).num_rows == 19
    rows = [line.replace("│", " ").split() for line in result.stdout.splitlines()]
    reward = pq.read_table(out)["reward"].to_pylist()
    first = ["drive.mcap", "1", "12", f"{sum(reward[:12]):.2f}", "1.2", "reset"]
    assert first in rows
    assert ["all", "2", "19", f"{sum(reward):.2f}", "1.9"] in rows
    assert "Written: " in result.stdout


def test_a_dataset_is_made_and_said_how_to_find(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As JSON for programs."""
    args = ["export", str(recording), "--to", "minari", "-o", str(tmp_path), "--json"]
    result = CliRunner().invoke(app, [*args, "--dataset-id", "mine/laps-v3"])
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert (said["ok"], said["dataset_id"], said["sources"]) == (
        *(True, "mine/laps-v3", {"drive.mcap": "steps"}),
    )
    assert [one["steps"] for one in said["episodes"]] == [12, 7]
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path))
    assert minari.load_dataset("mine/laps-v3").total_steps == 19


def test_a_task_of_ones_own_is_found_beside_where_one_stands(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps after its end are left out, which is said."""
    (tmp_path / "my_short_task.py").write_text(
        "from ac_bridge_protocol.tasks import ProgressTask\n"
        "def short(statics): return ProgressTask(statics.track_length_m, max_steps=5)\n"
    )
    monkeypatch.chdir(tmp_path)
    args = ["export", str(recording), "--to", "parquet", "-o", "a.parquet"]
    result = CliRunner().invoke(app, [*args, "--task", "my_short_task:short"])
    assert result.exit_code == 0, result.output
    assert pq.read_table("a.parquet")["end_reason"].to_pylist()[-1] == "step_limit"
    assert "9 steps after the task's end were left out." in result.stdout


def test_a_task_that_answers_like_an_environment(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is told what to return instead."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_tuple_task.py").write_text(
        "class Wrong:\n"
        "    def __init__(self, statics): pass\n"
        "    def reset(self, frame): pass\n"
        "    def step(self, previous, action, frame): return 1.0, False, False, {}\n"
    )
    args = ["export", str(recording), "--to", "parquet", "-o", str(tmp_path / "a.parquet")]
    result = CliRunner().invoke(app, [*args, "--task", "my_tuple_task:Wrong"])
    assert isinstance(result.exception, SettingError)
    assert "Wrong returned (1.0, False, False, {}) from step" in str(result.exception)
    assert "TaskResult" in result.exception.hint
    assert not (tmp_path / "a.parquet").exists()


def test_a_recording_that_was_cut_off_is_said_to_be(recording: Path, tmp_path: Path) -> None:
    """What there is of it is exported."""
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(recording.read_bytes()[:-20])
    args = ["export", str(cut), "--to", "parquet", "-o", str(tmp_path / "a.parquet")]
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 0, result.output
    assert "cut.mcap has no end" in result.stdout


def test_many_episodes_are_not_all_listed(recording: Path, tmp_path: Path) -> None:
    """They are summed up."""
    files = [str(recording)] * MOST_SHOWN
    args = ["export", *files, "--to", "parquet", "-o", str(tmp_path / "a.parquet")]
    result = CliRunner().invoke(app, args, env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    assert f"and {MOST_SHOWN} more" in result.stdout


def test_nothing_is_left_behind_when_it_fails(recording: Path, tmp_path: Path) -> None:
    """The second file is no recording: there is no half table."""
    other = tmp_path / "other.mcap"
    other.write_text("something else")
    out = tmp_path / "a.parquet"
    args = ["export", str(recording), str(other), "--to", "parquet", "-o", str(out)]
    result = CliRunner().invoke(app, args)
    assert isinstance(result.exception, RecordingError)
    assert list(tmp_path.iterdir()) == [other]


def test_a_number_that_no_table_can_hold(recording: Path, tmp_path: Path) -> None:
    """A recording of somebody else's may have it; there is no half table then."""
    other, out = tmp_path / "other.mcap", tmp_path / "a.parquet"
    written = RecordingFile(other, {"game": "standin"})
    for topic, time_ns, said in Recording(recording).entries(Topic.EPISODE_START, Topic.STEP):
        record = plain.restore(MODELS[topic], said)
        assert isinstance(record, EpisodeStart | StepRecord)
        frame = record.frame.model_copy(update={"packet_id": 2**64 - 1})
        written.write(topic, record.model_copy(update={"frame": frame}), time_ns)
    written.close({})
    result = CliRunner().invoke(app, ["export", str(other), "--to", "parquet", "-o", str(out)])
    assert isinstance(result.exception, RecordingError)
    assert "no table can hold" in str(result.exception)
    assert list(tmp_path.iterdir()) == [other]


def test_a_disk_that_is_full(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an error of ours, and there is no half table either; not even closing has to work."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    close = pq.ParquetWriter.close

    def close_and_fail(writer: pq.ParquetWriter) -> None:
        close(writer)
        fail()

    monkeypatch.setattr(pq.ParquetWriter, "write_table", fail)
    monkeypatch.setattr(pq.ParquetWriter, "close", close_and_fail)
    args = ["export", str(recording), "--to", "parquet", "-o", str(tmp_path / "a.parquet")]
    result = CliRunner().invoke(app, args)
    assert isinstance(result.exception, RecordingError)
    assert "No space left on device" in str(result.exception)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        (["--task", "json:nothing"], "module:factory"),
        (["--observation", "pixels"], "bridge15"),
        (["--dataset-id", "a/b-v0"], "Only a Minari dataset"),
    ],
)
def test_what_cannot_be_is_said_as_json(
    recording: Path, tmp_path: Path, extra: list[str], says: str
) -> None:
    """With what to do instead."""
    out = tmp_path / "a.parquet"
    args = ["export", str(recording), "--to", "parquet", "-o", str(out), "--json", *extra]
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 1
    said = json.loads(result.stdout)
    assert says in said["error"] + said["hint"]
    assert not out.exists()


def test_no_other_command_waits_for_the_libraries() -> None:
    """They are imported by what needs them, when it does."""
    check = "import sys, ac_bridge.cli; print({'pyarrow', 'minari', 'PIL'} & {*sys.modules})"
    ran = subprocess.run([sys.executable, "-c", check], check=True, capture_output=True, text=True)
    assert ran.stdout.strip() == "set()"
