"""Where Steam put Assetto Corsa, and where the game keeps the player's files.

Nothing here starts or changes anything: folders are looked at, the registry is read.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

APP_ID = 244210
"""Assetto Corsa's number on Steam; Proton names its prefix after it."""

GAME = Path("steamapps/common/assettocorsa")
"""The game's folder inside a Steam library."""
EXECUTABLE = "acs.exe"
"""What drives; the launcher beside it is only a menu."""
PREFIX = Path(f"steamapps/compatdata/{APP_ID}/pfx")
"""The game's Proton prefix inside a Steam library."""
DOCUMENTS = "Assetto Corsa"
"""The game's folder inside the player's documents."""
PROTON_DOCUMENTS = tuple(
    Path("drive_c/users/steamuser") / folder / DOCUMENTS for folder in ("Documents", "My Documents")
)
"""The game's documents inside its Proton prefix; older prefixes have the longer name."""

_LINUX_ROOTS = (
    ".steam/steam",
    ".local/share/Steam",
    ".var/app/com.valvesoftware.Steam/.local/share/Steam",  # flatpak
    "snap/steam/common/.local/share/Steam",
)
_WINDOWS_ROOTS = ("C:/Program Files (x86)/Steam", "C:/Program Files/Steam")

_WORDS = re.compile(r'"((?:[^"\\]|\\.)*)"|([{}])|//[^\n]*|([^\s"{}]+)')
"""A quoted text, a brace, a comment (no group), or a bare word."""
_ESCAPES = {r"\\": "\\", r"\"": '"', r"\n": "\n", r"\t": "\t"}

KeyValues = dict[str, Any]
"""Texts and further KeyValues by their key, in lower case, as Valve's keys ignore case."""


def parse_key_values(text: str) -> KeyValues:
    """Read Valve's KeyValues text, the format of ``libraryfolders.vdf``.

    Raises:
        ValueError: the text is not KeyValues.
    """
    root: KeyValues = {}
    nested = [root]
    key: str | None = None
    for word, is_brace in _words(text):
        block = nested[-1]
        if is_brace and word == "{":
            if key is None or isinstance(block.get(key), str):
                raise ValueError("a block without a name, or with the name of a text")
            nested.append(block.setdefault(key, {}))
            key = None
        elif is_brace:
            if key is not None or len(nested) == 1:
                raise ValueError("a closing brace too many, or a key without a value")
            nested.pop()
        elif key is None:
            key = word.lower()
        else:
            block[key] = word
            key = None
    if key is not None or len(nested) > 1:
        raise ValueError("it ends in the middle of a block")
    return root


def _words(text: str) -> Iterator[tuple[str, bool]]:
    for match in _WORDS.finditer(text):
        quoted, brace, bare = match.groups()
        if brace:
            yield brace, True
        elif quoted is not None:
            yield re.sub(r"\\.", lambda e: _ESCAPES.get(e[0], e[0]), quoted), False
        elif bare:
            yield bare, False


def library_paths(text: str) -> list[str]:
    """Return the library folders that a ``libraryfolders.vdf`` names, in its order.

    Both forms are known: a block with a ``path`` for each library (since 2021), and before that a
    bare path.

    Raises:
        ValueError: the text is not such a file.
    """
    match parse_key_values(text):
        case {"libraryfolders": dict(folders)}:
            pass
        case _:
            raise ValueError("it has no block 'libraryfolders'")
    paths = []
    for number, library in folders.items():
        path = library.get("path") if isinstance(library, dict) else library
        if number.isdecimal() and isinstance(path, str):
            paths.append(path)
    return paths


def steam_libraries(roots: Iterable[Path]) -> list[Path]:
    """Return every Steam library that ``roots`` (Steam's own folders) know of and that exists.

    A library list that cannot be read is passed over: the root itself is a library too.
    """
    found: dict[Path, None] = {}
    for root in roots:
        if not root.is_dir():
            continue
        found[root.resolve()] = None
        for listed in ("steamapps/libraryfolders.vdf", "config/libraryfolders.vdf"):
            try:
                paths = library_paths((root / listed).read_text("utf-8", errors="replace"))
            except (OSError, ValueError):
                continue
            found.update((Path(path).resolve(), None) for path in paths if Path(path).is_dir())
    return list(found)


def steam_roots() -> list[Path]:
    """Return the folders where Steam itself usually is on this machine; they need not exist."""
    if sys.platform == "win32":
        return [*_registry_roots(), *map(Path, _WINDOWS_ROOTS)]
    return [Path.home() / root for root in _LINUX_ROOTS]


@dataclasses.dataclass(frozen=True, slots=True)
class Places:
    """Where the game's parts are. None: not found."""

    game: Path | None
    """The folder with the game's executable."""
    documents: Path | None
    """The player's ``Assetto Corsa`` folder, with ``cfg`` inside. It exists."""
    libraries: tuple[Path, ...] = ()
    """The Steam libraries that were searched."""

    @property
    def controls(self) -> Path | None:
        """The game's file of input bindings; it need not exist."""
        return self.documents / "cfg" / "controls.ini" if self.documents else None


def find_places(game_folder: Path | None = None, documents: Path | None = None) -> Places:
    """Look for the game on this machine.

    Args:
        game_folder: where the game is, if somebody said so; taken if its executable is there.
        documents: the player's ``Assetto Corsa`` folder, if somebody said so; taken if it exists.
    """
    libraries = steam_libraries(steam_roots())
    games = [game_folder] if game_folder else [library / GAME for library in libraries]
    folders = [documents] if documents else _documents(libraries)
    return Places(
        game=next((game for game in games if (game / EXECUTABLE).is_file()), None),
        documents=next((folder for folder in folders if folder.is_dir()), None),
        libraries=tuple(libraries),
    )


def _documents(libraries: Iterable[Path]) -> list[Path]:
    if sys.platform == "win32":
        return [folder / DOCUMENTS for folder in _windows_documents()]
    return [library / PREFIX / path for library in libraries for path in PROTON_DOCUMENTS]


if sys.platform == "win32":
    import ctypes
    import uuid
    import winreg
    from ctypes import wintypes

    _FOLDERID_DOCUMENTS = uuid.UUID("FDD39AD0-238F-46AF-ADB4-6C85480369C7")

    def _registry_roots() -> list[Path]:
        try:
            with winreg.OpenKey(winreg.HKEY_CURRENT_USER, r"Software\Valve\Steam") as key:
                value, _ = winreg.QueryValueEx(key, "SteamPath")
        except OSError:  # Steam is not installed for this user
            return []
        return [Path(str(value))]

    def _windows_documents() -> list[Path]:
        """Ask Windows: OneDrive moves the documents away from the profile folder."""
        shell = ctypes.WinDLL("shell32")
        shell.SHGetKnownFolderPath.argtypes = [
            ctypes.c_char_p,
            wintypes.DWORD,
            wintypes.HANDLE,
            ctypes.POINTER(ctypes.c_void_p),
        ]
        shell.SHGetKnownFolderPath.restype = ctypes.c_long
        ole = ctypes.WinDLL("ole32")
        ole.CoTaskMemFree.argtypes = [ctypes.c_void_p]
        ole.CoTaskMemFree.restype = None
        text = ctypes.c_void_p()
        failed = shell.SHGetKnownFolderPath(
            _FOLDERID_DOCUMENTS.bytes_le, 0, None, ctypes.byref(text)
        )
        try:
            if failed or not text.value:
                return [Path.home() / "Documents"]
            return [Path(ctypes.wstring_at(text.value))]
        finally:
            ole.CoTaskMemFree(text)
