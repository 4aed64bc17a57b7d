"""A game's folder with a track in it, written byte by byte as the formats are described."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ac_bridge.track.raw import Floats

SPEED, SIDE_LEFT, SIDE_RIGHT = 0, 5, 6
"""The columns of a payload."""
POINTS_AT, POINT_BYTES, PAYLOAD_BYTES = 16, 20, 72

SYSTEM_SURFACES = """\
[SURFACE_0]
KEY=ROAD
FRICTION=1
IS_VALID_TRACK=1
[SURFACE_1]
KEY=GRASS
FRICTION=0.6
"""
TRACK_SURFACES = """\
; ours
[SURFACE_0]
KEY=ROAD
FRICTION=0.97 ; old tarmac
IS_VALID_TRACK=1
[SURFACE_1]
KEY=PIT
FRICTION=0.9
IS_VALID_TRACK=1
IS_PITLANE=1
[SURFACE_3]
KEY=AFTER_THE_GAP
"""


def ring_points(count: int = 60, radius_m: float = 100.0) -> Floats:
    """Return the points of a circle that turns right, float64[count, 3]."""
    turned = np.arange(count) * 2.0 * np.pi / count
    return np.column_stack(
        (radius_m * np.cos(turned), np.full(count, 3.0), radius_m * np.sin(turned))
    )


def ai_bytes(
    points: Floats,
    *,
    speeds: Sequence[float] | None = None,
    lefts: Sequence[float] | None = None,
    rights: Sequence[float] | None = None,
    ids: Sequence[int] | None = None,
    payloads: int | None = None,
    version: int = 7,
    lap_time_ms: int = 90_000,
    tail: bytes = bytes(4),
) -> bytes:
    """Return a line's file.

    Args:
        points: x, y, z of each.
        speeds: of each payload, m/s.
        lefts: of each payload, metres to the left edge.
        rights: of each payload, metres to the right edge.
        ids: of each point; its index by default.
        payloads: how many; as many as points by default.
        version: of the header.
        lap_time_ms: of the header.
        tail: what follows the payloads: "no grid" by default.
    """
    count = len(points) if payloads is None else payloads
    ids = range(len(points)) if ids is None else ids
    steps = np.hypot(*np.diff(points[:, [0, 2]], axis=0).T)
    lengths = np.concatenate(([0.0], np.cumsum(steps)))
    data = struct.pack("<4i", version, len(points), lap_time_ms, 0)
    for (x, y, z), length, payload_id in zip(points, lengths, ids, strict=True):
        data += struct.pack("<4fi", x, y, z, length, payload_id)
    data += struct.pack("<i", count)
    for number in range(count):
        row = [1e9 if column == 4 else float(column) for column in range(18)]
        row[SPEED] = 50.0 if speeds is None else speeds[number]
        row[SIDE_LEFT] = 6.0 if lefts is None else lefts[number]
        row[SIDE_RIGHT] = 4.0 if rights is None else rights[number]
        data += struct.pack("<18f", *row)
    return data + tail


def edge_bytes(points: Floats, fourth: str = "") -> bytes:
    """Return an edge's file: x, y, z and perhaps a fourth column."""
    return "".join(f"{x:.6f},{y:.6f},{z:.6f}{fourth}\r\n" for x, y, z in points).encode()


def write_track(game: Path, track: str, layout: str = "", **files: bytes) -> Path:
    """Write a track into a game's folder; return the folder of its layout, or its own.

    Args:
        game: the game's folder.
        track: folder of the track.
        layout: folder of the layout; empty for none.
        files: bytes by name: ``ai`` (a ring by default), ``side_l``, ``side_r``, ``surfaces``,
            ``ui``. Others are not written.
    """
    folder = game / "content" / "tracks" / track
    base, ui = (folder / layout, folder / "ui" / layout) if layout else (folder, folder / "ui")
    places = {
        "ai": base / "ai" / "fast_lane.ai",
        "side_l": base / "data" / "side_l.csv",
        "side_r": base / "data" / "side_r.csv",
        "surfaces": base / "data" / "surfaces.ini",
        "ui": ui / "ui_track.json",
    }
    for name, data in ({"ai": ai_bytes(ring_points())} | files).items():
        places[name].parent.mkdir(parents=True, exist_ok=True)
        places[name].write_bytes(data)
    return base


def write_full_track(game: Path, track: str, layout: str = "") -> Path:
    """Write a track with every file that is read, and the game's own surfaces."""
    system = game / "system" / "data" / "surfaces.ini"
    system.parent.mkdir(parents=True, exist_ok=True)
    system.write_text(SYSTEM_SURFACES)
    said: dict[str, Any] = {"name": "The Ring", "length": "628 m", "pitboxes": 12, "tags": ["x"]}
    return write_track(
        game,
        track,
        layout,
        ai=ai_bytes(ring_points()),
        side_l=edge_bytes(ring_points(radius_m=107.0)),
        side_r=edge_bytes(ring_points(radius_m=95.0), ",0.5"),
        surfaces=TRACK_SURFACES.encode(),
        ui=json.dumps(said).encode(),
    )
