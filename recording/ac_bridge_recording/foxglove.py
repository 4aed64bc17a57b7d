"""Where the car is, in the two schemas of Foxglove's that say so. Pure.

The names of schemas and fields are Foxglove's (its documentation, "message schemas"): by them its
three-dimensional view knows what it sees.
"""

from __future__ import annotations

import math
from typing import Any

from ac_bridge_protocol.frame import TelemetryFrame

WORLD = "world"
"""The game's own axes: metres, y up, right-handed."""
MAP = "map"
"""The same place with z up, as viewers and robots have it."""

Quaternion = tuple[float, float, float, float]
"""x, y, z, w."""

_HALF = math.sqrt(0.5)
_X_FORWARD: Quaternion = (-0.5, -0.5, -0.5, 0.5)
"""From a body whose x points forward, y left and z up to the game's: z forward, x left, y up."""

NANOSECONDS = 1_000_000_000

LATEST_S = 9e9
"""The latest time that is told apart, in seconds: its nanoseconds still are 64 bits with a sign."""


def seen_ns(frame: TelemetryFrame) -> int:
    """Return a frame's time as a file can hold it: another machine's may be any number."""
    return round(min(max(frame.t_wall, 0.0), LATEST_S) * NANOSECONDS)


def transform(time_ns: int) -> dict[str, Any]:
    """Return how the game's axes lie in a map whose z is up: turned by 90 degrees about x."""
    return {
        "timestamp": _stamp(time_ns),
        "parent_frame_id": MAP,
        "child_frame_id": WORLD,
        "translation": {"x": 0.0, "y": 0.0, "z": 0.0},
        "rotation": _rotation((_HALF, 0.0, 0.0, _HALF)),
    }


def pose(frame: TelemetryFrame) -> dict[str, Any]:
    """Return where the car is and how it lies: x forward, y left, z up, in the game's world."""
    x, y, z = frame.position
    return {
        "timestamp": _stamp(seen_ns(frame)),
        "frame_id": WORLD,
        "pose": {
            "position": {"x": x, "y": y, "z": z},
            "orientation": _rotation(orientation(frame.yaw, frame.pitch, frame.roll)),
        },
    }


def orientation(yaw: float, pitch: float, roll: float) -> Quaternion:
    """Return the rotation of a car, from the game's three angles in radians.

    All three turn against the right hand about the car's own axes: yaw grows turning right, about
    y; pitch (unverified) with the nose going up, about x, which points left; roll (unverified) with
    the left side going down, about z.
    """
    turned: Quaternion = (0.0, math.sin(-yaw / 2), 0.0, math.cos(yaw / 2))
    nose: Quaternion = (math.sin(-pitch / 2), 0.0, 0.0, math.cos(pitch / 2))
    leaning: Quaternion = (0.0, 0.0, math.sin(-roll / 2), math.cos(roll / 2))
    return _times(_times(_times(turned, nose), leaning), _X_FORWARD)


def _times(a: Quaternion, b: Quaternion) -> Quaternion:
    ax, ay, az, aw = a
    bx, by, bz, bw = b
    return (
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
        aw * bw - ax * bx - ay * by - az * bz,
    )


def _rotation(quaternion: Quaternion) -> dict[str, float]:
    return dict(zip("xyzw", quaternion, strict=True))


def _stamp(time_ns: int) -> dict[str, int]:
    seconds, nanoseconds = divmod(time_ns, NANOSECONDS)
    return {"sec": seconds, "nsec": nanoseconds}


def _map_of(kind: str, names: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: {"type": kind} for name in names.split()},
        "required": names.split(),
    }


_STAMP = _map_of("integer", "sec nsec")
_VECTOR = _map_of("number", "x y z")
_QUATERNION = _map_of("number", "x y z w")

POSE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "timestamp": _STAMP,
        "frame_id": {"type": "string"},
        "pose": {
            "type": "object",
            "properties": {"position": _VECTOR, "orientation": _QUATERNION},
            "required": ["position", "orientation"],
        },
    },
    "required": ["timestamp", "frame_id", "pose"],
}
"""Of `pose`."""

TRANSFORM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "timestamp": _STAMP,
        "parent_frame_id": {"type": "string"},
        "child_frame_id": {"type": "string"},
        "translation": _VECTOR,
        "rotation": _QUATERNION,
    },
    "required": ["timestamp", "parent_frame_id", "child_frame_id", "translation", "rotation"],
}
"""Of `transform`."""
