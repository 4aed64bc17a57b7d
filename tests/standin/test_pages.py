"""What stands in the pages."""

import math
from typing import Any

import numpy as np
import pytest

from ac_bridge.game import Controls, Page
from ac_bridge.standin import StandinGame
from standin.support import driving, graphics, hold, launched, physics, read


def vector(values: tuple[float, ...], wheel: int) -> np.ndarray[Any, Any]:
    """Return a wheel's row of a matrix."""
    return np.array(values[3 * wheel : 3 * wheel + 3])


@pytest.fixture(scope="module")
def corner() -> StandinGame:
    """A game in the middle of a fast turn to the right."""
    game = driving()
    hold(game, 4.0, Controls(throttle=1.0))
    hold(game, 0.5, Controls(throttle=0.4, steer=0.12))
    return game


def test_at_rest() -> None:
    """Weight on the wheels, nothing moving, clutch open in neutral, engine idling."""
    car = physics(launched())
    assert sum(car["wheelLoad"]) == pytest.approx(1093.3 * 9.81, rel=1e-3)
    assert car["accG"] == car["localVelocity"] == (0.0, 0.0, 0.0)
    assert (car["gear"], car["clutch"]) == (1, 0.0)
    assert 700 < car["rpms"] < 1000
    assert all(0.0 < slip < 0.05 for slip in car["wheelSlip"])
    assert car["tyreWear"] == (100.0,) * 4
    assert car["carDamage"] == (0.0,) * 5
    assert car["camberRAD"][0] < 0 < car["camberRAD"][1]


def test_static_facts() -> None:
    """What a reader checks first, and what it builds on."""
    game = launched()
    facts = read(game, Page.STATIC)
    assert (facts["smVersion"], facts["acVersion"]) == ("1.7", "1.16.4")
    assert facts["trackSPlineLength"] == pytest.approx(game.circuit.length_m)
    assert facts["sectorCount"] == 3
    assert facts["maxRpm"] == physics(game)["currentMaxRpm"]
    assert (facts["carModel"], facts["track"]) == ("standin_sedan", "standin_ring")
    assert 100_000 < facts["maxPower"] < 160_000


def test_the_air_is_as_dense_as_the_games(corner: StandinGame) -> None:
    """The game's own formula, by which a modified one is told apart."""
    car = physics(corner)
    assert car["airDensity"] == pytest.approx(1.2922 - 0.0041 * car["airTemp"], abs=1e-5)


def test_wheels_stand_where_the_heading_says(corner: StandinGame) -> None:
    """Front minus rear is forward, left minus right is left, and contacts point backwards."""
    car = physics(corner)
    points = [vector(car["tyreContactPoint"], wheel) for wheel in range(4)]
    h = car["heading"]
    forward = np.array([-math.sin(h), 0.0, math.cos(h)])
    along = (points[0] + points[1] - points[2] - points[3]) / 2
    across = points[0] - points[1]
    assert along / np.linalg.norm(along) == pytest.approx(forward, abs=1e-3)
    assert across / np.linalg.norm(across) == pytest.approx([math.cos(h), 0, math.sin(h)], abs=1e-3)
    assert vector(car["tyreContactHeading"], 2) == pytest.approx(-forward, abs=1e-6)
    assert vector(car["tyreContactNormal"], 3) == pytest.approx([0, 1, 0])
    assert np.linalg.norm(along) == pytest.approx(2.58, abs=0.01)


def test_velocity_is_told_in_both_frames(corner: StandinGame) -> None:
    """World and car-local velocity are the same vector, and the speed its length."""
    car = physics(corner)
    h, (vx, vy, vz) = car["heading"], car["velocity"]
    left_m_s, up_m_s, ahead_m_s = car["localVelocity"]
    assert -math.sin(h) * vx + math.cos(h) * vz == pytest.approx(ahead_m_s, abs=1e-4)
    assert math.cos(h) * vx + math.sin(h) * vz == pytest.approx(left_m_s, abs=1e-4)
    assert vy == pytest.approx(up_m_s)
    assert car["speedKmh"] == pytest.approx(3.6 * math.hypot(vx, vy, vz), rel=1e-5)


def test_a_right_turn_has_the_games_signs(corner: StandinGame) -> None:
    """Steer and heading grow, yaw rate and lateral acceleration (towards left) are negative.

    The left side carries more, dips, and the roll is positive.
    """
    car = physics(corner)
    assert car["steerAngle"] == pytest.approx(0.12, abs=1e-3)
    assert car["localAngularVel"][1] < -0.05
    assert car["accG"][0] < -0.3
    assert car["wheelLoad"][0] > car["wheelLoad"][1]
    assert car["wheelLoad"][2] > car["wheelLoad"][3]
    assert car["suspensionTravel"][0] > car["suspensionTravel"][1]
    assert car["roll"] > 0.0
    before = car["heading"]
    hold(corner, 0.3, Controls(throttle=0.4, steer=0.12))
    assert physics(corner)["heading"] > before


def test_speeding_up_and_braking_have_the_games_signs() -> None:
    """Under throttle longitudinal acceleration is positive and the nose up; then the reverse."""
    game = driving()
    hold(game, 3.0, Controls(throttle=1.0))
    car = physics(game)
    assert car["accG"][2] > 0.3
    assert car["pitch"] > 0.0
    assert car["wheelAngularSpeed"][2] > car["wheelAngularSpeed"][0] > 0
    assert car["clutch"] == 1.0
    hold(game, 0.5, Controls(brake=0.6))
    car = physics(game)
    assert car["accG"][2] < -0.3
    assert car["pitch"] < 0.0
    assert car["brake"] == pytest.approx((0.6 - 0.02) / 0.98, abs=1e-3)


def test_slip_of_one_is_the_peak_of_grip() -> None:
    """Locked wheels are far beyond it; moderate braking stays below."""
    game = driving()
    hold(game, 5.0, Controls(throttle=1.0))
    hold(game, 0.4, Controls(brake=0.4))
    assert 0.1 < max(physics(game)["wheelSlip"]) < 1.0
    hold(game, 0.8, Controls(brake=1.0))
    assert max(physics(game)["wheelSlip"]) > 5.0


def test_the_frame_is_a_snapshot() -> None:
    """The graphics page shows the last frame drawn, up to 15 ms ago, and 2 more for each frame."""
    game = driving()
    first = graphics(game)["packetId"]
    hold(game, 1.5, Controls(throttle=1.0))
    assert graphics(game)["packetId"] == first + 2 * 100


def test_coordinates_and_progress_agree_with_the_circuit(corner: StandinGame) -> None:
    """The centre of mass lies between the wheels and where the normalised position says."""
    shown, car = graphics(corner), physics(corner)
    x, y, z = shown["carCoordinates"]
    middle = np.mean([vector(car["tyreContactPoint"], wheel) for wheel in range(4)], axis=0)
    assert math.hypot(x - middle[0], z - middle[2]) < 1.0
    assert 0.3 < y < 0.6
    at = corner.circuit.project(x, z)
    assert shown["normalizedCarPosition"] == pytest.approx(
        at.distance_m / corner.circuit.length_m, abs=1e-6
    )
    assert shown["distanceTraveled"] == pytest.approx(at.distance_m, abs=2.0)
