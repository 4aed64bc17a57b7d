"""`ac-bridge doctor` and `ac-bridge setup` in Windows Python; the game is a few empty files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ac_bridge.machine.controls_ini import compare
from ac_bridge.machine.mapping import VJOY
from ac_bridge.machine.preset import PRESET
from ac_bridge.machine.steam import GAME
from helpers.machine import good_controls, make_documents, make_game, vdf_of
from helpers.wine import WindowsPython

CLI = ("-m", "ac_bridge.cli")
FREE_PORT = ("--listen", "127.0.0.1:0")

REGISTER_STEAM = """
import sys, winreg
with winreg.CreateKey(winreg.HKEY_CURRENT_USER, r"Software\\Valve\\Steam") as key:
    winreg.SetValueEx(key, "SteamPath", 0, winreg.REG_SZ, sys.argv[1])
"""
SETUP = """
import json, pathlib, sys
from typer.testing import CliRunner
from ac_bridge.cli import app
from ac_bridge.machine.processes import _process_names
from ac_bridge.machine.steam import find_places
from helpers.machine import make_documents

def setup(*options):
    done = CliRunner().invoke(app, ["setup", *options])
    return [done.exit_code, done.stdout or str(done.exception)]

given = ("--documents", sys.argv[1])
report = {
    "processes": sorted(_process_names()),
    "homeless": setup(),
    "dry": setup("--dry-run", *given),
    "wet": setup(*given),
    "again": setup(*given),
}
make_documents(pathlib.Path.home() / "Documents" / "Assetto Corsa")
report["found"] = setup()
report["documents"] = str(find_places().documents)
print(json.dumps(report))
"""
SWITCH_STUB = """
import json
from ac_bridge.game.vjoy_driver import load_driver
from ac_bridge.machine.wheel_checks import check_vjoy
from helpers.vjoy_stub import VJoyStub
load_driver()
stub = VJoyStub.fresh()
for switch, value in {
    "disabled": 1, "missing": 1, "busy": 1, "axes_absent": 0b100100, "buttons": 8,
    "version_mismatch": 1,
}.items():
    setattr(stub, switch, value)
    finding = list(check_vjoy(1, 9))[-1]
    setattr(stub, switch, 0)
    print(json.dumps([switch, finding.status.value, finding.message]))
"""


def doctor(wpy: WindowsPython, *options: str) -> dict[str, dict[str, Any]]:
    """Return the findings by name; the last of a name counts."""
    done = wpy(*CLI, "doctor", "--json", *FREE_PORT, *options)
    report = json.loads(done.stdout)
    assert done.returncode == {"ok": 0, "warning": 1, "error": 2}[report["status"]], done.stderr
    assert done.stderr == ""
    return {finding["name"]: finding for finding in report["findings"]}


def test_doctor_on_a_good_machine(wpy_vjoy: WindowsPython, tmp_path: Path) -> None:
    """The driver is there, the preset is loaded: nothing about the game or the wheel is amiss."""
    game = make_game(tmp_path / "game")
    documents = make_documents(tmp_path / "Assetto Corsa", good_controls(VJOY))
    findings = doctor(
        wpy_vjoy,
        *("--game-folder", wpy_vjoy.windows_path(game)),
        *("--documents", wpy_vjoy.windows_path(documents)),
    )
    for name in ("python", "event loop", "port", "game", "documents", "running", "pages"):
        assert findings[name]["status"] == "ok", findings[name]
    assert findings["controls"]["status"] == "ok", findings["controls"]
    assert findings["vjoy"]["status"] == "ok", findings["vjoy"]
    assert "X, Y, Z, RZ and 32 buttons" in findings["vjoy"]["message"]
    assert "winloop" in findings["event loop"]["message"]


def test_doctor_on_a_new_machine(wpy: WindowsPython, tmp_path: Path) -> None:
    """Steam is asked for the game; with the DLL that pyvjoy ships the driver is missing.

    From the registry to Steam, through its list to another library, and there the game. The player
    has a keyboard so far.
    """
    steam, library = tmp_path / "steam", tmp_path / "games"
    (steam / "steamapps").mkdir(parents=True)
    listed = vdf_of([wpy.windows_path(steam), wpy.windows_path(library)])
    (steam / "steamapps/libraryfolders.vdf").write_text(listed)
    game = make_game(library / GAME)
    documents = make_documents(tmp_path / "Assetto Corsa")
    assert wpy("-c", REGISTER_STEAM, wpy.windows_path(steam)).returncode == 0
    findings = doctor(wpy, "--documents", wpy.windows_path(documents))
    assert findings["game"]["status"] == "ok"
    assert findings["game"]["message"].lower() == f"{wpy.windows_path(game)}\\acs.exe.".lower()
    assert findings["vjoy"]["status"] == "error"
    assert "not installed" in findings["vjoy"]["message"]
    assert "Install vJoy" in findings["vjoy"]["fix"]
    assert findings["controls"]["status"] == "error"


def test_what_is_wrong_with_the_driver_is_said(wpy_vjoy: WindowsPython) -> None:
    """Each failure that the stub can play."""
    done = wpy_vjoy("-c", SWITCH_STUB)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(switch, status) for switch, status, _ in found] == [
        ("disabled", "error"),
        ("missing", "error"),
        ("busy", "warning"),
        ("axes_absent", "error"),
        ("buttons", "error"),
        ("version_mismatch", "warning"),
    ]
    said = [message for _, _, message in found]
    parts = ("disabled", "not exist", "another program", "no axis Z, RZ", "8 buttons", "2.1.9")
    for message, part in zip(said, parts, strict=True):
        assert part in message


def test_people_can_read_it_in_a_pipe(wpy: WindowsPython) -> None:
    """The table holds nothing that a Windows pipe cannot take."""
    done = wpy(*CLI, "doctor", *FREE_PORT)
    assert done.returncode == 2
    assert "The game cannot be driven until the errors are fixed." in done.stdout
    assert done.stderr == ""


def test_setup(wpy: WindowsPython, tmp_path: Path) -> None:
    """Dry, then wet, then again; into a folder that is named, and into the one that Windows names.

    vJoy's layout, no Linux rules, a backup of what was there; what is missing is said.
    """
    documents = make_documents(tmp_path / "Assetto Corsa")
    (documents / PRESET).parent.mkdir(parents=True)
    (documents / PRESET).write_text("mine")
    done = wpy("-c", SETUP, wpy.windows_path(documents))
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert [report[name][0] for name in ("homeless", "dry", "wet", "again", "found")] == [
        *(1, 0, 0, 0, 0)
    ]
    assert "was not found" in report["homeless"][1]
    assert "Would write" in report["dry"][1]
    assert "udev" not in report["dry"][1]
    assert "Backed up" in report["wet"][1]
    assert "there already" in report["again"][1]
    (backup,) = (documents / PRESET).parent.glob("*.bak")
    assert backup.read_text() == "mine"
    data = (documents / PRESET).read_bytes()
    assert b"[CLUTCH]\r\nJOY=0\r\nAXLE=5\r\n" in data
    assert compare(data.decode(), VJOY) == []

    assert "python.exe" in report["processes"]
    found = wpy.drive_c / report["documents"].removeprefix("C:\\").replace("\\", "/")
    assert found.name == "Assetto Corsa"
    assert (found / PRESET).is_file()
