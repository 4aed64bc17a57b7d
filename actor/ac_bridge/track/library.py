"""The tracks of an installed game: each read from its files, none of which we bring along."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ac_bridge.machine.steam import find_places
from ac_bridge.track import files
from ac_bridge.track.ai_line import AiLine, read_ai
from ac_bridge.track.build import build
from ac_bridge.track.details import read_details
from ac_bridge.track.edges import read_edge
from ac_bridge.track.files import EDGE_BYTES, TEXT_BYTES, TrackFolders
from ac_bridge.track.raw import Floats, RawTrack, Surface, TrackDetails
from ac_bridge.track.surfaces import read_surfaces
from ac_bridge.track.track import Track
from ac_bridge_protocol.errors import SettingError, TrackError

T = TypeVar("T")

_DIR_HINT = "Name the game's folder: --game-dir DIR, or the setting game_dir."


class TrackLibrary:
    """The tracks of an installed game.

    Args:
        game_dir: the game's folder; None looks for it in the Steam libraries when first asked.
    """

    def __init__(self, game_dir: Path | None = None) -> None:
        self._given = game_dir
        self._found: Path | None = None

    def load(self, track: str, layout: str = "", spline_length_m: float | None = None) -> Track:
        """Read a track and make its shape.

        Args:
            track: folder of the track, as the game's page says; case does not matter.
            layout: folder of the layout inside of it; empty if there is none.
            spline_length_m: length of the line as the game's page says; None takes the points'.

        Raises:
            TrackError: the game, the track or its line is not there, or cannot be used.
        """
        return build(self.read(track, layout), spline_length_m)

    def read(self, track: str, layout: str = "") -> RawTrack:
        """Read a track's files as they are.

        The line must be there and be right. Any other file that is damaged is passed over, which
        the notes then say.

        Raises:
            TrackError: as `load`, except for what makes a line without a shape.
        """
        game = self._game()
        folders = files.track_folders(game, track, layout)
        line = _line(folders)
        notes = _Notes(list(line.notes))
        left, right = (
            notes.optional(folders.data(name), _edge) for name in ("side_l.csv", "side_r.csv")
        )
        return RawTrack(
            name=folders.track,
            layout=folders.layout,
            line_xyz_m=line.xyz_m,
            speed_m_s=line.speed_m_s,
            side_left_m=line.side_left_m,
            side_right_m=line.side_right_m,
            edge_left_xz_m=left,
            edge_right_xz_m=right,
            surfaces=_surfaces(game, folders, notes),
            details=_details(folders, notes),
            notes=tuple(notes.sentences),
        )

    def _game(self) -> Path:
        """Return the game's folder.

        Raises:
            TrackError: it is not where it was said to be, or nowhere.
        """
        if self._given is not None:
            if files.is_folder(self._given):
                return self._given
            message = f"There is no folder {self._given}, where the game should be."
            raise TrackError(message, file=str(self._given), reason="no game", hint=_DIR_HINT)
        self._found = self._found or find_places().game
        if self._found is not None:
            return self._found
        message = "Assetto Corsa was not found in any Steam library."
        raise TrackError(message, file="content/tracks", reason="no game", hint=_DIR_HINT)


def read_file(path: Path) -> RawTrack:
    """Read one lone line, wherever it lies; its track has the file's name.

    Raises:
        TrackError: it is not there, or cannot be used.
    """
    line = read_ai(files.read_plain_file(path, files.AI_BYTES), str(path))
    return RawTrack(
        name=path.stem,
        line_xyz_m=line.xyz_m,
        speed_m_s=line.speed_m_s,
        side_left_m=line.side_left_m,
        side_right_m=line.side_right_m,
        notes=line.notes,
    )


def check_game_dir(folder: Path | None) -> None:
    """Refuse a folder that was named and that no game can be in; None looks for the game later.

    Raises:
        SettingError: there is no such folder, or no ``content/tracks`` in it.
    """
    if folder is None or files.is_folder(files.entry(folder, *files.TRACKS)):
        return
    found = files.is_folder(folder)
    raise SettingError(
        f"There is no content/tracks in {folder}: it is not the game's folder."
        if found
        else f"There is no folder {folder}, where the game should be.",
        setting="game_dir",
        hint=f"{_DIR_HINT} Without either it is looked for in Steam's libraries.",
    )


class _Notes:
    """What was passed over; reads the files that a track may lack."""

    def __init__(self, sentences: list[str]) -> None:
        self.sentences = sentences

    def optional(self, file: Path, read: Callable[[Path], T]) -> T | None:
        """Return what is read of a file; None where it is missing or damaged."""
        if not files.exists(file):
            return None
        try:
            return read(file)
        except TrackError as error:
            self.sentences.append(f"Passed over: {error.message}")
            return None


def _line(folders: TrackFolders) -> AiLine:
    file = folders.line
    if not files.exists(file):
        name = "/".join(filter(None, (folders.track, folders.layout)))
        raise TrackError(
            f"The track {name} has no line: there is no {file}.",
            file=str(file),
            reason="no line",
            hint="Choose a track with a line for the game's own drivers, or record one.",
        )
    return read_ai(files.read_plain_file(file, files.AI_BYTES), str(file))


def _edge(file: Path) -> Floats:
    return read_edge(files.read_plain_file(file, EDGE_BYTES), str(file))


def _text_bytes(file: Path) -> bytes:
    return files.read_plain_file(file, TEXT_BYTES)


def _surfaces(game: Path, folders: TrackFolders, notes: _Notes) -> tuple[Surface, ...]:
    system = files.entry(game, "system", "data", "surfaces.ini")
    found = (notes.optional(file, _text_bytes) for file in (system, folders.data("surfaces.ini")))
    surfaces = read_surfaces(*(data for data in found if data is not None))
    if not surfaces:
        notes.sentences.append("No surfaces.ini tells a surface: what the ground is like is open.")
    return surfaces


def _details(folders: TrackFolders, notes: _Notes) -> TrackDetails:
    file = files.entry(folders.ui, "ui_track.json")
    if (data := notes.optional(file, _text_bytes)) is None:
        return TrackDetails()
    details, problems = read_details(data)
    notes.sentences += [f"{file} {problem}." for problem in problems]
    return details
