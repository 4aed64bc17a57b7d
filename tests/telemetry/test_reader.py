"""The reader: pages in, frames out, and when it looks at which page."""

from __future__ import annotations

import math

import pytest

from ac_bridge.game import Page
from ac_bridge.telemetry.reader import COPY_TRIES, FrameStream, TelemetryReader
from ac_bridge_protocol.errors import GameAbsentError, PageError, WrongGameError
from ac_bridge_protocol.frame import GameState, TelemetryFrame
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


def test_each_page_is_copied_twice_for_a_frame() -> None:
    """Before and after decoding, to be compared; the static one only the first time."""
    pages = live_pages()
    reader = TelemetryReader(pages)
    read(reader)
    assert pages.reads == [Page.STATIC] * 2 + [Page.PHYSICS, Page.GRAPHICS] * 2
    pages.reads.clear()
    read(reader)
    assert pages.reads == [Page.PHYSICS, Page.GRAPHICS] * 2


def test_pages_that_cannot_tear_are_copied_once() -> None:
    """A source in this process gives a copy of one moment."""
    pages = live_pages()
    pages.atomic = True
    read(TelemetryReader(pages))
    assert pages.reads == [Page.STATIC, Page.PHYSICS, Page.GRAPHICS]


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
    pages.atomic = True
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


@pytest.mark.parametrize("static", [None, bytes(684)])
def test_there_is_no_frame_before_the_statics(static: bytes | None) -> None:
    """Until they are written nobody knows whose pages these are."""
    pages = live_pages()
    if static is None:
        del pages.published[Page.STATIC]
    else:
        pages.published[Page.STATIC] = static
    reader = TelemetryReader(pages)
    with pytest.raises(GameAbsentError):
        read(reader)
    assert reader.state is (GameState.ABSENT if static is None else GameState.WAITING)


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


# --- Trust ----------------------------------------------------------------------------------------


class RestlessPages(MemoryPages):
    """Shows its first pages, and from the n-th reading of the physics page on others."""

    def __init__(self, change_at: set[int]) -> None:
        super().__init__(live_pages().published)
        self.change_at = change_at
        self.packet = 33_333
        self.physics_reads = 0
        self.reopened = 0

    def read(self, page: Page) -> bytes:
        if page is Page.PHYSICS:
            self.physics_reads += 1
            if self.physics_reads in self.change_at:
                self.packet += 1
                self.published[page] = physics_page(packetId=self.packet, speedKmh=self.packet)
        return super().read(page)

    def reopen(self) -> None:
        self.reopened += 1


def test_a_page_that_changes_while_it_is_read_is_read_again() -> None:
    """And counted: the frame says how often that happened so far."""
    reader = TelemetryReader(RestlessPages({2}))
    frame = read(reader)
    assert (frame.packet_id, frame.torn_reads) == (33_334, 1)
    assert read(reader).torn_reads == 1


def test_a_graphics_page_that_changes_is_caught_too() -> None:
    """Both pages belong to the frame."""

    class Pages(RestlessPages):
        def read(self, page: Page) -> bytes:
            if page is Page.GRAPHICS and self.reads.count(page) == 1:
                self.published[page] = graphics_page(packetId=12_003)
            return super().read(page)

    frame = read(TelemetryReader(Pages(set())))
    assert (frame.graphics_packet_id, frame.torn_reads) == (12_003, 1)


def test_a_page_that_never_stands_still_keeps_the_last_good_frame() -> None:
    """The tries are bounded; the frame's counter tells that it is the old one."""
    pages = RestlessPages(set())
    reader = TelemetryReader(pages)
    read(reader)
    pages.change_at = set(range(1000))
    frame = read(reader)
    assert (frame.packet_id, frame.speed_kmh) == (33_333, 72.0)
    assert frame.torn_reads == COPY_TRIES


def test_a_page_that_never_stood_still_is_an_error() -> None:
    """There is nothing to show instead."""
    with pytest.raises(PageError, match="changed during each"):
        read(TelemetryReader(RestlessPages(set(range(1000)))))


@pytest.mark.parametrize(
    ("version", "name"), [("1.8", "Competizione"), ("1.9", "Competizione"), ("2.0", "unknown")]
)
def test_another_game_is_refused_by_name(version: str, name: str) -> None:
    """And its numbers never become a frame; when ours comes, it is read."""
    pages = live_pages()
    pages.published[Page.STATIC] = static_page(smVersion=version)
    reader = TelemetryReader(pages)
    with pytest.raises(WrongGameError, match=name) as caught:
        read(reader)
    assert caught.value.found == version
    assert reader.state is GameState.WRONG_GAME
    pages.published[Page.STATIC] = static_page()
    assert read(reader).speed_kmh == 72.0


def test_another_game_that_takes_over_is_refused_at_once() -> None:
    """Its counter begins anew: the static page is read before anything else is believed."""
    pages = live_pages()
    reader = TelemetryReader(pages)
    read(reader)
    pages.published[Page.PHYSICS] = physics_page(packetId=10)
    pages.published[Page.STATIC] = static_page(smVersion="1.9")
    with pytest.raises(WrongGameError):
        read(reader)


def test_a_dead_games_pages_are_let_go_of_once_a_second() -> None:
    """The system keeps them for as long as anybody holds them: only so can it remove them."""
    pages = RestlessPages(set())
    reader = TelemetryReader(pages)
    stream = FrameStream(0.1)
    for k in range(20):
        reader.frame(stream, k / 10, 0.0)
    assert reader.state is GameState.LOST
    assert pages.reopened == 1
    for k in range(20, 50):
        reader.frame(stream, k / 10, 0.0)
    assert pages.reopened == 4


def test_the_frame_says_what_state_the_game_is_in() -> None:
    """By its counters, whatever its status."""
    pages = RestlessPages(set())
    reader = TelemetryReader(pages)
    stream = FrameStream(0.1)
    assert reader.frame(stream, 0.0, 0.0).state is GameState.WAITING
    pages.change_at = {pages.physics_reads + 1}
    assert reader.frame(stream, 0.01, 0.0).state is GameState.LIVE
    assert reader.frame(stream, 0.1, 0.0).state is GameState.STALLED
    assert reader.launches == 0


def test_a_page_that_is_not_ready_is_waited_for() -> None:
    """A bridge may still be making its file: no frame, the reason in words, and it goes on."""

    class Pages(MemoryPages):
        small = True

        def read(self, page: Page) -> bytes:
            if self.small:
                raise PageError("The physics page has 0 bytes.")
            return super().read(page)

    pages = Pages(live_pages().published)
    reader = TelemetryReader(pages)
    with pytest.raises(PageError):
        read(reader)
    assert (reader.state, reader.problem) == (GameState.WAITING, "The physics page has 0 bytes.")
    pages.small = False
    assert read(reader).speed_kmh == 72.0
    assert reader.problem == ""


def test_a_static_page_that_changes_while_it_is_read_is_read_again() -> None:
    """It is written once, but that may be now."""

    class Pages(MemoryPages):
        def read(self, page: Page) -> bytes:
            if page is Page.STATIC and self.reads.count(page) == 1:
                self.published[page] = static_page(carModel="ks_mazda_mx5_cup")
            return super().read(page)

    reader = TelemetryReader(Pages(live_pages().published))
    statics = reader.statics()
    assert statics is not None
    assert (statics.car_model, reader.torn_reads) == ("ks_mazda_mx5_cup", 1)


def test_a_page_that_is_short_for_a_moment_is_read_again() -> None:
    """A bridge empties its file before it fills it: that is no new game, and no missing one."""

    class Pages(MemoryPages):
        short = 0

        def read(self, page: Page) -> bytes:
            if page is Page.PHYSICS and self.short > 0:
                self.short -= 1
                raise PageError("The physics page has 0 bytes.")
            return super().read(page)

    pages = Pages(live_pages().published)
    reader = TelemetryReader(pages)
    read(reader)
    pages.short = 3
    assert read(reader).torn_reads == 3
    pages.short = 1000
    assert read(reader).packet_id == 33_333, "what was read last"
    assert reader.launches == 0


def test_another_game_under_other_names_is_refused_by_name() -> None:
    """Where ours is absent, the one that publishes instead is the reason."""

    class Pages(MemoryPages):
        def foreign_game(self) -> str | None:
            return "Assetto Corsa EVO"

    reader = TelemetryReader(Pages({}))
    with pytest.raises(WrongGameError, match="EVO"):
        read(reader)
    assert reader.state is GameState.WRONG_GAME
