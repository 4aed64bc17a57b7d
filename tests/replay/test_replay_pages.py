"""A recording as a page source."""

from __future__ import annotations

from pathlib import Path

import pytest

from ac_bridge.clock import ManualClock
from ac_bridge.game import Page, PageSource
from ac_bridge.replay.pages import ReplayPages
from ac_bridge.telemetry.decode import PHYSICS_FRAME, sources_of
from ac_bridge.telemetry.reader import FrameStream, TelemetryReader
from ac_bridge_protocol.errors import GameAbsentError, RecordingError
from ac_bridge_protocol.frame import GameState, TelemetryFrame
from ac_bridge_recording.reader import Recording
from game.contract import PageSourceContract
from helpers.actors import make_rig
from helpers.frames import make_frame, make_statics
from helpers.taped import frames, tape_stream


class TestReplayPages(PageSourceContract):
    """What every source keeps."""

    def make(self) -> PageSource:
        return ReplayPages([make_frame()], make_statics(), ManualClock())


def test_frames_come_at_their_time() -> None:
    """Each from its own moment on, as long after the first as it was."""
    clock = ManualClock(start_s=500.0)
    pages = ReplayPages(frames(4, hz=8.0), make_statics(), clock)

    def packet_id() -> int:
        values, _ = PHYSICS_FRAME.decode(pages.read(Page.PHYSICS))
        return int(values["packet_id"])

    first, second, third, last = (frame.packet_id for frame in frames(4, hz=8.0))
    assert packet_id() == first
    clock.stall(0.124)
    assert packet_id() == first
    clock.stall(0.002)
    assert packet_id() == second
    assert packet_id() == second, "a look changes nothing"
    clock.stall(0.125)
    assert packet_id() == third
    clock.stall(100.0)
    assert packet_id() == last, "the last one stays"


def test_a_reader_reads_the_recorded_frames(tmp_path: Path) -> None:
    """A recorded second, read by the telemetry's own reader, is the same in all page fields."""
    rig = make_rig()
    recorded: list[TelemetryFrame] = []
    for deadline in rig.reset(3, lambda _phase, _attempt: None):
        rig.clock.sleep_until(deadline)
    rig.apply_once([0.1, 0.8, 0.0])
    rig.run_lockstep(rig.clock.now() + 1.0, rig.telemetry_stream(), recorded.append)
    statics = rig.require_statics()
    rig.close()
    path = tape_stream(tmp_path / "lap.mcap", recorded, statics)

    clock = ManualClock()
    reader = TelemetryReader(ReplayPages(Recording(path).frames(), statics, clock))
    stream = FrameStream(1 / 60)
    for expected in recorded:
        clock.sleep_until(expected.t_wall - recorded[0].t_wall + 1e-6)
        frame = reader.frame(stream, clock.now(), clock.wall())
        for page in (Page.PHYSICS, Page.GRAPHICS):
            for name in sources_of(page, TelemetryFrame):
                assert getattr(frame, name) == getattr(expected, name), name
    assert frame.state is GameState.LIVE
    assert frame.speed_kmh > 0.1
    assert reader.statics() == statics


def test_no_frames_no_pages() -> None:
    """A recording of nothing is an error, at once."""
    with pytest.raises(RecordingError, match="no frame"):
        ReplayPages([], make_statics(), ManualClock())


def test_what_is_not_there_is_absent() -> None:
    """Statics that were not recorded, and everything once it is closed."""
    pages = ReplayPages([make_frame()], None, ManualClock())
    with pytest.raises(GameAbsentError, match="static"):
        pages.read(Page.STATIC)
    pages.close()
    with pytest.raises(GameAbsentError, match="physics"):
        pages.read(Page.PHYSICS)
