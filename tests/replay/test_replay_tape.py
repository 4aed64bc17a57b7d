"""The tape: what a recording has to be played, and what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from ac_bridge.replay.made_up import wheel_in
from ac_bridge.replay.playhead import LONGEST_GAP_S, Playhead
from ac_bridge.replay.records import Tick
from ac_bridge.replay.tape import Tape, rate_of
from ac_bridge_protocol.errors import RecordingError, SettingError
from ac_bridge_protocol.frame import TelemetryFrame
from ac_bridge_protocol.messages import EndReason
from ac_bridge_protocol.spec import Mode
from ac_bridge_recording.topics import Dropped, EpisodeEnd, EpisodeStart, StepRecord, Topic
from helpers import taped
from helpers.frames import make_frame, make_statics
from helpers.taped import frames, tape_stream, taping
from helpers.wire import make_receipt, make_spec


def start_of(episode: int, t_wall: float = 1000.0, mode: Mode = Mode.LOCKSTEP) -> EpisodeStart:
    return EpisodeStart(
        episode=episode,
        seed=episode,
        spec=make_spec(mode=mode),
        statics=make_statics(),
        observation=(),
        frame=make_frame(t_wall=t_wall),
    )


def step_of(episode: int, number: int, t_wall: float = 1000.0) -> StepRecord:
    return StepRecord(
        episode=episode,
        action=(0.0, 0.0, 0.0),
        observation=(),
        frame=make_frame(t_wall=t_wall + 0.1 * number),
        receipt=make_receipt(tick=number),
        end=None,
    )


def put_episode(tape: taped.Tape, episode: int, steps: int, after_s: float = 0.0) -> None:
    tape.put(Topic.EPISODE_START, start_of(episode), after_s)
    for number in range(1, steps + 1):
        tape.put(Topic.STEP, step_of(episode, number), after_s)
    tape.put(Topic.EPISODE_END, EpisodeEnd(episode=episode, steps=steps, reason="reset"), after_s)


@pytest.mark.parametrize("after_s", [0.0, 0.01])
def test_each_episode_is_found_from_its_beginning(tmp_path: Path, after_s: float) -> None:
    """Also where several begin at one time; those without a step are none."""
    path = tmp_path / "some.mcap"
    with taping(path) as recording:
        for episode, steps in ((1, 2), (2, 0), (3, 3), (4, 1)):
            put_episode(recording, episode, steps, after_s)
    tape = Tape(path)
    assert [one.start.episode for one in tape.episodes] == [1, 3, 4]
    for index, (episode, steps) in enumerate(((1, 2), (3, 3), (4, 1))):
        played = [one.record for one in tape.play(index)]
        assert isinstance(played[0], EpisodeStart)
        assert played[0].episode == episode
        ticks = [one for one in played if isinstance(one, Tick)]
        assert ticks[steps - 1].end is EndReason.RECORDING_ENDED
        assert [tick.end for tick in ticks[: steps - 1]] == [None] * (steps - 1)


def test_a_long_recording_is_not_read_from_its_beginning(tmp_path: Path) -> None:
    """Chunks that end before an episode are passed over, once they were read."""
    path = tmp_path / "long.mcap"
    with taping(path) as recording:
        for episode in range(1, 9):
            put_episode(recording, episode, 200, after_s=0.01)
    tape = Tape(path)
    all_chunks = list(tape.recording._chunks())
    late = list(tape.recording._chunks(tape.episodes[6].time_ns))
    assert len(all_chunks) > 5
    assert len(late) < len(all_chunks) / 2
    played = [one.record for one in tape.play(6)]
    assert isinstance(played[0], EpisodeStart)
    assert played[0].episode == 7
    assert sum(isinstance(one, Tick) for one in played) == 400


def test_a_recording_that_was_cut_off_plays_up_to_there(tmp_path: Path) -> None:
    """The episode that was under way ends with its last step."""
    recording = taped.Tape(tmp_path / "cut.mcap")
    put_episode(recording, 1, 2)
    recording.put(Topic.EPISODE_START, start_of(2))
    recording.put(Topic.STEP, step_of(2, 1))
    recording.cut_off()
    tape = Tape(recording.path)
    assert not tape.recording.whole
    assert [one.steps for one in tape.episodes] == [2, 1]
    *_, last = (one.record for one in tape.play(1))
    assert isinstance(last, Tick)
    assert last.end is EndReason.RECORDING_ENDED


def test_steps_whose_beginning_was_dropped_are_left_out(tmp_path: Path) -> None:
    """What is known to be missing is counted."""
    path = tmp_path / "dropped.mcap"
    with taping(path) as recording:
        recording.put(Topic.STEP, step_of(1, 7))
        recording.put(Topic.DROPPED, Dropped(topic=Topic.EPISODE_START, count=1))
        put_episode(recording, 2, 2)
    tape = Tape(path)
    assert tape.dropped == 1
    assert sum(isinstance(one.record, Tick) for one in tape.play()) == 2


def test_drops_count_from_the_beginning(tmp_path: Path) -> None:
    """Each record of them says how many there were so far."""
    path = tmp_path / "dropped.mcap"
    with taping(path) as recording:
        put_episode(recording, 1, 2)
        for count in (1, 3, 7):
            recording.put(Topic.DROPPED, Dropped(topic=Topic.WIRE, count=count))
        recording.put(Topic.DROPPED, Dropped(topic=Topic.EVENT, count=2))
    assert Tape(path).dropped == 9


def test_times_that_go_back(tmp_path: Path) -> None:
    """As no recorder of ours writes them: each episode is found all the same."""
    path = tmp_path / "back.mcap"
    with taping(path) as recording:
        put_episode(recording, 1, 2)
        put_episode(recording, 2, 1, after_s=-5.0)
        put_episode(recording, 3, 3, after_s=-1.0)
    tape = Tape(path)
    for number, episode in enumerate(tape.episodes):
        start, *rest = (one.record for one in tape.play(number))
        assert start == episode.start
        assert isinstance(rest[episode.steps - 1], Tick)


def test_what_cannot_be_played_says_why(tmp_path: Path) -> None:
    """A file that is missing, not ours, or without a frame."""
    with pytest.raises(RecordingError, match="cannot be read"):
        Tape(tmp_path / "none.mcap")
    other = tmp_path / "other.mcap"
    other.write_bytes(b"not a recording")
    with pytest.raises(RecordingError, match="not an MCAP file"):
        Tape(other)
    empty = tmp_path / "empty.mcap"
    with taping(empty):
        pass
    with pytest.raises(RecordingError, match=r"no frame in .*empty\.mcap\."):
        Tape(empty)
    cut = taped.Tape(tmp_path / "cut.mcap")
    cut.cut_off()
    with pytest.raises(RecordingError, match="cut off before the first"):
        Tape(cut.path)


def test_a_damaged_chunk_shows_at_once(tmp_path: Path) -> None:
    """Not in the middle of a replay."""
    path = tmp_path / "lap.mcap"
    tape_stream(path, frames(500))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(RecordingError, match="damaged"):
        Tape(path)


def test_rates_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    """More frames than there are, and any for a recording that has steps."""
    lap = tape_stream(tmp_path / "lap.mcap", frames(100))
    for hz in (90.0, 0.0, -1.0):
        with pytest.raises(SettingError, match="60 frames a second"):
            Tape(lap, hz=hz)
    assert Tape(lap, hz=60.0).spec.control_hz == 60.0
    driven = tmp_path / "driven.mcap"
    with taping(driven) as recording:
        put_episode(recording, 1, 2)
    with pytest.raises(SettingError, match="steps of their own"):
        Tape(driven, hz=10.0)


def test_seeds_and_turns(tmp_path: Path) -> None:
    """A seed chooses; without one the next, and after the last the first."""
    path = tmp_path / "some.mcap"
    with taping(path) as recording:
        for episode in (1, 2, 3):
            put_episode(recording, episode, 1)
    tape = Tape(path)
    assert [tape.choose(None, turn) for turn in range(4)] == [0, 1, 2, 0]
    assert tape.choose(2, 0) == 1
    with pytest.raises(SettingError, match="There are: 1, 2, 3"):
        tape.choose(4, 0)
    lap = Tape(tape_stream(tmp_path / "lap.mcap", frames(3)))
    with pytest.raises(SettingError, match="None of them has one"):
        lap.choose(4, 0)


def test_steps_made_of_a_stream(tmp_path: Path) -> None:
    """Every third frame is a tick, numbered and timed as an episode's; the last one ends it."""
    stream = frames(31, hz=30.0)
    tape = Tape(tape_stream(tmp_path / "lap.mcap", stream), hz=10.0)
    played = [one.record for one in tape.play(0)]
    start = played[0]
    assert isinstance(start, EpisodeStart)
    assert start.frame.packet_id == stream[0].packet_id
    ticks = [one for one in played if isinstance(one, Tick)]
    assert [tick.step.frame.packet_id for tick in ticks] == [
        frame.packet_id for frame in stream[3::3]
    ]
    assert [tick.step.receipt.tick for tick in ticks] == list(range(1, 11))
    assert [tick.end for tick in ticks] == [None] * 9 + [EndReason.RECORDING_ENDED]
    assert all(tick.step.frame.dt == 0.1 for tick in ticks)
    assert all(tick.step.frame.dt_actual == pytest.approx(0.1) for tick in ticks)
    assert ticks[0].step.receipt.sent == wheel_in(stream[3])
    assert [one for one in played if isinstance(one, TelemetryFrame)] == stream, "untouched"


def test_the_wheel_of_a_frame() -> None:
    """What the game took, within what a wheel can do; the clutch the other way round."""
    wheel = wheel_in(make_frame(steer_angle=-1.5, throttle=0.25, brake=1.25, clutch=0.75))
    assert (wheel.steer, wheel.throttle, wheel.brake, wheel.clutch) == (-1.0, 0.25, 1.0, 0.25)


def test_rates_are_told_by_the_usual_gap() -> None:
    """One long pause says nothing; two frames of one moment are no gap."""
    stream = [*frames(20, hz=25.0), make_frame(t_wall=2000.0), make_frame(t_wall=2000.0)]
    assert rate_of(stream) == 25.0
    assert rate_of(stream[:1]) == 10.0


def test_time_that_begins_anew_goes_on(tmp_path: Path) -> None:
    """A reset that relaunched the game takes its clock back; the time played never goes back."""
    path = tmp_path / "relaunched.mcap"
    with taping(path) as recording:
        for episode in (1, 2):
            put_episode(recording, episode, 3)
    head = Playhead(Tape(path))
    due = []
    while (cue := head.peek()) is not None:
        due.append(cue.due_s)
        head.take()
    assert due == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])


def test_a_step_that_came_late_is_no_new_time(tmp_path: Path) -> None:
    """Its frame is older than the stream's newest: it is shown at once, and the stream goes on."""
    path = tmp_path / "late.mcap"
    with taping(path) as recording:
        recording.put(Topic.EPISODE_START, start_of(1, 1000.0, Mode.LATEST))
        for at_s in (1000.2, 1000.4):
            recording.put(Topic.TELEMETRY, make_frame(t_wall=at_s))
        recording.put(Topic.STEP, step_of(1, 1))
        recording.put(Topic.TELEMETRY, make_frame(t_wall=1000.6))
    head = Playhead(Tape(path))
    due = []
    while (cue := head.peek()) is not None:
        due.append(cue.due_s)
        head.take()
    assert due == pytest.approx([0.0, 0.2, 0.4, 0.4, 0.6])


def test_a_rate_that_is_none_waits_for_nobody(tmp_path: Path) -> None:
    """A frame that claims to last a year, where time begins anew, waits for a pause at most."""
    path = tmp_path / "slow.mcap"
    with taping(path) as recording:
        for at_s, dt_s in ((1000.0, 0.1), (10.0, 3e7), (10.1, 0.1)):
            recording.put(Topic.TELEMETRY, make_frame(t_wall=at_s, dt=dt_s))
    head = Playhead(Tape(path))
    due = []
    while (cue := head.peek()) is not None:
        due.append(cue.due_s)
        head.take()
    assert due == pytest.approx([0.0, LONGEST_GAP_S, LONGEST_GAP_S + 0.1])
