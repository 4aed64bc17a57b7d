"""What follows from the pages: lap validity, damage, wear, locked wheels."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ac_bridge.telemetry.derived import LapValidity, derive

RADII = (0.25, 0.25, 0.5, 0.5)


def values(**overrides: Any) -> dict[str, Any]:
    """Return the values of a car at 36 km/h (10 m/s) with rolling wheels."""
    plain = {
        "speed_kmh": 36.0,
        "wheel_angular_speed": (40.0, 40.0, 20.0, 20.0),
        "wheel_slip": (0.0, 0.0, 0.0, 0.0),
        "car_damage": (0.0,) * 5,
        "tyre_wear": (100.0,) * 4,
        "tyres_out": 0,
        "completed_laps": 0,
        "current_time": 1000,
    }
    return plain | overrides


# --- Lap validity ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tyres_out", "valid"), [(-1, True), (0, True), (2, True), (3, False), (4, False)]
)
def test_more_than_two_tyres_out_is_a_cut(tyres_out: int, valid: bool) -> None:
    """The game's own rule with penalties on; -1, before the first step, is none out."""
    assert LapValidity().update(values(tyres_out=tyres_out)) is valid


def test_a_cut_is_remembered_until_the_lap_ends() -> None:
    """Coming back does not make the lap valid; the next lap does."""
    validity = LapValidity()
    assert validity.update(values(current_time=1000, tyres_out=3)) is False
    assert validity.update(values(current_time=2000)) is False
    assert validity.update(values(current_time=3000, completed_laps=1)) is True


def test_a_lap_clock_that_went_back_begins_a_lap() -> None:
    """A restart of the session, or a teleport to the pits, forgets the cut."""
    validity = LapValidity()
    assert validity.update(values(current_time=5000, tyres_out=4)) is False
    assert validity.update(values(current_time=5000)) is False
    assert validity.update(values(current_time=0)) is True


def test_a_lap_that_begins_off_the_track_is_not_valid() -> None:
    """The cut goes over the line with the car."""
    validity = LapValidity()
    assert validity.update(values(current_time=5000, tyres_out=4)) is False
    assert validity.update(values(completed_laps=1, current_time=3, tyres_out=4)) is False
    assert validity.update(values(completed_laps=1, current_time=6)) is False


# --- Damage and wear ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kmh", "damaged", "critical"),
    [
        (0.0, False, False),
        (8.0, False, False),
        (9.99, False, False),
        (10.0, True, False),
        (99.9, True, False),
        (100.0, True, True),
    ],
)
@pytest.mark.parametrize("zone", range(5))
def test_damage_is_the_worst_zone(kmh: float, damaged: bool, critical: bool, zone: int) -> None:
    """Closing speed in km/h: it shows from 10 on and wrecks from 100 on, in whichever zone."""
    zones = [0.0] * 5
    zones[zone] = kmh
    derived = derive(values(car_damage=tuple(zones)), RADII)
    assert (derived["bodywork_damaged"], derived["bodywork_critical"]) == (damaged, critical)


@pytest.mark.parametrize(
    ("wear", "damaged", "critical"),
    [
        (101.0, False, False),
        (100.0, False, False),
        (98.0, False, False),
        (97.9, True, False),
        (90.0, True, False),
        (89.9, True, True),
    ],
)
@pytest.mark.parametrize("wheel", range(4))
def test_wear_is_the_worst_tyre(wear: float, damaged: bool, critical: bool, wheel: int) -> None:
    """100 is new, and higher is better."""
    tyres = [100.0] * 4
    tyres[wheel] = wear
    derived = derive(values(tyre_wear=tuple(tyres)), RADII)
    assert (derived["tyre_damaged"], derived["tyre_critical"]) == (damaged, critical)


# --- Wheels ---------------------------------------------------------------------------------------


def test_slip_is_averaged() -> None:
    """Over the four wheels."""
    assert derive(values(wheel_slip=(0.0, 1.0, 2.0, 5.0)), RADII)["avg_wheel_slip"] == 2.0


@pytest.mark.parametrize("wheel", range(4))
def test_a_standing_wheel_of_a_moving_car_is_locked(wheel: int) -> None:
    """Its index is told."""
    speeds = [40.0, 40.0, 20.0, 20.0]
    speeds[wheel] = 0.0
    derived = derive(values(wheel_angular_speed=tuple(speeds)), RADII)
    assert derived["locked_wheels"] == (wheel,)
    assert derived["wheel_lock_detected"] is True


def test_rolling_wheels_are_not_locked() -> None:
    """Nor is a wheel that turns backwards as fast, nor one that spins."""
    derived = derive(values(wheel_angular_speed=(40.0, -40.0, 200.0, 5.0)), RADII)
    assert derived["locked_wheels"] == ()
    assert derived["wheel_lock_detected"] is False


def test_a_fifth_of_the_cars_speed_is_the_limit() -> None:
    """2 m/s at the tread of a car at 10 m/s: with a radius of 0.25 m, 8 rad/s."""
    derived = derive(values(wheel_angular_speed=(7.99, 8.01, 3.99, 4.01)), RADII)
    assert derived["locked_wheels"] == (0, 2)


@pytest.mark.parametrize("kmh", [0.0, 9.9])
def test_a_slow_car_locks_nothing(kmh: float) -> None:
    """Below 10 km/h a slow wheel is only a slow car."""
    derived = derive(values(speed_kmh=kmh, wheel_angular_speed=(0.0,) * 4), RADII)
    assert derived["locked_wheels"] == ()


FLOAT32 = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(
    speed=FLOAT32,
    angular=st.tuples(*[FLOAT32] * 4),
    slip=st.tuples(*[FLOAT32] * 4),
    radius=st.tuples(*[FLOAT32] * 4),
)
def test_derived_fields_agree_with_each_other(
    speed: float, angular: tuple[float, ...], slip: tuple[float, ...], radius: tuple[float, ...]
) -> None:
    """For any numbers: the flag says whether the list is empty, and the mean is a mean."""
    drawn = values(speed_kmh=speed, wheel_angular_speed=angular, wheel_slip=slip)
    derived = derive(drawn, radius)
    assert derived["wheel_lock_detected"] == bool(derived["locked_wheels"])
    rounding = 1e-9 * max(map(abs, slip))
    assert min(slip) - rounding <= derived["avg_wheel_slip"] <= max(slip) + rounding
    assert list(derived["locked_wheels"]) == sorted(set(derived["locked_wheels"]))
