"""The reader: pages in, frames out, and when it looks at which page."""

from __future__ import annotations

import math

import pytest

from ac_bridge.game import Page
from ac_bridge.telemetry.derived import NOMINAL_TYRE_RADIUS_M
from ac_bridge.telemetry.reader import FrameStream, TelemetryReader
from ac_bridge_protocol.errors import GameAbsentError, PageError
from ac_bridge_protocol.frame import TelemetryFrame
from helpers.frames import MemoryPages, graphics_page, live_pages, physics_page, static_page


def read(reader: TelemetryReader) -> TelemetryFrame:
    return reader.frame(FrameStream(0.1), 0.0, 0.0)


# --- The stream -----------------------------------------------------------------------------------


def test_a_stream_counts_and_times_its_frames() -> None:
    """Numbers from 0; the first has no time before it; the nominal time is always the same."""
    stream = FrameStream(0.1)
    assert stream.stamp(5.0, 1e9) == {"seq": 0, "t_wall": 1e9, "dt": 0.1, "dt_actual": 0.0}
    assert stream.stamp(5.25, 1e9 + 0.25) == {
        "seq": 1,
        "t_wall": 1e9 + 0.25,
        "dt": 0.1,
        "dt_actual": 0.25,
    }


def test_a_stream_that_starts_at_zero_is_timed_too() -> None:
    """Zero is a moment like any other."""
    stream = FrameStream(0.1)
    stream.stamp(0.0, 0.0)
    assert stream.stamp(0.125, 0.0)["dt_actual"] == 0.125


def test_two_streams_of_one_reader_count_for_themselves() -> None:
    """Control and telemetry number their frames independently."""
    reader, fast, slow = TelemetryReader(live_pages()), FrameStream(0.01), FrameStream(0.1)
    assert [reader.frame(fast, k / 100, 0.0).seq for k in range(3)] == [0, 1, 2]
    assert reader.frame(slow, 0.03, 0.0).seq == 0


# --- Frames ---------------------------------------------------------------------------------------


def test_a_frame_joins_both_pages_and_what_follows() -> None:
    """Physics, graphics, derived fields and timing, all valid."""
    frame = TelemetryReader(live_pages()).frame(FrameStream(0.1), 3.0, 1e9)
    assert (frame.speed_kmh, frame.current_time, frame.avg_wheel_slip) == (72.0, 43_398, 0.375)
    assert (frame.packet_id, frame.graphics_packet_id) == (33_333, 12_001)
    assert (frame.seq, frame.t_wall, frame.dt, frame.dt_actual) == (0, 1e9, 0.1, 0.0)
    assert frame.is_valid_lap
    assert frame.nonfinite == ()
    assert TelemetryFrame.model_validate(frame.model_dump()) == frame


def test_each_page_is_copied_once_for_a_frame() -> None:
    """And the static one only the first time."""
    pages = live_pages()
    reader = TelemetryReader(pages)
    read(reader)
    assert sorted(page.label for page in pages.reads) == ["graphics", "physics", "static"]
    pages.reads.clear()
    read(reader)
    assert sorted(page.label for page in pages.reads) == ["graphics", "physics"]


def test_what_is_not_finite_is_named_for_both_pages() -> None:
    """By the frame's names."""
    pages = live_pages()
    pages.published[Page.PHYSICS] = physics_page(gas=math.nan)
    pages.published[Page.GRAPHICS] = graphics_page(windSpeed=math.inf)
    frame = read(TelemetryReader(pages))
    assert frame.nonfinite == ("throttle", "wind_speed")
    assert (frame.throttle, frame.wind_speed) == (0.0, 0.0)


@pytest.mark.parametrize("page", [Page.PHYSICS, Page.GRAPHICS])
def test_an_absent_page_is_an_absent_game(page: Page) -> None:
    """Neither can be done without; the reader goes on when the page is there."""
    pages = live_pages()
    held = pages.published.pop(page)
    reader = TelemetryReader(pages)
    with pytest.raises(GameAbsentError):
        read(reader)
    pages.published[page] = held
    assert read(reader).speed_kmh == 72.0


def test_a_page_of_a_wrong_size_is_told() -> None:
    """A source that breaks its contract does not pass for an absent game."""
    pages = live_pages()
    pages.published[Page.PHYSICS] = bytes(591)
    with pytest.raises(PageError):
        read(TelemetryReader(pages))


def test_a_cut_between_two_frames_of_one_stream_is_kept_for_the_other() -> None:
    """Validity is latched over all frames read, whoever asked for them."""
    pages = live_pages()
    reader, fast, slow = TelemetryReader(pages), FrameStream(0.01), FrameStream(0.1)
    pages.published[Page.PHYSICS] = physics_page(numberOfTyresOut=4)
    assert not reader.frame(fast, 0.0, 0.0).is_valid_lap
    pages.published[Page.PHYSICS] = physics_page()
    assert not reader.frame(slow, 0.1, 0.0).is_valid_lap


# --- Statics --------------------------------------------------------------------------------------


def test_statics_are_kept() -> None:
    """The page is decoded once in the life of a game process."""
    pages = live_pages()
    reader = TelemetryReader(pages)
    first = reader.statics()
    assert first is not None
    assert reader.statics() is first
    assert pages.reads.count(Page.STATIC) == 1


def test_statics_that_are_not_there_are_none() -> None:
    """Absent, or published but not written yet; they come when they come."""
    pages = live_pages()
    held = pages.published.pop(Page.STATIC)
    reader = TelemetryReader(pages)
    assert reader.statics() is None
    pages.published[Page.STATIC] = bytes(684)
    assert reader.statics() is None
    pages.published[Page.STATIC] = held
    statics = reader.statics()
    assert statics is not None
    assert statics.car_model == "abarth500"


def test_a_packet_id_that_goes_back_is_a_new_game() -> None:
    """Another process may drive another car: the static page is read again."""
    pages = live_pages()
    reader = TelemetryReader(pages)
    read(reader)
    pages.published[Page.STATIC] = static_page(carModel="ks_mazda_mx5_cup")
    pages.published[Page.PHYSICS] = physics_page(packetId=33_400)
    read(reader)
    statics = reader.statics()
    assert statics is not None
    assert statics.car_model == "abarth500"
    pages.published[Page.PHYSICS] = physics_page(packetId=300)
    read(reader)
    statics = reader.statics()
    assert statics is not None
    assert statics.car_model == "ks_mazda_mx5_cup"


def test_frames_do_not_need_statics() -> None:
    """Without the car's tyre radius a nominal one tells locked wheels."""
    turning = 0.21 * 20.0 / NOMINAL_TYRE_RADIUS_M
    physics = physics_page(wheelAngularSpeed=(turning, 0.0, turning, turning))
    pages = MemoryPages({Page.PHYSICS: physics, Page.GRAPHICS: graphics_page()})
    assert read(TelemetryReader(pages)).locked_wheels == (1,)


def test_a_tyre_without_radius_is_taken_for_a_nominal_one() -> None:
    """A static page that says zero would lock every wheel."""
    pages = live_pages()
    pages.published[Page.STATIC] = static_page(tyreRadius=(0.3, 0.3, 0.0, 0.3))
    assert read(TelemetryReader(pages)).locked_wheels == ()


def test_the_cars_own_tyre_radius_is_used() -> None:
    """At 20 m/s and 15 rad/s a tyre of 0.25 m is below a fifth, one of 0.5 m is not."""
    pages = live_pages()
    pages.published[Page.PHYSICS] = physics_page(wheelAngularSpeed=(15.0,) * 4)
    assert read(TelemetryReader(pages)).locked_wheels == (0, 1, 2, 3)
    pages.published[Page.STATIC] = static_page(tyreRadius=(0.5,) * 4)
    assert read(TelemetryReader(pages)).locked_wheels == ()
