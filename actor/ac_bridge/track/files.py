"""The folders and files of a track, found as the game finds them.

The names of a track and its layout come from the game's page and are not trusted: each may only
name a folder directly in the one it belongs to. Case does not matter, as on Windows. Links that
the player made inside of the game's folder are followed. Only plain files of a sane size are read.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import stat
from pathlib import Path

from ac_bridge_protocol.errors import TrackError

TRACKS = ("content", "tracks")
"""The folder of all tracks, inside of the game's."""
AI_BYTES = 256 * 1024**2
"""Largest ``.ai`` file: a million points are 92 MB, and their search grid adds some more."""
EDGE_BYTES = 32 * 1024**2
"""Largest edge: a million vertices of some 30 characters."""
TEXT_BYTES = 1024**2
"""Largest ini or json file; they have a few kB."""

_NEVER_IN_NAMES = frozenset('/\\:*?"<>|')
"""What leads to another folder, drive or stream, or is in no name on Windows."""
_NAME_CHARACTERS = 255
_SHOWN_CHARACTERS = 80
_OPEN = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""Should the file have become a pipe since it was looked at, opening it does not wait."""
_DIR_HINT = (
    "Is it the folder of the game (--game-dir DIR, or the setting game_dir), and is the track "
    "installed there?"
)
_READ_HINT = "Is it there, and may it be read?"


@dataclasses.dataclass(frozen=True, slots=True)
class TrackFolders:
    """Where a track's files are. The folders of data, ai and ui need not exist."""

    base: Path
    """Of the layout if there is one, else of the track."""
    ui: Path
    """Where ``ui_track.json`` is."""
    track: str
    """Name of the track's folder, as it is spelt on the disk."""
    layout: str
    """Name of the layout's, likewise; empty if there is none."""

    @property
    def line(self) -> Path:
        """The racing line; it need not exist."""
        return entry(self.base, "ai", "fast_lane.ai")

    def data(self, name: str) -> Path:
        """Return where a data file is; it need not exist."""
        return entry(self.base, "data", name)


def track_folders(game_dir: Path, track: str, layout: str) -> TrackFolders:
    """Return the folders of a track, as the game's page names it.

    Args:
        game_dir: the game's folder.
        track: folder of the track.
        layout: folder of the layout inside of it; empty if there is none.

    Raises:
        TrackError: a name cannot be a folder's, or there is no such folder.
    """
    folder = _folder(entry(game_dir, *TRACKS), track, "track")
    ui = entry(folder, "ui")
    if not layout:
        return TrackFolders(folder, ui, folder.name, "")
    base = _folder(folder, layout, "layout")
    return TrackFolders(base, entry(ui, layout), folder.name, base.name)


def _folder(parent: Path, name: str, what: str) -> Path:
    shown = ascii(name[:_SHOWN_CHARACTERS])
    if not is_plain(name):
        raise TrackError(
            f"{shown} cannot be the name of a {what}: nothing is read for it.",
            file=shown,
            reason="not a name",
            hint="It should be a folder's plain name, as in content/tracks of the game.",
        )
    found = entry(parent, name)
    if not is_folder(found):
        raise TrackError(
            f"There is no {what} {shown} in {parent}.",
            file=str(found),
            reason=f"no such {what}",
            hint=_DIR_HINT,
        )
    return found


def is_plain(name: str) -> bool:
    """Return whether a name can only be that of something directly in a folder."""
    return (
        0 < len(name) <= _NAME_CHARACTERS
        and name.isprintable()  # neither NUL nor half of a character
        and not _NEVER_IN_NAMES & set(name)
        and name.strip(" .") != ""  # Windows drops dots and spaces at the end
    )


def entry(folder: Path, *names: str) -> Path:
    """Return what is under names inside of a folder, each in whatever case, spelt as it is there.

    Where there is nothing under a name, it stays as it is.
    """
    return functools.reduce(_entry, names, folder)


def _entry(folder: Path, name: str) -> Path:
    names: list[str] = []
    with contextlib.suppress(OSError):  # what is not there, or not for us, has nothing in it
        names = sorted(os.listdir(folder))  # noqa: PTH208 -- names, of which there may be many
    wanted = name.casefold()
    alike = [found for found in names if found.casefold() == wanted]
    return folder / (name if name in alike or not alike else alike[0])


def exists(path: Path) -> bool:
    """Return whether there is anything, also what may not be looked at. Never fails."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: no path anywhere
        return False
    except OSError:
        return True
    return True


def is_folder(path: Path) -> bool:
    """Return whether this is a folder, or a link to one, as far as can be seen. Never fails."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def read_plain_file(path: Path, most_bytes: int) -> bytes:
    """Return a file's bytes.

    A pipe or a device is not opened, and nothing is read of a file that is too large.

    Raises:
        TrackError: there is no such file, it is not a plain one, is larger than `most_bytes`, or
            cannot be read.
    """
    try:
        _check(path, path.stat(), most_bytes)
        with open(os.open(path, _OPEN), "rb") as stream:  # noqa: PTH123 -- of a descriptor
            _check(path, os.fstat(stream.fileno()), most_bytes)
            data = stream.read(most_bytes + 1)
    except FileNotFoundError:
        raise _unreadable(path, "does not exist", "no file") from None
    except (OSError, ValueError) as error:
        why = (getattr(error, "strerror", None) or str(error)).lower()
        raise _unreadable(path, f"cannot be read: {why}", why) from error
    if len(data) > most_bytes:
        raise _unreadable(path, "grew while it was read", "too large")
    return data


def _check(path: Path, found: os.stat_result, most_bytes: int) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise _unreadable(path, "is a folder, not a file", "a folder")
    if not stat.S_ISREG(found.st_mode):
        raise _unreadable(path, "is not a plain file", "not a plain file")
    if found.st_size > most_bytes:
        size = f"{found.st_size} bytes, more than {most_bytes}"
        raise _unreadable(path, f"has {size}: it is not read", "too large")


def _unreadable(path: Path, what: str, reason: str) -> TrackError:
    return TrackError(f"{path} {what}.", file=str(path), reason=reason, hint=_READ_HINT)
