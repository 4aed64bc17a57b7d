"""An episode on a manual clock: which action is applied when, and what its receipt says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ac_bridge.control.late import LatePolicy
from ac_bridge.control.smoothing import smoothing_named
from ac_bridge.episode import Episode, Outcome, Ticket
from ac_bridge.game import NEUTRAL
from ac_bridge.pacing import TickStats
from ac_bridge.rig import Rig, RigSettings
from ac_bridge_protocol.errors import ActionError, SettingError, WheelError
from ac_bridge_protocol.frame import GameStatus
from ac_bridge_protocol.messages import EndReason, Event, EventKind, Receipt
from helpers.steady import SteadyGame

HZ = 20.0
DT = 1 / HZ
JUST_AFTER_S = 1e-4


class Drive:
    """An episode of a game that only moves on, at 20 Hz and without smoothing."""

    def __init__(self, delay_ticks: int = 0, *, lockstep: bool = False, **more: Any) -> None:
        self.game = SteadyGame(lockstep=lockstep)
        self.rig = Rig(self.game, RigSettings(HZ, 60.0, smoothing_named("none"), **more))
        self.events: list[Event] = []
        self.rig.on_event = self.events.append
        stream = self.rig.telemetry_stream()
        for _ in range(2):
            self.rig.tend(self.rig.sample(stream))
            self.game.clock.stall(0.01)
        self.events.clear()
        self.stream = stream
        self.episode = Episode(self.rig, TickStats(), delay_ticks)
        self.began_s = self.game.clock.now()
        self.implied = self.episode.implied()

    @property
    def present(self) -> int:
        return self.episode._tick.index

    @property
    def throttle(self) -> float:
        return self.game.wheel.now.throttle

    def ask(self, throttle: float, tick: int | None = None, plan: tuple[float, ...] = ()) -> Ticket:
        return self.episode.ask(
            (0.0, throttle, 0.0), tick=tick, plan=[(0.0, planned, 0.0) for planned in plan]
        )

    def tick(self, ticks: int = 1) -> None:
        """Let ticks come, each with the time just after it."""
        clock = self.game.clock
        for _ in range(ticks):
            for deadline in self.episode.until_tick():
                clock.sleep_until(deadline)
            self.episode.reach()
            clock.stall(JUST_AFTER_S)

    def outcome(self, ticket: Ticket) -> Outcome:
        outcome = self.episode.outcome(ticket)
        assert outcome is not None
        return outcome

    def receipt(self, ticket: Ticket) -> Receipt:
        return self.outcome(ticket).receipt

    def kinds(self) -> list[EventKind]:
        return [event.kind for event in self.events]


def ticks_of(receipt: Receipt) -> tuple[int, int | None, int, bool]:
    """Return a receipt's ticks as asked, applied and answered, and whether it was late."""
    return receipt.tick_asked, receipt.tick_applied, receipt.tick, receipt.late


# --- With a delay ---------------------------------------------------------------------------------


def test_the_first_steps_are_neutral_and_answered_by_themselves() -> None:
    """With a delay of k there are k of them, for ticks 0 to k - 1; without one there is none."""
    drive = Drive(3)
    receipts = []
    for ticket in drive.implied:
        assert drive.episode.outcome(ticket) is None
        drive.tick()
        receipts.append(drive.receipt(ticket))
    assert [r.action_id for r in receipts] == [0, 1, 2]
    assert [ticks_of(r) for r in receipts] == [
        (0, 0, 1, False),
        (1, 1, 2, False),
        (2, 2, 3, False),
    ]
    assert all(r.ticks_held == r.ticks_planned == 0 for r in receipts)
    assert drive.game.wheel.now == NEUTRAL
    assert Drive().implied == []


def test_an_action_is_applied_at_the_tick_asked_and_not_before() -> None:
    """It waits on the actor, whenever it came; the tick after it answers."""
    drive = Drive(3)
    ticket = drive.ask(0.5, tick=3)
    drive.tick(2)
    assert drive.throttle == 0.0
    drive.tick()
    assert drive.throttle == 0.5
    assert drive.episode.outcome(ticket) is None
    drive.tick()
    outcome = drive.outcome(ticket)
    assert ticks_of(outcome.receipt) == (3, 3, 4, False)
    assert outcome.receipt.sent.throttle == 0.5
    assert outcome.receipt.action_age_s == pytest.approx(DT)
    assert outcome.frame.seq == 4


def test_a_tick_is_sampled_before_its_action_is_applied() -> None:
    """So the frame shows the wheel as the action before it had left it."""
    drive = Drive(1)
    before, after = drive.ask(0.5, tick=1), drive.ask(0.9, tick=2)
    drive.tick(2)
    assert drive.throttle == 0.9
    assert drive.receipt(before).sent.throttle == 0.5
    drive.tick()
    assert drive.receipt(after).sent.throttle == 0.9


def test_a_late_action_is_applied_when_it_comes_and_says_so() -> None:
    """In the tick's own control period it is late as well: the tick's moment had passed."""
    drive = Drive(1)
    drive.tick(2)
    within = drive.ask(0.5, tick=2)
    assert drive.throttle == 0.5
    drive.tick(3)
    after = drive.ask(0.8, tick=3)
    assert drive.throttle == 0.8
    assert ticks_of(drive.receipt(within)) == (2, 2, 3, True)
    assert ticks_of(drive.receipt(after)) == (3, 5, 4, True)


def test_an_older_action_never_replaces_a_newer_one() -> None:
    """It is answered all the same, and says that it was not applied."""
    drive = Drive(2)
    newer = drive.ask(0.5, tick=3)
    drive.tick(3)
    older = drive.ask(0.9, tick=2)
    assert drive.throttle == 0.5
    assert ticks_of(drive.receipt(older)) == (2, None, 3, True)
    drive.tick()
    assert ticks_of(drive.receipt(newer)) == (3, 3, 4, False)


def test_two_actions_for_one_tick() -> None:
    """The later step's is applied; both are answered."""
    drive = Drive(1)
    first, second = drive.ask(0.5, tick=1), drive.ask(0.8, tick=1)
    drive.tick()
    assert drive.throttle == 0.8
    drive.tick()
    assert ticks_of(drive.receipt(first)) == (1, None, 2, True)
    assert ticks_of(drive.receipt(second)) == (1, 1, 2, False)


def test_a_late_step_is_answered_by_its_own_tick() -> None:
    """At once, with that tick's frame: no observation is left out, and none shifts."""
    drive = Drive(1)
    drive.ask(0.5, tick=1)
    drive.tick(6)
    seqs = []
    for tick in range(2, 6):
        ticket = drive.ask(0.5, tick=tick)
        seqs.append(drive.outcome(ticket).frame.seq)
    assert seqs == [3, 4, 5, 6]


def test_counts_of_late_answers_add_up() -> None:
    """Each tick without an action is counted in one receipt, however late that is asked for."""
    drive = Drive(1, late=LatePolicy(hold_ticks=1))
    receipts = []
    ticket = drive.ask(0.5, tick=1)
    drive.tick(5)
    receipts.append(drive.receipt(ticket))
    late = [drive.ask(0.5, tick=tick) for tick in (2, 3, 4)]
    receipts += [drive.receipt(ticket) for ticket in late]
    assert [r.tick for r in receipts] == [2, 3, 4, 5]
    assert [r.ticks_held for r in receipts] == [0, 1, 1, 1]
    assert [r.ticks_eased for r in receipts] == [0, 0, 1, 1]


def test_an_answer_by_an_earlier_tick_counts_nothing_twice() -> None:
    """A step for a tick before the last answer's has no ticks of its own to tell of."""
    drive = Drive(2)
    newer = drive.ask(0.5, tick=4)
    drive.tick(5)
    counts = [drive.receipt(newer).ticks_held]
    counts.append(drive.receipt(drive.ask(0.5, tick=2)).ticks_held)
    drive.tick(2)
    counts.append(drive.receipt(drive.ask(0.5, tick=6)).ticks_held)
    assert counts == [2, 0, 2], "ticks 2 and 3, none, 5 and 6"


@pytest.mark.parametrize(
    ("delay_ticks", "tick"), [(0, 1), (0, 0), (2, None), (2, 6), (2, 2**52)], ids=str
)
def test_a_tick_that_the_mode_cannot_have_is_refused(delay_ticks: int, tick: int | None) -> None:
    """One without a delay, none with one, or one further ahead than any step can wait."""
    drive = Drive(delay_ticks)
    drive.tick()
    with pytest.raises(SettingError) as caught:
        drive.ask(1.0, tick=tick)
    assert caught.value.setting == "tick"
    drive.tick(4)
    assert drive.game.wheel.now == NEUTRAL
    assert not drive.rig.driven


# --- Plans ----------------------------------------------------------------------------------------


def test_a_plan_is_used_where_no_step_brings_an_action() -> None:
    """And counted; a step's own action beats it."""
    drive = Drive(1)
    first = drive.ask(0.1, tick=1, plan=(0.2, 0.3, 0.4))
    seen = []
    for _ in range(3):
        drive.tick()
        seen.append(drive.throttle)
    second = drive.ask(0.9, tick=4)
    drive.tick()
    seen.append(drive.throttle)
    drive.tick()
    assert seen == [0.1, 0.2, 0.3, 0.9]
    assert drive.receipt(first).ticks_planned == 0
    receipt = drive.receipt(second)
    assert ticks_of(receipt) == (4, 4, 5, False)
    assert (receipt.ticks_planned, receipt.ticks_held) == (2, 0)


def test_of_two_plans_the_later_steps_wins() -> None:
    """For each tick that it reaches; beyond it the earlier one's is left."""
    drive = Drive(2)
    drive.ask(0.1, tick=1, plan=(0.2, 0.3, 0.4))
    drive.ask(0.5, tick=2, plan=(0.6,))
    seen = []
    for _ in range(4):
        drive.tick()
        seen.append(drive.throttle)
    assert seen == [0.1, 0.5, 0.6, 0.4]


def test_of_a_late_step_the_plan_is_used_where_it_has_got_to() -> None:
    """Its own action has been overtaken by what it planned for now."""
    drive = Drive(1)
    drive.ask(0.1, tick=1)
    drive.tick(4)
    late = drive.ask(0.5, tick=2, plan=(0.6, 0.7, 0.8))
    assert drive.throttle == 0.7
    assert ticks_of(drive.receipt(late)) == (2, None, 3, True)
    drive.tick()
    assert drive.throttle == 0.8


def test_without_a_delay_a_plan_begins_with_the_tick_of_arrival() -> None:
    """The next tick uses it, until the next action comes."""
    drive = Drive()
    first = drive.ask(0.1, plan=(0.2, 0.3))
    drive.tick()
    assert drive.throttle == 0.2
    assert ticks_of(drive.receipt(first)) == (0, 0, 1, False)
    drive.tick()
    assert drive.throttle == 0.3
    second = drive.ask(0.9)
    assert drive.throttle == 0.9
    drive.tick()
    receipt = drive.receipt(second)
    assert ticks_of(receipt) == (1, 2, 3, True)
    assert (receipt.ticks_planned, receipt.ticks_held) == (1, 0)


def test_in_lockstep_a_plan_is_never_needed() -> None:
    """Each tick waits for its step, so no action of a plan comes between."""
    drives = Drive(lockstep=True), Drive(lockstep=True)
    for step in range(5):
        for drive, plan in zip(drives, ((), (0.9, 0.9)), strict=True):
            ticket = drive.ask(0.1 * step, plan=plan)
            drive.tick()
            assert drive.receipt(ticket).ticks_planned == 0
    assert drives[0].game.wheel.states == drives[1].game.wheel.states


def test_a_plan_does_not_feed_the_dead_man() -> None:
    """However far it reaches, the car is let go of after the time of the step that brought it."""
    drive = Drive(1)
    drive.ask(0.1, tick=1, plan=(0.5,) * 60)
    drive.tick(9)
    assert drive.throttle == 0.5
    drive.tick(2)
    assert drive.game.wheel.now == NEUTRAL
    assert drive.kinds().count(EventKind.NEUTRALISED) == 1


@pytest.mark.parametrize(
    ("bad", "component"), [(float("nan"), "throttle"), (1.5, "throttle"), (None, "")]
)
def test_a_bad_action_in_a_plan_is_named_and_nothing_taken(bad: Any, component: str) -> None:
    """Neither the step's own action nor the plan's, and the dead-man's switch is not fed."""
    drive = Drive(1)
    spoilt = (0.0, 0.5) if bad is None else (0.0, bad, 0.0)
    with pytest.raises(ActionError, match="Action 1 of the plan") as caught:
        drive.episode.ask((0.0, 0.7, 0.0), tick=1, plan=[(0.0, 0.7, 0.0), spoilt])
    assert caught.value.component == component
    assert not drive.rig.driven
    drive.tick(3)
    assert drive.game.wheel.now == NEUTRAL
    assert drive.ask(0.5, tick=3).action_id == 1, "after the one that the delay opened"


# --- No action in time ----------------------------------------------------------------------------


@pytest.mark.parametrize("delay_ticks", [0, 1, 4])
def test_hold_then_ease_then_neutral(delay_ticks: int) -> None:
    """Each tick does what the policy says, and the receipts count it."""
    drive = Drive(delay_ticks, hold_s=0.5, late=LatePolicy(hold_ticks=3, brake=0.4))
    asked = delay_ticks or None
    first = drive.ask(0.8, tick=asked)
    drive.tick(delay_ticks + 1)
    assert drive.receipt(first).ticks_held == 0
    throttles, brakes = [drive.throttle], []
    while drive.rig.driven:
        drive.tick()
        throttles.append(drive.throttle)
        brakes.append(drive.game.wheel.now.brake)
    assert throttles.count(0.8) == 3
    assert throttles == sorted(throttles, reverse=True)
    assert throttles[-1] == 0.0
    assert 0.0 < max(brakes) <= 0.4
    assert brakes[-1] == 0.0
    assert drive.kinds().count(EventKind.EASING) == 1
    assert drive.kinds().count(EventKind.NEUTRALISED) == 1
    last = drive.ask(0.8, tick=drive.present + delay_ticks if delay_ticks else None)
    drive.tick(delay_ticks + 1)
    receipt = drive.receipt(last)
    assert receipt.ticks_held - receipt.ticks_eased == 3
    assert drive.throttle == 0.8


def test_easing_is_told_once_for_each_lapse() -> None:
    """An action ends a lapse; the next one is told again."""
    drive = Drive(1)
    for lapse in (1, 2):
        drive.ask(0.8, tick=drive.present + 1)
        drive.tick(6)
        assert drive.kinds().count(EventKind.EASING) == lapse
        assert 0.0 < drive.throttle < 0.8


def test_actions_for_later_do_not_turn_the_easing_back() -> None:
    """They keep the dead-man's switch quiet, but until their tick the wheel goes to neutral."""
    drive = Drive(4)
    drive.ask(0.8, tick=4)
    drive.tick(7)
    before = drive.throttle
    assert drive.kinds().count(EventKind.EASING) == 1
    drive.ask(0.7, tick=10)
    drive.tick(2)
    assert drive.throttle < before
    drive.tick()
    assert drive.throttle == 0.7
    assert drive.kinds().count(EventKind.EASING) == 1


def test_without_a_driver_nothing_is_eased() -> None:
    """Before the first action the wheel is neutral: ticks without one say so, and no event does."""
    drive = Drive(1)
    drive.tick(8)
    ticket = drive.ask(0.5, tick=9)
    drive.tick(2)
    receipt = drive.receipt(ticket)
    assert drive.events == []
    assert (receipt.ticks_held, receipt.ticks_eased) == (8, 8)


def test_a_dead_learner_leaves_the_car_neutral_whatever_waits() -> None:
    """Within the dead-man's time and a tick of the last arrival; what waited is never applied."""
    drive = Drive(15, hold_s=0.5)
    tickets = []
    for tick in range(15):
        tickets.append(drive.ask(0.8, tick=tick + 15))
        drive.tick()
    last_s = drive.game.clock.now()
    drive.tick(2)
    assert drive.throttle == 0.8
    while drive.game.clock.now() < last_s + 0.5 + DT:
        drive.tick()
    assert drive.game.wheel.now == NEUTRAL
    drive.tick(20)
    assert drive.game.wheel.now == NEUTRAL
    receipts = [drive.receipt(ticket) for ticket in tickets]
    applied = [r.tick_applied for r in receipts if r.tick_applied is not None]
    assert applied == list(range(15, 15 + len(applied)))
    assert all(r.late is (r.tick_applied is None) for r in receipts)
    assert receipts[-1].tick_applied is None


def test_after_letting_go_a_late_step_gets_the_newest_tick() -> None:
    """The learner is brought to the present, and drives again with its first action."""
    drive = Drive(1)
    drive.ask(0.5, tick=1)
    drive.tick(100)
    assert drive.game.wheel.now == NEUTRAL
    late = drive.ask(0.6, tick=2)
    assert drive.throttle == 0.6
    receipt = drive.receipt(late)
    assert ticks_of(receipt) == (2, 100, 100, True)
    assert receipt.ticks_held == 98
    drive.ask(0.7, tick=101)
    drive.tick()
    assert drive.throttle == 0.7


def test_no_answer_is_older_than_the_one_before() -> None:
    """Also where one step's own tick is kept no more and the next one's still is."""
    drive = Drive(5)
    for tick in range(5, 65):
        drive.ask(0.5, tick=tick)
        drive.tick()
    too_late, late = drive.ask(0.5, tick=6), drive.ask(0.6, tick=drive.present - 5)
    for ticket in (too_late, late):
        receipt = drive.receipt(ticket)
        assert (receipt.tick, receipt.late) == (drive.present, True)


def test_ticks_that_nobody_drove_are_not_kept() -> None:
    """Also those after letting go: what is answered first is the present, not the lapse."""
    drive = Drive(1)
    drive.ask(0.5, tick=1)
    drive.tick(15)
    assert drive.receipt(drive.ask(0.6, tick=12)).tick == 15
    drive.tick(2)
    assert drive.receipt(drive.ask(0.6, tick=15)).tick == 16, "kept again"


def test_letting_go_between_two_ticks_counts_at_once() -> None:
    """Whoever looks at the game may find that it is time: a step before the next tick knows."""
    drive = Drive(2)
    drive.ask(0.5, tick=1)
    waiting = drive.ask(0.5, tick=4)
    drive.tick(3)
    drive.game.pages.status = GameStatus.PAUSE
    drive.rig.tend(drive.rig.sample(drive.stream))
    drive.game.pages.status = GameStatus.LIVE
    drive.game.clock.stall(DT / 8)
    drive.rig.tend(drive.rig.sample(drive.stream))
    late = drive.ask(0.6, tick=1)
    assert drive.throttle == 0.6
    assert drive.receipt(late).tick == 3
    drive.tick(2)
    assert drive.throttle == 0.6, "the one that waited was dropped"
    assert drive.receipt(waiting).tick_applied is None


@pytest.mark.parametrize("lockstep", [False, True])
def test_without_a_delay_a_tick_is_not_held_before_it_is_over(lockstep: bool) -> None:
    """Its action may come until then: the wheel moves once for each, and never eases between."""
    drive = Drive(lockstep=lockstep, late=LatePolicy(hold_ticks=0))
    throttles = [0.1, 0.2, 0.3, 0.4]
    for throttle in throttles:
        ticket = drive.ask(throttle)
        drive.tick()
        receipt = drive.receipt(ticket)
        assert (receipt.ticks_held, receipt.sent.throttle) == (0, throttle)
    assert [state.throttle for state in drive.game.wheel.states] == throttles


def test_a_learner_that_is_always_slow_is_brought_to_the_present() -> None:
    """Its dead-man's switch never lets go, but what is kept for it does not grow for ever."""
    drive = Drive(1, hold_s=0.5)
    behind = []
    ticket = drive.ask(0.5, tick=1)
    for _ in range(200):
        drive.tick(3)
        newest = drive.receipt(ticket).tick
        behind.append(drive.present - newest)
        ticket = drive.ask(0.5, tick=newest + 1)
    assert drive.kinds().count(EventKind.NEUTRALISED) == 0
    assert max(behind) <= 0.5 * HZ + 2
    assert behind.count(0) > 10


# --- A stalled actor, game or wheel ---------------------------------------------------------------


def test_after_a_stall_the_newest_action_that_was_due_is_applied() -> None:
    """Once, at the tick that is reached; the others never. No burst, and nothing silent."""
    drive = Drive(4)
    tickets = [drive.ask(0.1 * (n + 1), tick=n + 1) for n in range(4)]
    drive.game.clock.stall(3.6 * DT)
    states = len(drive.game.wheel.states)
    drive.tick()
    assert drive.episode.missed_now == 3
    assert drive.throttle == pytest.approx(0.4)
    assert len(drive.game.wheel.states) == states + 1
    drive.tick()
    receipts = [drive.receipt(ticket) for ticket in tickets]
    assert [r.tick_applied for r in receipts] == [None, None, None, 4]
    assert [r.late for r in receipts] == [True, True, True, False]
    assert [r.tick for r in receipts] == [4, 4, 4, 5]
    assert [r.ticks_missed for r in receipts] == [3, 0, 0, 0]


def test_an_action_of_a_skipped_tick_is_late_at_the_one_reached() -> None:
    """Nothing newer was due: it is applied, and says when."""
    drive = Drive(4)
    drive.tick(4)
    ticket = drive.ask(0.5, tick=6)
    drive.game.clock.stall(3.6 * DT)
    drive.tick()
    assert drive.throttle == 0.5
    assert ticks_of(drive.receipt(ticket)) == (6, 8, 8, True)


def test_while_the_game_stalls_actions_do_not_reach_the_wheel() -> None:
    """Nor do they arm anything: it drives again with the first action after it."""
    drive = Drive(2)
    drive.ask(0.5, tick=1)
    drive.tick(2)
    drive.game.pages.moves = False
    drive.tick(2)
    assert drive.game.wheel.now == NEUTRAL
    during = [drive.ask(0.6, tick=tick) for tick in (4, 5, 6)]
    drive.game.pages.moves = True
    drive.tick()
    assert drive.game.wheel.now == NEUTRAL
    assert not drive.rig.driven
    drive.ask(0.7, tick=7)
    drive.tick()
    assert drive.throttle == 0.6, "what waited is as good as it was"
    drive.tick()
    assert drive.throttle == 0.7
    assert drive.outcome(during[0]).end is None
    assert drive.kinds().count(EventKind.NEUTRALISED) == 1


def test_a_step_that_waited_for_a_paused_game_is_answered_with_the_end() -> None:
    """Steps answered by ticks before it go on."""
    drive = Drive(2)
    before, after = drive.ask(0.5, tick=1), drive.ask(0.5, tick=2)
    drive.tick(2)
    assert drive.outcome(before).end is None
    drive.game.pages.status = GameStatus.PAUSE
    drive.tick()
    assert drive.outcome(after).end is EndReason.GAME_PAUSED
    assert drive.episode.end is EndReason.GAME_PAUSED
    assert drive.game.wheel.now == NEUTRAL


def test_pages_that_vanish_are_no_restart() -> None:
    """The end is that the game is absent, whatever was sampled since the last tick."""
    drive = Drive()
    ticket = drive.ask(0.5)
    drive.tick()
    assert drive.outcome(ticket).end is None
    waiting = drive.ask(0.5)
    drive.rig.tend(drive.rig.sample(drive.stream))
    drive.game.pages.published = False
    drive.tick()
    assert drive.outcome(waiting).end is EndReason.GAME_ABSENT
    assert EventKind.GAME_RESTARTED not in drive.kinds()
    assert drive.game.wheel.now == NEUTRAL


def test_after_a_restart_no_action_reaches_the_wheel() -> None:
    """Neither one that waited nor one that comes: that is another drive."""
    drive = Drive(2)
    drive.ask(0.5, tick=1)
    waiting = drive.ask(0.6, tick=3)
    drive.tick(2)
    drive.game.pages.packet_id = 0
    drive.tick()
    assert drive.episode.end is EndReason.GAME_RESTARTED
    drive.ask(0.7, tick=3)
    assert drive.game.wheel.now == NEUTRAL
    drive.tick(2)
    assert drive.game.wheel.now == NEUTRAL
    outcome = drive.outcome(waiting)
    assert outcome.end is EndReason.GAME_RESTARTED
    assert outcome.receipt.tick_applied is None


@pytest.mark.parametrize("when", ["asked", "reached", "held", "eased"])
def test_a_wheel_that_fails_is_let_go_of_and_ends_the_episode(when: str) -> None:
    """Wherever it shows: the error comes out, neutral is owed, and it is told once."""
    drive = Drive(1)
    drive.ask(0.5, tick=1)
    drive.tick({"asked": 1, "reached": 1, "held": 2, "eased": 5}[when])
    if when == "reached":
        drive.ask(0.6, tick=2)
    drive.game.wheel.broken = True

    def fail() -> None:
        if when == "asked":
            drive.ask(0.6, tick=1)
        else:
            drive.tick()

    with pytest.raises(WheelError):
        fail()
    assert not drive.rig.driven
    assert drive.kinds().count(EventKind.NEUTRALISED) == 1
    assert drive.kinds().count(EventKind.WHEEL_LOST) == 1
    drive.game.wheel.broken = False
    drive.rig.tend(drive.rig.sample(drive.stream))
    assert drive.game.wheel.now == NEUTRAL


# --- Whatever happens -----------------------------------------------------------------------------

MOVES = st.one_of(
    st.tuples(st.just("ask"), st.integers(-6, 6), st.integers(0, 4)),
    st.tuples(st.just("tick"), st.integers(1, 4), st.just(0)),
    st.tuples(st.just("wait"), st.integers(1, 13), st.just(0)),
    st.tuples(st.just("stall"), st.integers(1, 90), st.just(0)),
    st.tuples(st.just("hang"), st.integers(1, 4), st.just(0)),
)


class Watched(Drive):
    """A drive in which each action is a throttle of its own, and every tick is looked at."""

    def __init__(self, delay_ticks: int, late: LatePolicy) -> None:
        super().__init__(delay_ticks, late=late)
        self.delay_ticks = delay_ticks
        self.open = list(self.implied)
        self.receipts: list[Receipt] = []
        self.last_arrival_s = -1e9
        self.asked = 0
        self.eased_from: float | None = None

    def play(self, kind: str, amount: int, planned: int) -> None:
        match kind:
            case "ask":
                ahead = min(amount, 2 * self.delay_ticks)
                tick = max(0, self.present + ahead) if self.delay_ticks else None
                self.asked += 1
                self.open.append(self.ask(self._throttle(), tick, (self._throttle(),) * planned))
                if self.rig.driven:
                    self.last_arrival_s = self.game.clock.now()
            case "tick":
                self._ticks(amount)
            case "wait":
                self.game.clock.stall(amount * DT / 40)
            case "stall":
                self.game.clock.stall(amount * DT / 20)
            case "hang":
                self.game.pages.moves = False
                self._ticks(amount)
                self.game.pages.moves = True
        self._answer()

    def _throttle(self) -> float:
        return (self.asked % 100 + 1) / 128

    def _ticks(self, ticks: int) -> None:
        for _ in range(ticks):
            before, easings = self.throttle, self.kinds().count(EventKind.EASING)
            self.tick()
            eased = self.episode._lapse.easing
            if eased:
                assert self.throttle <= before, "no jump upwards while easing"
            assert self.kinds().count(EventKind.EASING) - easings in (0, 1)
            silent_s = self.game.clock.now() - JUST_AFTER_S - self.last_arrival_s
            if silent_s > self.rig.settings.longest_hold_s + 1e-9:
                assert self.game.wheel.now == NEUTRAL
            self._answer()

    def _answer(self) -> None:
        for ticket in list(self.open):
            outcome = self.episode.outcome(ticket)
            if outcome is not None:
                self.open.remove(ticket)
                self.receipts.append(outcome.receipt)


@settings(max_examples=200, deadline=None)
@given(
    delay_ticks=st.integers(0, 5),
    late=st.builds(LatePolicy, st.integers(0, 5), st.floats(0.0, 1.0)),
    moves=st.lists(MOVES, max_size=40),
)
def test_whatever_arrives_whenever(
    delay_ticks: int, late: LatePolicy, moves: list[tuple[str, int, int]]
) -> None:
    """Every step gets one outcome, actions never go back, and silence ends in neutral."""
    drive = Watched(delay_ticks, late)
    for kind, amount, planned in moves:
        drive.play(kind, amount, planned)
    drive.play("tick", 2 * delay_ticks + 1, 0)
    assert drive.open == []
    receipts = sorted(drive.receipts, key=lambda receipt: receipt.action_id)
    assert [r.action_id for r in receipts] == list(range(delay_ticks + drive.asked))
    reached = drive.present
    applied = [r for r in receipts if r.tick_applied is not None]
    for receipt in receipts:
        assert receipt.tick <= reached
        assert 0 <= receipt.ticks_eased <= receipt.ticks_held
        if not receipt.late:
            assert receipt.tick_applied == receipt.tick_asked
    if delay_ticks:
        in_order = sorted(applied, key=lambda r: (r.tick_asked, r.action_id))
        when = [r.tick_applied for r in in_order]
        assert when == sorted(when, key=lambda tick: tick or 0)
    for name in ("ticks_held", "ticks_planned", "ticks_missed"):
        assert all(getattr(receipt, name) >= 0 for receipt in receipts)
    told = sum(r.ticks_held + r.ticks_planned + r.ticks_missed for r in receipts)
    assert told <= max((r.tick for r in receipts), default=0)
