"""The circuits on offer."""

import math

from ac_bridge.standin.layouts import default_circuit


def test_the_line_lies_on_the_long_straight() -> None:
    """There is a straight before the start as well as after it, and the same heading on both."""
    circuit = default_circuit()
    for distance_m in (-190.0, -1.0, 0.0, 200.0):
        at = circuit.place(distance_m)
        assert circuit.project(at.x_m, at.z_m).curvature_per_m == 0.0
        assert abs(math.remainder(at.heading_rad - 0.6, math.tau)) < 1e-9


def test_it_is_driven_clockwise() -> None:
    """A full turn to the right in all."""
    circuit = default_circuit()
    start, end = circuit.place(0.0), circuit.place(circuit.length_m - 1.0)
    assert end.heading_rad - start.heading_rad > 6.28
