"""The stepper on a manual clock: when actions are applied, held, let go and answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from ac_bridge.clock import ManualClock
from ac_bridge.game import NEUTRAL, Controls
from ac_bridge.rig import Rig
from ac_bridge.server.stepper import RealTimeStepper
from ac_bridge_protocol.errors import ACBridgeError
from ac_bridge_protocol.messages import (
    Event,
    EventKind,
    Message,
    Reset,
    ResetProgress,
    ResetResult,
    Step,
    StepResult,
)
from ac_bridge_protocol.spec import Mode
from helpers.actors import make_rig, wheel_of

DT = 0.1


class Driver:
    """Keeps what the stepper sends."""

    def __init__(self) -> None:
        self.got: list[Message] = []
        self.failures: list[tuple[ACBridgeError, int | None]] = []

    def send(self, message: Message) -> None:
        self.got.append(message)

    def fail(self, error: ACBridgeError, request_id: int | None) -> None:
        self.failures.append((error, request_id))

    def last(self) -> Any:
        return self.got[-1]


class Stage:
    """A real-time stepper after its reset, on a manual clock."""

    def __init__(self, rig: Rig, clock: ManualClock, tasks: asyncio.TaskGroup) -> None:
        self.rig = rig
        self.clock = clock
        self.driver = Driver()
        self.events: list[Event] = []
        rig.on_event = self.events.append
        self.stepper = RealTimeStepper(rig, clock, tasks, lambda _frame: None, self.events.append)

    async def reset(self, delay_ticks: int = 0) -> None:
        self.driver.got.clear()
        mode = Mode.FIXED_DELAY if delay_ticks else Mode.LATEST
        self.stepper.reset(self.driver, Reset(id=1), self.rig.spec(mode, delay_ticks))
        for _ in range(200):
            await self.clock.advance(0.02)
            if isinstance(self.driver.got[-1] if self.driver.got else None, ResetResult):
                return
        raise AssertionError(f"no reset: {self.driver.got}")

    def step(self, request_id: int, throttle: float = 1.0, tick: int | None = None) -> None:
        action = (0.0, throttle, 0.0)
        self.stepper.step(self.driver, Step(id=request_id, action=action, tick=tick))

    def answers(self) -> list[StepResult]:
        return [message for message in self.driver.got if isinstance(message, StepResult)]


def on_stage(play: Callable[[Stage], Awaitable[None]]) -> None:
    """Play a scene in an event loop whose only time is the manual clock."""

    async def main() -> None:
        clock = ManualClock()
        rig = make_rig(lockstep=False, clock=clock)
        async with asyncio.TaskGroup() as tasks:
            stage = Stage(rig, clock, tasks)
            await stage.reset()
            # The answer came somewhere within the last advance: go to just after tick 0.
            await play(stage)
            stage.stepper.stop()
        rig.close()

    asyncio.run(main())


def test_reset_reports_its_phases_in_order() -> None:
    """Progress names every phase once, then the result comes."""

    async def play(stage: Stage) -> None:
        phases = [m.phase.value for m in stage.driver.got if isinstance(m, ResetProgress)]
        assert phases == sorted(set(phases), key=phases.index)
        assert phases[-1] == "settling"
        assert isinstance(stage.driver.last(), ResetResult)

    on_stage(play)


def test_answer_comes_at_the_next_tick_and_not_before() -> None:
    """A step in time is answered by the tick after it, one control period long."""

    async def play(stage: Stage) -> None:
        stage.step(2)
        assert wheel_of(stage.rig).now.throttle > 0, "applied on arrival"
        await stage.clock.advance(DT)
        result = stage.driver.last()
        assert isinstance(result, StepResult)
        assert result.id == 2
        assert (result.receipt.tick_asked, result.receipt.tick_applied, result.receipt.tick) == (
            0,
            0,
            1,
        )
        assert not result.receipt.late

    on_stage(play)


def test_late_action_is_reported() -> None:
    """An action that missed ticks says which, and how many passed under the old one."""

    async def play(stage: Stage) -> None:
        stage.step(2)
        await stage.clock.advance(DT)
        await stage.clock.advance(2 * DT)
        stage.step(3)
        await stage.clock.advance(DT)
        receipt = stage.driver.last().receipt
        assert receipt.late
        assert (receipt.tick_asked, receipt.tick_applied, receipt.tick) == (1, 3, 4)
        assert receipt.ticks_held == 2
        assert receipt.ticks_missed == 0

    on_stage(play)


def test_dead_man_lets_go() -> None:
    """Without a new action the wheel is neutral after the hold time and a tick; it is announced."""

    async def play(stage: Stage) -> None:
        stage.step(2)
        await stage.clock.advance(DT)
        await stage.clock.advance(stage.rig.settings.hold_s + DT)
        assert wheel_of(stage.rig).now == NEUTRAL
        assert EventKind.NEUTRALISED in [event.kind for event in stage.events]
        stage.step(3)
        await stage.clock.advance(DT)
        assert wheel_of(stage.rig).now.throttle > 0, "the next action drives again"

    on_stage(play)


def test_stall_skips_ticks_and_counts_them() -> None:
    """After a stall the next tick is the schedule's next; nothing is made up in a burst."""

    async def play(stage: Stage) -> None:
        stage.step(2)
        await stage.clock.advance(DT)
        stage.step(3)
        stage.clock.stall(0.47)  # the machine was away from just after tick 1 to before tick 6
        await stage.clock.advance(0.0)
        assert stage.driver.last().id == 2, "not answered off the schedule"
        await stage.clock.advance(DT)
        receipt = stage.driver.last().receipt
        assert (receipt.tick, receipt.ticks_missed) == (6, 4)
        assert receipt.tick_error_s == 0.0
        answers = [m for m in stage.driver.got if isinstance(m, StepResult)]
        assert len(answers) == 2, "no burst"
        assert EventKind.TICKS_MISSED in [event.kind for event in stage.events]

    on_stage(play)


def test_bad_action_fails_by_name_and_changes_nothing() -> None:
    """NaN is refused naming the component; the last good action goes on holding."""

    async def play(stage: Stage) -> None:
        stage.step(2, throttle=0.6)
        await stage.clock.advance(DT)
        held = wheel_of(stage.rig).now
        stage.step(3, throttle=float("nan"))
        ((error, request_id),) = stage.driver.failures
        assert request_id == 3
        assert "throttle" in str(error)
        assert wheel_of(stage.rig).now == held
        stage.step(4, throttle=0.6)
        await stage.clock.advance(DT)
        assert stage.driver.last().id == 4

    on_stage(play)


def test_stop_is_neutral_at_once() -> None:
    """When the driver leaves, the wheel does not wait for a tick."""

    async def play(stage: Stage) -> None:
        stage.step(2)
        await stage.clock.advance(DT)
        assert wheel_of(stage.rig).now != NEUTRAL
        stage.stepper.stop()
        assert wheel_of(stage.rig).now == NEUTRAL

    on_stage(play)


def ended_by(play: Callable[[Stage], None]) -> str:
    """Do something to the game in the middle of an episode and return why the episode ended."""
    ends: list[str] = []

    async def scene(stage: Stage) -> None:
        stage.step(2)
        await stage.clock.advance(DT)
        play(stage)
        stage.step(3)
        for _ in range(20):
            await stage.clock.advance(DT)
            answered = stage.driver.last()
            assert answered.id == 3
            ends.append(answered.end or "")
        assert wheel_of(stage.rig).now == NEUTRAL
        if ends[-1]:
            stage.step(4)
            ((error, request_id),) = stage.driver.failures
            assert (error.code, request_id) == ("game", 4)
            await stage.reset()
            stage.step(5)
            await stage.clock.advance(DT)
            assert wheel_of(stage.rig).now.throttle > 0, "it goes on after a reset"

    on_stage(scene)
    return ends[-1]


def test_a_game_that_vanishes_ends_the_episode() -> None:
    """A new process that loads: the step is answered with what was seen last, and says so."""
    assert ended_by(lambda stage: stage.rig.game.relaunch(0)) == "game_absent"


def test_a_pause_ends_the_episode() -> None:
    """The learner is told at the next tick, and the wheel is neutral."""

    def play(stage: Stage) -> None:
        stage.rig.game.pause()  # type: ignore[attr-defined]

    assert ended_by(play) == "game_paused"


def test_a_stall_does_not_end_the_episode() -> None:
    """Until it has lasted a second the wheel is neutral, and the episode goes on."""

    def play(stage: Stage) -> None:
        stage.rig.game.stall(0.3)  # type: ignore[attr-defined]

    assert ended_by(play) == ""


def test_a_restart_that_nobody_asked_for_ends_the_episode() -> None:
    """Somebody at the gaming PC pressed restart: this is another drive."""

    async def play(stage: Stage) -> None:
        for request_id in range(2, 22):
            stage.step(request_id)
            await stage.clock.advance(DT)
        stage.rig.set_wheel(Controls(buttons=frozenset({7})))
        await stage.clock.advance(DT)
        stage.rig.set_wheel(NEUTRAL)
        for request_id in range(22, 32):
            stage.step(request_id)
            await stage.clock.advance(DT)
            if stage.driver.last().end:
                break
        assert stage.driver.last().end == "game_restarted"
        assert wheel_of(stage.rig).now == NEUTRAL
        assert EventKind.GAME_RESTARTED in [event.kind for event in stage.events]

    on_stage(play)


def test_fixed_delay_applies_at_the_asked_tick_exactly() -> None:
    """However early an action comes, it waits for its tick; each answer is one tick after that."""

    async def play(stage: Stage) -> None:
        await stage.reset(delay_ticks=3)
        wheel = wheel_of(stage.rig)
        stage.step(5, throttle=1.0, tick=3)
        await stage.clock.advance(2.5 * DT)
        assert wheel.now == NEUTRAL, "its tick has not come"
        await stage.clock.advance(DT)
        assert wheel.now.throttle > 0
        assert [(one.id, one.receipt.tick) for one in stage.answers()] == [(2, 1), (3, 2), (4, 3)]
        await stage.clock.advance(DT)
        last = stage.answers()[-1]
        assert (last.id, last.receipt.tick_asked, last.receipt.tick_applied) == (5, 3, 3)
        assert (last.receipt.tick, last.receipt.late) == (4, False)

    on_stage(play)


def test_fixed_delay_answers_late_steps_at_once_and_in_their_own_frames() -> None:
    """A hiccup of the link makes actions late; it neither shifts nor loses an answer."""

    async def play(stage: Stage) -> None:
        await stage.reset(delay_ticks=1)
        for tick in (1, 2):
            stage.step(tick + 2, tick=tick)
            await stage.clock.advance(DT)
        await stage.clock.advance(2 * DT)  # nothing comes for ticks 3 and 4
        before = len(stage.answers())
        stage.step(5, tick=3)
        stage.step(6, tick=4)
        await stage.clock.advance(0.0)
        late = stage.answers()[before:]
        assert [one.id for one in late] == [5] or [one.id for one in late] == [5, 6]
        assert late[0].receipt.late
        assert late[0].receipt.tick == 4, "the frame after its own tick"
        await stage.clock.advance(DT)
        ticks = [one.receipt.tick for one in stage.answers()]
        assert ticks == list(range(1, 6)), "none twice, none left out"

    on_stage(play)


def test_a_reset_forgets_the_steps_in_flight() -> None:
    """They are never answered, and the new episode answers its own."""

    async def play(stage: Stage) -> None:
        await stage.reset(delay_ticks=2)
        stage.step(4, tick=2)
        await stage.reset(delay_ticks=2)
        assert stage.answers() == []
        await stage.clock.advance(2 * DT)
        assert [one.id for one in stage.answers()] == [2, 3]

    on_stage(play)


def test_every_step_in_flight_is_answered_when_the_episode_ends() -> None:
    """The first says why it ended; the others, that it is over."""

    async def play(stage: Stage) -> None:
        await stage.reset(delay_ticks=3)
        stage.step(5, tick=3)
        stage.rig.game.pause()  # type: ignore[attr-defined]
        await stage.clock.advance(4 * DT)
        (last,) = stage.answers()[-1:]
        assert last.end == "game_paused"
        answered = {one.id for one in stage.answers()}
        refused = {request_id for _, request_id in stage.driver.failures}
        assert answered | refused == {2, 3, 4, 5}
        assert not answered & refused

    on_stage(play)
