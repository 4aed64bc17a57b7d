"""A racing line round a circuit, and how fast it is driven: what the game's own AI would record.

The line has the least bending that a few hundred rounds of relaxation find within the tarmac: each
point moves across the centre line towards where its neighbours would have the curve even out.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from ac_bridge.standin.circuit import Circuit

Floats = npt.NDArray[np.float64]

SPACING_M = 2.0
MARGIN_M = 1.3
"""From the line to the tarmac's edge at least: half a car and some."""
COARSE_TO_FINE = (16.0, 8.0, 4.0)
"""Spacings in metres that the line is relaxed at, one after another: bends first, then detail."""
ROUNDS = 300
"""At each spacing."""
GRIP_M_S2 = 8.8
BRAKE_M_S2 = 7.0
PUSH_M_S2 = 3.5
TOP_M_S = 64.0


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class RacingLine:
    """A line, float64[N] each, the first point not repeated."""

    distance_m: Floats
    """Along the circuit's centre line; the first is 0."""
    offset_m: Floats
    """From the centre line, + left."""
    xz_m: Floats
    """float64[N, 2]"""
    speed_m_s: Floats


def racing_line(circuit: Circuit) -> RacingLine:
    """Return a line round a circuit."""
    count = max(16, round(circuit.length_m / SPACING_M))
    distance: Floats = np.arange(count, dtype=np.float64) * (circuit.length_m / count)
    placed = np.array([circuit.place(along) for along in distance.tolist()])
    centre, heading = placed[:, :2], placed[:, 2]
    across = np.stack([np.cos(heading), np.sin(heading)], axis=1)
    room_m = circuit.half_width_m - MARGIN_M
    offset: Floats = np.zeros(count)
    for spacing_m in COARSE_TO_FINE:
        step = round(spacing_m / SPACING_M)
        some = np.arange(0, count, step)
        relaxed = _relaxed(centre[some], across[some], offset[some], room_m)
        ends = np.append(distance[some], circuit.length_m)
        offset = np.interp(distance, ends, np.append(relaxed, relaxed[0]))
    for _ in range(4):  # the joints of the last interpolation
        offset = (np.roll(offset, 1) + 2.0 * offset + np.roll(offset, -1)) / 4.0
    line: Floats = centre + across * offset[:, None]
    return RacingLine(distance, offset, line, _speeds(line))


def _relaxed(centre: Floats, across: Floats, offset: Floats, room_m: float) -> Floats:
    """Return offsets whose line bends less."""
    for _ in range(ROUNDS):
        line = centre + across * offset[:, None]
        # What a cubic through two neighbours on either side would have here.
        near = np.roll(line, 1, axis=0) + np.roll(line, -1, axis=0)
        far = np.roll(line, 2, axis=0) + np.roll(line, -2, axis=0)
        even = (4.0 * near - far) / 6.0
        offset = offset + 0.5 * np.sum((even - line) * across, axis=1)
        offset = np.clip(offset, -room_m, room_m)
    return offset


def _speeds(line: Floats) -> Floats:
    """Return what grip, brakes and engine allow at each point, in m/s."""
    steps = np.roll(line, -1, axis=0) - line
    length = np.hypot(steps[:, 0], steps[:, 1])
    heading = np.arctan2(-steps[:, 0], steps[:, 1])
    turned = np.remainder(heading - np.roll(heading, 1) + np.pi, 2 * np.pi) - np.pi
    bend = np.abs(
        np.convolve(np.concatenate([turned[-2:], turned, turned[:2]]), np.ones(5) / 5, "valid")
    )
    speed = np.minimum(np.sqrt(GRIP_M_S2 * length / np.maximum(bend, 1e-6)), TOP_M_S).tolist()
    lengths, count = length.tolist(), len(line)
    for i in range(2 * count - 1, -1, -1):  # twice round: a lap begins at speed
        here, ahead = i % count, (i + 1) % count
        speed[here] = min(speed[here], (speed[ahead] ** 2 + 2 * BRAKE_M_S2 * lengths[here]) ** 0.5)
    for i in range(2 * count):
        here, before = i % count, (i - 1) % count
        speed[here] = min(
            speed[here], (speed[before] ** 2 + 2 * PUSH_M_S2 * lengths[before]) ** 0.5
        )
    return np.array(speed)
