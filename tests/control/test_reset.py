"""The reset machine, fed with frames made by hand."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ac_bridge.control.gears import FIRST, ShiftPlan
from ac_bridge.control.reset import (
    DEFAULT_PLAN,
    ResetMachine,
    ResetPlan,
    RestartEvidence,
    waits_for_start,
)
from ac_bridge.game import NEUTRAL, Controls, GameCommand
from ac_bridge_protocol.errors import ResetFailedError
from ac_bridge_protocol.frame import GameState, GameStatus, TelemetryFrame
from ac_bridge_protocol.messages import ResetPhase
from helpers.frames import make_frame

PLAN = ResetPlan(press_s=0.1, pause_s=0.2, phase_timeout_s=3.0, attempts=2)
PERIOD_S = 1 / 64
RESTART, START = frozenset({7}), frozenset({9})
UP, DOWN = frozenset({1}), frozenset({2})


class Show:
    """Feeds a machine with frames at 64 Hz, and keeps what it held down."""

    def __init__(self, plan: ResetPlan = PLAN) -> None:
        self.now_s = 100.0
        self.machine = ResetMachine(plan, self.now_s)
        self.packet = 1000
        self.held: list[frozenset[int]] = []
        self.commands: list[tuple[GameCommand, float]] = []
        self.phases: list[tuple[ResetPhase, int]] = []

    def see(self, frame: TelemetryFrame | None, seconds: float = PERIOD_S) -> None:
        """Show the same picture for a while, with the packet counter running."""
        for _ in range(round(seconds / PERIOD_S)):
            if frame is not None and frame.status is GameStatus.LIVE:
                self.packet += 5
                frame = frame.model_copy(update={"packet_id": self.packet})
            controls = self.machine.update(frame, self.now_s)
            assert controls == Controls(buttons=controls.buttons)
            self.held.append(controls.buttons)
            if self.machine.command is not None:
                self.commands.append((self.machine.command, self.now_s - 100.0))
            now = (self.machine.phase, self.machine.attempt)
            if now not in self.phases[-1:]:
                self.phases.append(now)
            self.now_s += PERIOD_S
            if self.machine.done:
                return

    def presses(self, button: frozenset[int]) -> int:
        """How often a button went down."""
        before = [frozenset(), *self.held]
        return sum(a != button and b == button for a, b in zip(before, self.held, strict=False))


def driving(time_ms: int = 60_000) -> TelemetryFrame:
    return make_frame(speed_kmh=120.0, current_time=time_ms, is_in_pit=False)


def screen() -> TelemetryFrame:
    """The session waits for its start: in the pit box, with the clock at zero."""
    return make_frame(speed_kmh=0.0, current_time=0, is_in_pit=True)


def started(time_ms: int = 16) -> TelemetryFrame:
    return make_frame(speed_kmh=0.5, current_time=time_ms, is_in_pit=False)


# --- The happy path -------------------------------------------------------------------------------


def test_a_reset_goes_through_its_phases() -> None:
    """Restart is pressed, the screen appears, start is pressed, the car stands: done."""
    show = Show()
    show.see(driving())
    assert show.held == [RESTART]
    show.see(screen())
    assert show.held[-1] == START
    show.see(started(), seconds=1.0)
    assert show.machine.done
    assert show.held[-1] == frozenset()
    assert show.phases == [
        (ResetPhase.RESTARTING, 1),
        (ResetPhase.STARTING, 1),
        (ResetPhase.SETTLING, 1),
    ]


def test_a_session_that_starts_by_itself_needs_no_start_button() -> None:
    """The lap clock went back and nobody waits: only the car must settle."""
    show = Show()
    show.see(driving())
    show.see(started(), seconds=1.0)
    assert show.machine.done
    assert show.presses(START) == 0


def test_a_session_already_at_its_screen_is_only_started() -> None:
    """It has not begun, so there is nothing to restart."""
    show = Show()
    show.see(screen())
    show.see(started(), seconds=1.0)
    assert show.machine.done
    assert show.presses(RESTART) == 0
    assert show.presses(START) == 1


def test_a_game_that_is_absent_at_first_is_waited_for() -> None:
    """No page is no evidence; when the game comes, the reset goes on."""
    show = Show()
    show.see(None, seconds=1.0)
    assert show.machine.phase is ResetPhase.RESTARTING
    show.see(screen())
    show.see(started(), seconds=1.0)
    assert show.machine.done


def test_a_game_that_vanishes_in_between_is_waited_for() -> None:
    """As while another session is loaded."""
    show = Show()
    show.see(driving())
    show.see(None, seconds=1.0)
    show.see(screen())
    show.see(None)
    show.see(started(), seconds=1.0)
    assert show.machine.done
    assert show.phases[-1] == (ResetPhase.SETTLING, 1)


# --- What settled means ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "unfit",
    [
        make_frame(speed_kmh=2.5, current_time=16),
        make_frame(speed_kmh=0.0, current_time=1500),
        make_frame(speed_kmh=0.0, current_time=16, state=GameState.PAUSED),
        make_frame(speed_kmh=0.0, current_time=16, state=GameState.WAITING),
        make_frame(speed_kmh=0.0, current_time=16, state=GameState.STALLED),
        make_frame(speed_kmh=0.0, current_time=16, state=GameState.LOST),
    ],
    ids=["moving", "late", "paused", "waiting", "stalled", "lost"],
)
def test_a_car_that_is_not_ready_is_waited_for(unfit: TelemetryFrame) -> None:
    """It must stand, live, with a fresh lap clock."""
    show = Show()
    show.see(driving())
    show.see(unfit, seconds=0.5)
    assert show.machine.phase is ResetPhase.SETTLING
    assert not show.machine.done
    show.see(started(), seconds=1.0)
    assert show.machine.done


def test_a_page_that_stands_still_is_not_ready() -> None:
    """A killed game says LIVE for ever: only an advancing packet counter is trusted."""
    show = Show()
    show.see(driving())
    show.see(None)
    frozen = started()
    for _ in range(20):
        show.machine.update(frozen, show.now_s)
        show.now_s += PERIOD_S
    assert not show.machine.done
    show.machine.update(frozen.model_copy(update={"packet_id": frozen.packet_id + 1}), show.now_s)
    assert show.machine.done


def test_one_frame_after_an_absence_is_not_enough() -> None:
    """Whether the game lives shows only in two frames."""
    show = Show()
    show.see(driving())
    show.see(None)
    show.see(started())
    assert not show.machine.done
    show.see(started())
    assert show.machine.done


def test_a_screen_that_comes_late_is_started_too() -> None:
    """While it loads, the page holds zeros, which look like a session that started by itself."""
    show = Show()
    show.see(driving())
    zeros = make_frame(
        speed_kmh=0.0,
        current_time=0,
        is_in_pit=False,
        status=GameStatus.OFF,
        state=GameState.WAITING,
        packet_id=0,
    )
    show.see(zeros, seconds=0.5)
    show.see(screen(), seconds=0.05)
    show.see(started(), seconds=1.0)
    assert show.machine.done
    assert show.machine.attempt == 1
    assert show.presses(START) == 1


def test_a_frame_of_nothing_but_the_screen_waits() -> None:
    """The screen is told by the pit box and a clock at zero together."""
    assert waits_for_start(screen())
    assert not waits_for_start(started())
    assert not waits_for_start(make_frame(is_in_pit=True, current_time=5))
    assert not waits_for_start(make_frame(is_in_pit=False, current_time=0))


# --- Buttons --------------------------------------------------------------------------------------


def runs(held: Iterable[frozenset[int]]) -> list[tuple[frozenset[int], int]]:
    """Return what was held and for how many frames, in order."""
    found: list[tuple[frozenset[int], int]] = []
    for buttons in held:
        if found and found[-1][0] == buttons:
            found[-1] = buttons, found[-1][1] + 1
        else:
            found.append((buttons, 1))
    return found


def test_a_press_that_was_missed_is_repeated() -> None:
    """Held for a tenth of a second, released for a fifth, and pressed again."""
    show = Show()
    show.see(driving(), seconds=0.7)
    lengths = runs(show.held)
    assert [buttons for buttons, _ in lengths] == [RESTART, frozenset()] * 2 + [RESTART]
    for buttons, frames in lengths[:-1]:
        wanted_s = 0.1 if buttons else 0.2
        assert frames * PERIOD_S == pytest.approx(wanted_s, abs=PERIOD_S)
    show.see(started(), seconds=1.0)
    assert show.machine.done
    assert show.machine.attempt == 1


def test_a_start_that_was_missed_is_repeated() -> None:
    """The same for the other button."""
    show = Show()
    show.see(screen(), seconds=0.7)
    assert show.presses(START) == 3
    show.see(started(), seconds=1.0)
    assert show.machine.done


def test_a_phase_begins_with_its_own_button() -> None:
    """A start is pressed at once and for its full time, wherever in its rhythm the restart was."""
    show = Show()
    show.see(driving(), seconds=0.25)
    assert show.held[-1] == frozenset()
    first = len(show.held)
    show.see(screen(), seconds=0.3)
    assert runs(show.held[first:])[0] == (START, 7)


def test_the_plan_names_the_buttons() -> None:
    """They are what the player bound."""
    show = Show(ResetPlan(restart_button=3, start_button=4))
    show.see(driving())
    show.see(screen())
    assert show.held == [{3}, {4}]
    assert (DEFAULT_PLAN.restart_button, DEFAULT_PLAN.start_button) == (7, 9)


# --- Patience -------------------------------------------------------------------------------------


def test_a_phase_that_takes_too_long_begins_the_next_attempt() -> None:
    """With a restart, whatever phase it was."""
    show = Show()
    show.see(screen(), seconds=PLAN.phase_timeout_s + 0.1)
    assert show.phases == [
        (ResetPhase.STARTING, 1),
        (ResetPhase.RESTARTING, 2),
        (ResetPhase.STARTING, 2),
    ]
    show.see(started(), seconds=1.0)
    assert show.machine.done


def test_the_lap_clock_is_compared_with_the_newest_one() -> None:
    """A reset right after a reset: the clock ran on from 5 ms before the session began anew."""
    show = Show()
    for time_ms in (5, 21, 37, 53):
        show.see(started(time_ms))
        assert show.machine.phase is ResetPhase.RESTARTING
    show.see(started(16))
    assert show.machine.phase is ResetPhase.SETTLING


@pytest.mark.parametrize(
    ("picture", "phase", "seen"),
    [
        (driving(), "restarting", "LIVE, 120 km/h, lap clock 60000 ms, not in the pit box"),
        (screen(), "starting", "LIVE, 0 km/h, lap clock 0 ms, in the pit box"),
        (None, "restarting", "no page published"),
    ],
)
def test_giving_up_names_the_phase(picture: TelemetryFrame | None, phase: str, seen: str) -> None:
    """After the last attempt; the sentence says what was seen and what to check."""
    show = Show()
    with pytest.raises(ResetFailedError, match=seen) as caught:
        show.see(picture, seconds=100.0)
    assert caught.value.phase == phase
    assert "2 attempts of 3 s" in caught.value.message
    assert "bound" in caught.value.hint
    assert show.now_s - 100.0 == pytest.approx(2 * PLAN.phase_timeout_s, abs=3 * PERIOD_S)


def test_giving_up_while_settling_names_it() -> None:
    """A car that never stands still."""
    show = Show()
    rolling = make_frame(speed_kmh=25.0, current_time=5)
    show.see(driving(), seconds=0.5)
    show.see(rolling, seconds=PLAN.phase_timeout_s + 0.1)
    assert show.phases[-1] == (ResetPhase.RESTARTING, 2)
    show.see(driving(), seconds=0.5)
    with pytest.raises(ResetFailedError, match="25 km/h") as caught:
        show.see(rolling, seconds=100.0)
    assert caught.value.phase == "settling"


def test_done_within_the_last_moment_is_done() -> None:
    """Evidence comes before patience."""
    show = Show()
    show.see(driving())
    show.see(make_frame(speed_kmh=9.0, current_time=5))
    show.now_s += 1000.0
    show.see(started(), seconds=1.0)
    assert show.machine.done


# --- Evidence of a restart ------------------------------------------------------------------------


def evidence(
    before: dict[str, Any], after: dict[str, Any], seconds: float = PERIOD_S
) -> str | None:
    """Return what shows that two frames belong to different starts."""
    watch = RestartEvidence()
    assert watch.update(make_frame(**before), 10.0) is None
    return watch.update(make_frame(**after), 10.0 + seconds)


DRIVING = {"speed_kmh": 120.0, "current_time": 60_000, "packet_id": 5000, "completed_laps": 2}
"""What `driving` shows, on the third lap."""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"current_time": 16, "speed_kmh": 0.0}, "the lap clock went back"),
        ({"completed_laps": 0}, "the completed laps went back"),
        ({"packet_id": 12}, "the packet counter went back"),
        ({"position": (180.0, 2.25, -340.75)}, "the car is elsewhere"),
    ],
)
def test_each_evidence_counts_by_itself(change: dict[str, Any], words: str) -> None:
    """A restart that shows in one way only is a restart."""
    assert evidence(DRIVING, DRIVING | change) == words
    show = Show()
    show.see(make_frame(**DRIVING))
    after = make_frame(**(DRIVING | change))
    show.machine.update(
        after if "packet_id" in change else after.model_copy(update={"packet_id": 5005}),
        show.now_s,
    )
    assert show.machine.phase is ResetPhase.SETTLING


@pytest.mark.parametrize(
    "change",
    [
        {"current_time": 60_016, "packet_id": 5005},
        {"current_time": 5, "completed_laps": 3},
        {"current_time": 5},  # an invalid lap of a hotlap session is not counted
        {"position": (121.0, 2.25, -340.75)},
        {"speed_kmh": 0.0},
    ],
    ids=["nothing", "lap", "uncounted lap", "driven on", "stopped"],
)
def test_driving_is_no_evidence(change: dict[str, Any]) -> None:
    """A lap's end least of all."""
    assert evidence(DRIVING, DRIVING | change) is None


SLOW = DRIVING | {"speed_kmh": 15.0, "completed_laps": 0, "normalized_position": 0.9995}
"""On the way from the pits to the line, and nearly there."""


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"normalized_position": 0.0002}, False),
        ({"normalized_position": 0.0002, "speed_kmh": 0.0}, True),  # put down at rest
        ({"normalized_position": 0.9998}, True),
        ({"normalized_position": -1.0}, True),
    ],
    ids=["over the line", "standing", "before the line", "nowhere"],
)
def test_a_slow_crossing_that_counts_no_lap_is_no_restart(
    change: dict[str, Any], told: bool
) -> None:
    """The first one after a start from the pits: the lap clock begins anew there."""
    said = evidence(SLOW, SLOW | {"current_time": 5} | change)
    assert said == ("the lap clock went back" if told else None)


def test_a_car_may_be_far_after_a_long_look_away() -> None:
    """Two seconds at 120 km/h are 67 m."""
    moved = DRIVING | {"position": (187.0, 2.25, -340.75)}
    assert evidence(DRIVING, moved, seconds=2.0) is None
    assert evidence(DRIVING, moved, seconds=0.5) is not None


def test_a_picture_that_stood_still_may_move_far_at_once() -> None:
    """The position is drawn by frame; a game that stalled for 2 s catches up in one."""
    watch = RestartEvidence()
    for step in range(128):
        assert watch.update(make_frame(**DRIVING), step * PERIOD_S) is None
    moved = make_frame(**(DRIVING | {"position": (187.0, 2.25, -340.75)}))
    assert watch.update(moved, 2.0) is None


def test_evidence_is_told_once() -> None:
    """The frame after it is compared with the new start."""
    watch = RestartEvidence()
    watch.update(make_frame(**DRIVING), 0.0)
    fresh = make_frame(**(DRIVING | {"completed_laps": 0}))
    assert watch.update(fresh, 0.1) is not None
    assert watch.update(fresh, 0.2) is None


@pytest.mark.parametrize("state", [GameState.ABSENT, GameState.WRONG_GAME])
def test_pages_that_say_nothing_are_no_evidence(state: GameState) -> None:
    """After the game's exit its pages hold rubbish, which may look like anything."""
    show = Show()
    show.see(driving())
    show.see(screen().model_copy(update={"state": state}), seconds=0.5)
    assert show.machine.phase is ResetPhase.RESTARTING


@pytest.mark.parametrize("state", [GameState.STALLED, GameState.LOST, GameState.WAITING])
def test_a_screen_without_physics_is_started(state: GameState) -> None:
    """Whether the real game's physics runs behind its screen is not known."""
    show = Show()
    show.see(driving())
    show.see(screen().model_copy(update={"state": state}), seconds=0.2)
    assert show.presses(START) == 1


# --- First gear -----------------------------------------------------------------------------------


def in_neutral(gear: int = 1, time_ms: int = 16, **changes: Any) -> TelemetryFrame:
    """A car that is ready but for its gear."""
    return make_frame(
        speed_kmh=0.5, current_time=time_ms, auto_shifter_on=False, gear=gear, **changes
    )


def test_first_gear_is_selected() -> None:
    """One press up from neutral, and done as soon as the page says so."""
    show = Show()
    show.see(driving())
    show.see(in_neutral(), seconds=0.2)
    assert show.machine.phase is ResetPhase.GEARING
    assert not show.machine.done
    assert show.presses(UP) == 1
    show.see(in_neutral(FIRST, time_ms=2000))
    assert show.machine.done
    assert show.held[-1] == frozenset()
    assert show.phases == [
        (ResetPhase.RESTARTING, 1),
        (ResetPhase.SETTLING, 1),
        (ResetPhase.GEARING, 1),
    ]
    assert show.presses(DOWN) == 0


@pytest.mark.parametrize(
    "ready", [in_neutral(FIRST), in_neutral(4).model_copy(update={"auto_shifter_on": True})]
)
def test_a_car_that_can_drive_off_needs_no_gear(ready: TelemetryFrame) -> None:
    """In first already, or with an automatic gearbox."""
    show = Show()
    show.see(driving())
    show.see(ready, seconds=0.2)
    assert show.machine.done
    assert all(phase is not ResetPhase.GEARING for phase, _ in show.phases)
    assert show.presses(UP) == show.presses(DOWN) == 0


def test_a_higher_gear_is_shifted_down() -> None:
    """Where the session starts in the gear that was in."""
    show = Show()
    show.see(driving())
    for gear in (4, 3, FIRST):
        show.see(in_neutral(gear), seconds=0.15)
    assert show.machine.done
    assert show.presses(DOWN) == 2


def test_a_gear_that_does_not_come_begins_the_next_attempt() -> None:
    """And in the end it is what failed."""
    plan = dataclasses.replace(PLAN, shifts=ShiftPlan(confirm_s=0.2, attempts=2))
    show = Show(plan)
    show.see(driving())
    show.see(in_neutral(), seconds=0.8)
    assert show.machine.attempt == 2
    show.see(driving())
    with pytest.raises(ResetFailedError, match="gear N") as caught:
        show.see(in_neutral(), seconds=1.0)
    assert caught.value.phase == "gearing"
    assert "Gear 1 was not reached" in caught.value.message
    assert "automatic gearbox" in caught.value.hint
    assert show.presses(UP) == 2 * 2
    assert (ResetPhase.RESTARTING, 2) in show.phases


def test_a_game_that_does_not_listen_is_not_shifted() -> None:
    """A pause uses up no presses."""
    show = Show(dataclasses.replace(PLAN, phase_timeout_s=10.0))
    show.see(driving())
    show.see(in_neutral())
    show.see(in_neutral())
    show.see(in_neutral(state=GameState.PAUSED), seconds=8.0)
    assert show.held[-1] == frozenset()
    assert show.presses(UP) == 1
    show.see(in_neutral(FIRST, time_ms=9000), seconds=0.1)
    assert show.machine.done
    assert show.machine.attempt == 1


def test_a_screen_while_shifting_is_started() -> None:
    """Somebody restarted the session once more."""
    show = Show()
    show.see(driving())
    show.see(in_neutral(), seconds=0.1)
    show.see(screen())
    assert show.machine.phase is ResetPhase.STARTING
    show.see(started(), seconds=0.1)
    assert show.machine.done


# --- Bounds ---------------------------------------------------------------------------------------


def flicker(seconds: float, show: Show) -> None:
    """Show the screen and a driving car in turns, ten times a second."""
    pictures = itertools.cycle([screen(), make_frame(speed_kmh=50.0, current_time=5)])
    for picture in itertools.islice(pictures, round(seconds * 10)):
        show.see(picture, seconds=0.1)


def test_a_game_that_flickers_does_not_renew_patience() -> None:
    """Each phase's time adds up over an attempt, however often it is entered."""
    show = Show()
    with pytest.raises(ResetFailedError):
        flicker(100.0, show)
    most_s = PLAN.attempts * 2 * PLAN.phase_timeout_s
    assert show.now_s - 100.0 <= most_s + 4 * PERIOD_S


def test_the_whole_is_bounded() -> None:
    """Whatever the phases would still grant."""
    show = Show(dataclasses.replace(PLAN, total_timeout_s=4.0, attempts=50))
    with pytest.raises(ResetFailedError, match=r"in 4 s\.") as caught:
        show.see(driving(), seconds=100.0)
    assert caught.value.phase == "restarting"
    assert show.now_s - 100.0 == pytest.approx(4.0, abs=2 * PERIOD_S)


def test_the_default_bound_is_shorter_than_a_clients_patience() -> None:
    """So the client hears which phase failed. Its own default is 60 s."""
    show = Show(DEFAULT_PLAN)
    with pytest.raises(ResetFailedError):
        show.see(None, seconds=59.0)


@pytest.mark.parametrize(
    ("state", "hint"),
    [(GameState.PAUSED, "close its menu"), (GameState.LOST, "killed"), (GameState.LIVE, "bound")],
)
def test_failure_says_what_state_the_game_is_in(state: GameState, hint: str) -> None:
    """A game that stays paused is the commonest reason of all."""
    show = Show()
    with pytest.raises(ResetFailedError, match=f"game {state.value}, .*gear 2") as caught:
        show.see(driving().model_copy(update={"state": state}), seconds=100.0)
    assert hint in caught.value.hint


# --- The command port -----------------------------------------------------------------------------

BY_PORT = dataclasses.replace(PLAN, strategy="command_port", command_every_s=1.0)


def test_commands_take_the_place_of_buttons() -> None:
    """Restart, then start, each said at once."""
    show = Show(BY_PORT)
    show.see(driving(), seconds=0.2)
    show.see(screen(), seconds=0.2)
    show.see(started(), seconds=0.1)
    assert show.machine.done
    assert [command for command, _ in show.commands] == [GameCommand.RESTART, GameCommand.START]
    assert set(show.held) == {frozenset()}
    assert show.machine.command is None


def test_commands_are_repeated_at_their_pace() -> None:
    """Not with every frame."""
    show = Show(BY_PORT)
    show.see(driving(), seconds=2.5)
    assert [command for command, _ in show.commands] == [GameCommand.RESTART] * 3
    times = [at_s for _, at_s in show.commands]
    assert times == pytest.approx([0.0, 1.0, 2.0], abs=2 * PERIOD_S)


def test_gears_are_shifted_by_buttons_all_the_same() -> None:
    """The command port has none."""
    show = Show(BY_PORT)
    show.see(driving())
    show.see(in_neutral(), seconds=0.1)
    assert show.presses(UP) == 1


def test_buttons_send_no_commands() -> None:
    """The port is off unless it was chosen."""
    show = Show()
    show.see(driving(), seconds=2.0)
    show.see(screen(), seconds=2.0)
    assert show.commands == []


# --- Whatever the game shows ----------------------------------------------------------------------

ANY_FRAME: st.SearchStrategy[TelemetryFrame | None] = st.none() | st.builds(
    lambda **values: make_frame(**values),
    speed_kmh=st.sampled_from([0.0, 1.0, 25.0, 120.0]),
    current_time=st.sampled_from([0, 16, 900, 1500, 60_000]),
    completed_laps=st.integers(0, 2),
    packet_id=st.integers(0, 40),
    position=st.sampled_from([(0.0, 0.0, 0.0), (3.0, 0.0, 0.0), (900.0, 0.0, 0.0)]),
    is_in_pit=st.booleans(),
    state=st.sampled_from(GameState),
    gear=st.integers(-1, 9),
    auto_shifter_on=st.booleans(),
)


@given(
    pictures=st.lists(st.tuples(ANY_FRAME, st.sampled_from([0.016, 0.1, 1.0, 7.0])), min_size=1),
    strategy=st.sampled_from(["buttons", "command_port"]),
)
def test_any_game_ends_in_time_and_only_buttons_are_pressed(
    pictures: list[tuple[TelemetryFrame | None, float]], strategy: Any
) -> None:
    """Random frames for ever: the machine is done or fails within its bound, and nothing else."""
    plan = dataclasses.replace(
        PLAN, total_timeout_s=10.0, shifts=ShiftPlan(attempts=1), strategy=strategy
    )
    machine = ResetMachine(plan, 0.0)
    now_s, before_s = 0.0, 0.0
    allowed = [frozenset[int](), RESTART, START, UP, DOWN]
    for frame, seconds in itertools.cycle(pictures):
        assert before_s <= plan.total_timeout_s, "an update after the bound must have raised"
        before_s = now_s
        try:
            controls = machine.update(frame, now_s)
        except ResetFailedError:
            return
        assert controls.buttons in allowed
        assert controls == Controls(buttons=controls.buttons)
        assert strategy == "buttons" or not controls.buttons & {7, 9}
        assert machine.attempt <= plan.attempts
        if machine.done:
            assert controls == NEUTRAL
            return
        now_s += seconds


# --- A car that stays in its box ------------------------------------------------------------------


def in_box(time_ms: int) -> TelemetryFrame:
    """A practice session may leave the car in its box, with the clock running, started or not."""
    return make_frame(speed_kmh=0.0, current_time=time_ms, is_in_pit=True, gear=2)


def test_a_car_in_its_box_gets_one_full_press_of_start() -> None:
    """Nothing shows whether the session waits: after the press it is taken for started."""
    show = Show()
    show.see(driving())
    for step in range(100):
        show.see(in_box(10 + round(1000 * step * PERIOD_S)))
        if show.machine.done:
            break
    assert show.machine.done
    assert show.presses(START) == 1
    held = sum(buttons == START for buttons in show.held)
    assert held * PERIOD_S >= PLAN.press_s
    assert [phase for phase, _ in show.phases] == [
        ResetPhase.RESTARTING,
        ResetPhase.STARTING,
        ResetPhase.SETTLING,
    ]


def test_a_clock_older_than_the_restart_is_not_fresh() -> None:
    """A car elsewhere, standing, with a lap of a minute on its clock, has not begun anew."""
    show = Show()
    show.see(driving())
    elsewhere = make_frame(
        speed_kmh=0.0, current_time=60_500, is_in_pit=False, position=(900.0, 0.0, 900.0)
    )
    show.see(elsewhere, seconds=2.0)
    assert not show.machine.done
