"""The stepper of a replay: answers each step with the next that was recorded.

One task plays the recording in its own time, for those who watch and, at speed 1, for the driver's
steps as well. At speed max a step plays on to its tick within the call that asks for it, and the
task rests while an episode is driven.
"""

from __future__ import annotations

import asyncio
import collections
import dataclasses
from collections.abc import Callable

from ac_bridge.clock import Clock
from ac_bridge.replay.playhead import Playhead
from ac_bridge.replay.records import Record, Tick, frame_in
from ac_bridge.rig import OnEvent, OnFrame
from ac_bridge.server.failures import cut
from ac_bridge.server.stepper import Driver, Stepper
from ac_bridge_protocol.errors import ACBridgeError, GameError, SettingError
from ac_bridge_protocol.frame import TelemetryFrame
from ac_bridge_protocol.messages import (
    Event,
    EventKind,
    Receipt,
    Reset,
    ResetResult,
    Step,
    StepResult,
)
from ac_bridge_protocol.spec import EnvSpec, check_action, read_plan
from ac_bridge_protocol.wire import trusted
from ac_bridge_recording.topics import EpisodeStart

REST_S = 1.0
"""Between the end of a recording and its beginning: one that holds a moment only must not spin."""

LATE_S = 1.0
"""A machine that was asleep for longer goes on where it was, and shows no burst of what it missed.
"""


@dataclasses.dataclass
class Manner:
    """How a recording is played.

    Attributes:
        clock: in whose time.
        paced: whether steps wait for their time too.
        once: whether it ends with the recording; else it begins again.
        on_end: called when it has ended.
    """

    clock: Clock
    paced: bool
    once: bool = False
    on_end: Callable[[], None] = lambda: None


class ReplayStepper(Stepper):
    """Plays a recording, and steps it for whoever drives.

    Args:
        head: what is played, and where.
        manner: how.
        clock: the machine's, for the times on the wire.
        tasks: the group in which waiting is done.
        on_frame: gets every frame of the stream.
        on_event: gets told what happens, and what was recorded.
    """

    def __init__(
        self,
        head: Playhead,
        manner: Manner,
        clock: Clock,
        tasks: asyncio.TaskGroup,
        on_frame: OnFrame,
        on_event: OnEvent,
    ) -> None:
        super().__init__(clock, tasks, on_frame, on_event)
        self._head = head
        self._tape = head.tape
        self._manner = manner
        self._turn = 0
        self._driver: Driver | None = None
        """Whose episode goes on."""
        self._delay_ticks = 0
        self._actions = 0
        self._asked: collections.deque[int] = collections.deque()
        """The ids of the steps that wait for their ticks, oldest first."""
        self._asking = asyncio.Event()
        self._play_on()

    def reset(self, driver: Driver, request: Reset, spec: EnvSpec) -> None:
        """Go to the next episode, or to the one with that seed; the answer comes at once."""
        self._let_go()
        self._delay_ticks = delay_ticks = spec.delay_ticks
        try:
            episode = self._tape.choose(request.seed, self._turn)
            start = self._head.seek(episode)
        except ACBridgeError as error:
            driver.fail(error, request.id)
            self._play_on()
            return
        self._turn = episode + 1
        self.episodes += 1
        self._actions = 0
        self._driver = driver
        self._tell(
            EventKind.EPISODE_STARTED,
            f"Episode {self.episodes} begins; it was recorded as episode {start.episode}.",
        )
        driver.send(
            ResetResult(
                id=request.id,
                episode=self.episodes,
                statics=start.statics,
                observation=start.observation,
                frame=start.frame,
            )
        )
        self._asked.extend(range(request.id + 1, request.id + 1 + delay_ticks))
        self._show(start)
        if self._manner.paced:
            self._play_on()
        else:
            self._show_due()

    def step(self, driver: Driver, request: Step) -> None:
        """Check the action, which has no effect; its tick answers."""
        if self._driver is None:
            self._refuse(driver, request.id)
            return
        try:
            self._check(request)
        except ACBridgeError as error:
            driver.fail(error, request.id)
            return
        self._asked.append(request.id)
        if self._manner.paced:
            self._asking.set()
        else:
            self._play_to_tick(driver, request.id)

    def stop(self) -> None:
        """End the drive, if there is one; the recording plays on."""
        self._let_go()
        self._play_on()

    def close(self) -> None:
        """End everything."""
        self._let_go()

    # --- Playing ----------------------------------------------------------------------------------

    def _play_on(self) -> None:
        """Play in recorded time from here on."""
        self._cancel()
        self._running = self._tasks.create_task(self._play(), name="replay")

    async def _play(self) -> None:
        clock, head = self._manner.clock, self._head
        began_s = clock.now() - head.at_s
        while True:
            while (cue := head.peek()) is not None:
                await clock.wait_until(began_s + cue.due_s)
                waited = await self._wait_for_driver(cue.record)
                late_s = clock.now() - (began_s + cue.due_s)
                if waited or late_s > LATE_S:
                    began_s += late_s
                self._show_next()
            if self._manner.once:
                self._manner.on_end()
                return
            await clock.wait_until(clock.now() + REST_S)
            self._tell(EventKind.GAME_RESTARTED, "The recording has ended, and begins again.")
            head.rewind()
            began_s = clock.now() - head.at_s

    async def _wait_for_driver(self, record: Record) -> bool:
        """Wait until the driver asks for a step of its episode; return whether that was needed."""
        if self._driver is None or not isinstance(record, Tick) or self._asked:
            return False
        self._asking.clear()
        await self._asking.wait()
        return True

    def _play_to_tick(self, driver: Driver, request_id: int) -> None:
        """Play up to the tick that answers a step, without waiting for anything."""
        try:
            while self._asked:
                if not self._show_next():
                    raise GameError("The recording has no more steps.", hint="Reset.")
        except ACBridgeError as error:
            driver.fail(error, request_id)
            self._end(error.message)
        else:
            self._show_due()
        if self._driver is None:
            self._play_on()

    def _show_due(self) -> None:
        """Show what belongs to the moment that was reached."""
        while (cue := self._head.peek()) is not None and cue.due_s <= self._head.at_s:
            if isinstance(cue.record, Tick | EpisodeStart):
                return
            self._show_next()

    def _show_next(self) -> bool:
        """Show what comes next; return whether there was anything."""
        record = self._head.take()
        if record is not None:
            self._show(record)
        return record is not None

    def _show(self, record: Record) -> None:
        if isinstance(record, Tick) and self._driver is not None and self._asked:
            self._answer(self._driver, self._asked.popleft(), record)
        elif isinstance(record, Event) and record.kind is not EventKind.SHUTTING_DOWN:
            # That the recorded actor was stopped is no news of this one.
            said = cut(f"Recorded: {record.message}")
            self._on_event(record.model_copy(update={"message": said}))
        frame = frame_in(record)
        if frame is not None and (isinstance(record, TelemetryFrame) or not self._tape.has_stream):
            self._on_frame(frame)

    # --- Steps ------------------------------------------------------------------------------------

    def _check(self, request: Step) -> None:
        """Refuse what an actor would refuse.

        Raises:
            ActionError: an action that no wheel could take.
            SettingError: a tick without a delay, or none with one.
        """
        components = self._tape.spec.action
        check_action(components, request.action)
        read_plan(lambda action: check_action(components, action), request.plan)
        if request.tick is not None and not self._delay_ticks:
            raise SettingError("Only in mode fixed_delay a step names its tick.", setting="tick")
        if request.tick is None and self._delay_ticks:
            raise SettingError("In mode fixed_delay a step names its tick.", setting="tick")

    def _answer(self, driver: Driver, request_id: int, tick: Tick) -> None:
        step = tick.step
        ours = {"action_id": self._actions, "tick_applied": None, "replayed": True}
        self._actions += 1
        driver.send(
            trusted(
                StepResult,
                {
                    "type": "step_result",
                    "id": request_id,
                    "observation": step.observation,
                    "frame": step.frame,
                    "receipt": trusted(Receipt, step.receipt.__dict__ | ours),
                    "end": tick.end,
                    "t_sent": self._clock.now(),
                },
            )
        )
        if tick.end is not None:
            waiting = list(self._asked)
            self._end("The recording has no more of it.")
            for request_id in waiting:
                self._refuse(driver, request_id)

    def _end(self, why: str) -> None:
        """The episode is over."""
        self._driver = None
        self._asked.clear()
        self._why_over = why

    def _let_go(self) -> None:
        """Nobody drives, and nothing is played."""
        self._cancel()
        self._end("")
