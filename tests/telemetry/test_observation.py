"""Observation profiles: which numbers, in which order, within which bounds."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from hypothesis import given

from ac_bridge.game import Page
from ac_bridge.telemetry.observation import BRIDGE15, PROFILES, profile_named
from ac_bridge.telemetry.reader import FrameStream, TelemetryReader
from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.frame import TelemetryFrame
from ac_bridge_protocol.spec import DRIVING_ACTION, EnvSpec, Mode
from helpers.frames import live_pages, make_frame
from helpers.strategies import models, page_bytes

SPEC = EnvSpec(
    game="standin",
    mode=Mode.LATEST,
    modes=(Mode.LATEST,),
    control_hz=10.0,
    telemetry_hz=60.0,
    observation_profile=BRIDGE15.name,
    observation=BRIDGE15.features,
    action=DRIVING_ACTION,
    smoothing="none",
)
LOW, HIGH = SPEC.observation_bounds()
BOX = gymnasium.spaces.Box(LOW, HIGH, dtype=np.float32)


def test_bridge15_is_the_fifteen_numbers() -> None:
    """Each element from its field, in the documented order and scale."""
    frame = make_frame(
        speed_kmh=150.0,
        velocity=(10.0, 20.0, 30.0),
        throttle=0.5,
        brake=0.25,
        steer_angle=-0.75,
        rpm=5000,
        gear=3,
        acc_g=(0.75, 1.5, -3.0),
        avg_wheel_slip=1.0,
        tyres_out=2,
        car_damage=(0.0, 0.5, 0.0, 0.0, 0.5),
    )
    assert BRIDGE15.observe(frame) == pytest.approx(
        (0.5, 0.1, 0.2, 0.3, 0.5, 0.25, -0.75, 0.5, 0.5, 0.25, 0.5, -1.0, 0.5, 0.5, 1.0)
    )


def test_the_features_describe_the_elements() -> None:
    """Fifteen single numbers, each with a name of its own and bounds that leave room."""
    assert SPEC.observation_size == 15
    assert len({feature.name for feature in BRIDGE15.features}) == 15
    assert all(feature.low < feature.high for feature in BRIDGE15.features)
    assert (LOW < HIGH).all()
    assert LOW.dtype == HIGH.dtype == np.float32


def test_values_are_clipped_to_the_bounds() -> None:
    """A crash at 10,000 km/h with spinning wheels stays in the box."""
    wild = make_frame(
        speed_kmh=1e9,
        velocity=(1e9, -1e9, 1e9),
        rpm=-(2**31),
        gear=99,
        acc_g=(1e9, -1e9, 1e9),
        avg_wheel_slip=1e9,
        tyres_out=-1,
    )
    observed = dict(zip([f.name for f in BRIDGE15.features], BRIDGE15.observe(wild), strict=True))
    assert (observed["speed"], observed["velocity_x"], observed["velocity_y"]) == (2.0, 2.0, -2.0)
    assert (observed["rpm"], observed["gear"], observed["mean_wheel_slip"]) == (-0.1, 2.0, 5.0)
    assert (observed["acc_lateral"], observed["acc_vertical"]) == (3.0, -3.0)
    assert observed["tyres_out"] == 0.0


def test_no_damage_is_zero() -> None:
    """The last element tells damage of any size from none."""
    assert BRIDGE15.observe(make_frame())[-1] == 0.0
    assert BRIDGE15.observe(make_frame(car_damage=(0.0, 0.0, 0.01, 0.0, 0.01)))[-1] == 1.0


@given(physics=page_bytes(Page.PHYSICS), graphics=page_bytes(Page.GRAPHICS))
def test_rubbish_pages_are_observed_within_bounds(physics: bytes, graphics: bytes) -> None:
    """As float32, what any bytes decode to lies in the announced Box."""
    pages = live_pages()
    pages.published.update({Page.PHYSICS: physics, Page.GRAPHICS: graphics})
    frame = TelemetryReader(pages).frame(FrameStream(0.1), 1.0, 2.0)
    observed = np.asarray(BRIDGE15.observe(frame), np.float32)
    assert BOX.contains(observed)


@given(frame=models(TelemetryFrame))
def test_any_valid_frame_is_observed_within_bounds(frame: TelemetryFrame) -> None:
    """Also one that no page could hold."""
    assert BOX.contains(np.asarray(BRIDGE15.observe(frame), np.float32))


def test_profiles_are_found_by_name() -> None:
    """An unknown one is refused with the names that there are."""
    assert profile_named("bridge15") is BRIDGE15
    assert all(name == profile.name for name, profile in PROFILES.items())
    with pytest.raises(SettingError, match="bridge15") as caught:
        profile_named("pixels")
    assert caught.value.setting == "observation"
