"""`ac-bridge inspect`: for people, for programs, and for files that were cut off."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ac_bridge.cli import app
from ac_bridge_protocol.errors import RecordingError
from ac_bridge_recording import Recorder
from ac_bridge_recording.check import check
from helpers.recordings import ABOUT, fill, in_chunks, moving, record, ticking


def run(*arguments: str | Path) -> Result:
    """Run `ac-bridge inspect` to its end."""
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, ["inspect", *map(str, arguments)])


@pytest.fixture
def cut(tmp_path: Path) -> Path:
    """A recording that was cut off in the midst of its last chunk."""
    path = tmp_path / "cut.mcap"
    sizes = in_chunks(path)
    path.write_bytes(path.read_bytes()[: sizes[2] + 70])
    return path


def test_a_whole_recording(tmp_path: Path) -> None:
    """Who made it, what is in it, and that nothing is wrong."""
    done = run(record(tmp_path / "a.mcap", episodes=2, steps=4))
    assert done.exit_code == 0, done.output
    for text in (
        "recorded_by",
        "learner",
        "/episode/step",
        "recording_stopped",
        "2.500",
        "2 episodes, 0 laps completed",
        "whole, and nothing in it is wrong",
    ):
        assert text in done.stdout


def test_many_episodes(tmp_path: Path) -> None:
    """The first ten are shown, and how many are not."""
    done = run(record(tmp_path / "a.mcap", episodes=13, steps=1))
    assert "13 episodes" in done.stdout
    assert "3 of them not shown" in done.stdout


def test_for_programs(tmp_path: Path) -> None:
    """One object, and nothing else."""
    path = record(tmp_path / "a.mcap", steps=4)
    done = run(path, "--json")
    assert done.exit_code == 0
    said = json.loads(done.stdout)
    assert (said["ok"], said["whole"], said["lost_bytes"], said["problems"]) == (True, True, 0, [])
    assert said["topics"]["/episode/step"]["records"] == 4
    assert said["topics"]["/episode/step"]["rate_hz"] > 0
    assert said["episodes"][0]["total_reward"] == 2.5
    assert said["about"]["game"] == "standin"
    assert said["file"] == str(path)
    assert "mended" not in said


def test_one_that_was_cut_off(cut: Path) -> None:
    """Says so in a sentence, with what to do; status 1."""
    done = run(cut)
    assert done.exit_code == 1
    assert "It was cut off" in done.stdout
    assert "70 bytes, is not read" in done.stdout
    assert "--mend OUT" in done.stdout
    said = json.loads(run(cut, "--json").stdout)
    assert (said["ok"], said["whole"], said["lost_bytes"]) == (False, False, 70)


def test_one_that_was_cut_off_between_two_records(tmp_path: Path) -> None:
    """As after most kills: nothing is behind the cut, and no count of bytes says 0."""
    path = tmp_path / "a.mcap"
    sizes = in_chunks(path)
    path.write_bytes(path.read_bytes()[: sizes[2]])
    done = run(path)
    assert done.exit_code == 1
    assert "It was cut off between two records" in done.stdout
    assert "0 bytes" not in done.stdout.rpartition("It was")[2]


def test_mending(cut: Path, tmp_path: Path) -> None:
    """A whole file with all that could be read, which is looked over, too; status 0."""
    done = run(cut, "--mend", tmp_path / "b.mcap")
    assert done.exit_code == 0, done.output
    assert "nothing could be read of the 70 bytes at the end" in done.stdout
    assert done.stdout.rstrip().endswith("It is whole, and nothing in it is wrong.")
    assert "try:" not in done.stdout
    assert check(tmp_path / "b.mcap").ok
    said = json.loads(run(cut, "--mend", tmp_path / "c.mcap", "--json").stdout)
    assert said["ok"]
    assert not said["whole"]
    assert said["mended"]["file"] == str(tmp_path / "c.mcap")
    assert said["mended"]["lost_bytes"] == 70


def test_a_damaged_one(cut: Path, tmp_path: Path) -> None:
    """Each thing that is wrong, with where; a chunk that cannot be read is told of by mending."""
    data = bytearray(cut.read_bytes())
    data[1000] ^= 0xFF
    cut.write_bytes(data)
    done = run(cut)
    assert done.exit_code == 1
    assert "wrong:" in done.stdout
    assert "a chunk is damaged" in done.stdout
    assert "and 10 more" not in done.stdout
    mended = run(cut, "--mend", tmp_path / "b.mcap")
    assert "1 damaged chunk" in mended.stdout


def test_drops_are_shown(tmp_path: Path) -> None:
    """What the recorder was too slow for is no secret."""
    path = tmp_path / "a.mcap"
    with Recorder(path, ABOUT, now_ns=ticking()) as recorder:
        fill(recorder)
        recorder._dropped["/telemetry"] += 1234
        recorder.frame(moving(9))
    done = run(path)
    assert done.exit_code == 0
    assert "Not recorded, as the disk or the processor was too slow: 1,234 of /telemetry" in (
        done.stdout
    )


def test_an_empty_recording(tmp_path: Path) -> None:
    """Is whole, with nothing in it."""
    Recorder(tmp_path / "a.mcap", ABOUT, now_ns=ticking()).close()
    done = run(tmp_path / "a.mcap")
    assert done.exit_code == 0
    assert "Nothing was recorded." in done.stdout


@pytest.mark.parametrize("as_json", [False, True])
def test_what_is_no_recording(tmp_path: Path, as_json: bool) -> None:
    """An error of ours, or one JSON object; status 1."""
    (tmp_path / "a.mcap").write_text("text")
    done = run(tmp_path / "a.mcap", *(["--json"] if as_json else []))
    if as_json:
        assert done.exit_code == 1
        assert "not an MCAP file" in json.loads(done.stdout)["error"]
    else:
        assert isinstance(done.exception, RecordingError)


def test_a_file_that_is_there_is_not_mended_over(tmp_path: Path) -> None:
    """Not even by itself."""
    path = record(tmp_path / "a.mcap")
    before = path.read_bytes()
    assert isinstance(run(path, "--mend", path).exception, RecordingError)
    assert path.read_bytes() == before


def test_help_has_examples() -> None:
    """Somebody who asks for help gets lines to copy."""
    assert "ac-bridge inspect evening.mcap" in run("--help").stdout
