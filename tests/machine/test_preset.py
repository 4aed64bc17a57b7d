"""The preset: the player's controls with our wheel in them, written whole or not at all."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from ac_bridge.clock import ManualClock
from ac_bridge.machine.controls_ini import compare, parse_ini
from ac_bridge.machine.mapping import VJOY
from ac_bridge.machine.preset import PRESET, plan_preset, preset_text, write_preset
from ac_bridge_protocol.errors import GameError, SettingError
from helpers.machine import KEYBOARD_CONTROLS, make_documents

WALL_S = 1_700_000_000.0
"""2023-11-14 22:13:20 UTC."""
G29 = """
[HEADER]
INPUT_METHOD=WHEEL
[CONTROLLERS]
CON0=G29
PGUID0=1
CON1=vJoy Device
PGUID1=4C035200
[STEER]
JOY=0
AXLE=0
LOCK=900
FF_GAIN=0.8
STEER_GAMMA=1.5
[DRS]
JOY=1
BUTTON=0
KEY=0x20
[KERS]
JOY=0
BUTTON=0
[HANDBRAKE]
JOY=1
AXLE=2
BUTTON=-1
[RESET_RACE]
JOY=1
BUTTON=6
KEY=0x50
"""


def clock() -> ManualClock:
    return ManualClock(wall_s=WALL_S)


# --- The text -------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", ["", KEYBOARD_CONTROLS, G29])
def test_any_controls_become_ours(base: str) -> None:
    """Whatever the player had, the preset has no differences, and a second pass changes nothing."""
    text = preset_text(base, VJOY)
    assert compare(text, VJOY) == []
    assert preset_text(text, VJOY) == text


def test_the_rest_of_the_players_controls_stays() -> None:
    """Devices keep their numbers and ids, other keys and other devices' buttons are not touched."""
    ini = parse_ini(preset_text(G29, VJOY))
    assert ini["CONTROLLERS"] == parse_ini(G29)["CONTROLLERS"]
    assert (ini["STEER"]["JOY"], ini["STEER"]["FF_GAIN"], ini["STEER"]["LOCK"]) == (
        "1",
        "0.8",
        "180",
    )
    assert ini["KERS"] == {"JOY": "0", "BUTTON": "0"}


def test_our_axes_and_buttons_do_nothing_else() -> None:
    """What else the player put on them is unbound; its key stays."""
    ini = parse_ini(preset_text(G29, VJOY))
    assert ini["DRS"] == {"JOY": "-1", "BUTTON": "-1", "KEY": "0x20"}
    assert ini["HANDBRAKE"]["AXLE"] == "-1"
    assert ini["RESET_RACE"] == {"JOY": "-1", "BUTTON": "-1", "KEY": "0x50"}


def test_a_device_that_is_not_listed_is_added() -> None:
    """After the others, and everything is bound to its number."""
    ini = parse_ini(preset_text("[CONTROLLERS]\nCON0=G29\nCON1=Shifter\nCON3=X", VJOY))
    assert ini["CONTROLLERS"]["CON2"] == "vJoy Device"
    assert {ini[name]["JOY"] for name in ("STEER", "CLUTCH", "GEARUP")} == {"2"}


def test_buttons_are_counted_from_zero_there() -> None:
    """Our button 1 is the game's 0."""
    mapping = dataclasses.replace(VJOY, restart_button=12)
    ini = parse_ini(preset_text("", mapping))
    assert (ini["GEARUP"]["BUTTON"], ini["__CM_RESET_SESSION"]["BUTTON"]) == ("0", "11")


# --- Writing --------------------------------------------------------------------------------------


def test_the_first_preset_is_written(tmp_path: Path) -> None:
    """The folder is made, lines end as Windows programs end them, the controls stay as they are."""
    documents = make_documents(tmp_path / "Assetto Corsa")
    plan = plan_preset(documents, VJOY, clock())
    assert (plan.changes, plan.backup) == (True, None)
    assert not plan.path.exists()
    write_preset(plan, [])
    data = (documents / PRESET).read_bytes()
    assert data == plan.text.replace("\n", "\r\n").encode()
    assert "[KEYBOARD]\r\nGAS=0x26\r\n" in data.decode()
    assert [file.name for file in plan.path.parent.iterdir()] == ["ac-bridge.ini"]
    assert (documents / "cfg/controls.ini").read_text() == KEYBOARD_CONTROLS


def test_a_current_preset_is_left_alone(tmp_path: Path) -> None:
    """Running setup twice writes once."""
    documents = make_documents(tmp_path)
    write_preset(plan_preset(documents, VJOY, clock()), [])
    again = plan_preset(documents, VJOY, clock())
    assert (again.changes, again.backup) == (False, None)
    before = again.path.stat().st_mtime_ns
    write_preset(again, [])
    assert again.path.stat().st_mtime_ns == before
    assert len(list(again.path.parent.iterdir())) == 1


def test_what_is_replaced_is_backed_up(tmp_path: Path) -> None:
    """Under the time of day; two backups of one second do not overwrite each other."""
    documents = make_documents(tmp_path)
    path = documents / PRESET
    path.parent.mkdir(parents=True)
    for text in ("mine", "mine too"):
        path.write_text(text)
        write_preset(plan_preset(documents, VJOY, clock()), [])
    assert {file.name: file.read_text() for file in path.parent.glob("*.bak")} == {
        "ac-bridge.ini.20231114-221320.bak": "mine",
        "ac-bridge.ini.20231114-221320-2.bak": "mine too",
    }
    assert compare(path.read_text(), VJOY) == []


def test_nothing_is_written_while_a_game_runs(tmp_path: Path) -> None:
    """It says which game."""
    plan = plan_preset(make_documents(tmp_path), VJOY, clock())
    with pytest.raises(GameError, match="Assetto Corsa is running"):
        write_preset(plan, ["acs.exe"])
    assert not plan.path.parent.exists()


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    """Without the game's cfg it is not the game's."""
    with pytest.raises(SettingError, match="cfg") as caught:
        plan_preset(tmp_path, VJOY, clock())
    assert caught.value.setting == "documents"


def test_a_write_that_fails_leaves_the_old_preset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The replacing step fails: the old file is whole, nothing half-written lies about."""
    documents = make_documents(tmp_path)
    path = documents / PRESET
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    plan = plan_preset(documents, VJOY, clock())

    def refuse(self: Path, target: Path) -> Path:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(SettingError, match="Permission denied"):
        write_preset(plan, [])
    assert path.read_text() == "mine"
    assert not list(path.parent.glob("*.new"))


def test_a_folder_in_the_way_of_the_new_preset_is_named(tmp_path: Path) -> None:
    """And left alone, as it is not ours."""
    documents = make_documents(tmp_path)
    in_the_way = (documents / PRESET).with_name("ac-bridge.ini.new")
    in_the_way.mkdir(parents=True)
    with pytest.raises(SettingError, match=r"ac-bridge\.ini\.new") as caught:
        write_preset(plan_preset(documents, VJOY, clock()), [])
    assert caught.value.setting == "documents"
    assert in_the_way.is_dir()


def test_controls_that_cannot_be_read_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rather than taken for empty ones."""
    documents = make_documents(tmp_path)

    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(SettingError, match="cannot be read: Permission denied"):
        plan_preset(documents, VJOY, clock())
