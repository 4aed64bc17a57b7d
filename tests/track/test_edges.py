"""Edges: which columns count, and which lines are refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ac_bridge.track import edges
from ac_bridge.track.edges import read_edge
from ac_bridge_protocol.errors import TrackError
from helpers.track_files import edge_bytes, ring_points


@pytest.mark.parametrize("fourth", ["", ",0.25", ","])
def test_x_and_z_are_the_first_and_third_column(fourth: str) -> None:
    """A fourth one, or an empty one, is not looked at."""
    points = ring_points(9)
    edge = read_edge(edge_bytes(points, fourth), "side_l.csv")
    np.testing.assert_allclose(edge, points[:, [0, 2]], atol=1e-5)
    assert edge.dtype == np.float64


def test_line_ends_marks_and_empty_lines() -> None:
    """Of any system; a mark at the beginning counts for nothing."""
    edge = read_edge(b"\xef\xbb\xbf1, 2, 3\r\n\r\n4,5,6\r-7e0,8,9\n\n", "side_l.csv")
    assert edge.tolist() == [[1.0, 3.0], [4.0, 6.0], [-7.0, 9.0]]


@pytest.mark.parametrize(
    ("data", "line", "reason"),
    [
        (b"", 1, "too few vertices"),
        (b"1,2,3\n\n", 3, "too few vertices"),
        (b"1,2,3\n4,5\n", 2, "columns"),
        (b"1,2,3\n4,5,6\n1,2,3,4,5\n", 3, "columns"),
        (b"x,y,z\n1,2,3\n", 1, "not a number"),
        (b"1,2,3\n\n4,5,six\n", 3, "not a number"),
        (b"1,2,nan\n4,5,6\n", 1, "not a place"),
        (b"1,2,3\n-inf,5,6\n", 2, "not a place"),
        (b"1,2,3\n4,5,1e7\n", 2, "not a place"),
        (bytes(100), 1, "columns"),
    ],
)
def test_what_is_damaged_is_refused(data: bytes, line: int, reason: str) -> None:
    """The error names the file, the line and what is wrong, and says what to do next."""
    with pytest.raises(TrackError, match=r"side_r\.csv") as caught:
        read_edge(data, "side_r.csv")
    error = caught.value
    assert (error.file, error.offset, error.reason) == ("side_r.csv", line, reason)
    assert f"line {line}" in error.message
    assert error.hint


def test_an_edge_has_so_many_vertices(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not one more."""
    monkeypatch.setattr(edges, "MOST_VERTICES", 3)
    assert len(read_edge(b"1,2,3\n" * 3 + b"\n", "side_l.csv")) == 3
    with pytest.raises(TrackError, match="line 4"):
        read_edge(b"1,2,3\n" * 4, "side_l.csv")


def refused_at(error: TrackError, data: bytes) -> None:
    """An error names a line of the file."""
    assert error.offset is not None
    assert 1 <= error.offset <= 1 + data.count(b"\n") + data.count(b"\r")


NUMBERS = st.floats(width=32).map(str) | st.integers().map(str) | st.text(max_size=5)
ROWS = st.lists(st.lists(NUMBERS, min_size=2, max_size=5).map(",".join)).map("\n".join)


@given(st.binary(max_size=200) | ROWS.map(lambda text: text.encode("utf-8", "replace")))
@example(b"\xff\xfe1,2,3\n")
def test_any_bytes_are_an_edge_or_refused(data: bytes) -> None:
    """Never anything else."""
    try:
        edge = read_edge(data, "side_l.csv")
    except TrackError as error:
        refused_at(error, data)
        return
    assert edge.ndim == 2
    assert edge.shape[1] == 2
    assert np.isfinite(edge).all()
