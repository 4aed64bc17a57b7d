"""`ac-bridge replay-check`: a verdict for each file, in words and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ac_bridge.cli import app

GOLDEN = Path(__file__).parents[1] / "replays" / "v1" / "drive.json.jsonl"


@pytest.fixture
def altered(tmp_path: Path) -> Path:
    """A transcript in which an actor once called a field something else."""
    path = tmp_path / "altered.jsonl"
    path.write_bytes(GOLDEN.read_bytes().replace(b"tick_asked", b"tick_wanted"))
    return path


def test_a_golden_transcript_holds() -> None:
    """Exit status 0, and how much was compared."""
    result = CliRunner().invoke(app, ["replay-check", str(GOLDEN)])
    assert result.exit_code == 0, result.output
    assert "messages as recorded" in result.output


def test_a_difference_is_shown(altered: Path) -> None:
    """Exit status 1; the field is named for both sides, and the file that holds is told too."""
    result = CliRunner().invoke(app, ["replay-check", str(GOLDEN), str(altered)])
    assert result.exit_code == 1
    assert "messages as recorded" in result.output
    assert "step_result.receipt.tick_wanted: recorded 0, now missing" in result.output
    assert "learner: line 18: step_result: the learner does not take it" in result.output
    assert "1 of 2 files" in result.output


def test_differences_as_json(altered: Path) -> None:
    """One object, with line, field and words of each difference."""
    result = CliRunner().invoke(app, ["replay-check", "--json", str(altered), str(GOLDEN)])
    assert result.exit_code == 1
    report = json.loads(result.output)
    assert report["ok"] is False
    wrong, right = report["files"]
    assert (wrong["ok"], right["ok"]) == (False, True)
    assert wrong["actor"][0] == {
        "line": 20,
        "where": "step_result.receipt.tick_wanted",
        "what": "recorded 0, now missing",
    }
    assert right["actor"] == right["learner"] == []
    assert right["messages"] > 20


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        (b"", "is empty"),
        (b"{}\n", "Line 1 of"),
        (b'{"subprotocol":"ac-bridge.v9+json"}\n', "subprotocol"),
    ],
)
def test_what_is_no_transcript_is_named(tmp_path: Path, content: bytes | None, said: str) -> None:
    """A file that cannot be checked is a verdict as well, and others are still looked at."""
    path = tmp_path / "some.jsonl"
    if content is not None:
        path.write_bytes(content)
    result = CliRunner().invoke(app, ["replay-check", "--json", str(path), str(GOLDEN)])
    assert result.exit_code == 1
    wrong, right = json.loads(result.output)["files"]
    assert said in wrong["problem"]
    assert right["ok"]


def test_a_recording_is_read_as_one(tmp_path: Path) -> None:
    """By its name, a file is looked at as MCAP."""
    path = tmp_path / "some.mcap"
    path.write_bytes(GOLDEN.read_bytes())
    result = CliRunner().invoke(app, ["replay-check", "--json", str(path)])
    assert result.exit_code == 1
    (verdict,) = json.loads(result.output)["files"]
    assert "some.mcap" in verdict["problem"]
    assert "transcript" not in verdict["problem"]
