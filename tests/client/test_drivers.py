"""The line driver, on the stand-in game and by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from ac_bridge.game import NEUTRAL, Controls, Page
from ac_bridge.standin import StandinGame
from ac_bridge.telemetry.layout import GRAPHICS, PHYSICS
from ac_bridge_client.drivers import LineDriver

CIRCLE = np.array(
    [(50 * np.cos(a) - 50, 50 * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 200)[:-1]]
)
"""Radius 50 m, driven from (0, 0) towards +z and to the right."""


def frame(game: StandinGame) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what a driver needs to know, and the whole graphics page."""
    car = PHYSICS.unpack(game.pages.read(Page.PHYSICS))
    shown = GRAPHICS.unpack(game.pages.read(Page.GRAPHICS))
    info = {
        "position": shown["carCoordinates"],
        "yaw": car["heading"],
        "speed_kmh": car["speedKmh"],
        "local_velocity": car["localVelocity"],
        "tyres_out": car["numberOfTyresOut"],
    }
    return info, shown


class Smoothing:
    """An actor's filter and rate limit, as simple as they get."""

    def __init__(self, control_hz: float) -> None:
        self.last: npt.NDArray[np.float64] = np.zeros(3)
        self._most = 3.0 / control_hz

    def __call__(self, action: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        wanted = self.last + 0.6 * (action - self.last)
        self.last = self.last + np.clip(wanted - self.last, -self._most, self._most)
        return self.last


def drive_laps(seed: int, control_hz: float, *, smooth: bool, laps: int = 1) -> dict[str, Any]:
    """Let the driver complete laps; return the last graphics page. Leaving the track fails."""
    game = StandinGame(lockstep=True, seed=seed)
    driver = LineDriver(
        game.circuit.centreline(), half_width_m=game.circuit.half_width_m, control_hz=control_hz
    )
    game.clock.sleep_until(1.0)
    game.wheel.apply(Controls(buttons=frozenset({9})))
    game.clock.sleep_until(1.1)
    game.wheel.apply(NEUTRAL)
    smoothing = Smoothing(control_hz)
    for tick in range(round(110 * laps * control_hz)):
        info, shown = frame(game)
        if shown["completedLaps"] == laps:
            return shown
        assert info["tyres_out"] <= 2, f"off the track at {shown['normalizedCarPosition']:.3f}"
        action = driver.act(info)
        steer, throttle, brake = (float(a) for a in (smoothing(action) if smooth else action))
        game.wheel.apply(Controls(steer, throttle, brake))
        game.clock.sleep_until(1.1 + (tick + 1) / control_hz)
    pytest.fail("no lap within 110 s")


@pytest.mark.parametrize(
    ("seed", "control_hz", "smooth"),
    [(1, 10, True), (2, 10, False), (3, 20, True), (4, 60, True), (5, 60, False)],
)
def test_it_drives_a_clean_lap(seed: int, control_hz: float, smooth: bool) -> None:
    """From a standing start, at any usual rate, with and without an actor's smoothing."""
    shown = drive_laps(seed, control_hz, smooth=smooth)
    assert 80_000 < shown["iLastTime"] < 86_000
    assert shown["bestTime"] != "-:--:---"


def test_a_flying_lap_is_faster() -> None:
    """The second lap, without the standing start."""
    shown = drive_laps(6, 10, smooth=True, laps=2)
    assert 73_000 < shown["iBestTime"] < 78_000


def seen(
    x: float = 0.0, z: float = 0.0, yaw: float = 0.0, speed_kmh: float = 60.0, out: int = 0
) -> Mapping[str, Any]:
    """Return the information of one moment."""
    return {
        "position": (x, 0.0, z),
        "yaw": yaw,
        "speed_kmh": speed_kmh,
        "local_velocity": (0.0, 0.0, speed_kmh / 3.6),
        "tyres_out": out,
    }


def circling() -> LineDriver:
    """Return a driver of the circle."""
    return LineDriver(CIRCLE, half_width_m=5.0)


def test_an_action_fits_the_action_space() -> None:
    """Three float32 within their bounds, wherever the car is."""
    driver = circling()
    rng = np.random.default_rng(0)
    for _ in range(200):
        x, z, yaw, speed = rng.uniform([-200, -200, -4, 0], [200, 200, 4, 250])
        action = driver.act(seen(float(x), float(z), float(yaw), float(speed)))
        assert action.dtype == np.float32
        assert action.shape == (3,)
        assert -1 <= action[0] <= 1
        assert 0 <= action[1:].min() <= action[1:].max() <= 1


def test_it_steers_along_the_curve_and_back_to_the_line() -> None:
    """Right in a right turn, more of it from the left of the line, less from the right."""
    on_line = circling().act(seen())[0]
    from_left = circling().act(seen(x=2.0))[0]
    from_right = circling().act(seen(x=-2.0))[0]
    assert from_left > on_line > from_right
    assert on_line > 0.0


def test_it_turns_round_when_it_faces_the_wrong_way() -> None:
    """Full lock until the line lies ahead."""
    assert abs(circling().act(seen(yaw=3.0))[0]) == 1.0


def test_it_brakes_when_too_fast_and_accelerates_when_slow() -> None:
    """Never both at once; and it lifts on the grass."""
    _, throttle, brake = circling().act(seen(speed_kmh=130.0))
    assert brake > 0.2
    assert throttle == 0.0
    _, throttle, brake = circling().act(seen(speed_kmh=20.0))
    assert throttle > 0.5
    assert brake == 0.0
    assert circling().act(seen(speed_kmh=20.0, out=4))[1] <= 0.3


def test_the_speed_is_that_of_the_grip() -> None:
    """More grip, faster around the circle."""
    slow = LineDriver(CIRCLE, half_width_m=5.0, grip_g=0.5)
    fast = LineDriver(CIRCLE, half_width_m=5.0, grip_g=1.0)
    at_60 = [driver.act(seen(speed_kmh=65.0)) for driver in (slow, fast)]
    assert at_60[0][2] > 0.0
    assert at_60[1][1] > 0.0


def test_a_jump_is_noticed() -> None:
    """Put elsewhere, the driver finds its place again, with and without being told."""
    driver = circling()
    driver.act(seen())
    far = driver.act(seen(x=-100.0, z=0.0, yaw=np.pi))
    driver.reset()
    assert driver.act(seen(x=-100.0, z=0.0, yaw=np.pi)) == pytest.approx(far)
