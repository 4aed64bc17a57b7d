"""How far a learner had come that was killed: in a file of the stream's, or as text in its own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Strict, ValidationError

from ac_bridge_client.stream_intake import Bookmark
from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.wire import WireModel

FILE_BYTES = 16 * 1024 * 1024
"""Largest file that is read: hundreds of spools with the longest observation."""


class _Contents(WireModel):
    version: Literal[1] = 1
    bookmarks: Annotated[tuple[Bookmark, ...], Strict(False)] = ()


def found(path: Path | None, position: str | None) -> dict[str, Bookmark]:
    """Return the bookmarks of the file or the text that a stream was given; none for neither.

    Raises:
        SettingError: it cannot be used, or it was given both.
    """
    if path is not None and position is not None:
        raise SettingError(
            "A stream goes on from a resume file or from a position, not from both.",
            setting="position",
            hint="Leave out resume_file: the position in your checkpoint does the same.",
        )
    if path is not None:
        return load(path)
    return {} if not position else of_text(position)


def to_text(bookmarks: Mapping[str, Bookmark]) -> str:
    """Return bookmarks as text."""
    return _Contents(bookmarks=tuple(bookmarks.values())).model_dump_json()


def of_text(text: str) -> dict[str, Bookmark]:
    """Return the bookmarks of a text by their spools.

    Raises:
        SettingError: it is something else.
    """
    try:
        return _parsed(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise SettingError(
            f"This is not the position of a stream: {first['msg']}.",
            setting="position",
            hint="Give what position() returned, or empty text to begin.",
        ) from None


def load(path: Path) -> dict[str, Bookmark]:
    """Return the bookmarks of a file by their spools; none if there is no file.

    Raises:
        SettingError: it cannot be read, or is something else.
    """
    try:
        with path.open("rb") as file:
            return _parsed(file.read(FILE_BYTES))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise _unusable(path, first["msg"]) from None


def save(path: Path, bookmarks: Mapping[str, Bookmark]) -> None:
    """Replace a file at once: whoever is killed meanwhile leaves the old one, or the new one.

    Raises:
        SettingError: it cannot be written.
    """
    beside = path.with_name(f"{path.name}.new")
    try:
        with beside.open("wb") as file:
            file.write(to_text(bookmarks).encode())
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from error


def _parsed(text: str | bytes) -> dict[str, Bookmark]:
    contents = _Contents.model_validate_json(text)
    return {bookmark.spool: bookmark for bookmark in contents.bookmarks}


def _unusable(path: Path, why: str) -> SettingError:
    return SettingError(
        f"The resume file {path} cannot be used: {why}.",
        setting="resume_file",
        hint="Name one that a stream has written, or one that is not there yet.",
    )
