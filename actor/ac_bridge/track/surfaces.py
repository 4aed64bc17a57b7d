"""``surfaces.ini``: the kinds of ground. Pure."""

from __future__ import annotations

from ac_bridge.track.ini import number, read_ini
from ac_bridge.track.raw import Surface


def read_surfaces(*files: bytes) -> tuple[Surface, ...]:
    """Return the kinds of ground; a later file's take the place of an earlier one's by their key.

    The game reads its own file first, then the track's. Sections are numbered from 0 and end at
    the first gap; a key that is missing is 0. Never fails.
    """
    found: dict[str, Surface] = {}
    for data in files:
        sections = read_ini(data)
        at = 0
        while (section := sections.get(f"SURFACE_{at}")) is not None:
            key = section.get("KEY", "")
            found[key] = Surface(
                key=key,
                friction=number(section, "FRICTION"),
                is_valid_track=number(section, "IS_VALID_TRACK") != 0.0,
                is_pitlane=number(section, "IS_PITLANE") != 0.0,
            )
            at += 1
    return tuple(found.values())
