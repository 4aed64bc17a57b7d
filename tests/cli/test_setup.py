"""`ac-bridge setup`: what it says, and what it leaves on the disk."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from ac_bridge.machine.controls_ini import compare
from ac_bridge.machine.mapping import mapping_for
from ac_bridge.machine.preset import PRESET, UDEV_RULE
from ac_bridge.settings import ActorSettings
from ac_bridge_protocol.errors import GameError, SettingError
from helpers.machine import make_documents

# The package has the function under this name.
command = importlib.import_module("ac_bridge.cli.setup")
app = typer.Typer()
app.command()(command.setup)


@pytest.fixture(autouse=True)
def _no_game_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else this machine is busy with."""
    monkeypatch.setattr(command, "running_games", list)


def run(*arguments: str) -> str:
    """Run the command to its good end and return what it said."""
    return CliRunner().invoke(app, arguments, catch_exceptions=False).stdout


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    """It shows where and what."""
    documents = make_documents(tmp_path)
    said = run("--dry-run", "--documents", str(documents))
    assert f"Would write the preset {documents / PRESET}" in said
    assert "INPUT_METHOD=WHEEL" in said
    assert not (documents / PRESET).parent.exists()


def test_the_preset_is_written_once(tmp_path: Path) -> None:
    """Then it is current; what somebody changed is backed up before it is replaced."""
    documents = make_documents(tmp_path)
    path = documents / PRESET
    assert f"Wrote the preset {path}" in run("--documents", str(documents))
    assert compare(path.read_text(), mapping_for(ActorSettings())) == []
    assert "there already" in run("--documents", str(documents))
    path.write_text("mine")
    assert "Backed up" in run("--documents", str(documents))
    (backup,) = path.parent.glob("*.bak")
    assert backup.read_text() == "mine"


def test_a_running_game_is_not_disturbed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that says so; looking is allowed."""
    monkeypatch.setattr(command, "running_games", lambda: ["acs.exe"])
    documents = make_documents(tmp_path)
    with pytest.raises(GameError, match="is running"):
        run("--documents", str(documents))
    assert "Would write" in run("--dry-run", "--documents", str(documents))


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    """With what to do."""
    with pytest.raises(SettingError, match="was not found"):
        run("--documents", str(tmp_path / "nowhere"))


@pytest.mark.skipif(sys.platform == "win32", reason="the rule is for Linux")
def test_the_udev_rule_is_shown(tmp_path: Path) -> None:
    """Also where the game is not found: the stand-in for the wheel needs it first."""
    said = CliRunner().invoke(app, ["--documents", str(tmp_path / "nowhere")]).stdout
    assert UDEV_RULE.strip() in said
    assert "/etc/udev/rules.d/" in said
