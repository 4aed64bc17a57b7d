"""Page bytes to the values of a frame, every field from its own bytes."""

from __future__ import annotations

import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ac_bridge.game import Page
from ac_bridge.telemetry.decode import (
    GRAPHICS_FRAME,
    PHYSICS_FRAME,
    PageDecoder,
    decode_statics,
    sources_of,
)
from ac_bridge.telemetry.layout import LAYOUTS, STATIC
from ac_bridge.telemetry.reader import FrameStream, TelemetryReader
from ac_bridge_protocol.errors import PageError
from ac_bridge_protocol.frame import Flag, GameStatics, GameStatus, SessionType, TelemetryFrame
from helpers.frames import (
    MemoryPages,
    as_ours,
    graphics_page,
    live_pages,
    physics_page,
    static_page,
)
from helpers.strategies import page_bytes

# Offset in its page of every decoded field, written down from the facts sheet.
PHYSICS_OFFSETS = {
    "packet_id": 0, "throttle": 4, "brake": 8, "fuel": 12, "gear": 16, "rpm": 20,
    "steer_angle": 24, "speed_kmh": 28, "velocity": 32, "acc_g": 44, "wheel_slip": 56,
    "wheel_load": 72, "wheel_pressure": 88, "wheel_angular_speed": 104, "tyre_wear": 120,
    "tyre_dirt": 136, "tyre_core_temp": 152, "camber": 168, "suspension_travel": 184, "drs": 200,
    "tc": 204, "yaw": 208, "pitch": 212, "roll": 216, "cg_height": 220, "car_damage": 224,
    "tyres_out": 244, "pit_limiter_on": 248, "abs": 252, "kers_charge": 256, "kers_input": 260,
    "auto_shifter_on": 264, "ride_height": 268, "turbo_boost": 276, "ballast": 280,
    "air_density": 284, "air_temp": 288, "road_temp": 292, "angular_velocity": 296,
    "final_ff": 308, "performance_meter": 312, "engine_brake": 316, "ers_recovery_level": 320,
    "ers_power_level": 324, "ers_heat_charging": 328, "ers_is_charging": 332,
    "kers_current_kj": 336, "drs_available": 340, "drs_enabled": 344, "brake_temp": 348,
    "clutch": 364, "tyre_temp_inner": 368, "tyre_temp_middle": 384, "tyre_temp_outer": 400,
    "is_ai_controlled": 416, "tyre_contact_point": 420, "tyre_contact_normal": 468,
    "tyre_contact_heading": 516, "brake_bias": 564, "local_velocity": 568,
    "p2p_activations": 580, "p2p_status": 584, "current_max_rpm": 588,
}  # fmt: skip
GRAPHICS_OFFSETS = {
    "graphics_packet_id": 0, "status": 4, "session_type": 8, "current_time_text": 12,
    "last_time_text": 42, "best_time_text": 72, "split_text": 102, "completed_laps": 132,
    "race_position": 136, "current_time": 140, "last_time": 144, "best_time": 148,
    "session_time_left": 152, "distance_traveled": 156, "is_in_pit": 160,
    "current_sector_index": 164, "last_sector_time": 168, "number_of_laps": 172,
    "tyre_compound": 176, "replay_time_multiplier": 244, "normalized_position": 248,
    "position": 252, "penalty_time": 264, "flag": 268, "ideal_line_on": 272,
    "is_in_pit_lane": 276, "surface_grip": 280, "mandatory_pit_done": 284, "wind_speed": 288,
    "wind_direction": 292, "time_limit_session_left": 296, "is_esc_menu_visible": 300,
}  # fmt: skip
STATIC_OFFSETS = {
    "sm_version": 0, "ac_version": 30, "number_of_sessions": 60, "num_cars": 64, "car_model": 68,
    "track": 134, "player_name": 200, "player_surname": 266, "player_nick": 332,
    "sector_count": 400, "max_torque": 404, "max_power": 408, "max_rpm": 412, "max_fuel": 416,
    "suspension_max_travel": 420, "tyre_radius": 436, "max_turbo_boost": 452,
    "penalties_enabled": 464, "aid_fuel_rate": 468, "aid_tyre_rate": 472,
    "aid_mechanical_damage": 476, "aid_allow_tyre_blankets": 480, "aid_stability": 484,
    "aid_auto_clutch": 488, "aid_auto_blip": 492, "has_drs": 496, "has_ers": 500, "has_kers": 504,
    "kers_max_j": 508, "engine_brake_settings_count": 512, "ers_power_controller_count": 516,
    "track_length_m": 520, "track_configuration": 524, "ers_max_j": 592, "is_timed_race": 596,
    "has_extra_lap": 600, "car_skin": 604, "reversed_grid_positions": 672,
    "pit_window_start": 676, "pit_window_end": 680,
}  # fmt: skip
STATICS = PageDecoder(STATIC, GameStatics)
PAGES: dict[Page, tuple[PageDecoder, type[Any], dict[str, int]]] = {
    Page.PHYSICS: (PHYSICS_FRAME, TelemetryFrame, PHYSICS_OFFSETS),
    Page.GRAPHICS: (GRAPHICS_FRAME, TelemetryFrame, GRAPHICS_OFFSETS),
    Page.STATIC: (STATICS, GameStatics, STATIC_OFFSETS),
}
ENUMS = {"status": GameStatus, "session_type": SessionType, "flag": Flag}
FIELDS = [(page, name) for page, (_, _, offsets) in PAGES.items() for name in offsets]


def empty(value: Any) -> bool:
    """Whether a value is what a page of zeros gives."""
    if isinstance(value, tuple):
        return all(empty(element) for element in value)
    return not value


# --- Every field from its own bytes ---------------------------------------------------------------


@pytest.mark.parametrize("page", Page)
def test_the_decoder_knows_every_field_of_its_page(page: Page) -> None:
    """The fields with a source in the page are those of the facts, and all are decoded."""
    decoder, model, offsets = PAGES[page]
    assert set(sources_of(page, model)) == set(offsets)
    values, nonfinite = decoder.decode(bytes(page.size_bytes))
    assert set(values) == set(offsets)
    assert nonfinite == ()


@pytest.mark.parametrize(("page", "name"), FIELDS)
def test_a_field_is_decoded_from_its_bytes(page: Page, name: str) -> None:
    """Written by hand at its offset, a value appears in that field and in no other."""
    decoder, model, offsets = PAGES[page]
    declared = str(model.model_fields[name].annotation)
    data = bytearray(page.size_bytes)
    at = offsets[name]
    expected: Any
    if name in ENUMS:
        struct.pack_into("<i", data, at, 3)
        expected = ENUMS[name](3)
    elif "bool" in declared:
        struct.pack_into("<i", data, at, 1)
        expected = True
    elif "int" in declared:
        struct.pack_into("<i", data, at, -123_456)
        expected = -123_456
    elif "str" in declared and "float" not in declared:
        data[at : at + 6] = "Zü7".encode("utf-16-le")
        expected = "Zü7"
    else:
        count = declared.count("float")
        count = 12 if name.startswith("tyre_contact") else 1 if "None" in declared else count
        flat = tuple(float(k + 1) for k in range(count))
        struct.pack_into(f"<{count}f", data, at, *flat)
        rows = tuple(flat[k : k + 3] for k in range(0, 12, 3))
        expected = flat[0] if count == 1 else rows if count == 12 else flat
    values, nonfinite = decoder.decode(bytes(data))
    assert values.pop(name) == expected
    assert nonfinite == ()
    assert all(empty(value) for value in values.values())


@pytest.mark.parametrize("page", Page)
def test_what_is_decoded_has_exactly_its_declared_type(page: Page) -> None:
    """Frames are built without validation: a float is a float, and a tuple has its length."""
    decoder, model, _ = PAGES[page]
    values, _ = decoder.decode(bytes(page.size_bytes))
    for name, value in values.items():
        annotation = model.model_fields[name].annotation
        if isinstance(annotation, type) and not hasattr(annotation, "__args__"):
            assert type(value) is annotation, name
        elif isinstance(value, tuple):
            assert len(value) == len(annotation.__args__), name


# --- Enums and booleans ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "name", "known"),
    [
        ("status", "status", {0: "OFF", 1: "REPLAY", 2: "LIVE", 3: "PAUSE"}),
        (
            "session",
            "session_type",
            dict(
                enumerate(["PRACTICE", "QUALIFY", "RACE", "HOTLAP", "TIME_ATTACK", "DRIFT", "DRAG"])
            ),
        ),
        (
            "flag",
            "flag",
            dict(enumerate(["NONE", "BLUE", "YELLOW", "BLACK", "WHITE", "CHEQUERED", "PENALTY"])),
        ),
    ],
)
def test_undocumented_numbers_are_unknown(source: str, name: str, known: dict[int, str]) -> None:
    """Each documented number has its name; any other, as after an exit, is UNKNOWN."""
    for number in [*range(-3, 12), 2**31 - 1, -(2**31)]:
        values, _ = GRAPHICS_FRAME.decode(graphics_page(**{source: number}))
        assert values[name].name == known.get(number, "UNKNOWN")


@pytest.mark.parametrize("number", [1, 2, -1, 2**31 - 1])
def test_any_number_but_zero_is_true(number: int) -> None:
    """The pages have no booleans, and some mods write other numbers than 1."""
    values, _ = GRAPHICS_FRAME.decode(graphics_page(isInPit=number))
    assert values["is_in_pit"] is True


# --- What is not finite ---------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_zero_and_named(bad: float) -> None:
    """Scalars, elements and rows are repaired one by one; their neighbours stay."""
    points = [(1.0, 2.0, bad), (4.0, 5.0, 6.0), (7.0, 8.0, 9.0), (1.0, 1.0, 1.0)]
    page = physics_page(gas=bad, velocity=(1.0, bad, 3.0), tyreContactPoint=points)
    values, nonfinite = PHYSICS_FRAME.decode(page)
    assert set(nonfinite) == {"throttle", "velocity", "tyre_contact_point"}
    assert values["throttle"] == 0.0
    assert values["velocity"] == (1.0, 0.0, 3.0)
    assert values["tyre_contact_point"][:2] == ((1.0, 2.0, 0.0), (4.0, 5.0, 6.0))
    assert values["speed_kmh"] == 72.0


def test_opposite_infinities_do_not_cancel() -> None:
    """Nor do they within one array."""
    values, nonfinite = PHYSICS_FRAME.decode(physics_page(velocity=(math.inf, -math.inf, 1.0)))
    assert values["velocity"] == (0.0, 0.0, 1.0)
    assert nonfinite == ("velocity",)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_an_endless_session_has_no_time_left(bad: float) -> None:
    """Open practice says infinity: that is None, and no fault."""
    values, nonfinite = GRAPHICS_FRAME.decode(graphics_page(sessionTimeLeft=bad))
    assert values["session_time_left"] is None
    assert nonfinite == ()


def test_fields_that_nobody_reads_may_hold_rubbish() -> None:
    """A NaN in a deprecated field is nobody's fault."""
    _, nonfinite = STATICS.decode(static_page(deprecated_1=math.nan))
    assert nonfinite == ()


# --- Sizes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", Page)
@pytest.mark.parametrize("more", [-1, 1, -200, 4096])
def test_a_page_of_another_size_is_refused(page: Page, more: int) -> None:
    """ACC's pages are longer, a header of 296 bytes is too short: never guessed."""
    decoder, _, _ = PAGES[page]
    with pytest.raises(PageError, match=f"{page.label} page has {page.size_bytes} bytes"):
        decoder.decode(bytes(page.size_bytes + more))


def test_an_empty_page_is_refused() -> None:
    """A page source that gives nothing is broken."""
    with pytest.raises(PageError):
        decode_statics(b"")


# --- The capture ----------------------------------------------------------------------------------


def test_the_capture_reads_as_the_facts_say() -> None:
    """Values of the real page, packed by hand at the facts' offsets, decode to what was seen."""
    page = bytearray(592)
    struct.pack_into("<ii", page, 16, 1, 850)
    struct.pack_into("<4f", page, 72, 3359, 3336, 2324, 2332)
    struct.pack_into("<5f", page, 224, 13.0, 7.25, 8.0, 0.0, 13.0)
    struct.pack_into("<i", page, 588, 6500)
    values, _ = PHYSICS_FRAME.decode(bytes(page))
    assert (values["gear"], values["rpm"], values["clutch"]) == (1, 850, 0.0)
    assert values["wheel_load"] == (3359.0, 3336.0, 2324.0, 2332.0)
    assert values["car_damage"] == (13.0, 7.25, 8.0, 0.0, 13.0)
    assert values["current_max_rpm"] == 6500


def test_statics_are_decoded() -> None:
    """The static page makes a whole, valid model."""
    statics = decode_statics(static_page())
    assert statics.sm_version == "1.7"
    assert (statics.car_model, statics.track, statics.track_length_m) == (
        "abarth500",
        "imola",
        4864.0,
    )
    assert GameStatics.model_validate(statics.model_dump()) == statics


# --- Rubbish --------------------------------------------------------------------------------------


@given(
    physics=page_bytes(Page.PHYSICS),
    graphics=page_bytes(Page.GRAPHICS),
    static=page_bytes(Page.STATIC),
)
def test_rubbish_makes_a_valid_frame(physics: bytes, graphics: bytes, static: bytes) -> None:
    """Whatever the pages hold, the frame built without validation passes validation."""
    pages = MemoryPages(
        {Page.PHYSICS: physics, Page.GRAPHICS: graphics, Page.STATIC: as_ours(static)}
    )
    frame = TelemetryReader(pages).frame(FrameStream(0.1), 1.0, 2.0)
    assert TelemetryFrame.model_validate(frame.model_dump()) == frame


@given(
    bad=st.lists(
        st.tuples(
            st.integers(0, 147), st.sampled_from([math.nan, math.inf, -math.inf, 3.4e38, -3.4e38])
        ),
        max_size=20,
    )
)
def test_bad_floats_anywhere_make_a_valid_frame(bad: list[tuple[int, float]]) -> None:
    """NaN, infinities and the largest floats, at any place of the physics page."""
    page = bytearray(physics_page())
    for word, value in bad:
        struct.pack_into("<f", page, 4 * word, value)
    pages = live_pages()
    pages.published[Page.PHYSICS] = bytes(page)
    frame = TelemetryReader(pages).frame(FrameStream(0.1), 1.0, 2.0)
    assert TelemetryFrame.model_validate(frame.model_dump()) == frame


@given(static=page_bytes(Page.STATIC))
def test_rubbish_makes_valid_statics(static: bytes) -> None:
    """The same for the static page."""
    statics = decode_statics(static)
    assert GameStatics.model_validate(statics.model_dump()) == statics


@pytest.mark.parametrize("page", Page)
@given(data=st.binary(max_size=700))
def test_bytes_of_any_length_raise_nothing_else(page: Page, data: bytes) -> None:
    """PageError or values."""
    try:
        values, _ = PAGES[page][0].decode(data)
    except PageError:
        assert len(data) != LAYOUTS[page].page.size_bytes
    else:
        assert len(data) == page.size_bytes
        assert values
