"""A machine with the game on it, as folders that a test makes."""

from __future__ import annotations

from pathlib import Path

from ac_bridge.machine.mapping import WheelMapping
from ac_bridge.machine.preset import preset_text

KEYBOARD_CONTROLS = """
[HEADER]
INPUT_METHOD=KEYBOARD
[KEYBOARD]
GAS=0x26 ; Up
"""
"""What somebody has who never owned a wheel."""


def make_game(folder: Path) -> Path:
    """Make a game folder with the executable that is looked for."""
    folder.mkdir(parents=True)
    (folder / "acs.exe").write_bytes(b"MZ")
    return folder


def make_documents(folder: Path, controls: str | None = KEYBOARD_CONTROLS) -> Path:
    """Make the player's ``Assetto Corsa`` folder, as the game's first start does."""
    (folder / "cfg").mkdir(parents=True)
    if controls is not None:
        (folder / "cfg" / "controls.ini").write_text(controls)
    return folder


def good_controls(mapping: WheelMapping) -> str:
    """Return a ``controls.ini`` as it is after our preset was loaded."""
    return preset_text("", mapping)


def vdf_of(paths: list[str]) -> str:
    """Return a ``libraryfolders.vdf`` that names ``paths``."""
    quoted = [path.replace("\\", "\\\\").replace('"', '\\"') for path in paths]
    blocks = [f'"{i}" {{ "path" "{path}" }}' for i, path in enumerate(quoted)]
    return '"libraryfolders" {\n' + "\n".join(blocks) + "\n}\n"
