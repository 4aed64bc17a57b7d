"""The stand-in's track as files in a game's folder, so that whoever reads a game's reads these.

Written from the circuit: the racing line with its sides to the kerbs' outer edges, both edges,
surfaces, the map's frame and what people are told. Not written: any model or picture.

The game counts progress along its AI line; the stand-in's pages count along the centre line, and
say its length. A reader that scales the line to that length has both agree at the timing line, and
within a few metres elsewhere.
"""

from __future__ import annotations

import contextlib
import functools
import json
import struct
import tempfile
import weakref
from pathlib import Path
from typing import Final

import numpy as np

from ac_bridge.standin.circuit import Circuit
from ac_bridge.standin.racing_line import RacingLine, racing_line
from ac_bridge_protocol.errors import GameError

VERSION: Final = 7
EDGE_SPACING_M = 2.0
SURFACES = """\
[SURFACE_0]
KEY=ROAD
FRICTION=1.0
IS_VALID_TRACK=1
[SURFACE_1]
KEY=KERB
FRICTION=0.96
IS_VALID_TRACK=1
[SURFACE_2]
KEY=GRASS
FRICTION=0.6
DAMPING=0.1
IS_VALID_TRACK=0
"""
MARGIN_M, PIXELS_PER_M = 20.0, 1.0


class InstallFolder:
    """A game's folder with one circuit in it, in a temporary place, for as long as it is kept.

    Raises:
        GameError: it cannot be written.
    """

    def __init__(self, circuit: Circuit) -> None:
        with contextlib.ExitStack() as unless_written:
            self._write(circuit, unless_written)
            self.remove = weakref.finalize(self, unless_written.pop_all().close)

    def _write(self, circuit: Circuit, unless_written: contextlib.ExitStack) -> None:
        try:
            folder = tempfile.TemporaryDirectory(
                prefix="ac_bridge_standin_", ignore_cleanup_errors=True
            )
            self.path = Path(unless_written.enter_context(folder))
            write_install(circuit, self.path)
        except OSError as error:
            raise GameError(
                f"The stand-in's track cannot be written to a temporary folder: {error}.",
                hint="Is there room on the disk? TMPDIR names another place.",
            ) from error


def write_install(circuit: Circuit, folder: Path) -> None:
    """Write a circuit's files below a game's folder, in place of any that are there.

    Raises:
        OSError: a file cannot be written.
    """
    for name, data in install_files(circuit).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


@functools.lru_cache(maxsize=4)
def install_files(circuit: Circuit) -> dict[str, bytes]:
    """Return every file's bytes by its path below the game's folder."""
    line = racing_line(circuit)
    base = f"content/tracks/{circuit.name}"
    edges = {
        side: np.array(
            [
                circuit.place(along, sign * circuit.edge_m)[:2]
                for along in np.arange(0.0, circuit.length_m, EDGE_SPACING_M).tolist()
            ]
        )
        for side, sign in (("l", 1.0), ("r", -1.0))
    }
    return {
        f"{base}/ai/fast_lane.ai": _ai_line(circuit, line),
        f"{base}/data/side_l.csv": _edge(edges["l"]),
        f"{base}/data/side_r.csv": _edge(edges["r"]),
        f"{base}/data/surfaces.ini": SURFACES.encode(),
        f"{base}/data/map.ini": _map(np.concatenate(list(edges.values()))),
        f"{base}/ui/ui_track.json": _details(circuit),
        "system/data/surfaces.ini": SURFACES.encode(),
    }


def _ai_line(circuit: Circuit, line: RacingLine) -> bytes:
    """Return a line as version 7 has it, with a record for each point and no search grid."""
    count = len(line.xz_m)
    steps = np.roll(line.xz_m, -1, axis=0) - line.xz_m
    lengths = np.hypot(steps[:, 0], steps[:, 1])
    travelled = np.concatenate([[0.0], np.cumsum(lengths)[:-1]])
    points = np.zeros(count, np.dtype([("xyz", "<f4", 3), ("length", "<f4"), ("id", "<i4")]))
    points["xyz"][:, 0], points["xyz"][:, 2] = line.xz_m[:, 0], line.xz_m[:, 1]
    points["length"], points["id"] = travelled, np.arange(count)
    records = np.zeros((count, 18), "<f4")
    records[:, 0] = line.speed_m_s
    records[:, 1] = line.speed_m_s <= np.roll(line.speed_m_s, -1)
    records[:, 2] = 1.0 - records[:, 1]
    records[:, 5] = circuit.edge_m - line.offset_m
    records[:, 6] = circuit.edge_m + line.offset_m
    records[:, 10] = 1.0  # the normal: straight up
    records[:, 12] = travelled
    records[:, 13], records[:, 15] = steps[:, 0] / lengths, steps[:, 1] / lengths
    lap_ms = int(1000.0 * np.sum(lengths / line.speed_m_s))
    header = struct.pack("<4i", VERSION, count, lap_ms, 0)
    return header + points.tobytes() + struct.pack("<i", count) + records.tobytes() + bytes(4)


def _edge(points: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> bytes:
    return "".join(f"{x:.3f},0.000,{z:.3f}\n" for x, z in points.tolist()).encode()


def _map(points: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> bytes:
    low, high = points.min(axis=0) - MARGIN_M, points.max(axis=0) + MARGIN_M
    width, height = (high - low) * PIXELS_PER_M
    return (
        f"[PARAMETERS]\nWIDTH={width:.0f}\nHEIGHT={height:.0f}\nX_OFFSET={-low[0]:.3f}\n"
        f"Z_OFFSET={-low[1]:.3f}\nSCALE_FACTOR={1.0 / PIXELS_PER_M:g}\n"
        f"MARGIN={MARGIN_M * PIXELS_PER_M:.0f}\nDRAWING_SIZE=10\n"
    ).encode()


def _details(circuit: Circuit) -> bytes:
    said = {
        "name": circuit.name,
        "description": "A circuit of the stand-in game.",
        "tags": ["circuit", "stand-in"],
        "length": f"{circuit.length_m:.0f}",
        "width": f"{2.0 * circuit.half_width_m:g}",
        "pitboxes": "1",
        "run": "",
    }
    return json.dumps(said, indent=2).encode()
