"""What the local API offers, as one who drives by it reads it."""

from __future__ import annotations

import pytest

from ac_bridge import ACBridgeLocal, RealTimeStepper
from ac_bridge_client.drivers import LineDriver
from ac_bridge_protocol.errors import LocalProtocolError
from ac_bridge_protocol.spec import Mode


def test_the_spec_is_what_a_driver_drives_by() -> None:
    """The same that a remote environment gives; a hundred steps along the line with it."""
    with ACBridgeLocal(20, 20, game="standin", lockstep=True, observation="racing") as bridge:
        stepper = RealTimeStepper(bridge, control_hz=10)
        spec = stepper.env_spec
        assert spec == bridge.env_spec
        assert (spec.mode, spec.modes, spec.control_hz) == (Mode.LOCKSTEP, (Mode.LOCKSTEP,), 10)
        driver = LineDriver(spec)
        observation, info = stepper.reset(seed=1)
        assert observation.shape == (spec.observation_size,)
        for _ in range(100):
            observation, info = stepper.step(driver.act(observation))
    assert info["speed_kmh"] > 60.0
    assert abs(info["line_offset"]) < 3.0
    assert info["is_valid_lap"]


def test_there_is_no_spec_before_there_is_a_game() -> None:
    """As with all that needs one."""
    with pytest.raises(LocalProtocolError, match="connect"):
        _ = ACBridgeLocal(game="standin").env_spec
