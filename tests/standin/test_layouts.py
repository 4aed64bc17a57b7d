"""The circuits on offer."""

import math

import pytest

from ac_bridge.standin.layouts import DEFAULT, circuit_named, default_circuit
from ac_bridge_protocol.errors import SettingError


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


@pytest.mark.parametrize("name", [DEFAULT, "made_0", "made_12", "made_9999"])
def test_circuits_have_names(name: str) -> None:
    """A circuit is found by the name that its static page tells."""
    assert circuit_named(name).name == name


@pytest.mark.parametrize(
    "name", ["", "monza", "made_", "made_-1", "made_01", "made_1.5", "made_1000000", "Made_1"]
)
def test_other_names_are_refused(name: str) -> None:
    """Whatever else is asked for is named, with what there is instead."""
    with pytest.raises(SettingError) as caught:
        circuit_named(name)
    assert caught.value.setting == "track"
    assert repr(name) in caught.value.message
    assert DEFAULT in caught.value.hint
    assert "made_1" in caught.value.hint
