"""Features of the road: where the car lies on it, and how it goes on. They need the track's files.

Without these every element is 0, and the episode begins with an event that says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ac_bridge.telemetry.observation.feature import (
    Feature,
    Layout,
    Look,
    Numbers,
    Option,
    Options,
    of_frame,
)
from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.frame import TelemetryFrame

CURVATURE_SCALE_PER_M = 0.05
"""Curvatures are given as shares of a corner of 20 m radius."""
DIGITS = 6
"""Decimals of what is worked out by vectors: beyond that the mathematics of two processors differ,
and the same drive would not be the same observations."""
FARTHEST_M = 1000.0
"""How far ahead an observation may look."""


def _given(*values: float | None) -> Numbers:
    return [0.0 if value is None else value for value in values]


def _heading(frame: TelemetryFrame) -> Numbers:
    error = frame.line_heading_error or 0.0
    return (math.sin(error), math.cos(error))


# --- Ahead ----------------------------------------------------------------------------------------

POINTS = Option(12, 1, 128, "Number of points.", whole=True)
SPACING = Option(
    25.0, 0.5, 200.0, "Metres along the line from one to the next; the last at most 1000 m ahead."
)


def _offsets(options: Options) -> list[float]:
    """Return how far ahead the points are, in metres; the first is one spacing away.

    Raises:
        SettingError: the last one would be further than an observation may look.
    """
    count, spacing_m = int(options["n"]), options["spacing_m"]
    if count * spacing_m > FARTHEST_M:
        raise SettingError(
            f"The last of {count} points, {spacing_m:g} m apart, would be "
            f"{count * spacing_m:g} m ahead; the most is {FARTHEST_M:g} m.",
            setting="observation",
            hint="Ask for a smaller n, or a smaller spacing_m.",
        )
    return [spacing_m * (number + 1) for number in range(count)]


def _curvature_layout(options: Options) -> Layout:
    names = tuple(f"[{offset_m:g}m]" for offset_m in _offsets(options))
    return Layout(names, CURVATURE_SCALE_PER_M, -2.0, 2.0)


def _curvature(options: Options) -> Callable[[Look], Numbers]:
    offsets_m = np.array(_offsets(options))
    nothing = (0.0,) * len(offsets_m)

    def look(seen: Look) -> Numbers:
        distance_m = seen.frame.track_distance
        if seen.road is None or distance_m is None:
            return nothing
        _, _, curvature = seen.road.ahead(distance_m, offsets_m)
        return (curvature / CURVATURE_SCALE_PER_M).round(DIGITS).tolist()  # type: ignore[no-any-return]

    return look


def _path_layout(options: Options) -> Layout:
    offsets_m = _offsets(options)
    names = tuple(f"[{m:g}m]_{axis}" for m in offsets_m for axis in ("forward", "left"))
    return Layout(names, offsets_m[-1], -2.0, 2.0)


def _path(options: Options) -> Callable[[Look], Numbers]:
    offsets_m = np.array(_offsets(options))
    nothing = (0.0,) * (2 * len(offsets_m))
    scale_m = float(offsets_m[-1])

    def look(seen: Look) -> Numbers:
        frame = seen.frame
        if seen.road is None or frame.track_distance is None:
            return nothing
        x, z, _ = seen.road.ahead(frame.track_distance, offsets_m)
        dx, dz = x - frame.position[0], z - frame.position[2]
        sin, cos = math.sin(frame.yaw) / scale_m, math.cos(frame.yaw) / scale_m
        both = np.empty(2 * len(offsets_m))
        both[0::2] = dz * cos - dx * sin
        both[1::2] = dx * cos + dz * sin
        return both.round(DIGITS).tolist()

    return look


# --- Around ---------------------------------------------------------------------------------------


def _angles_deg(options: Options) -> Sequence[float]:
    """Return the rays' directions from the nose, degrees, from the left to the right."""
    count, spread = int(options["n"]), options["spread_deg"]
    if count == 1:
        return [0.0]
    ends = spread >= 360.0  # a full circle: the last ray would be the first again
    step = spread / (count if ends else count - 1)
    return [-spread / 2.0 + step * number for number in range(count)]


def _ray_layout(options: Options) -> Layout:
    names = tuple(f"[{angle:.4g}deg]" for angle in _angles_deg(options))
    return Layout(names, options["range_m"], 0.0, 1.0)


def _rays(options: Options) -> Callable[[Look], Numbers]:
    angles_rad = np.radians(_angles_deg(options))
    range_m = options["range_m"]
    nothing = (0.0,) * len(angles_rad)

    def look(seen: Look) -> Numbers:
        frame = seen.frame
        if seen.road is None or frame.line_offset is None:
            return nothing
        x_m, _, z_m = frame.position
        found_m = seen.road.rays(x_m, z_m, frame.yaw, angles_rad, range_m)
        return (found_m / range_m).round(DIGITS).tolist()  # type: ignore[no-any-return]

    return look


ROAD = (
    of_frame(
        "line_offset",
        "m",
        "line_offset",
        "From the racing line, + left of it.",
        lambda f: _given(f.line_offset),
        scale=10.0,
        low=-3.0,
        high=3.0,
        needs_road=True,
    ),
    of_frame(
        "centre_offset",
        "m",
        "centre_offset",
        "From the middle between the borders, + left of it.",
        lambda f: _given(f.centre_offset),
        scale=10.0,
        low=-3.0,
        high=3.0,
        needs_road=True,
    ),
    of_frame(
        "heading_error",
        "",
        "line_heading_error",
        "Sine (+ pointing right of the line) and cosine (below 0 when facing back) of the angle "
        "between car and line.",
        _heading,
        suffixes=("_sin", "_cos"),
        needs_road=True,
    ),
    of_frame(
        "line_curvature",
        "1/m",
        "line_curvature",
        "Of the line beside the car, + to the right.",
        lambda f: _given(f.line_curvature),
        scale=CURVATURE_SCALE_PER_M,
        low=-2.0,
        high=2.0,
        needs_road=True,
    ),
    of_frame(
        "edges",
        "m",
        "left_edge, right_edge",
        "From the car to the left and the right border; below 0 beyond it.",
        lambda f: _given(f.left_edge, f.right_edge),
        scale=10.0,
        low=-3.0,
        high=3.0,
        suffixes=("_left", "_right"),
        needs_road=True,
    ),
    Feature(
        "curvature_ahead",
        "1/m",
        "the track's line",
        "Curvature of the line ahead, + to the right.",
        _curvature_layout,
        _curvature,
        {"n": POINTS, "spacing_m": SPACING},
        needs_road=True,
        shape=True,
    ),
    Feature(
        "path_ahead",
        "m",
        "the track's line",
        "Points of the line ahead in car axes: forward and left.",
        _path_layout,
        _path,
        {"n": POINTS, "spacing_m": SPACING},
        needs_road=True,
        shape=True,
    ),
    Feature(
        "border_rays",
        "m",
        "the track's borders",
        "Distance to the border in directions from the left to the right of the nose, exact on "
        "the border's polyline; the range where there is none within it.",
        _ray_layout,
        _rays,
        {
            "n": Option(11, 1, 128, "Number of rays.", whole=True),
            "range_m": Option(100.0, 1.0, 500.0, "Farthest that a ray sees, in metres."),
            "spread_deg": Option(180.0, 1.0, 360.0, "Angle from the first to the last ray."),
        },
        needs_road=True,
        shape=True,
    ),
)
