"""An episode: one drive on a rig from a reset on, with its schedule, its actions, its receipts.

No task, thread or socket in here. Whoever waits (the server's stepper on asyncio, the local
stepper in its caller's thread) asks for a step when its action comes and gets a ticket, waits for
the ticks, tells the episode of each that was `reach`ed, and then looks for the outcome of its
tickets; so remote, local and lockstep driving are the same code.
"""

from __future__ import annotations

import collections
import dataclasses
import enum
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ac_bridge.control.action import Wanted
from ac_bridge.control.late import Lapse
from ac_bridge.control.schedule import Schedule
from ac_bridge.game import NEUTRAL, Controls
from ac_bridge.pacing import Pacer, Tick, TickStats
from ac_bridge.rig import Rig, says
from ac_bridge.telemetry.observation import ObservationPlan, Observer
from ac_bridge.telemetry.reader import NO_FRAME, FrameStream
from ac_bridge_protocol.errors import SettingError, WheelError
from ac_bridge_protocol.frame import GameState, TelemetryFrame
from ac_bridge_protocol.messages import EndReason, EventKind, Receipt, WheelState
from ac_bridge_protocol.spec import read_plan
from ac_bridge_protocol.wire import trusted

ENDS = {
    GameState.ABSENT: EndReason.GAME_ABSENT,
    GameState.WAITING: EndReason.GAME_WAITING,
    GameState.PAUSED: EndReason.GAME_PAUSED,
    GameState.LOST: EndReason.GAME_LOST,
    GameState.WRONG_GAME: EndReason.GAME_WRONG_GAME,
}
"""How an episode ends in each state of the game. In every other it goes on; while the game stalls,
with the wheel neutral."""

LETTING_GO = Wanted(NEUTRAL, 0)
"""The action of the steps that an episode with a delay opens by itself."""


@dataclasses.dataclass(slots=True, eq=False)
class Ticket:
    """A step that was asked for, to get its outcome with."""

    action_id: int
    """Number of the step's action in its episode, from 0."""
    tick_asked: int
    """The tick that the action is for."""
    answer_tick: int
    """The step is answered by this tick, or by the first after it that is reached."""
    tick_applied: int | None = None
    """The last tick before the action reached the wheel; None while it has not."""
    late: bool = True
    """Whether the action did not reach the wheel when it was meant to."""


class Outcome(NamedTuple):
    """What a tick brought: everything an answer to a step is made of."""

    frame: TelemetryFrame
    observation: tuple[float, ...]
    """Of the frame, and of the ticks before it as far as the observation looks back."""
    receipt: Receipt
    end: EndReason | None
    """Why the episode ends with this, None if it goes on."""


class _Period(enum.Enum):
    """Whose action a control period had."""

    HELD = enum.auto()
    """None: an older one held."""
    PLANNED = enum.auto()
    """That of an earlier step's plan."""
    OWN = enum.auto()
    """That of a step."""


class _Counts(NamedTuple):
    """Control periods since the episode began, as `Receipt` tells them apart."""

    held: int = 0
    eased: int = 0
    planned: int = 0
    missed: int = 0


class _Reached(NamedTuple):
    """A tick that was reached, with all that an answer by it will tell."""

    tick: int
    frame: TelemetryFrame
    observation: tuple[float, ...]
    sampled_s: float
    tick_error_s: float
    applied_s: float
    sent: Controls
    counts: _Counts
    end: EndReason | None


def why_over(outcome: Outcome) -> str:
    """Return why an outcome is the last of its episode, as a sentence."""
    if outcome.end is EndReason.GAME_RESTARTED:
        return "The session began anew."
    return says(outcome.frame.state)


class Episode:
    """One drive from a reset on: its schedule, its actions, its receipts.

    Tick 0 is the moment of creation; `first` is its frame.

    What was reached is kept for as long as the dead-man's switch waits, so that a step which comes
    late is still answered by its own tick. Once the switch has let go of the car, what waited and
    what was kept is dropped, and late steps are answered by the newest tick: the learner is
    brought to the present.

    Args:
        rig: on which it runs.
        stats: where the ticks' punctuality is kept.
        delay_ticks: the k of mode `fixed_delay`, in which steps name their ticks; 0 in the other
            modes, in which an action is applied when it comes.
        plan: of the observation; the rig's own unless given.

    Attributes:
        first: the frame of tick 0.
        first_observation: of tick 0, whose past is as its present.
        end: why the tick that was reached is the last one: the game was paused, left, lost or
            restarted. None while the episode goes on.
    """

    def __init__(
        self,
        rig: Rig,
        stats: TickStats,
        delay_ticks: int = 0,
        plan: ObservationPlan | None = None,
    ) -> None:
        self._rig = rig
        self._observer = Observer(plan or rig.settings.plan)
        self._stats = stats
        self._delay_ticks = delay_ticks
        settings = rig.settings
        self._dt_s = 1.0 / settings.control_hz
        began_s = rig.clock.now()
        self._pacer = Pacer(settings.control_hz, began_s)
        self._stream = FrameStream(self._dt_s)
        self._schedule: Schedule[tuple[Wanted, Ticket | None]] = Schedule()
        self._lapse = Lapse(settings.late)
        self._tick = Tick(0, began_s, 0)
        self._actions = 0
        self._target: Controls | None = None  # of the action in force
        self._applied_s = began_s
        self._moved_s: float | None = None
        self._period = _Period.HELD
        self._eased = True  # in the present period: nobody drives yet
        self._counts = _Counts()
        self._restarts = rig.restarts
        self._let_goes = rig.let_goes
        self.end: EndReason | None = None
        self.first = rig.sample(self._stream)
        self._newest = self._answered = self._reached(self.first, rig.sent)
        self.first_observation = self._newest.observation
        kept_ticks = math.ceil(settings.longest_hold_s * settings.control_hz) + delay_ticks + 1
        self._kept: collections.deque[_Reached] = collections.deque(maxlen=kept_ticks)
        self._forgotten_tick = 0

    # --- Steps ------------------------------------------------------------------------------------

    def implied(self) -> list[Ticket]:
        """Open the steps that come before the learner's first can: neutral, for ticks 0 to k - 1.

        To be called once, before the first tick. There are none in modes without a delay.
        """
        tickets = [Ticket(tick, tick, tick + 1) for tick in range(self._delay_ticks)]
        for ticket in tickets:
            self._schedule.put(ticket.tick_asked, ticket.action_id, (LETTING_GO, ticket))
        self._actions = len(tickets)
        self._take_due(in_time=0)
        return tickets

    def ask(
        self,
        action: Sequence[float],
        *,
        tick: int | None = None,
        plan: Sequence[Sequence[float]] = (),
    ) -> Ticket:
        """Ask for a step. Its arrival feeds the dead-man's switch, whenever its tick comes.

        An action whose tick has passed is applied now, if it is newer than the one in force. A
        plan's actions go to the ticks after the step's own, for each of which the last step that
        has one wins. In lockstep every tick has its step, and no plan is ever needed.

        Args:
            action: as the rig's format has it.
            tick: to apply it at, with a delay; None without one: now.
            plan: actions for the ticks after that one.

        Raises:
            ActionError: an action of the step cannot be applied; nothing of it was taken.
            SettingError: a tick without a delay, none with one, or one too far ahead. Likewise.
            WheelError: the wheel did not take it, and was let go of. The episode is over.
        """
        rig = self._rig
        wanted = rig.format.read(action)
        planned = read_plan(rig.format.read, plan) if plan else ()
        self._check_tick(tick)
        self._notice_letting_go()
        present = self._tick.index
        from_tick = present if tick is None else tick
        ticket = Ticket(self._actions, self._answered.tick if tick is None else tick, from_tick + 1)
        self._actions += 1
        if planned and not rig.lockstep:
            for ahead, then in enumerate(planned, start=1):
                self._schedule.put(from_tick + ahead, ticket.action_id, (then, None))
        if self.end is None:
            rig.feed()
        try:
            if tick is None:
                self._apply(wanted, ticket, late=ticket.tick_asked < present)
            else:
                self._schedule.put(tick, ticket.action_id, (wanted, ticket))
                if tick <= present:
                    self._take_due(in_time=None)
        except WheelError as error:
            rig.let_go(str(error))
            raise
        return ticket

    def outcome(self, ticket: Ticket) -> Outcome | None:
        """Return what became of a step, as of now; None while its tick has not come.

        To be called until it is there, and not again: the counts of a receipt begin where the last
        one's ended.
        """
        reached = self._answer_to(ticket)
        if reached is None:
            return None
        before = self._answered.counts
        if reached.tick > self._answered.tick:
            self._answered = reached
        after = self._answered.counts
        sampled_s = reached.sampled_s
        receipt = trusted(
            Receipt,
            {
                "action_id": ticket.action_id,
                "tick": reached.tick,
                "tick_asked": ticket.tick_asked,
                "tick_applied": ticket.tick_applied,
                "late": ticket.late,
                "ticks_held": after.held - before.held,
                "ticks_eased": after.eased - before.eased,
                "ticks_planned": after.planned - before.planned,
                "ticks_missed": after.missed - before.missed,
                "tick_error_s": reached.tick_error_s,
                "action_age_s": sampled_s - reached.applied_s,
                "observation_age_s": self._rig.clock.now() - sampled_s,
                "sent": _wheel_state(reached.sent),
                "replayed": False,
            },
        )
        return Outcome(reached.frame, reached.observation, receipt, reached.end)

    def _check_tick(self, tick: int | None) -> None:
        """Refuse a tick that the mode cannot have."""
        delay_ticks, present = self._delay_ticks, self._tick.index
        if tick is None:
            if delay_ticks:
                raise SettingError("In mode fixed_delay a step names its tick.", setting="tick")
        elif not delay_ticks:
            raise SettingError("Only in mode fixed_delay a step names its tick.", setting="tick")
        elif tick > present + 2 * delay_ticks:  # behind a tick that every step in flight waits for
            raise SettingError(
                f"Tick {tick} is too far ahead: the present one is {present}.",
                setting="tick",
                hint=f"Ask for {delay_ticks} after the newest answer's, or the one after the last.",
            )

    def _answer_to(self, ticket: Ticket) -> _Reached | None:
        """Return the tick that answers a step: its own, unless that is not kept any more.

        Never one before the last answer's: a step whose own tick is still kept may follow another
        that was too late for that.
        """
        newest, due = self._newest, max(ticket.answer_tick, self._answered.tick)
        if due > newest.tick:
            return None
        if due == newest.tick or due <= self._forgotten_tick:
            return newest
        return next(reached for reached in self._kept if reached.tick >= due)

    # --- Ticks ------------------------------------------------------------------------------------

    def until_tick(self) -> Iterator[float]:
        """Reach the next tick, as an iterator of the moments to wait for.

        There is one, unless a stall makes the tick pass by: then the schedule's next is waited for.
        """
        clock = self._rig.clock
        while True:
            tick = self._pacer.next(clock.now())
            yield tick.at_s
            if self._pacer.reach(tick, clock.now()):
                self._tick = tick
                return

    @property
    def missed_now(self) -> int:
        """Ticks that were skipped just before the present one."""
        return self._tick.missed

    def reach(self) -> None:
        """Sample the tick that was waited for; then apply the action for it, or hold, or ease.

        Raises:
            WheelError: the wheel did not take it, and was let go of. The episode is over.
        """
        ended = self._period
        if ended is not _Period.OWN or self._tick.missed:
            self._count(ended)
        sent = self._rig.sent
        frame = self._arrive()
        self._notice_letting_go()
        self._keep(self._reached(frame, sent))
        self._period = _Period.HELD
        self._eased = self._target is None  # let go of, or not held yet
        try:
            applied = self._take_due(in_time=self._tick.index)
            # Without a delay the tick's action may come yet: that none did is known at its end.
            if not applied and (self._delay_ticks or ended is _Period.HELD):
                self._hold_or_ease()
        except WheelError as error:
            self._rig.let_go(str(error))
            raise

    def _count(self, ended: _Period) -> None:
        """Count the control period that has ended, and the ticks that were missed after it."""
        held, eased, planned, missed = self._counts
        if ended is _Period.HELD:
            held += 1
            eased += self._eased
            self._lapse.ticks += 1
        elif ended is _Period.PLANNED:
            planned += 1
        self._counts = _Counts(held, eased, planned, missed + self._tick.missed)

    def _arrive(self) -> TelemetryFrame:
        """Sample the tick that was reached, and do what the frame calls for."""
        rig = self._rig
        try:
            frame = rig.sample(self._stream)
        except NO_FRAME:
            # The last that was seen of it, at this tick's time: its state says what it is. Not for
            # the rig to look at: samples between ticks were newer, and it would seem to go back.
            last = rig.restamp(self._newest.frame, self._stream)
            frame = last.model_copy(update={"state": rig.state})
            rig.tend(None)
        else:
            rig.tend(frame)
        if rig.restarts != self._restarts:
            self.end = EndReason.GAME_RESTARTED
            if rig.driven:
                rig.neutral()
        else:
            self.end = None if frame.state is GameState.LIVE else ENDS.get(frame.state)
        self._stats.record(self._tick, self._stream.last_s or self._tick.at_s)
        return frame

    def _reached(self, frame: TelemetryFrame, sent: Controls) -> _Reached:
        tick = self._tick
        sampled_s = self._stream.last_s or self._rig.clock.now()
        error_s = max(0.0, sampled_s - tick.at_s)
        observation = self._observer.see(self._rig.look(frame, sent), tick.missed)
        return _Reached(
            tick.index,
            frame,
            observation,
            sampled_s,
            error_s,
            self._applied_s,
            sent,
            self._counts,
            self.end,
        )

    def _keep(self, reached: _Reached) -> None:
        """Keep a tick for steps that come late, as long as somebody drives.

        Without a delay none does: the next tick to be reached answers it.
        """
        self._newest = reached
        if not self._delay_ticks or not self._rig.driven:
            self._forget()
            return
        if len(self._kept) == self._kept.maxlen:
            self._forgotten_tick = self._kept[0].tick
        self._kept.append(reached)

    def _forget(self) -> None:
        self._kept.clear()
        self._forgotten_tick = self._newest.tick

    # --- The wheel --------------------------------------------------------------------------------

    def _notice_letting_go(self) -> None:
        """Drop what waits and what was kept, if the wheel was let go of since the last look."""
        if self._rig.let_goes == self._let_goes:
            return
        self._let_goes = self._rig.let_goes
        self._schedule.drop()
        self._lapse.end()
        self._target = None
        self._forget()

    def _take_due(self, in_time: int | None) -> bool:
        """Apply the newest action whose tick has come, if there is one; return whether.

        Args:
            in_time: the tick for which an action is in time now, None if it is too late for each.
        """
        due = self._schedule.take(self._tick.index)
        if due is None:
            return False
        tick, (wanted, ticket) = due
        self._apply(wanted, ticket, late=tick != in_time)
        return True

    def _apply(self, wanted: Wanted, ticket: Ticket | None, *, late: bool) -> None:
        """Put an action in force: a step's own, or one of a plan, which has no ticket."""
        rig = self._rig
        now_s = rig.clock.now()
        rig.act(wanted, self._moving_s(now_s))
        self._target = wanted.controls if rig.driven else None
        self._applied_s = now_s
        self._lapse.end()
        if ticket is None:
            self._period = _Period.PLANNED
            return
        self._period = _Period.OWN
        ticket.tick_applied = self._tick.index
        ticket.late = late

    def _hold_or_ease(self) -> None:
        """Pass a tick without an action."""
        rig = self._rig
        lets_go_s = rig.lets_go_s
        if self._target is None or lets_go_s is None:
            return  # neutral already
        now_s, was_easing = rig.clock.now(), self._lapse.easing
        wheel = self._lapse.wheel(rig.steered, now_s, self._dt_s, lets_go_s)
        if wheel is None:
            rig.steer_towards(self._target, self._moving_s(now_s))
            return
        self._eased = True
        if not was_easing:
            rig.tell(EventKind.EASING, "No action came in time: the wheel eases to neutral.")
        self._moved_s = now_s
        rig.steer_to(wheel)

    def _moving_s(self, now_s: float) -> float:
        """Return the time that a move of the wheel made now counts for, in seconds.

        At most one control period counts, and the first move gets a whole one: an action is meant
        to hold for one period, however late the one before it came.
        """
        since_s = self._dt_s if self._moved_s is None else now_s - self._moved_s
        self._moved_s = now_s
        return min(since_s, self._dt_s)


def _wheel_state(controls: Controls) -> WheelState:
    return trusted(
        WheelState,
        {
            "steer": controls.steer,
            "throttle": controls.throttle,
            "brake": controls.brake,
            "clutch": controls.clutch,
        },
    )
