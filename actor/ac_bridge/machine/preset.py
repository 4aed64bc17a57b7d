"""Our controller preset: the player's own controls with our wheel bound into them.

The text is made by a pure function. The preset goes beside the player's other saved setups and is
loaded by hand, in the game or in Content Manager: the game's live ``controls.ini`` is never
written. Whether the game takes a preset whose device it has not met is unverified.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from ac_bridge.clock import Clock
from ac_bridge.machine.controls_ini import (
    LINEAR,
    NOT_BOUND,
    Ini,
    controller_number,
    decode_ini,
    parse_ini,
)
from ac_bridge.machine.mapping import DELAYS, RESTART_RACE, WheelMapping
from ac_bridge.machine.processes import GAMES
from ac_bridge_protocol.errors import GameError, SettingError

PRESET = Path("cfg/controllers/savedsetups/ac-bridge.ini")
"""Inside the player's ``Assetto Corsa`` folder."""

LOCK_DEG = 180
"""So little that no car's wheel turns less than half of it: by public notes on the game
(unverified), the axis' end is then the car's."""
DEBOUNCE_MS = 20
"""How long the game ignores a gear button after it changed; our presses last 50 ms."""
_CTRL_O = "0x4F"
"""The game's own key for a restart, kept."""

UDEV_RULE_FILE = Path("/etc/udev/rules.d/70-ac-bridge-uinput.rules")
"""Before 73, where udev hands devices to whoever is logged in."""
UDEV_RULE = 'KERNEL=="uinput", SUBSYSTEM=="misc", TAG+="uaccess", OPTIONS+="static_node=uinput"\n'
"""Lets the person at the screen make virtual devices, and loads the driver at boot."""


def preset_text(base: str, mapping: WheelMapping) -> str:
    """Return the preset: everything ``base`` says, with our wheel bound and left alone.

    Args:
        base: the player's ``controls.ini``; empty where there is none yet.
        mapping: what our wheel offers.
    """
    ini = parse_ini(base)
    joy = _number_of_device(ini, mapping)
    _release(ini, joy, mapping)
    _set(ini, "HEADER", INPUT_METHOD="WHEEL")
    for section, axle in mapping.axles.items():
        _set(ini, section, JOY=joy, AXLE=axle)
        if section != "STEER":
            _set(ini, section, MIN=-1, MAX=1)
    for (section, key), (value, _) in LINEAR.items():
        _set(ini, section, **{key: value})
    _set(ini, "STEER", LOCK=LOCK_DEG, DEBOUNCING_MS=DEBOUNCE_MS)
    for section, button in mapping.buttons.items():
        _set(ini, section, JOY=joy, BUTTON=button - 1)  # the game counts buttons from 0
    section, key = DELAYS
    _set(ini, section, **{key: 0})
    ini.setdefault(RESTART_RACE, {}).setdefault("KEY", _CTRL_O)
    _set(ini, "SHIFTER", ACTIVE=0)
    return "".join(_section_text(name, values) for name, values in ini.items())


def _number_of_device(ini: Ini, mapping: WheelMapping) -> int:
    """Return the device's number in the list of controllers, adding it where it is missing."""
    number = controller_number(ini, mapping.device)
    if number is None:
        controllers = ini.get("CONTROLLERS", {})
        number = next(i for i in range(len(controllers) + 1) if f"CON{i}" not in controllers)
        _set(ini, "CONTROLLERS", **{f"CON{number}": mapping.device})
    return number


def _set(ini: Ini, section: str, **values: object) -> None:
    ini.setdefault(section, {}).update((key, str(value)) for key, value in values.items())


def _release(ini: Ini, joy: int, mapping: WheelMapping) -> None:
    """Unbind whatever the player put on the axes and buttons that we move."""
    ours = {
        "AXLE": {str(axle) for axle in mapping.axles.values()},
        "BUTTON": {str(button - 1) for button in mapping.buttons.values()},
    }
    for values in ini.values():
        for key, numbers in ours.items():
            if values.get("JOY") == str(joy) and values.get(key) in numbers:
                values.update({"JOY": NOT_BOUND, key: NOT_BOUND})


def _section_text(name: str, values: dict[str, str]) -> str:
    return f"[{name}]\n" + "".join(f"{key}={value}\n" for key, value in values.items()) + "\n"


@dataclasses.dataclass(frozen=True, slots=True)
class PresetPlan:
    """What writing the preset would do."""

    path: Path
    """The preset."""
    text: str
    """What it will say."""
    backup: Path | None
    """Where the present file of that name goes first; None if there is none, or it is the same."""
    changes: bool
    """Whether anything needs writing at all."""


def plan_preset(documents: Path, mapping: WheelMapping, clock: Clock) -> PresetPlan:
    """Look at what is there and say what to write. Changes nothing.

    Args:
        documents: the player's ``Assetto Corsa`` folder.
        mapping: what our wheel offers.
        clock: tells the time that a backup is named after.

    Raises:
        SettingError: the folder is not one of the game's, or cannot be read.
    """
    if not (documents / "cfg").is_dir():
        raise SettingError(
            f"{documents} has no folder 'cfg': it is not the game's folder of documents.",
            setting="documents",
            hint="Start the game once, so that it makes its folders, or correct --documents.",
        )
    path = documents / PRESET
    text = preset_text(decode_ini(_read(documents / "cfg" / "controls.ini") or b""), mapping)
    present = _read(path)
    changes = present != _encoded(text)
    backup = _backup_path(path, clock) if changes and present is not None else None
    return PresetPlan(path, text, backup, changes)


def write_preset(plan: PresetPlan, running: Sequence[str]) -> None:
    """Carry out ``plan``: back up, then replace in one step, so that no half of it is ever there.

    Args:
        plan: from `plan_preset`, just now.
        running: the executables of the games that run.

    Raises:
        GameError: a game is running and might read or write the same files.
        SettingError: the file system refused.
    """
    if running:
        raise GameError(
            f"{GAMES.get(running[0], running[0])} is running: nothing was written.",
            hint="Quit the game, then run this again.",
        )
    if not plan.changes:
        return
    temporary = plan.path.with_name(plan.path.name + ".new")
    try:
        plan.path.parent.mkdir(parents=True, exist_ok=True)
        if plan.backup is not None:
            shutil.copy2(plan.path, plan.backup)
        try:
            with temporary.open("wb") as file:
                file.write(_encoded(plan.text))
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(plan.path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as problem:
        raise SettingError(
            "The preset cannot be written: "
            f"{problem.filename or plan.path}: {problem.strerror or problem}.",
            setting="documents",
            hint="Check who may write there; a program that guards folders may have refused.",
        ) from None


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise SettingError(
            f"{path} cannot be read: {problem.strerror or problem}.",
            setting="documents",
            hint="Check who may read there.",
        ) from None


def _encoded(text: str) -> bytes:
    """Return the bytes as the game, a Windows program on every platform, writes them."""
    return text.replace("\n", "\r\n").encode()


def _backup_path(path: Path, clock: Clock) -> Path:
    moment = dt.datetime.fromtimestamp(clock.wall(), dt.UTC)
    # Not an .ini: the game would offer it as one more setup.
    first = path.with_name(f"{path.name}.{moment:%Y%m%d-%H%M%S}.bak")
    numbered = (first.with_name(f"{first.stem}-{number}.bak") for number in range(2, 1000))
    return next(name for name in (first, *numbered) if not name.exists())
