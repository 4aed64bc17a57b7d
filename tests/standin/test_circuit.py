"""The circuit's geometry."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ac_bridge.standin.circuit import Circuit, Placement, close_up, left, right, straight
from ac_bridge.standin.layouts import default_circuit

CIRCUIT = default_circuit()


def test_the_default_circuit_has_a_variety_of_corners() -> None:
    """Two kilometres, a hairpin below 20 m radius, a fast bend beyond 100 m, a long straight."""
    radii = {round(1.0 / abs(CIRCUIT.project(x, z).curvature_per_m or 1e-9), 1)
             for x, z in CIRCUIT.centreline(2.0)}  # fmt: skip
    assert 1800 < CIRCUIT.length_m < 2500
    assert min(radii) < 20 < 100 < sorted(radii)[-2]
    assert 10 <= 2 * CIRCUIT.half_width_m <= 12


def test_it_closes_in_position_and_heading() -> None:
    """The end of the last segment is the start of the first."""
    start, end = CIRCUIT.place(0.0), CIRCUIT.place(CIRCUIT.length_m - 1e-9)
    assert end[:2] == pytest.approx(start[:2], abs=1e-6)
    assert math.remainder(end.heading_rad - start.heading_rad, math.tau) == pytest.approx(
        0, abs=1e-9
    )


def test_no_part_comes_near_another() -> None:
    """Parts that are not neighbours keep their walls apart."""
    line = CIRCUIT.centreline(4.0)
    gaps = np.hypot(*(line[:, None] - line[None]).transpose(2, 0, 1))
    apart = np.abs(np.arange(len(line))[:, None] - np.arange(len(line))[None]) * 4.0
    apart = np.minimum(apart, CIRCUIT.length_m - apart)
    assert gaps[apart > 90.0].min() > 2 * CIRCUIT.wall_m


def test_a_positive_curvature_turns_right() -> None:
    """Heading grows clockwise, forward is (-sin h, cos h), and right of +z is -x."""
    circle = Circuit([right(50, 360)], name="circle")
    x, z, heading = circle.place(circle.length_m / 4)
    assert (x, z) == pytest.approx((-50.0, 50.0))
    assert heading == pytest.approx(math.pi / 2)


def test_left_of_the_line_is_positive() -> None:
    """Driving towards +z, the left-hand side is +x."""
    circle = Circuit([left(50, 360)], name="circle")
    assert circle.place(0.0, 3.0)[:2] == pytest.approx((3.0, 0.0))
    assert circle.project(3.0, 0.0).lateral_m == pytest.approx(3.0)


@given(
    distance_m=st.floats(0, CIRCUIT.length_m - 1e-6),
    lateral_m=st.floats(-CIRCUIT.wall_m, CIRCUIT.wall_m),
)
def test_projection_undoes_placement(distance_m: float, lateral_m: float) -> None:
    """Between the walls every position has one place along the line, hinted or not."""
    x, z, heading = CIRCUIT.place(distance_m, lateral_m)
    found = CIRCUIT.project(x, z)
    for answer in (found, CIRCUIT.project(x, z, hint=found.segment)):
        gap = abs(answer.distance_m - distance_m)
        assert min(gap, CIRCUIT.length_m - gap) < 1e-6
        assert answer.lateral_m == pytest.approx(lateral_m, abs=1e-6)
        assert abs(math.remainder(answer.heading_rad - heading, math.tau)) < 1e-6


def test_a_hint_is_carried_around_the_lap() -> None:
    """Following the car with the last hint finds what a full search finds, along either edge."""
    for lateral_m in (-12.0, 0.0, 12.0):
        segment = 0
        for distance_m in np.arange(0.0, CIRCUIT.length_m, 1.7):
            x, z, _ = CIRCUIT.place(float(distance_m), lateral_m)
            found = CIRCUIT.project(x, z, hint=segment)
            segment = found.segment
            assert found.lateral_m == pytest.approx(lateral_m, abs=1e-6)


def test_an_open_circuit_is_refused() -> None:
    """A circuit that does not come back to its start is no circuit."""
    with pytest.raises(ValueError, match="does not close"):
        Circuit([straight(100), right(20, 180)], name="open")


def test_two_straights_close_a_circuit() -> None:
    """`close_up` stretches them until the end meets the start, wherever the start lies."""
    segments = [straight(80), right(20, 90), straight(50), right(20, 90)] * 2
    segments[0] = straight(120)
    segments[2] = straight(77)
    closed = close_up(segments, 4, 6)
    Circuit(closed, name="box", start=Placement(12.0, -7.0, 2.1))
    assert closed[4].length_m == pytest.approx(120)
    assert closed[6].length_m == pytest.approx(77)


def test_a_straight_cannot_become_negative() -> None:
    """Where closing would need a straight of negative length, there is no circuit."""
    quarter = right(20, 90)
    sides = [
        straight(5),
        quarter,
        straight(9),
        quarter,
        straight(30),
        quarter,
        straight(9),
        quarter,
    ]
    with pytest.raises(ValueError, match=r"straight 0 would have to be -20\.0 m"):
        close_up([*sides, straight(50)], 0, 2)
