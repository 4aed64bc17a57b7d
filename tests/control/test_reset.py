"""The reset machine, fed with frames made by hand."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from ac_bridge.control.reset import DEFAULT_PLAN, ResetMachine, ResetPlan, waits_for_start
from ac_bridge.game import NEUTRAL
from ac_bridge_protocol.errors import ResetFailedError
from ac_bridge_protocol.frame import GameStatus, TelemetryFrame
from ac_bridge_protocol.messages import ResetPhase
from helpers.frames import make_frame

PLAN = ResetPlan(press_s=0.1, pause_s=0.2, phase_timeout_s=3.0, attempts=2)
PERIOD_S = 1 / 64
RESTART, START = frozenset({7}), frozenset({9})


class Show:
    """Feeds a machine with frames at 64 Hz, and keeps what it held down."""

    def __init__(self, plan: ResetPlan = PLAN) -> None:
        self.now_s = 100.0
        self.machine = ResetMachine(plan, self.now_s)
        self.packet = 1000
        self.held: list[frozenset[int]] = []
        self.phases: list[tuple[ResetPhase, int]] = []

    def see(self, frame: TelemetryFrame | None, seconds: float = PERIOD_S) -> None:
        """Show the same picture for a while, with the packet counter running."""
        for _ in range(round(seconds / PERIOD_S)):
            if frame is not None and frame.status is GameStatus.LIVE:
                self.packet += 5
                frame = frame.model_copy(update={"packet_id": self.packet})
            controls = self.machine.update(frame, self.now_s)
            assert controls == NEUTRAL or not (controls.throttle or controls.brake)
            self.held.append(controls.buttons)
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
        make_frame(speed_kmh=0.0, current_time=16, status=GameStatus.PAUSE),
        make_frame(speed_kmh=0.0, current_time=16, status=GameStatus.REPLAY),
    ],
    ids=["moving", "late", "paused", "replay"],
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
        speed_kmh=0.0, current_time=0, is_in_pit=False, status=GameStatus.OFF, packet_id=0
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
    rolling = make_frame(speed_kmh=50.0, current_time=5)
    show.see(driving(), seconds=0.5)
    show.see(rolling, seconds=PLAN.phase_timeout_s + 0.1)
    assert show.phases[-1] == (ResetPhase.RESTARTING, 2)
    show.see(driving(), seconds=0.5)
    with pytest.raises(ResetFailedError, match="50 km/h") as caught:
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
