"""The file that tells a learner which was killed how far it had come."""

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


def load(path: Path) -> dict[str, Bookmark]:
    """Return the bookmarks of a file by their spools; none if there is no file.

    Raises:
        SettingError: it cannot be read, or is something else.
    """
    try:
        with path.open("rb") as file:
            contents = _Contents.model_validate_json(file.read(FILE_BYTES))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise _unusable(path, first["msg"]) from None
    return {bookmark.spool: bookmark for bookmark in contents.bookmarks}


def save(path: Path, bookmarks: Mapping[str, Bookmark]) -> None:
    """Replace a file at once: whoever is killed meanwhile leaves the old one, or the new one.

    Raises:
        SettingError: it cannot be written.
    """
    contents = _Contents(bookmarks=tuple(bookmarks.values()))
    beside = path.with_name(f"{path.name}.new")
    try:
        with beside.open("wb") as file:
            file.write(contents.model_dump_json().encode())
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from error


def _unusable(path: Path, why: str) -> SettingError:
    return SettingError(
        f"The resume file {path} cannot be used: {why}.",
        setting="resume_file",
        hint="Name one that a stream has written, or one that is not there yet.",
    )
