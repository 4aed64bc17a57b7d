"""A replay in recorded time, on a manual clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from ac_bridge.clock import ManualClock, settle
from ac_bridge.replay.stage import ReplayStage
from ac_bridge.replay.tape import Tape
from ac_bridge_protocol.errors import ACBridgeError, ActionError, GameError, SettingError
from ac_bridge_protocol.frame import GameState, TelemetryFrame
from ac_bridge_protocol.messages import (
    EndReason,
    Event,
    EventKind,
    Message,
    Reset,
    ResetResult,
    Step,
    StepResult,
)
from ac_bridge_protocol.spec import EnvSpec, Mode
from ac_bridge_recording.topics import EpisodeEnd, EpisodeStart, StepRecord, Topic
from helpers.frames import make_frame, make_statics
from helpers.taped import ABOUT, frames, tape_stream, taping
from helpers.wire import make_receipt, make_spec

DT = 0.125
"""Of the steps, in seconds: exact, so that no tick lies a hair behind where a test looks."""


class Driver:
    """Keeps what it is sent, and when."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.got: list[tuple[float, Message]] = []
        self.failures: list[ACBridgeError] = []

    def send(self, message: Message) -> None:
        self.got.append((self._clock.now(), message))

    def fail(self, error: ACBridgeError, request_id: int | None) -> None:
        self.failures.append(error)

    def last(self) -> Any:
        return self.got[-1][1]


class Theatre:
    """A replay on a manual clock."""

    def __init__(self, stage: ReplayStage, clock: ManualClock, tasks: asyncio.TaskGroup) -> None:
        self.clock = clock
        self.stage = stage
        self.driver = Driver(clock)
        self.frames: list[tuple[float, TelemetryFrame]] = []
        self.events: list[tuple[float, Event]] = []
        self.ends = 0
        stage.manner.on_end = self._count_end
        self.stepper = stage.stepper(clock, tasks, self._on_frame, self._on_event)

    def spec(self, delay_ticks: int = 0) -> EnvSpec:
        mode = Mode.FIXED_DELAY if delay_ticks else self.stage.modes[0]
        return self.stage.spec(mode, delay_ticks)

    def step(self, request_id: int, action: tuple[float, ...] = (0.0, 1.0, 0.0)) -> None:
        self.stepper.step(self.driver, Step(id=request_id, action=action))

    def told(self) -> list[tuple[float, str]]:
        return [(at_s, event.message) for at_s, event in self.events]

    def _on_frame(self, frame: TelemetryFrame) -> None:
        self.frames.append((self.clock.now(), frame))

    def _on_event(self, event: Event) -> None:
        self.events.append((self.clock.now(), event))

    def _count_end(self) -> None:
        self.ends += 1


def play(
    path: Path, scene: Callable[[Theatre], Awaitable[None]], speed: Any = "1", **how: Any
) -> None:
    """Play a recording in an event loop whose only time is the manual clock."""

    async def main() -> None:
        clock = ManualClock()
        stage = ReplayStage(Tape(path, how.pop("hz", None)), speed, clock=clock, **how)
        async with asyncio.TaskGroup() as tasks:
            theatre = Theatre(stage, clock, tasks)
            await settle()
            await scene(theatre)
            theatre.stepper.close()

    asyncio.run(main())


def step_record(number: int, t_wall: float, end: EndReason | None = None) -> StepRecord:
    return StepRecord(
        episode=1,
        action=(0.0, 0.5, 0.0),
        observation=(float(number),),
        frame=make_frame(t_wall=t_wall, seq=number, packet_id=2000 + number),
        receipt=make_receipt(action_id=number - 1, tick=number),
        end=end,
    )


@pytest.fixture
def driven(tmp_path: Path) -> Path:
    """Two episodes of three and two steps in real time, with the stream at twice their rate."""
    path = tmp_path / "driven.mcap"
    spec = make_spec(mode=Mode.LATEST)
    with taping(path, ABOUT | {"mode": "latest"}) as tape:
        for episode, (first_s, steps) in enumerate(((1000.0, 3), (1030.0, 2)), start=1):
            start = EpisodeStart(
                episode=episode,
                seed=episode * 10,
                spec=spec,
                statics=make_statics(),
                observation=(0.0,),
                frame=make_frame(t_wall=first_s, seq=0),
            )
            tape.put(Topic.EPISODE_START, start)
            for number in range(1, steps + 1):
                for half in (0.5, 1.0):
                    at_s = first_s + (number - 1 + half) * DT
                    tape.put(Topic.TELEMETRY, make_frame(t_wall=at_s), after_s=DT / 2)
                end = EndReason.GAME_PAUSED if (episode, number) == (1, 3) else None
                tape.put(Topic.STEP, step_record(number, first_s + number * DT, end))
            tape.put(
                Topic.EVENT,
                Event(kind=EventKind.GAME_STATE, message="Paused.", state=GameState.PAUSED),
                after_s=0.03,
            )
            tape.put(Topic.EPISODE_END, EpisodeEnd(episode=episode, steps=steps, reason="reset"))
            tape.put(Topic.EVENT, Event(kind=EventKind.SHUTTING_DOWN, message="Bye."))
    return path


def test_a_stream_plays_at_its_own_pace(tmp_path: Path) -> None:
    """Each frame comes as long after the first as it did, whatever the recorder's clock said."""

    async def scene(theatre: Theatre) -> None:
        await theatre.clock.advance(0.6)
        times = [at_s for at_s, _ in theatre.frames]
        assert times == pytest.approx([number / 8 for number in range(5)])
        assert theatre.stage.shown_s() == pytest.approx(0.5)
        assert theatre.stage.state is GameState.LIVE

    play(tape_stream(tmp_path / "lap.mcap", frames(40, hz=8.0)), scene)


def test_it_begins_again_and_says_so(tmp_path: Path) -> None:
    """After a rest the first frame comes again; the time played goes on."""

    async def scene(theatre: Theatre) -> None:
        await theatre.clock.advance(1.7)
        assert [frame.seq for _, frame in theatre.frames] == [0, 1, 2, 0, 1, 2]
        times = [at_s for at_s, _ in theatre.frames]
        assert times == pytest.approx([0, 0.125, 0.25, 1.25, 1.375, 1.5])
        assert theatre.told() == [(1.25, "The recording has ended, and begins again.")]
        assert theatre.ends == 0

    play(tape_stream(tmp_path / "lap.mcap", frames(3, hz=8.0)), scene)


def test_once_is_once(tmp_path: Path) -> None:
    """With ``once`` the end of the recording is the end."""

    async def scene(theatre: Theatre) -> None:
        await theatre.clock.advance(10.0)
        assert len(theatre.frames) == 3
        assert theatre.ends == 1

    play(tape_stream(tmp_path / "lap.mcap", frames(3, hz=8.0)), scene, once=True)


def test_steps_come_at_their_recorded_intervals(driven: Path) -> None:
    """A reset is answered at once, and each step when its tick comes, with what was recorded."""

    async def scene(theatre: Theatre) -> None:
        await theatre.clock.advance(DT / 2)  # it plays already
        theatre.stepper.reset(theatre.driver, Reset(id=1), theatre.spec())
        began = theatre.driver.last()
        assert isinstance(began, ResetResult)
        assert began.observation == (0.0,)
        for number in (1, 2, 3):
            theatre.step(1 + number)
            assert len(theatre.driver.got) == number, "not before its time"
            await theatre.clock.advance(DT)
        times = [at_s for at_s, _ in theatre.driver.got]
        assert times == [0.5 * DT, 1.5 * DT, 2.5 * DT, 3.5 * DT]
        answers = [message for _, message in theatre.driver.got[1:]]
        assert [one.observation for one in answers] == [(1.0,), (2.0,), (3.0,)]  # type: ignore[union-attr]
        last = theatre.driver.last()
        assert last.end is EndReason.GAME_PAUSED, "as it was recorded"
        assert (last.receipt.replayed, last.receipt.tick_applied) == (True, None)
        theatre.step(9)
        assert isinstance(theatre.driver.failures[-1], GameError)

    play(driven, scene)


def test_a_driver_that_is_late_is_waited_for(driven: Path) -> None:
    """No step is skipped: the recording stands still until it is asked for, and goes on there."""

    async def scene(theatre: Theatre) -> None:
        theatre.stepper.reset(theatre.driver, Reset(id=1), theatre.spec())
        await theatre.clock.advance(5.0)
        shown = len(theatre.frames)
        assert shown == 2, "the frames before the first step"
        theatre.step(2)
        await theatre.clock.advance(0.0)
        assert theatre.driver.last().observation == (1.0,)
        theatre.step(3)
        await theatre.clock.advance(DT - 0.001)
        assert theatre.driver.last().observation == (1.0,), "a whole interval later"
        await theatre.clock.advance(0.002)
        assert theatre.driver.last().observation == (2.0,)

    play(driven, scene)


def test_the_last_episode_ends_with_the_recording(driven: Path) -> None:
    """Where the recording tells no reason; then the first episode follows."""

    async def scene(theatre: Theatre) -> None:
        theatre.stepper.reset(theatre.driver, Reset(id=1, seed=20), theatre.spec())
        for request_id in (2, 3):
            theatre.step(request_id)
            await theatre.clock.advance(DT)
        assert theatre.driver.last().end is EndReason.RECORDING_ENDED
        theatre.stepper.reset(theatre.driver, Reset(id=4), theatre.spec())
        assert theatre.driver.last().frame.t_wall == 1000.0
        assert theatre.driver.last().episode == 2, "of this server"

    play(driven, scene)


def test_events_come_at_their_time_and_say_that_they_were_recorded(driven: Path) -> None:
    """But for the end of the actor that was recorded, which is no news of this one."""

    async def scene(theatre: Theatre) -> None:
        await theatre.clock.advance(0.5)
        ((at_s, said),) = theatre.told()
        assert at_s == pytest.approx(3 * DT + 0.03)
        assert said == "Recorded: Paused."
        assert theatre.events[0][1].state is GameState.PAUSED

    play(driven, scene)


def test_a_pause_without_frames_is_cut_short(driven: Path) -> None:
    """Between the episodes lies half a minute without a frame; ten seconds are as good."""

    async def scene(theatre: Theatre) -> None:
        await theatre.clock.advance(10.0)
        assert len(theatre.frames) == 6
        await theatre.clock.advance(5 * DT)
        assert len(theatre.frames) == 10

    play(driven, scene)


def test_at_full_speed_steps_take_no_time(driven: Path) -> None:
    """They are answered within the call; left alone it plays in recorded time."""

    async def scene(theatre: Theatre) -> None:
        theatre.stepper.reset(theatre.driver, Reset(id=1), theatre.spec())
        theatre.frames.clear()
        for request_id in (2, 3, 4):
            theatre.step(request_id)
        assert [at_s for at_s, _ in theatre.driver.got] == [0.0] * 4
        assert len(theatre.frames) == 6
        assert theatre.driver.last().end is EndReason.GAME_PAUSED
        await theatre.clock.advance(9.0)
        assert len(theatre.frames) == 6
        await theatre.clock.advance(2.0)
        assert len(theatre.frames) > 6

    play(driven, scene, speed="max")


def test_nobody_is_shown_anything_while_a_driver_thinks_at_full_speed(driven: Path) -> None:
    """Time stands still between the steps."""

    async def scene(theatre: Theatre) -> None:
        theatre.stepper.reset(theatre.driver, Reset(id=1), theatre.spec())
        theatre.step(2)
        shown = len(theatre.frames)
        await theatre.clock.advance(5.0)
        assert len(theatre.frames) == shown
        theatre.stepper.stop()
        await theatre.clock.advance(0.2)
        assert len(theatre.frames) > shown, "it plays on when the driver has left"

    play(driven, scene, speed="max")


def test_bad_steps_are_refused_and_change_nothing(driven: Path) -> None:
    """An action out of range, and a tick, which only fixed_delay has."""

    async def scene(theatre: Theatre) -> None:
        theatre.stepper.reset(theatre.driver, Reset(id=1), theatre.spec())
        theatre.step(2, (0.0, 1.5, 0.0))
        theatre.stepper.step(theatre.driver, Step(id=3, action=(0.0, 0.0, 0.0), tick=4))
        kinds = [type(error) for error in theatre.driver.failures]
        assert kinds == [ActionError, SettingError]
        theatre.step(4)
        assert isinstance(theatre.driver.last(), StepResult)
        assert theatre.driver.last().receipt.action_id == 0

    play(driven, scene, speed="max")


def test_a_machine_that_slept_shows_no_burst(tmp_path: Path) -> None:
    """What it was late for by more than a second is not made up: the recording goes on there."""

    async def scene(theatre: Theatre) -> None:
        await theatre.clock.advance(0.13)
        theatre.clock.stall(30.0)
        await theatre.clock.advance(0.2)
        assert len(theatre.frames) == 4

    play(tape_stream(tmp_path / "lap.mcap", frames(40, hz=8.0)), scene)


def test_a_learners_recording_without_a_stream_shows_its_steps(tmp_path: Path) -> None:
    """Whoever watches gets the steps' frames."""
    path = tmp_path / "learner.mcap"
    with taping(path) as tape:
        start = EpisodeStart(
            episode=1,
            seed=None,
            spec=make_spec(),
            statics=make_statics(),
            observation=(0.0,),
            frame=make_frame(t_wall=1000.0),
        )
        tape.put(Topic.EPISODE_START, start)
        for number in (1, 2, 3):
            tape.put(Topic.STEP, step_record(number, 1000.0 + number * DT), after_s=DT)

    async def scene(theatre: Theatre) -> None:
        await theatre.clock.advance(0.25)
        assert [at_s for at_s, _ in theatre.frames] == [0.0, DT, 2 * DT]

    play(path, scene)


def test_with_a_delay_the_steps_in_flight_are_answered_in_their_order(driven: Path) -> None:
    """Those that the reset opens first, one a tick; what still waits at the end is refused."""

    async def scene(theatre: Theatre) -> None:
        theatre.stepper.reset(theatre.driver, Reset(id=1), theatre.spec(2))
        for number, request_id in enumerate((4, 5, 6)):
            request = Step(id=request_id, action=(0.0, 0.0, 0.0), tick=2 + number)
            theatre.stepper.step(theatre.driver, request)
            await theatre.clock.advance(DT)
        answers = [one for _, one in theatre.driver.got if isinstance(one, StepResult)]
        assert [one.id for one in answers] == [2, 3, 4]
        assert [one.observation for one in answers] == [(1.0,), (2.0,), (3.0,)]
        assert [one.receipt.action_id for one in answers] == [0, 1, 2]
        assert [type(error) for error in theatre.driver.failures] == [GameError, GameError]

    play(driven, scene)


def test_a_step_names_its_tick_with_a_delay_alone(driven: Path) -> None:
    """As on an actor."""

    async def scene(theatre: Theatre) -> None:
        theatre.stepper.reset(theatre.driver, Reset(id=1), theatre.spec(2))
        theatre.step(4)
        (error,) = theatre.driver.failures
        assert isinstance(error, SettingError)
        assert error.setting == "tick"

    play(driven, scene)


def test_what_it_offers(driven: Path, tmp_path: Path) -> None:
    """What was recorded, in our modes; a made-up episode steps at the stream's rate."""
    stage = ReplayStage(Tape(driven), "max", clock=ManualClock())
    spec = stage.spec(Mode.LOCKSTEP)
    assert (spec.game, spec.modes, spec.control_hz) == ("replay", (Mode.LOCKSTEP,), 10.0)
    lap = tape_stream(tmp_path / "lap.mcap", frames(100, hz=30.0))
    stage = ReplayStage(Tape(lap), "1", clock=ManualClock())
    spec = stage.spec(Mode.LATEST)
    modes = (Mode.LATEST, Mode.FIXED_DELAY)
    assert (spec.game, spec.modes, spec.control_hz) == ("replay", modes, 30.0)
    assert spec.observation_profile == "bridge15"
    assert stage.statics() == make_statics()
