"""The examination: every check runs, and one that breaks hides no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from ac_bridge.clock import ManualClock
from ac_bridge.machine import doctor
from ac_bridge.machine.doctor import examine
from ac_bridge.machine.findings import Status
from ac_bridge.settings import ActorSettings
from helpers.machine import make_documents, make_game


def test_every_part_of_the_machine_is_looked_at(tmp_path: Path) -> None:
    """A name for each, in the order in which they are read."""
    findings = examine(
        ActorSettings(listen="127.0.0.1:0"),
        ManualClock(),
        game_folder=make_game(tmp_path / "game"),
        documents=make_documents(tmp_path / "docs"),
    )
    names = list(dict.fromkeys(finding.name for finding in findings))
    assert [name for name in names if name != "punctuality"][:9] == [
        "python",
        "event loop",
        "timers",
        "port",
        "game",
        "documents",
        "running",
        "pages",
        "controls",
    ]
    assert names[-1] in ("uinput", "vjoy", "vjoy version")


def test_a_broken_check_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking for processes fails; all else is there, and the failure is named."""

    def break_down() -> list[str]:
        raise OSError("no process list")

    monkeypatch.setattr(doctor, "running_games", break_down)
    findings = {
        finding.name: finding
        for finding in examine(ActorSettings(listen="127.0.0.1:0"), ManualClock())
    }
    assert findings["game"].status is Status.ERROR
    assert "no process list" in findings["game"].message
    assert {"python", "timers", "port"} <= findings.keys()
