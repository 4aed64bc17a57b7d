"""Heat, wear and dirt."""

import pytest

from ac_bridge.standin.wear import Wear

NOTHING = (0.0,) * 4
ON_TRACK = (False,) * 4


def test_at_rest_everything_comes_to_the_air_s_temperature() -> None:
    """Tyres come warm from their blankets, and cool."""
    wear = Wear(20.0)
    assert wear.surface_c[0] > wear.ambient_c
    for _ in range(3000):
        wear.step(NOTHING, NOTHING, ON_TRACK, 0.0, 0.5)
    assert wear.surface_c == pytest.approx([20.0] * 4, abs=1)
    assert wear.core_c == pytest.approx([20.0] * 4, abs=1)
    assert wear.brake_c == pytest.approx([20.0] * 4, abs=1)


def test_sliding_warms_and_wears() -> None:
    """Only the tyre that slides, core after surface, and never beyond what rubber stands."""
    wear = Wear(20.0)
    pressure = wear.pressure_psi(0)
    for _ in range(4000):
        wear.step((30_000.0, 0.0, 0.0, 0.0), NOTHING, ON_TRACK, 30.0, 0.03)
    assert wear.surface_c[1] < wear.core_c[0] < wear.surface_c[0] < 200
    assert wear.grip_pct[0] < wear.grip_pct[1] == 100.0
    assert wear.pressure_psi(0) > pressure


def test_braking_warms_the_disc() -> None:
    """And the airflow cools it again."""
    wear = Wear(20.0)
    for _ in range(100):
        wear.step(NOTHING, (50_000.0, 0.0, 0.0, 0.0), ON_TRACK, 30.0, 0.03)
    hot = wear.brake_c[0]
    assert hot > 80
    for _ in range(100):
        wear.step(NOTHING, NOTHING, ON_TRACK, 30.0, 0.03)
    assert wear.brake_c[0] < hot


def test_grass_makes_tyres_dirty_and_tarmac_cleans_them() -> None:
    """From 0 to 5 and back."""
    wear = Wear(20.0)
    for _ in range(1000):
        wear.step(NOTHING, NOTHING, (True, False, False, False), 20.0, 0.03)
    assert wear.dirt == [5.0, 0.0, 0.0, 0.0]
    for _ in range(2000):
        wear.step(NOTHING, NOTHING, ON_TRACK, 20.0, 0.03)
    assert wear.dirt[0] == 0.0


def test_wear_ends_at_the_floor() -> None:
    """A worn-out tyre keeps 90 %."""
    wear = Wear(20.0)
    for _ in range(1000):
        wear.step((1e6,) * 4, NOTHING, ON_TRACK, 30.0, 1.0)
    assert wear.grip_pct == [90.0] * 4
