"""The frame and the statics as models: names, sources, units."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from ac_bridge_protocol.frame import ROAD_FIELDS, GameStatics, GameStatus, TelemetryFrame
from helpers.frames import FRAME_VALUES, STATICS_VALUES, make_frame, make_statics

# Names of the first ac-bridge: a reward function written for it must run unchanged.
FIRST_BRIDGE_NAMES = """
speed_kmh rpm gear throttle brake steer_angle position velocity local_velocity angular_velocity
acc_g wheel_slip wheel_load wheel_pressure wheel_angular_speed tyres_out is_valid_lap
completed_laps current_time best_time last_time current_sector_index distance_traveled car_damage
bodywork_damaged bodywork_critical tyre_wear tyre_damaged tyre_critical surface_grip air_temp
road_temp is_in_pit is_in_pit_lane session_type status packet_id yaw pitch roll suspension_travel
avg_wheel_slip wheel_lock_detected locked_wheels brake_temp tyre_core_temp normalized_position
clutch tc fuel seq t_wall dt dt_actual
"""
BOTH = pytest.mark.parametrize("model", [TelemetryFrame, GameStatics])


def extra(model: type[BaseModel], name: str) -> dict[str, str]:
    found = model.model_fields[name].json_schema_extra
    assert isinstance(found, dict)
    return {key: str(value) for key, value in found.items()}


def test_every_name_of_the_first_bridge_is_there() -> None:
    """None was renamed."""
    assert set(FIRST_BRIDGE_NAMES.split()) <= set(TelemetryFrame.model_fields)


@BOTH
def test_every_field_is_described(model: type[BaseModel]) -> None:
    """A sentence and a source each: the reference is made from them."""
    for name, field in model.model_fields.items():
        assert (field.description or "").endswith((".", ")")), name
        assert extra(model, name)["source"], name


@BOTH
def test_no_source_is_used_twice(model: type[BaseModel]) -> None:
    """A page's field has one name in a frame; only what the actor makes has no page."""
    sources = [extra(model, name)["source"] for name in model.model_fields]
    pages = [source for source in sources if "." in source]
    assert len(pages) == len(set(pages))
    assert {source.partition(".")[0] for source in pages} <= {"physics", "graphics", "static"}
    assert set(sources) - set(pages) <= {"actor", "derived", "track"}


@BOTH
def test_every_field_is_required(model: type[BaseModel]) -> None:
    """A frame that says less than all is no frame; only the track may be unknown."""
    optional = {name for name, field in model.model_fields.items() if not field.is_required()}
    assert optional == (set(ROAD_FIELDS) if model is TelemetryFrame else set())


def test_the_helpers_name_every_field() -> None:
    """So that tests and models cannot drift apart."""
    assert set(FRAME_VALUES) == set(TelemetryFrame.model_fields)
    assert set(STATICS_VALUES) == set(GameStatics.model_fields)
    assert make_frame() == TelemetryFrame.model_validate(make_frame().model_dump())
    assert make_statics() == GameStatics.model_validate(make_statics().model_dump())


def test_frames_are_frozen() -> None:
    """They are kept and compared freely."""
    frame = make_frame()
    with pytest.raises(ValidationError):
        frame.gear = 5  # type: ignore[misc]
    assert hash(frame) == hash(make_frame())
    assert frame != make_frame(gear=4)


def test_states_compare_with_the_pages_numbers() -> None:
    """The enums are integers, for those who know the page."""
    assert make_frame().status == 2
    assert make_frame(status=GameStatus.PAUSE).status == 3
