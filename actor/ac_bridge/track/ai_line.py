"""``fast_lane.ai``, version 7: the points of a line, and what was recorded at each.

Little-endian, no padding: int32 version, N, lap time in ms, one unused; N points of 20 bytes
(float x, y, z, length; int32 id); int32 M; M payloads of 72 bytes (18 floats); then a search grid,
which is not read. A point's id is the index of its payload.

Five independent readers agree on this; its sizes add up to those that were published for one file.
No file of the game was at hand.
"""

from __future__ import annotations

import dataclasses
import struct

import numpy as np
import numpy.typing as npt

from ac_bridge.track.raw import Floats
from ac_bridge_protocol.errors import TrackError

VERSION = 7
"""The only one whose points are known; the game saves a line of an older one anew at load."""
MOST_POINTS = 1_000_000
"""Over a thousand kilometres at the usual spacing of 1 to 3 m: more is a damaged count."""
LARGEST = 1e6
"""No coordinate, speed or side of a track reaches this, in metres or m/s."""

_HEADER = struct.Struct("<4i")
_COUNT = struct.Struct("<i")
_POINT = np.dtype([("xyz", "<f4", 3), ("length", "<f4"), ("id", "<i4")])
_PAYLOAD = np.dtype("<18f4")
_USED = {"speed": 0, "left side": 5, "right side": 6}
"""The columns of a payload that are read. Others are known to be damaged on some tracks."""
_HINT = "Let Steam verify the game's files, or install the track anew."
_OLD_HINT = "Drive the track in the game once: it saves the line as version 7."


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class AiLine:
    """The file's content. What was recorded is None in a file without payloads."""

    xyz_m: Floats
    """The points, float64[N, 3], world axes (y up), in driving order."""
    lap_time_ms: int
    """Of the lap that was recorded; 0 if the file does not say."""
    speed_m_s: Floats | None = None
    """At each point; NaN where a point has no payload."""
    side_left_m: Floats | None = None
    """From the line to the left edge; NaN where a point has no payload."""
    side_right_m: Floats | None = None
    """From the line to the right edge; NaN where a point has no payload."""
    notes: tuple[str, ...] = ()
    """What was missing, in sentences."""


def read_ai(data: bytes, file: str) -> AiLine:
    """Read a line.

    Args:
        data: the file's bytes.
        file: its name, for errors and notes.

    Raises:
        TrackError: it is empty, cut off, of another version, or holds what no track can.
    """
    count, lap_time_ms = _header(data, file)
    end = _HEADER.size + count * _POINT.itemsize
    if end > len(data):
        raise _damaged(file, len(data), "cut off", f"ends before its {count} points do")
    points = np.frombuffer(data, _POINT, count, _HEADER.size)
    xyz_m = points["xyz"].astype(np.float64)
    _check(xyz_m, file, _HEADER.size, _POINT.itemsize, ("x", "y", "z"))
    payload = _payload(data, end, file)
    if payload is None:
        note = f"{file} ends after its points: it tells neither speeds nor sides."
        return AiLine(xyz_m=xyz_m, lap_time_ms=lap_time_ms, notes=(note,))
    return _joined(xyz_m, lap_time_ms, points["id"], payload, file)


def _header(data: bytes, file: str) -> tuple[int, int]:
    """Return the number of points and the lap time, ms."""
    if len(data) < _HEADER.size:
        reason = "cut off" if data else "empty"
        raise _damaged(file, len(data), reason, f"has {len(data)} of the header's 16 bytes")
    version, count, lap_time_ms, _ = _HEADER.unpack_from(data)
    if count == 0 and 0 <= version <= VERSION:
        what = "has no points: this layout comes without a line"
        raise _damaged(file, 4, "no line", what, "Choose another layout or track.")
    if version != VERSION:
        what = f"is of version {version}; only version {VERSION} can be read"
        hint = _OLD_HINT if 0 <= version < VERSION else _HINT
        raise _damaged(file, 0, "version", what, hint)
    if not 0 < count <= MOST_POINTS:
        what = f"claims {count} points; 1 to {MOST_POINTS} are possible"
        raise _damaged(file, 4, "point count", what)
    return count, lap_time_ms


def _payload(data: bytes, start: int, file: str) -> npt.NDArray[np.float32] | None:
    """Return the payloads, float32[M, 18]; None where the file has none."""
    if start == len(data):
        return None
    if len(data) - start < _COUNT.size:
        raise _damaged(file, len(data), "cut off", "ends within the number of its payloads")
    (count,) = _COUNT.unpack_from(data, start)
    if not 0 <= count <= MOST_POINTS:
        what = f"claims {count} payloads; 0 to {MOST_POINTS} are possible"
        raise _damaged(file, start, "payload count", what)
    start += _COUNT.size
    if start + count * _PAYLOAD.itemsize > len(data):
        raise _damaged(file, len(data), "cut off", f"ends before its {count} payloads do")
    if count == 0:
        return None
    payload = np.frombuffer(data, "<f4", 18 * count, start).reshape(count, 18)
    used = payload[:, list(_USED.values())].astype(np.float64)
    at = [_PAYLOAD.itemsize, *(4 * column for column in _USED.values())]
    _check(used, file, start, at[0], tuple(_USED), tuple(at[1:]))
    return payload


def _joined(
    xyz_m: Floats,
    lap_time_ms: int,
    ids: npt.NDArray[np.int32],
    payload: npt.NDArray[np.float32],
    file: str,
) -> AiLine:
    """Give each point the payload that its id names."""
    known = (ids >= 0) & (ids < len(payload))
    columns = np.full((len(xyz_m), len(_USED)), np.nan)
    columns[known] = payload[ids[known]][:, list(_USED.values())]
    notes = []
    if not known.all():
        without = f"{int((~known).sum())} of {len(xyz_m)} points"
        notes.append(f"{file} has no payload for {without}: no speed and no sides there.")
    speed, left, right = (np.ascontiguousarray(column) for column in columns.T)
    return AiLine(
        xyz_m=xyz_m,
        lap_time_ms=lap_time_ms,
        speed_m_s=speed if known.any() else None,
        side_left_m=left if known.any() else None,
        side_right_m=right if known.any() else None,
        notes=tuple(notes),
    )


def _check(
    rows: Floats,
    file: str,
    start: int,
    row_bytes: int,
    names: tuple[str, ...],
    places: tuple[int, ...] = (0, 4, 8),
) -> None:
    """Refuse values that are not finite, or larger than a track's can be; names the first."""
    bad = ~(np.abs(rows) < LARGEST)  # also where it is not a number
    if bad.any():
        row, column = (int(at) for at in np.argwhere(bad)[0])
        offset = start + row * row_bytes + places[column]
        what = f"has {rows[row, column]:g} as the {names[column]} of number {row}"
        raise _damaged(file, offset, "not a track's value", what)


def _damaged(file: str, offset: int, reason: str, what: str, hint: str = _HINT) -> TrackError:
    return TrackError(
        f"{file} cannot be used as a line: it {what} (byte {offset}).",
        file=file,
        offset=offset,
        reason=reason,
        hint=hint,
    )
