"""A map of a track: borders, the line coloured by its curvature, the start, and a scale.

Drawn as the game's own map is: x to the right, z down.
"""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias
from xml.sax.saxutils import escape

import numpy as np

from ac_bridge.track.raw import Floats
from ac_bridge.track.summary import summary
from ac_bridge.track.track import Track

WIDTH_PX, LEAST_HEIGHT_PX, MOST_HEIGHT_PX = 1000, 420, 1400
MARGIN_PX, HEADER_PX, FOOTER_PX = 40, 70, 60
ROAD, BORDER, INK, PAPER = "#dedede", "#777777", "#222222", "#ffffff"
STRAIGHT, LEFT, RIGHT = (90, 90, 90), (31, 119, 180), (214, 39, 40)
"""Colours of the line: it is grey where straight, blue to the left, red to the right."""
TIGHT_PER_M = 0.02
"""The curvature whose colour is full: a radius of 50 m."""
SHADES = 6
SHARPER = 3
"""A PNG is drawn so many times larger and then made smaller, for smooth edges."""

Point: TypeAlias = tuple[float, float]


class Stroke(NamedTuple):
    """A line through points, or an area between them."""

    points: list[Point]
    colour: str
    width: float = 0.0
    """In pixels; 0 fills the area."""


class Label(NamedTuple):
    """A text, from its lower left corner."""

    at: Point
    text: str
    size: int


class Picture(NamedTuple):
    """What is drawn, in pixels."""

    width: int
    height: int
    strokes: list[Stroke]
    labels: list[Label]


def picture(track: Track) -> Picture:
    """Return a map of a track."""
    points = np.vstack([track.left_xz_m, track.right_xz_m])
    low, high = points.min(axis=0), points.max(axis=0)
    span_m = np.maximum(high - low, 1.0)
    room_px = WIDTH_PX - 2 * MARGIN_PX
    around_px = HEADER_PX + FOOTER_PX + 2 * MARGIN_PX
    scale = float(min(room_px / span_m[0], (MOST_HEIGHT_PX - around_px) / span_m[1]))
    height = max(LEAST_HEIGHT_PX, math.ceil(span_m[1] * scale) + around_px)
    corner = (MARGIN_PX + 0.5 * (room_px - span_m[0] * scale), HEADER_PX + MARGIN_PX)

    def pixels(xz_m: Floats) -> list[Point]:
        placed = (xz_m - low) * scale + corner
        return [(round(x, 1), round(y, 1)) for x, y in placed.tolist()]

    left, right = pixels(_looped(track, track.left_xz_m)), pixels(_looped(track, track.right_xz_m))
    strokes = [
        Stroke(left + right[::-1], ROAD),
        Stroke(left, BORDER, 1.5),
        Stroke(right, BORDER, 1.5),
        *(Stroke(pixels(piece), colour, 2.5) for piece, colour in _coloured(track)),
        Stroke(pixels(np.stack([track.left_xz_m[0], track.right_xz_m[0]])), INK, 4.0),
    ]
    bar_m = _round_length(room_px / scale / 5.0)
    bottom = height - 0.5 * FOOTER_PX
    strokes.append(Stroke([(MARGIN_PX, bottom), (MARGIN_PX + bar_m * scale, bottom)], INK, 3.0))
    labels = [
        Label((MARGIN_PX, 40.0), _title(track), 24),
        Label((MARGIN_PX, 64.0), _subtitle(track), 15),
        Label((MARGIN_PX, bottom - 8.0), f"{bar_m:g} m", 14),
        Label(
            (WIDTH_PX - 470.0, bottom + 4.0),
            "line: red turns right, blue turns left; black: its first point",
            14,
        ),
    ]
    return Picture(WIDTH_PX, height, strokes, labels)


def svg(drawn: Picture) -> str:
    """Return a picture as SVG."""
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {drawn.width} {drawn.height}" '
            f'width="{drawn.width}" height="{drawn.height}">'
        ),
        f'<rect width="100%" height="100%" fill="{PAPER}"/>',
    ]
    for points, colour, width in drawn.strokes:
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        if width:
            how = f'fill="none" stroke="{colour}" stroke-width="{width:g}"'
            parts.append(f'<polyline points="{path}" {how} stroke-linejoin="round"/>')
        else:
            parts.append(f'<polygon points="{path}" fill="{colour}" fill-rule="evenodd"/>')
    for (x, y), text, size in drawn.labels:
        parts.append(
            f'<text x="{x:g}" y="{y:g}" font-family="sans-serif" font-size="{size}" '
            f'fill="{INK}">{escape(text)}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])


def png(drawn: Picture) -> bytes:
    """Return a picture as PNG.

    Raises:
        ImportError: Pillow is not there.
    """
    from PIL import Image, ImageDraw, ImageFont  # of an extra

    size = (drawn.width * SHARPER, drawn.height * SHARPER)
    image = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(image)
    for points, colour, width in drawn.strokes:
        larger = [(x * SHARPER, y * SHARPER) for x, y in points]
        if width:
            draw.line(larger, fill=colour, width=round(width * SHARPER), joint="curve")
        else:
            draw.polygon(larger, fill=colour)
    for (x, y), text, height in drawn.labels:
        font = ImageFont.load_default(height * SHARPER)
        draw.text((x * SHARPER, y * SHARPER), text, fill=INK, font=font, anchor="ls")
    written = io.BytesIO()
    image.resize((drawn.width, drawn.height), Image.Resampling.LANCZOS).save(written, "PNG")
    return written.getvalue()


def _looped(track: Track, points: Floats) -> Floats:
    """Return points with the first once more at the end, where the track is closed."""
    return np.vstack([points, points[:1]]) if track.closed else points


def _coloured(track: Track) -> Iterator[tuple[Floats, str]]:
    """Yield the line in pieces of one colour."""
    line = _looped(track, track.line_xz_m)
    shades = np.clip(np.round(track.curvature_per_m / TIGHT_PER_M * SHADES), -SHADES, SHADES)
    pieces = len(line) - 1
    edges = [0, *(np.flatnonzero(np.diff(shades[:pieces])) + 1).tolist(), pieces]
    for begin, end in itertools.pairwise(edges):
        yield line[begin : end + 1], _colour(float(shades[begin]) / SHADES)


def _colour(share: float) -> str:
    full = RIGHT if share > 0 else LEFT
    mixed = (
        round(plain + abs(share) * (to - plain)) for plain, to in zip(STRAIGHT, full, strict=True)
    )
    return "#" + "".join(f"{part:02x}" for part in mixed)


def _round_length(metres: float) -> float:
    """Return the greatest of 1, 2, 5, 10, 20 ... that is no more than so many metres."""
    power = 10.0 ** math.floor(math.log10(metres))
    return max(step * power for step in (1.0, 2.0, 5.0) if step * power <= metres)


def _title(track: Track) -> str:
    return f"{track.name} ({track.layout})" if track.layout else track.name


def _subtitle(track: Track) -> str:
    said = summary(track)
    shape = "closed" if track.closed else "from point to point"
    return (
        f"{said['length_m']:.0f} m, {shape}, {said['corners']} corners, "
        f"{said['width_m']['median']:.1f} m wide"
    )
