"""``surfaces.ini``, the kinds of ground, and ``map.ini``, where the track's picture lies. Pure."""

from __future__ import annotations

from ac_bridge.track.ini import number, read_ini
from ac_bridge.track.raw import MapFrame, Surface


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


def read_map(data: bytes) -> MapFrame | None:
    """Return how ``map.png`` lies in the world; None if the file does not tell a usable scale."""
    section = read_ini(data).get("PARAMETERS", {})
    frame = MapFrame(
        width_px=number(section, "WIDTH"),
        height_px=number(section, "HEIGHT"),
        x_offset_m=number(section, "X_OFFSET"),
        z_offset_m=number(section, "Z_OFFSET"),
        metres_per_pixel=number(section, "SCALE_FACTOR"),
    )
    usable = min(frame.width_px, frame.height_px, frame.metres_per_pixel) > 0.0
    return frame if usable else None
