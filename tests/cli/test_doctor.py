"""`ac-bridge doctor`: its table, its JSON, and its exit status."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
import typer
from typer.testing import CliRunner

from ac_bridge.machine.findings import Finding, error, ok, warning
from helpers.machine import make_documents, make_game

# The package has the function under this name.
command = importlib.import_module("ac_bridge.cli.doctor")
app = typer.Typer()
app.command()(command.doctor)


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """The command sets up the log of its process, which here is that of all tests."""
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize(
    ("findings", "exit_status", "said"),
    [
        ([ok("port", "Free.")], 0, "Everything is as it should be."),
        ([ok("port", "Free."), warning("game", "Gone.", "Buy it.")], 1, "the warnings name"),
        ([error("vjoy", "Gone.", "Install it.")], 2, "cannot be driven"),
    ],
)
def test_exit_status_is_that_of_the_worst(
    monkeypatch: pytest.MonkeyPatch, findings: list[Finding], exit_status: int, said: str
) -> None:
    """With a line for each finding, its fix below it, and a sentence at the end."""
    monkeypatch.setattr(command, "examine", lambda *_, **__: findings)
    done = CliRunner().invoke(app, ["--listen", "127.0.0.1:0"])
    assert done.exit_code == exit_status
    assert said in done.stdout
    for finding in findings:
        assert finding.message in done.stdout
        assert finding.fix in done.stdout


def test_json_is_one_object_about_this_machine(tmp_path: Path) -> None:
    """A real examination; its status agrees with the exit status."""
    documents = make_documents(tmp_path / "docs")
    done = CliRunner().invoke(
        app,
        [
            *("--json", "--listen", "127.0.0.1:0"),
            *("--game-folder", str(make_game(tmp_path / "game"))),
            *("--documents", str(documents)),
        ],
    )
    report = json.loads(done.stdout)
    assert done.exit_code == {"ok": 0, "warning": 1, "error": 2}[report["status"]]
    findings = {finding["name"]: finding for finding in report["findings"]}
    assert findings["game"]["status"] == "ok"
    assert str(documents) in findings["documents"]["message"]
    assert "INPUT_METHOD is KEYBOARD" in findings["controls"]["message"]
    assert "us late in the median" in findings["timers"]["message"]
    assert findings["python"].keys() == {"name", "status", "message", "fix"}


@pytest.mark.parametrize("bad", [("--listen", "foo"), ("--config", "nonexistent.toml")])
def test_a_bad_setting_is_a_finding(bad: tuple[str, str]) -> None:
    """An error, as the others are, in both forms."""
    done = CliRunner().invoke(app, ["--json", *bad])
    report = json.loads(done.stdout)
    (finding,) = report["findings"]
    assert (done.exit_code, report["status"], finding["name"]) == (2, "error", "settings")
    assert bad[1] in finding["message"]
    shown = CliRunner().invoke(app, bad)
    assert shown.exit_code == 2
    assert "settings" in shown.stdout
