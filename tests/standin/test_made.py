"""Circuits drawn from a number: each a circuit that can be driven, and always the same one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ac_bridge.standin import StandinGame
from ac_bridge.standin.circuit import Circuit
from ac_bridge.standin.made import LENGTH_M, SHORTEST_STRAIGHT_M, made_circuit
from standin.support import pages, wait

SPACING_M = 3.0
RADII_M = (15.0, 150.0)
ROUNDING_M = 1e-6


def curvatures(circuit: Circuit) -> list[float]:
    """Return the curvature along the lap; each corner and straight is in it many times."""
    count = round(circuit.length_m / SPACING_M)
    places = (circuit.place(circuit.length_m * i / count) for i in range(count))
    return [circuit.project(x, z).curvature_per_m for x, z, _ in places]


def clear_m(circuit: Circuit, beyond_m: float) -> float:
    """Return the least distance of two points that are ``beyond_m`` apart along the lap."""
    points = circuit.centreline(SPACING_M)
    gaps = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))
    steps = np.abs(np.arange(len(points))[:, None] - np.arange(len(points))[None])
    along_m = np.minimum(steps, len(points) - steps) * circuit.length_m / len(points)
    return float(gaps[along_m > beyond_m].min())


@settings(max_examples=40)
@given(number=st.integers(0, 9999))
def test_every_number_has_a_circuit(number: int) -> None:
    """It closes (or could not be made), is 1 to 3 km long, and its corners can be driven."""
    circuit = made_circuit(number)
    assert circuit.name == f"made_{number}"
    assert LENGTH_M[0] <= circuit.length_m <= LENGTH_M[1]
    radii = [1.0 / abs(curvature) for curvature in curvatures(circuit) if curvature]
    assert RADII_M[0] <= min(radii) <= max(radii) <= RADII_M[1]
    assert circuit.wall_m < RADII_M[0], "the wall inside the tightest corner is a curve, too"


@settings(max_examples=40)
@given(number=st.integers(0, 9999))
def test_walls_keep_apart(number: int) -> None:
    """No two parts cross or share ground: half a hairpin along the lap, both walls fit between."""
    circuit = made_circuit(number)
    assert clear_m(circuit, beyond_m=60.0) > 2.0 * circuit.wall_m


@pytest.mark.parametrize("number", [0, 3, 5209, 9999])
def test_projection_undoes_placement(number: int) -> None:
    """From wall to wall every position has one place along the lap: nothing overlaps."""
    circuit = made_circuit(number)
    for lateral_m in (-circuit.wall_m, 0.0, circuit.wall_m):
        for along_m in np.arange(0.0, circuit.length_m, 7.3).tolist():
            x, z, _ = circuit.place(along_m, lateral_m)
            found = circuit.project(x, z)
            gap = abs(found.distance_m - along_m)
            assert min(gap, circuit.length_m - gap) < ROUNDING_M
            assert found.lateral_m == pytest.approx(lateral_m, abs=ROUNDING_M)


@pytest.mark.parametrize("number", range(8))
def test_it_starts_on_a_straight(number: int) -> None:
    """The car is put on the line: there is a straight to leave it on."""
    circuit = made_circuit(number)
    for along_m in (0.0, SHORTEST_STRAIGHT_M - 1.0):
        x, z, _ = circuit.place(along_m)
        assert circuit.project(x, z).curvature_per_m == 0.0


def test_a_number_is_always_the_same_circuit() -> None:
    """Drawn once more from nothing, it is the same to the last bit; its neighbour is another."""
    first = made_circuit(7).centreline()
    made_circuit.cache_clear()
    assert np.array_equal(made_circuit(7).centreline(), first)
    assert made_circuit(8).length_m != made_circuit(7).length_m


def test_the_circuits_stay_what_they_are() -> None:
    """Laps and learned policies are kept by these names: another drawing must not go unnoticed."""
    lengths = [round(made_circuit(number).length_m, 3) for number in (0, 1, 2, 9999)]
    assert lengths == [2638.73, 1880.8, 2480.316, 1793.25]


def test_they_are_mixtures() -> None:
    """Among a few there are hairpins and fast corners, few and many corners, turns both ways."""
    drawn = [curvatures(made_circuit(number)) for number in range(12)]
    tightest = [1.0 / max(abs(curvature) for curvature in lap) for lap in drawn]
    assert min(tightest) < 20.0 < 25.0 < max(tightest)
    assert all(min(lap) < 0.0 < max(lap) for lap in drawn)
    corners = [sum(a == 0.0 != b for a, b in itertools.pairwise(lap)) for lap in drawn]
    assert min(corners) <= 7 < 9 <= max(corners)


def test_lockstep_repeats_itself() -> None:
    """The same seed on the same made circuit gives the same pages, byte for byte."""
    runs = []
    for _ in range(2):
        with StandinGame(lockstep=True, seed=3, circuit=made_circuit(4)) as game:
            wait(game, 2.0)
            runs.append(pages(game))
    assert runs[0] == runs[1]
