"""``ui_track.json``: what the menu says about a track, as tolerantly as it is written. Pure.

Such files are often not quite JSON: raw line breaks in texts, commas too many, the code page of an
old Windows. Where the JSON cannot be read, the texts are picked out one by one.
"""

from __future__ import annotations

import json
import re
from typing import Any

from ac_bridge.machine.controls_ini import decode_ini
from ac_bridge.track.raw import TrackDetails

TEXT_CHARACTERS = 2000
"""So much of each text is kept."""
_FIELDS = {
    "name": "name",
    "description": "description",
    "country": "country",
    "city": "city",
    "length_text": "length",
    "width_text": "width",
    "pitboxes_text": "pitboxes",
    "run_text": "run",
    "author": "author",
    "version": "version",
}
"""The file's key of each field."""
# Possessive throughout, and ends with the text: no file makes these slow.
_VALUE = r'"%s"\s*+:\s*+(?:"((?:[^"\\]++|\\.)*+)|([^",\s}\]]++))'


def read_details(data: bytes) -> tuple[TrackDetails, tuple[str, ...]]:
    """Return what the file says, and what was wrong with it in sentences. Never fails."""
    text = decode_ini(data).removeprefix("\ufeff")
    notes: tuple[str, ...] = ()
    try:
        said = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        said = {key: value for key in _FIELDS.values() if (value := _picked(text, key))}
        notes = (f"is not JSON: {len(said)} texts were picked out of it",)
    if not isinstance(said, dict):
        said, notes = {}, ("is not a JSON object: nothing in it was read",)
    return TrackDetails(**{name: _text(said.get(key)) for name, key in _FIELDS.items()}), notes


def _picked(text: str, key: str) -> str:
    """Return the value of the first such key, wherever it stands; empty if there is none."""
    found = re.search(_VALUE % re.escape(key), text, re.DOTALL)
    if found is None:
        return ""
    quoted, bare = found.groups()
    if bare is not None:
        return str(bare)
    try:
        return str(json.loads(f'"{quoted}"', strict=False))
    except ValueError:  # an escape that JSON does not know
        return str(quoted)


def _text(value: Any) -> str:
    """Return a value as text that can be encoded; empty for what is neither text nor number."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value)[:TEXT_CHARACTERS].strip().encode("utf-8", "replace").decode()
