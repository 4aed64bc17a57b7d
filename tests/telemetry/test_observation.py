"""Observation profiles: which numbers, in which order, within which bounds."""

from __future__ import annotations

import functools
import math
from typing import Any

import gymnasium
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ac_bridge.game import Controls, Page
from ac_bridge.standin import default_circuit
from ac_bridge.standin.install import InstallFolder
from ac_bridge.telemetry.observation import (
    BRIDGE15,
    CUSTOM,
    FEATURES,
    PROFILES,
    RACING,
    Look,
    ObservationPlan,
    Observer,
    plan_of_spec,
    planned,
    profile_named,
)
from ac_bridge.telemetry.reader import FrameStream, TelemetryReader
from ac_bridge.track.keeper import TrackKeeper
from ac_bridge.track.library import TrackLibrary
from ac_bridge.track.track import Track
from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.frame import ROAD_FIELDS, TelemetryFrame
from ac_bridge_protocol.observing import wished
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


# --- Features of one's own ------------------------------------------------------------------------


def custom(*wishes: Any) -> ObservationPlan:
    """Return the plan of a list of features."""
    wish = wished(list(wishes))
    assert not isinstance(wish, str)
    return planned(wish)


def box_of(plan: ObservationPlan) -> gymnasium.spaces.Box:
    """Return the announced space of a plan."""
    spec = SPEC.model_copy(update={"observation": plan.features})
    low, high = spec.observation_bounds()
    return gymnasium.spaces.Box(low, high, dtype=np.float32)


EVERYTHING = custom(*FEATURES)
RACING_BOX, EVERYTHING_BOX = box_of(RACING), box_of(EVERYTHING)


@functools.cache
def track() -> Track:
    """Return the stand-in's track, through its files."""
    folder = InstallFolder(default_circuit())
    return TrackLibrary(folder.path).load("standin_ring", "", None)


def test_racing_has_125_numbers_each_with_a_name() -> None:
    """As many as the published environment's; no name twice, and bounds that leave room."""
    names = [name for feature in RACING.features for name in feature.element_names]
    assert len(names) == len(set(names)) == len(RACING.lows) == 125
    assert all(feature.low < feature.high for feature in (*RACING.features, *EVERYTHING.features))
    assert (len(PROFILES), PROFILES["racing"]) == (2, RACING)


@given(physics=page_bytes(Page.PHYSICS), graphics=page_bytes(Page.GRAPHICS), on_track=st.booleans())
def test_every_feature_of_rubbish_pages_is_within_bounds(
    physics: bytes, graphics: bytes, *, on_track: bool
) -> None:
    """NaN and infinities included, with a track and without."""
    pages = live_pages()
    pages.published.update({Page.PHYSICS: physics, Page.GRAPHICS: graphics})
    keeper = TrackKeeper(TrackLibrary)
    keeper.track, keeper._named = track(), ("imola", "", 4864.107)
    reader = TelemetryReader(pages, keeper.place if on_track else None)
    frame = reader.frame(FrameStream(0.1), 1.0, 2.0)
    road = track() if on_track else None
    assert RACING_BOX.contains(np.asarray(RACING.observe(frame, road), np.float32))
    assert EVERYTHING_BOX.contains(np.asarray(EVERYTHING.observe(frame, road), np.float32))


@given(frame=models(TelemetryFrame))
def test_every_feature_of_any_frame_is_within_bounds(frame: TelemetryFrame) -> None:
    """Also of one that no page could hold, and whose place on the track is anywhere."""
    assert RACING_BOX.contains(np.asarray(RACING.observe(frame, track()), np.float32))
    assert EVERYTHING_BOX.contains(np.asarray(EVERYTHING.observe(frame, track()), np.float32))


def test_options_change_what_is_seen() -> None:
    """Rays from left to right, their names with their angles; the same rays once computed."""
    plan = custom({"name": "border_rays", "n": 3, "range_m": 50.0}, "edges")
    assert [name for f in plan.features for name in f.element_names] == [
        "border_rays[-90deg]",
        "border_rays[0deg]",
        "border_rays[90deg]",
        "edges_left",
        "edges_right",
    ]
    x_m, z_m = track().place(100.0, 2.0)
    heading = track().project(x_m, z_m).heading_rad
    frame = make_frame(
        position=(x_m, 0.0, z_m), yaw=heading, line_offset=2.0, left_edge=4.5, right_edge=8.5
    )
    left, ahead, right, *edges = plan.observe(frame, track())
    assert left * 50.0 + right * 50.0 == pytest.approx(13.0, abs=0.2)
    assert left < right < ahead == 1.0
    assert edges == pytest.approx([0.45, 0.85])


def test_without_the_tracks_files_what_needs_them_is_nothing() -> None:
    """Zero, and the plan names it; the rest is as ever."""
    plan = custom("speed", "line_offset", {"name": "curvature_ahead", "n": 2}, "border_rays")
    assert plan.needs_road == ("line_offset", "curvature_ahead", "border_rays")
    seen = plan.observe(make_frame(speed_kmh=150.0, **dict.fromkeys(ROAD_FIELDS)))
    assert seen == (0.5, *([0.0] * 14))


def test_the_path_ahead_is_in_the_cars_axes() -> None:
    """On a straight it lies before the nose; of a car that looks to the left, to its right."""
    plan = custom({"name": "path_ahead", "n": 2, "spacing_m": 10.0})
    x_m, z_m = track().place(100.0)
    heading = track().project(x_m, z_m).heading_rad
    straight = make_frame(position=(x_m, 0.0, z_m), yaw=heading, track_distance=100.0)
    assert np.multiply(plan.observe(straight, track()), 20.0) == pytest.approx(
        [10.0, 0.0, 20.0, 0.0], abs=0.3
    )
    turned = straight.model_copy(update={"yaw": heading - math.pi / 2})
    assert np.multiply(plan.observe(turned, track()), 20.0) == pytest.approx(
        [0.0, -10.0, 0.0, -20.0], abs=0.3
    )


def test_the_past_is_filled_at_the_start_and_moves_on() -> None:
    """As the present at first; missed ticks count as the one before them."""
    observer = Observer(
        custom("speed", {"name": "speed", "ticks_ago": 1}, {"name": "speed", "ticks_ago": 3})
    )

    def see(kmh: float, missed: int = 0) -> list[float]:
        look = Look(make_frame(speed_kmh=kmh))
        return [round(300.0 * value) for value in observer.see(look, missed)]

    assert see(30.0) == [30, 30, 30]
    assert see(60.0) == [60, 30, 30]
    assert see(90.0, missed=1) == [90, 60, 30]
    assert see(120.0) == [120, 90, 60]
    assert see(150.0, missed=50) == [150, 120, 120]


def test_what_was_sent_is_seen() -> None:
    """The wheel as it was, not what was wished for."""
    plan = custom("sent", {"name": "sent", "ticks_ago": 1})
    observer = Observer(plan)
    observer.see(Look(make_frame(), Controls(steer=-0.5, throttle=0.25)))
    seen = observer.see(Look(make_frame(), Controls(steer=0.5, brake=1.0)))
    assert seen == (0.5, 0.0, 1.0, -0.5, 0.25, 0.0)


def test_elements_keep_their_names_apart() -> None:
    """Asked for twice, or with other options."""
    plan = custom(
        "speed", "speed", {"name": "border_rays", "n": 1}, {"name": "border_rays", "n": 3}
    )
    names = [name for f in plan.features for name in f.element_names]
    assert names[:3] == ["speed", "speed#2", "border_rays[0deg]"]
    assert names[4] == "border_rays[0deg]#2"


@pytest.mark.parametrize(
    ("wishes", "says"),
    [
        (["wings"], "no feature 'wings'"),
        ([{"name": "speed", "n": 2}], "no option 'n'"),
        ([{"name": "border_rays", "n": 2.5}], "whole number"),
        ([{"name": "border_rays", "range_m": 1e9}], "from 1 to 500"),
        ([{"name": "border_rays", "n": 100 + n} for n in range(4)], "at most 256 elements"),
        ([{"name": "path_ahead", "n": n + 1} for n in range(9)], "at most 8 features"),
        ([{"name": "path_ahead", "n": 41}], "would be 1025 m ahead; the most is 1000 m"),
        ([{"name": "curvature_ahead", "n": 6, "spacing_m": 200.0}], "would be 1200 m ahead"),
        (["damage"] * 64 + [], None),
    ],
)
def test_what_cannot_be_computed_is_refused(wishes: list[Any], says: str | None) -> None:
    """By the feature's and the option's name."""
    if says is None:
        assert len(custom(*wishes).lows) == 320
        return
    with pytest.raises(SettingError, match=says) as caught:
        custom(*wishes)
    assert caught.value.setting in ("feature", "observation")


def test_a_spec_says_all_that_its_plan_is_made_of() -> None:
    """Whoever has the spec computes the same; a spec of another version is refused."""
    plan = custom(
        {"name": "border_rays", "n": 5, "spread_deg": 360.0}, {"name": "gear", "ticks_ago": 2}
    )
    spec = SPEC.model_copy(update={"observation_profile": CUSTOM, "observation": plan.features})
    assert plan_of_spec(spec).features == plan.features
    assert plan_of_spec(SPEC) is BRIDGE15
    other = [plan.features[0].model_copy(update={"scale": 3.0}), plan.features[1]]
    with pytest.raises(SettingError, match="not made as it was"):
        plan_of_spec(spec.model_copy(update={"observation": tuple(other)}))
