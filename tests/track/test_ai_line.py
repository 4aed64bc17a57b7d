"""Lines: what is read, through which index, and what is refused."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ac_bridge.track.ai_line import MOST_POINTS, VERSION, read_ai
from ac_bridge_protocol.errors import TrackError
from helpers.track_files import PAYLOAD_BYTES, POINT_BYTES, POINTS_AT, ai_bytes, ring_points

POINTS = ring_points(12)
GOOD = ai_bytes(POINTS)
PAYLOADS_AT = POINTS_AT + POINT_BYTES * len(POINTS)
"""Where their number is; they follow."""


def test_a_line_is_read() -> None:
    """Points, lap time, and of each payload the speed and both sides: all at their offsets."""
    speeds = [30.0 + n for n in range(12)]
    line = read_ai(ai_bytes(POINTS, speeds=speeds, lefts=[7.5] * 12, rights=[2.5] * 12), "a.ai")
    np.testing.assert_allclose(line.xyz_m, POINTS, atol=1e-5)
    assert line.lap_time_ms == 90_000
    assert line.speed_m_s is not None
    assert line.speed_m_s.tolist() == speeds
    assert line.side_left_m is not None
    assert set(line.side_left_m) == {7.5}
    assert line.side_right_m is not None
    assert set(line.side_right_m) == {2.5}
    assert line.notes == ()
    assert {line.xyz_m.dtype, line.speed_m_s.dtype} == {np.dtype(np.float64)}


def test_sizes_are_those_of_the_format() -> None:
    """1754 points make 161 388 bytes before the grid."""
    assert len(ai_bytes(ring_points(1754), tail=b"")) == 161_388


def test_a_payload_is_found_by_the_points_id() -> None:
    """Not by its index; the search grid after it is not looked at, nor need it be there."""
    speeds = [float(n) for n in range(12)]
    ids = [*range(11, -1, -1)]
    for tail in (b"", bytes(4), struct.pack("<i", 1) + b"rubbish"):
        line = read_ai(ai_bytes(POINTS, speeds=speeds, ids=ids, tail=tail), "a.ai")
        assert line.speed_m_s is not None
        assert line.speed_m_s.tolist() == speeds[::-1]


@pytest.mark.parametrize("payloads", [9, 20])
def test_fewer_or_more_payloads_than_points(payloads: int) -> None:
    """Each point has the one that it names; those that name none have no values, as a note says."""
    line = read_ai(ai_bytes(POINTS, payloads=payloads), "a.ai")
    assert line.side_left_m is not None
    known = np.isfinite(line.side_left_m)
    assert known.tolist() == [n < payloads for n in range(12)]
    without = "a.ai has no payload for 3 of 12 points: no speed and no sides there."
    assert line.notes == ((without,) if payloads < 12 else ())


@pytest.mark.parametrize(
    "data",
    [GOOD[:PAYLOADS_AT], ai_bytes(POINTS, payloads=0), ai_bytes(POINTS, ids=[-1] * 12)],
    ids=["ends after the points", "no payloads", "no id names one"],
)
def test_a_line_without_payloads(data: bytes) -> None:
    """Has points, and a note."""
    line = read_ai(data, "a.ai")
    assert len(line.xyz_m) == 12
    assert line.speed_m_s is line.side_left_m is line.side_right_m is None
    assert len(line.notes) == 1


def _with(offset: int, layout: str, *values: float) -> bytes:
    data = bytearray(GOOD)
    struct.pack_into(layout, data, offset, *values)
    return bytes(data)


DAMAGED = {
    "empty": (b"", "empty", 0),
    "half a header": (GOOD[:9], "cut off", 9),
    "an old version": (_with(0, "<i", 6), "version", 0),
    "a newer version": (_with(0, "<i", 8), "version", 0),
    "another file": (b"PK\3\4" + GOOD, "version", 0),
    "no points": (_with(4, "<i", 0), "no line", 4),
    "an old header without points": (struct.pack("<4i", 2, 0, 0, 0), "no line", 4),
    "points below none": (_with(4, "<i", -1), "point count", 4),
    "too many points": (_with(4, "<i", MOST_POINTS + 1), "point count", 4),
    "more points than bytes": (_with(4, "<i", MOST_POINTS), "cut off", len(GOOD)),
    "cut in the points": (GOOD[: PAYLOADS_AT - 1], "cut off", PAYLOADS_AT - 1),
    "not a number": (
        _with(POINTS_AT + 2 * POINT_BYTES + 8, "<f", float("nan")),
        "not a track's value",
        POINTS_AT + 2 * POINT_BYTES + 8,
    ),
    "infinitely far": (_with(POINTS_AT, "<f", float("-inf")), "not a track's value", POINTS_AT),
    "too far": (_with(POINTS_AT + 4, "<f", 1e30), "not a track's value", POINTS_AT + 4),
    "cut in the number": (GOOD[: PAYLOADS_AT + 3], "cut off", PAYLOADS_AT + 3),
    "payloads below none": (_with(PAYLOADS_AT, "<i", -5), "payload count", PAYLOADS_AT),
    "too many payloads": (
        _with(PAYLOADS_AT, "<i", MOST_POINTS + 1),
        "payload count",
        PAYLOADS_AT,
    ),
    "cut in the payloads": (GOOD[:-5], "cut off", len(GOOD) - 5),
    "a side that is no number": (
        _with(PAYLOADS_AT + 4 + PAYLOAD_BYTES + 24, "<f", float("inf")),
        "not a track's value",
        PAYLOADS_AT + 4 + PAYLOAD_BYTES + 24,
    ),
}


@pytest.mark.parametrize(("data", "reason", "offset"), DAMAGED.values(), ids=DAMAGED)
def test_what_is_damaged_is_refused(data: bytes, reason: str, offset: int) -> None:
    """The error names the file, the byte and what is wrong, and says what to do next."""
    with pytest.raises(TrackError) as caught:
        read_ai(data, "some/fast_lane.ai")
    error = caught.value
    assert (error.file, error.reason, error.offset) == ("some/fast_lane.ai", reason, offset)
    assert "some/fast_lane.ai" in error.message
    assert f"byte {offset}" in error.message
    assert error.hint


def test_what_is_not_used_may_be_damaged() -> None:
    """Normals are, on some tracks; the corner's radius is huge on straights."""
    assert read_ai(_with(PAYLOADS_AT + 4 + 36, "<3f", *[float("nan")] * 3), "a.ai").notes == ()


def refused_at(error: TrackError, size: int) -> None:
    """An error names a byte of the file, or its end."""
    assert error.offset is not None
    assert 0 <= error.offset <= size


@given(st.binary(max_size=400), st.integers(0, 3))
@example(GOOD, 0)
def test_any_bytes_are_a_line_or_refused(data: bytes, like: int) -> None:
    """Behind no header, or one that is more and more like a right one."""
    head = struct.pack("<4i", VERSION, (len(data) - 4) // (POINT_BYTES + PAYLOAD_BYTES), 0, 0)
    try:
        line = read_ai(head[: 4 * like] + data, "a.ai")
    except TrackError as error:
        refused_at(error, len(data) + 4 * like)
        return
    assert line.xyz_m.shape == (len(line.xyz_m), 3)
    assert np.isfinite(line.xyz_m).all()
    for column in (line.speed_m_s, line.side_left_m, line.side_right_m):
        assert column is None or column.shape == (len(line.xyz_m),)


@given(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=8))
def test_a_line_with_a_few_bytes_changed(at: int, change: bytes) -> None:
    """Is still a line of as many points or more or fewer, or refused."""
    try:
        line = read_ai(GOOD[:at] + change + GOOD[at + len(change) :], "a.ai")
    except TrackError:
        return
    assert np.isfinite(line.xyz_m).all()
