"""Engine, clutch and gearbox."""

import pytest

from ac_bridge.standin.drivetrain import (
    FIRST,
    IDLE_RPM,
    LIMITER_RPM,
    MAX_POWER_W,
    NEUTRAL,
    REVERSE,
    TORQUE_NM,
    TORQUE_RPM,
    Drivetrain,
    full_torque_nm,
)

STEP_S = 0.003
INERTIA = 130.0
"""A whole car, as the axle feels it."""


class Bench:
    """A drivetrain that turns a flywheel as heavy as a car."""

    def __init__(self, **state: object) -> None:
        self.box = Drivetrain(**state)  # type: ignore[arg-type]
        self.axle_rad_s = 0.0
        self.gears: list[int] = []

    def run(
        self,
        seconds: float,
        throttle: float,
        pedal: float = 0.0,
        *,
        up: bool = False,
        down: bool = False,
    ) -> None:
        """Run for a while; the buttons go down in the first step."""
        for n in range(round(seconds / STEP_S)):
            self.box.shift(up and n == 0, down and n == 0, self.axle_rad_s * 0.344, STEP_S)
            torque = self.box.step(throttle, pedal, self.axle_rad_s, INERTIA, STEP_S)
            self.axle_rad_s += STEP_S * torque / INERTIA
            self.gears.append(self.box.gear)


def test_the_torque_curve_is_that_of_a_two_litre_engine() -> None:
    """It peaks in the middle, and power beyond it."""
    assert max(TORQUE_NM) == full_torque_nm(4500)
    assert full_torque_nm(-5) == TORQUE_NM[0]
    assert full_torque_nm(99_999) == TORQUE_NM[-1]
    assert 120_000 < MAX_POWER_W < 150_000


@pytest.mark.parametrize("at", range(len(TORQUE_RPM) - 1))
def test_the_torque_curve_is_straight_between_its_points(at: int) -> None:
    """It passes through each point, and half-way between two through their mean."""
    assert full_torque_nm(TORQUE_RPM[at]) == TORQUE_NM[at]
    middle = full_torque_nm(0.5 * (TORQUE_RPM[at] + TORQUE_RPM[at + 1]))
    assert middle == pytest.approx(0.5 * (TORQUE_NM[at] + TORQUE_NM[at + 1]))


def test_it_idles_in_neutral() -> None:
    """Without throttle the engine keeps its idle speed and turns nothing."""
    bench = Bench()
    bench.run(3.0, 0.0)
    assert bench.box.rpm == pytest.approx(IDLE_RPM, abs=60)
    assert bench.axle_rad_s == 0.0


def test_the_limiter_holds_the_engine() -> None:
    """Full throttle in neutral stays at the limiter."""
    bench = Bench()
    bench.run(3.0, 1.0)
    assert bench.box.rpm == pytest.approx(LIMITER_RPM, abs=150)


def test_the_automatic_clutch_waits_for_throttle() -> None:
    """In first at idle the car does not creep; with throttle it goes."""
    bench = Bench(gear=FIRST)
    bench.run(2.0, 0.0)
    assert bench.axle_rad_s == pytest.approx(0.0, abs=0.01)
    bench.run(2.0, 0.6)
    assert bench.axle_rad_s > 10.0


def test_the_automatic_goes_through_the_gears_one_by_one() -> None:
    """Up under throttle and down again without, never hunting to and fro."""
    bench = Bench(gear=FIRST)
    bench.run(30.0, 1.0)
    assert bench.box.gear >= 5
    changes = [b - a for a, b in zip(bench.gears, bench.gears[1:], strict=False) if a != b]
    assert set(changes) == {1}
    bench.gears.clear()
    for _ in range(60):
        bench.axle_rad_s *= 0.93
        bench.run(0.25, 0.0)
    assert bench.box.gear == FIRST
    assert min(bench.gears) == FIRST
    changes = [b - a for a, b in zip(bench.gears, bench.gears[1:], strict=False) if a != b]
    assert set(changes) == {-1}


def test_the_sequential_box_shifts_once_for_each_press() -> None:
    """From neutral into first and second, and the engine drops as the ratio says."""
    bench = Bench(gearbox="sequential")
    bench.run(0.3, 0.0, up=True)
    assert bench.box.gear == FIRST
    bench.run(4.0, 0.8)
    assert bench.box.gear == FIRST
    before = bench.box.rpm
    bench.run(0.6, 0.8, up=True)
    assert bench.box.gear == FIRST + 1
    assert bench.box.rpm < 0.8 * before


def test_a_shift_that_would_break_the_engine_is_refused() -> None:
    """Down into first at speed is refused; down at low speed is not."""
    bench = Bench(gearbox="sequential", gear=4)
    bench.axle_rad_s = 115.0
    bench.run(0.3, 0.0, down=True)
    assert bench.box.gear == 4
    bench.axle_rad_s = 30.0
    bench.run(0.3, 0.0, down=True)
    assert bench.box.gear == 3


def test_reverse_is_for_a_standstill() -> None:
    """Both boxes go backwards after a press of shift down at rest, and never at speed."""
    for bench in (Bench(gear=FIRST), Bench(gearbox="sequential", gear=NEUTRAL)):
        bench.run(0.3, 0.0, down=True)
        assert bench.box.gear == REVERSE
        bench.run(2.0, 0.6)
        assert bench.axle_rad_s < -5.0
        bench.axle_rad_s = 0.0
        bench.run(0.3, 0.0, up=True)
        assert bench.box.gear > REVERSE
    rolling = Bench(gear=FIRST)
    rolling.axle_rad_s = 20.0
    rolling.run(0.3, 0.0, down=True)
    assert rolling.box.gear == FIRST


def test_the_clutch_pedal_opens_the_clutch() -> None:
    """With the pedal floored the engine turns and the axle does not."""
    bench = Bench(gear=FIRST)
    bench.run(1.0, 0.8, pedal=1.0)
    assert bench.box.engaged == 0.0
    assert bench.axle_rad_s == 0.0
    assert bench.box.rpm > 3000


def test_a_closed_throttle_brakes() -> None:
    """In gear the engine slows the car."""
    bench = Bench(gear=3)
    bench.axle_rad_s = 60.0
    bench.run(1.0, 0.0)
    assert 40.0 < bench.axle_rad_s < 59.5


def test_fuel_burns_with_work_and_ends() -> None:
    """Full power takes some litres in ten minutes; an empty tank gives no drive."""
    bench = Bench(gear=FIRST)
    before = bench.box.fuel_l
    bench.run(10.0, 1.0)
    burnt = before - bench.box.fuel_l
    assert 0.02 < burnt < 0.3
    empty = Bench(gear=FIRST, fuel_l=0.0)
    empty.run(2.0, 1.0)
    assert empty.axle_rad_s == pytest.approx(0.0, abs=0.5)
