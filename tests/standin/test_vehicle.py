"""The whole car on its circuit: what a driver would notice."""

import math
import random

import numpy as np
import pytest

from ac_bridge.standin.car import SPIN, STEER, VX, YAW, YAW_RATE
from ac_bridge.standin.circuit import Circuit, right
from ac_bridge.standin.conditions import Conditions, draw_conditions
from ac_bridge.standin.drivetrain import FIRST, Gearbox
from ac_bridge.standin.layouts import default_circuit
from ac_bridge.standin.vehicle import STEP_S, Vehicle

RING = default_circuit()
PLAIN = Circuit([right(2000, 360)], name="plain", half_width_m=800, wall_m=1500)
"""So wide and so slightly curved that one can drive anything."""


def even(grip: float = 1.0) -> Conditions:
    """Return conditions without bumps."""
    return Conditions(grip, 20.0, 28.0, 0.0, 0.0, 0.0, (0.0,) * 1024)


def car(circuit: Circuit = PLAIN, distance_m: float = 0.5, grip: float = 1.0) -> Vehicle:
    """Return a car in first gear, at rest."""
    vehicle = Vehicle(circuit, "automatic")
    vehicle.place(distance_m, even(grip))
    vehicle.drivetrain.select(FIRST)
    return vehicle


def launch(vehicle: Vehicle, speed_m_s: float) -> None:
    """Give the car a speed."""
    vehicle.chassis.x[VX] = speed_m_s
    for i in range(SPIN, SPIN + 4):
        vehicle.chassis.x[i] = speed_m_s / vehicle.chassis.radius_m


def drive(
    vehicle: Vehicle, seconds: float, steer: float = 0.0, throttle: float = 0.0, brake: float = 0.0
) -> None:
    """Hold the controls."""
    for _ in range(round(seconds / STEP_S)):
        vehicle.drivetrain.shift(False, False, vehicle.forward_m_s, STEP_S)
        vehicle.step(steer, throttle, brake, 0.0)


def test_it_accelerates_like_a_sports_sedan() -> None:
    """0-100 km/h takes between five and nine seconds."""
    vehicle = car()
    drive(vehicle, 5.0, throttle=1.0)
    assert vehicle.speed_m_s < 100 / 3.6
    drive(vehicle, 4.0, throttle=1.0)
    assert vehicle.speed_m_s > 100 / 3.6


def test_it_brakes_like_one() -> None:
    """From 100 km/h it stops within 36 to 50 m with locked wheels, and in a straight line."""
    vehicle = car()
    launch(vehicle, 100 / 3.6)
    drive(vehicle, 5.0, brake=1.0)
    assert vehicle.speed_m_s == 0.0
    assert 36 < vehicle.travelled_m < 50
    assert abs(math.remainder(vehicle.chassis.x[YAW], math.tau)) < 0.05


def test_the_front_wheels_lock_first() -> None:
    """Under heavy braking the fronts stand while the car still moves; the rears follow them."""
    vehicle = car()
    launch(vehicle, 40.0)
    vehicle.drivetrain.select(5)
    drive(vehicle, 0.7, brake=0.9)
    assert vehicle.speed_m_s > 20.0
    assert max(vehicle.chassis.x[SPIN : SPIN + 2]) == 0.0
    assert min(vehicle.chassis.x[SPIN + 2 : SPIN + 4]) > 0.0


def test_it_stands_still_until_driven() -> None:
    """In gear without throttle, steered to the lock: not a millimetre."""
    vehicle = car()
    before = vehicle.position_xz_m
    drive(vehicle, 5.0, steer=1.0)
    assert vehicle.position_xz_m == pytest.approx(before, abs=1e-9)
    assert vehicle.speed_m_s == 0.0


def test_its_cornering_is_limited_by_grip() -> None:
    """On dry tarmac a little below 1 g, and less on a slippery track; it understeers."""
    peaks = []
    for grip in (1.0, 0.7):
        vehicle = car(grip=grip)
        launch(vehicle, 22.0)
        peak = 0.0
        for _ in range(15):
            drive(vehicle, 0.2, steer=0.35, throttle=0.2)
            peak = max(peak, abs(vehicle.chassis.accel_m_s2[1]) / 9.81)
        peaks.append(peak)
    assert 0.9 < peaks[0] < 1.15
    assert 0.5 * peaks[0] < peaks[1] < 0.75 * peaks[0]


def test_too_much_throttle_spins_it() -> None:
    """Full lock and full throttle in a low gear turn the rear around."""
    vehicle = car()
    launch(vehicle, 14.0)
    drive(vehicle, 3.0, steer=1.0, throttle=1.0)
    assert max(abs(drift) for drift in vehicle.chassis.drift_rad) > 0.6


def test_the_rack_takes_time() -> None:
    """The front wheels need a fifth of a second to full lock."""
    vehicle = car()
    drive(vehicle, 0.1, steer=1.0)
    assert 0.2 < vehicle.chassis.x[STEER] < 0.3
    drive(vehicle, 0.2, steer=1.0)
    assert vehicle.chassis.x[STEER] == pytest.approx(0.52)


def test_grass_is_slippery_and_slow() -> None:
    """On grass the car loses speed by itself and brakes badly."""
    vehicle = Vehicle(RING, "automatic")
    distances = []
    for lateral_m in (0.0, 10.0):
        vehicle.place(0.0, Conditions(1.0, 20.0, 28.0, 0.0, 0.0, lateral_m, (0.0,) * 1024))
        launch(vehicle, 20.0)
        vehicle.chassis.x[STEER] = 0.0
        drive(vehicle, 1.0)
        distances.append(vehicle.speed_m_s)
    assert vehicle.tyres_out == 4
    assert distances[1] < distances[0] - 0.7


def test_tyres_are_counted_one_by_one() -> None:
    """Across the kerb's outer edge two tyres are out; on the kerb none is."""
    vehicle = Vehicle(RING, "automatic")
    for lateral_m, out in ((0.0, 0), (5.8, 0), (RING.edge_m, 2), (RING.edge_m + 1.0, 4)):
        vehicle.place(50.0, Conditions(1.0, 20.0, 28.0, 0.0, 0.0, lateral_m, (0.0,) * 1024))
        vehicle.step(0.0, 0.0, 0.0, 0.0)
        assert vehicle.tyres_out == out


def test_the_way_back_on_to_tarmac_restores_grip() -> None:
    """Having left the grass, no tyre is out and nothing drags any more."""
    vehicle = car(RING)
    vehicle.place(0.0, Conditions(1.0, 20.0, 28.0, 0.0, 0.0, 7.5, (0.0,) * 1024))
    launch(vehicle, 15.0)
    drive(vehicle, 0.5)
    assert vehicle.tyres_out > 0
    for _ in range(400):
        drive(vehicle, 0.015, steer=0.25 if vehicle.where.lateral_m > 3 else -0.1, throttle=0.3)
        if abs(vehicle.where.lateral_m) < 3:
            break
    assert vehicle.tyres_out == 0


@pytest.mark.parametrize(
    ("turned", "zone"), [(-math.pi / 2, 0), (math.pi / 2, 1), (-0.15, 2), (math.pi + 0.15, 3)]
)
def test_walls_hold_the_car_and_damage_where_they_hit(turned: float, zone: int) -> None:
    """Front, rear, left and right of the car, into the wall on the left of the track."""
    vehicle = Vehicle(RING, "automatic")
    vehicle.place(20.0, Conditions(1.0, 20.0, 28.0, 0.0, 0.0, 9.0, (0.0,) * 1024))
    vehicle.chassis.x[YAW] += turned
    launch(vehicle, -15.0 if zone == 1 else 15.0)
    drive(vehicle, 2.5)
    hit = vehicle.damage_kmh
    assert hit[zone] == hit[4] == max(hit)
    assert 2.0 < hit[4] <= 15.0 * 3.6 + 1
    assert abs(vehicle.where.lateral_m) < RING.wall_m


def test_a_scrape_along_the_wall_is_less_than_a_crash_into_it() -> None:
    """Damage is the closing speed, not the speed."""
    vehicle = Vehicle(RING, "automatic")
    vehicle.place(0.0, Conditions(1.0, 20.0, 28.0, 0.0, 0.0, 9.0, (0.0,) * 1024))
    vehicle.chassis.x[YAW] -= 0.1
    launch(vehicle, 30.0)
    drive(vehicle, 2.0)
    assert 3.0 < vehicle.damage_kmh[4] < 20.0
    assert vehicle.speed_m_s > 10.0


def test_heat_wear_and_fuel_follow_the_driving() -> None:
    """Hard driving warms tyres and brakes, wears tyres and burns fuel; all stay plausible."""
    vehicle = car()
    for _ in range(4):
        drive(vehicle, 4.0, throttle=1.0, steer=0.05)
        drive(vehicle, 1.0, brake=0.7)
    wear = vehicle.wear
    assert max(wear.surface_c) > 60
    assert all(25 < t < 200 for t in wear.surface_c)
    assert all(30 < t < 700 for t in wear.brake_c)
    assert wear.brake_c[0] > wear.brake_c[2]
    assert all(99 < g < 100 for g in wear.grip_pct)
    assert vehicle.drivetrain.fuel_l < 30.0


@pytest.mark.parametrize("seed", range(12))
def test_nothing_breaks_it(seed: int) -> None:
    """Whatever the driver does, on tarmac, grass and walls, its state stays finite and bounded."""
    rng = random.Random(seed)
    gearbox: Gearbox = rng.choice(["automatic", "sequential"])
    vehicle = Vehicle(RING, gearbox)
    vehicle.place(rng.uniform(0, 2000), draw_conditions(np.random.default_rng(seed)))
    vehicle.drivetrain.select(FIRST)
    launch(vehicle, rng.uniform(0.0, 65.0))
    for _ in range(30):
        steer = rng.choice([-1.0, 1.0, 0.0, rng.uniform(-1, 1)])
        throttle = rng.choice([0.0, 1.0, 1.0, rng.random()])
        brake = rng.choice([0.0, 0.0, 0.0, 1.0, rng.random()])
        clutch = rng.choice([0.0, 0.0, 1.0, rng.random()])
        up, down = rng.random() < 0.2, rng.random() < 0.2
        for _ in range(rng.choice([20, 80, 300])):
            vehicle.drivetrain.shift(up, down, vehicle.forward_m_s, STEP_S)
            vehicle.step(steer, throttle, brake, clutch)
            up = down = False
        x = vehicle.chassis.x
        assert all(map(math.isfinite, x))
        assert vehicle.speed_m_s < 80.0
        assert abs(x[YAW_RATE]) < 12.0
        assert 0.0 < min(vehicle.chassis.load_n) <= max(vehicle.chassis.load_n) < 30_000.0
        assert abs(vehicle.where.lateral_m) <= RING.wall_m
