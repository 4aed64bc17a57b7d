"""The line driver: clean laps of the stand-in's tracks, and single moments."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from ac_bridge import ACBridgeLocal, RealTimeStepper
from ac_bridge.telemetry.observation import BRIDGE15, RACING
from ac_bridge_client.drivers import LineDriver
from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.spec import DRIVING_ACTION, SHIFTING_ACTION, EnvSpec, Mode

SPEC = EnvSpec(
    game="standin",
    mode=Mode.LOCKSTEP,
    modes=(Mode.LOCKSTEP,),
    control_hz=10.0,
    telemetry_hz=20.0,
    observation_profile=RACING.name,
    observation=RACING.features,
    action=DRIVING_ACTION,
    smoothing="none",
)
ALLOWED_TYRES_OUT = 2


@dataclasses.dataclass
class Lap:
    """What a lap was like."""

    lap_s: float
    valid: bool


def drive_a_lap(
    seed: int, *, track: str | None = None, control_hz: float = 10.0, smoothing: str = "moderate"
) -> Lap:
    """Drive from a standing start in lockstep. Leaving the track fails."""
    bridge = ACBridgeLocal(
        20.0,
        control_hz,
        game="standin",
        lockstep=True,
        track=track,
        observation="racing",
        smoothing_config=smoothing,
    )
    with bridge:
        stepper = RealTimeStepper(bridge, control_hz)
        observation, info = stepper.reset(seed=seed)
        driver = LineDriver(bridge.rig.spec(Mode.LOCKSTEP))
        for _ in range(round(200 * control_hz)):
            valid = info["is_valid_lap"]
            observation, info = stepper.step(driver.act(observation))
            assert info["tyres_out"] <= ALLOWED_TYRES_OUT, f"off at {info['track_distance']} m"
            if info["completed_laps"]:
                _, info = stepper.step(driver.act(observation))
                return Lap(info["last_time"] / 1000.0, valid)
    pytest.fail("no lap within 200 s")


@pytest.mark.parametrize("seed", range(20))
def test_it_laps_the_circuit_cleanly(seed: int) -> None:
    """From twenty seeds, each with its own grip and place on the grid."""
    lap = drive_a_lap(seed)
    assert lap.valid
    assert 70.0 < lap.lap_s < 90.0


@pytest.mark.parametrize("number", range(1, 6))
def test_it_laps_circuits_that_it_has_not_seen(number: int) -> None:
    """Five drawn from their numbers."""
    assert drive_a_lap(number, track=f"made_{number}").valid


@pytest.mark.parametrize(("control_hz", "smoothing"), [(20.0, "moderate"), (20.0, "none")])
def test_it_laps_at_other_rates(control_hz: float, smoothing: str) -> None:
    """And without an actor's smoothing."""
    assert drive_a_lap(3, control_hz=control_hz, smoothing=smoothing).valid


def seen(**elements: float) -> Any:
    """Return an observation on a straight at 60 km/h, with some elements replaced, in units."""
    names = SPEC.element_names
    scales = [feature.scale for feature in SPEC.observation for _ in range(feature.size)]
    values = dict.fromkeys(names, 0.0) | {
        "speed": 60.0,
        "heading_error_cos": 1.0,
        "surface_grip": 1.0,
    }
    values |= {f"path_ahead[{12.5 * n:g}m]_forward": 12.5 * n for n in range(1, 9)}
    values |= elements
    assert values.keys() == set(names)
    return np.array([values[name] / scale for name, scale in zip(names, scales, strict=True)])


def path(left_m: float) -> dict[str, float]:
    """Return a path that lies so far to the left all along."""
    return {f"path_ahead[{12.5 * n:g}m]_left": left_m for n in range(1, 9)}


def bends(curvature_per_m: float, from_m: float = 0.0) -> dict[str, float]:
    """Return a bend that begins somewhere ahead."""
    ahead = [25.0 * n for n in range(1, 13)]
    found = {f"curvature_ahead[{m:g}m]": curvature_per_m for m in ahead if m >= from_m}
    return found | ({"line_curvature": curvature_per_m} if from_m <= 0 else {})


def test_an_action_fits_the_action_space() -> None:
    """Three float32 within their bounds, for any observation within its own."""
    driver = LineDriver(SPEC)
    rng = np.random.default_rng(0)
    low, high = SPEC.observation_bounds()
    for _ in range(500):
        action = driver.act(rng.uniform(low, high))
        assert action.dtype == np.float32
        assert action.shape == (3,)
        assert -1 <= action[0] <= 1
        assert 0 <= action[1:].min() <= action[1:].max() <= 1


def test_it_steers_towards_the_line() -> None:
    """Right where the line lies to the right, which is where the car is left of it."""
    driver = LineDriver(SPEC)
    assert driver.act(seen())[0] == pytest.approx(0.0, abs=1e-6)
    assert driver.act(seen(line_offset=2.0, **path(-2.0)))[0] > 0.01
    assert driver.act(seen(line_offset=-2.0, **path(2.0)))[0] < -0.01


def test_it_brakes_for_a_corner_ahead() -> None:
    """The sooner, the tighter it is; and pushes where there is none."""
    driver = LineDriver(SPEC)
    _, throttle, brake = driver.act(seen(speed=150.0))
    assert (throttle > 0.9, brake) == (True, 0.0)
    assert driver.act(seen(speed=150.0, **bends(0.05, from_m=75.0)))[2] > 0.2
    assert driver.act(seen(speed=150.0, **bends(0.004, from_m=75.0)))[2] == 0.0
    assert driver.act(seen(speed=150.0, **bends(0.05, from_m=300.0)))[2] == 0.0


def test_the_speed_is_that_of_the_grip() -> None:
    """More grip, faster round the same bend; less on a track that is not clean."""
    slow, fast = LineDriver(SPEC, grip_g=0.5), LineDriver(SPEC, grip_g=1.0)
    moment = seen(speed=65.0, **bends(0.02))
    assert slow.act(moment)[2] > 0.0
    assert fast.act(moment)[1] > 0.0
    worn = seen(speed=65.0, **(bends(0.02) | {"surface_grip": 0.5}))
    assert fast.act(worn)[2] > 0.0


def test_it_lifts_off_the_track() -> None:
    """And turns round as tightly as it can when it faces the wrong way."""
    driver = LineDriver(SPEC)
    assert driver.act(seen(speed=20.0, wheels_off=4.0))[1] <= 0.3 + 1e-6
    back = {f"path_ahead[{12.5 * n:g}m]_forward": -12.5 * n for n in range(1, 9)}
    assert abs(driver.act(seen(**back))[0]) == 1.0


def test_it_stops_where_it_sees_no_line() -> None:
    """All features of the road are 0 without the track's files: no reason to go straight on."""
    action = LineDriver(SPEC).act(seen(speed=150.0, heading_error_cos=0.0))
    assert action[:2].tolist() == [0.0, 0.0]
    assert action[2] > 0.5


def test_an_observation_that_it_cannot_drive_by_is_refused() -> None:
    """Says which one to ask for."""
    spec = SPEC.model_copy(update={"observation": BRIDGE15.features})
    with pytest.raises(SettingError, match="racing"):
        LineDriver(spec)


def test_it_does_not_shift() -> None:
    """Where the learner is to shift, it says so at once, not at the first step."""
    spec = SPEC.model_copy(update={"action": SHIFTING_ACTION})
    with pytest.raises(SettingError, match="the action has shift as well"):
        LineDriver(spec)
