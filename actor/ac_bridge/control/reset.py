"""Restarting the game, as a state machine fed with frames and time. Pure.

It presses restart, waits for evidence that the session began anew, presses start if the session
waits for it, waits until the car stands, live, with a fresh lap clock, and selects first gear where
the game does not. Each phase goes on as soon as its evidence is there.

Patience is bounded three times over: a phase may take `ResetPlan.phase_timeout_s` within one
attempt, however often it is left and entered again; there are `ResetPlan.attempts` attempts; and
the whole takes no longer than `ResetPlan.total_timeout_s`.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

from ac_bridge.control.gears import (
    DEFAULT_SHIFTS,
    FIRST,
    GearShifter,
    ShiftFailure,
    ShiftPlan,
    gear_name,
)
from ac_bridge.game import Controls, GameCommand
from ac_bridge_protocol.errors import ResetFailedError
from ac_bridge_protocol.frame import GameState, TelemetryFrame
from ac_bridge_protocol.messages import ResetPhase


@dataclasses.dataclass(frozen=True, slots=True)
class ResetPlan:
    """How to restart and start a session, and how patient to be."""

    restart_button: int = 7
    """Restarts the session, as vJoy numbers it: one more than the game does."""
    start_button: int = 9
    """Starts a session that waits for it."""
    press_s: float = 0.6
    """How long a button is held: the game debounces for up to 50 ms. Buttons bound in Content
    Manager may want half a second (unverified)."""
    pause_s: float = 0.2
    """How long it is released before it is pressed again."""
    phase_timeout_s: float = 15.0
    """How long a phase may take in one attempt: loading took 6 to 8 s on the machines measured."""
    attempts: int = 3
    """How often it begins with ``restarting`` before it gives up."""
    total_timeout_s: float = 55.0
    """How long the whole may take: less than the 60 s for which a client waits, so that it hears
    the reason."""
    standing_kmh: float = 2.0
    """A car slower than this stands."""
    fresh_ms: int = 1000
    """A lap clock that is ahead of the restart by less than this has begun with it."""
    shifts: ShiftPlan = DEFAULT_SHIFTS
    """How first gear is selected."""
    strategy: Literal["buttons", "command_port"] = "buttons"
    """``command_port`` sends `GameCommand` to the game instead of pressing restart and start.
    Experimental: unverified on a live game."""
    command_every_s: float = 1.0
    """How often a command is repeated until it shows."""


DEFAULT_PLAN = ResetPlan()
"""Buttons 7 and 9, as the stand-in reads them and as the setup of the real game binds them."""

LINE_KMH = 30.0
"""A car faster than this whose lap clock goes back has crossed the line. Not every crossing counts
a lap: in hotlap sessions only valid laps do (seen on one machine)."""
LINE_SHARE, ROLLING_KMH = 0.1, 1.0
"""A slower one has crossed it too if it came from so near before it to so near behind it, and did
not stand: a restart puts a car down at rest. The lap before may have begun in the pits."""
SPARE_M = 10.0
SPARE_SHARE = 1.5
"""A car is no further from where it was than its speed explains, with so much to spare."""

_SAYS_NOTHING = (GameState.ABSENT, GameState.WRONG_GAME)
"""States in which the pages are no evidence of anything."""
_BUTTON_HINT = (
    "Check that the game runs, is not in a menu, and that its restart and start buttons ({restart} "
    "and {start}) are bound to the virtual wheel."
)
_STATE_HINTS = {
    GameState.PAUSED: "The game is paused: close its menu.",
    GameState.STALLED: "The game hangs: wait, or start it anew.",
    GameState.LOST: "The game hangs or was killed: start it anew.",
}


class ResetMachine:
    """One reset. Feed it with `update` until `done`; send the controls, and the `command` if any.

    Attributes:
        phase: where it is.
        attempt: which try at the whole reset, from 1. When a phase takes too long, or first gear
            cannot be selected, the next attempt begins with RESTARTING.
        done: whether the car is ready.
        command: what to tell the game's command port after this update; None nearly always, and
            always unless the plan's strategy is ``command_port``. Unverified on a live game.
    """

    def __init__(self, plan: ResetPlan, now_s: float) -> None:
        self._plan = plan
        self.phase = ResetPhase.RESTARTING
        self.attempt = 1
        self.done = False
        self.command: GameCommand | None = None
        self._began_s = self._phase_began_s = self._last_s = now_s
        self._spent_s: dict[ResetPhase, float] = {}
        self._restart = RestartEvidence()
        self._restarted_s = now_s
        self._clock_stood = False
        self._last: TelemetryFrame | None = None
        self._commanded_s = -math.inf
        self._shifter = GearShifter(plan.shifts)
        self._shift_failure: ShiftFailure | None = None

    def update(self, frame: TelemetryFrame | None, now_s: float) -> Controls:
        """Take the newest frame (None while the game publishes nothing) and return the controls.

        Raises:
            ResetFailedError: the car is not ready within the plan's time and tries.
        """
        self._spent_s[self.phase] = self._spent_s.get(self.phase, 0.0) + now_s - self._last_s
        self._last_s = now_s
        if frame is not None and frame.state not in _SAYS_NOTHING:
            self._advance(frame, now_s)
        self._give_up_or_retry(frame, now_s)
        self._last = frame
        self.command = self._next_command(now_s)
        return Controls(buttons=self._buttons(frame, now_s))

    # --- Evidence ---------------------------------------------------------------------------------

    def _advance(self, frame: TelemetryFrame, now_s: float) -> None:
        evidence = self._restart.update(frame, now_s)
        waits = waits_for_start(frame)
        if self.phase is ResetPhase.RESTARTING and not (evidence or waits):
            return
        if evidence or waits:
            self._restarted_s = now_s
        if waits:
            # From any phase: a page of zeros, as while loading, looks like a session that starts
            # by itself, and its screen comes afterwards.
            self._enter(ResetPhase.STARTING, now_s)
            self._clock_stood = True
        elif self.phase is ResetPhase.RESTARTING:
            # A car in its box may be waiting for its start although the lap clock runs.
            in_box = frame.is_in_pit
            self._enter(ResetPhase.STARTING if in_box else ResetPhase.SETTLING, now_s)
            self._clock_stood = False
        elif self.phase is ResetPhase.STARTING and self._started(frame, now_s):
            self._enter(ResetPhase.SETTLING, now_s)
        if self.phase is ResetPhase.SETTLING and self._settled(frame, now_s):
            self.done = in_gear(frame)
            # Only with the next frame, so that whoever follows the phases sees each of them.
            if not self.done and now_s > self._phase_began_s:
                self._enter(ResetPhase.GEARING, now_s)
        elif self.phase is ResetPhase.GEARING:
            self.done = frame.state is GameState.LIVE and in_gear(frame)

    def _started(self, frame: TelemetryFrame, now_s: float) -> bool:
        """Whether the session has begun; where nothing can show it, whether start was pressed."""
        pressed = now_s - self._phase_began_s >= self._plan.press_s
        return not frame.is_in_pit or self._clock_stood or pressed

    def _settled(self, frame: TelemetryFrame, now_s: float) -> bool:
        plan = self._plan
        # The clock of a session that began anew is no older than the restart.
        since_restart_ms = 1000.0 * (now_s - self._restarted_s)
        return (
            frame.state is GameState.LIVE
            and self._last is not None
            and frame.packet_id != self._last.packet_id
            and frame.speed_kmh < plan.standing_kmh
            and frame.current_time < since_restart_ms + plan.fresh_ms
        )

    def _enter(self, phase: ResetPhase, now_s: float) -> None:
        if phase is self.phase:
            return
        self.phase = phase
        self._phase_began_s = now_s
        self._commanded_s = -math.inf
        if phase is ResetPhase.GEARING:
            self._shifter = GearShifter(self._plan.shifts)
            self._shifter.select(FIRST)

    # --- Patience ---------------------------------------------------------------------------------

    def _give_up_or_retry(self, frame: TelemetryFrame | None, now_s: float) -> None:
        plan = self._plan
        all_over = now_s - self._began_s > plan.total_timeout_s
        phase_over = self._spent_s.get(self.phase, 0.0) > plan.phase_timeout_s
        if self.done or not (all_over or phase_over or self._shift_failure):
            return
        if all_over or self.attempt >= plan.attempts:
            raise self._failure(frame, all_over=all_over)
        # Whatever went wrong, the restart is where an attempt begins.
        self.attempt += 1
        self._spent_s.clear()
        self._shift_failure = None
        self._enter(ResetPhase.RESTARTING, now_s)

    def _failure(self, frame: TelemetryFrame | None, *, all_over: bool) -> ResetFailedError:
        plan = self._plan
        patience = (
            f"{plan.total_timeout_s:g} s"
            if all_over
            else f"{self.attempt} attempts of {plan.phase_timeout_s:g} s"
        )
        shift = f" {self._shift_failure}" if self._shift_failure else ""
        return ResetFailedError(
            f"The reset did not get past {self.phase.value!r} in {patience}. "
            f"Last seen: {_seen(frame)}.{shift}",
            phase=self.phase.value,
            hint=self._hint(frame),
        )

    def _hint(self, frame: TelemetryFrame | None) -> str:
        plan = self._plan
        if self.phase is ResetPhase.GEARING:
            return (
                f"Check that the gear buttons ({plan.shifts.up_button} up, "
                f"{plan.shifts.down_button} down) are bound to the virtual wheel, or switch the "
                "game's automatic gearbox on."
            )
        if plan.strategy == "command_port":
            return "The command port is experimental: try the strategy 'buttons'."
        buttons = _BUTTON_HINT.format(restart=plan.restart_button, start=plan.start_button)
        state = _STATE_HINTS.get(frame.state, "") if frame is not None else ""
        return f"{state} {buttons}".lstrip()

    # --- What to do -------------------------------------------------------------------------------

    def _buttons(self, frame: TelemetryFrame | None, now_s: float) -> frozenset[int]:
        if self.done:
            return frozenset()
        if self.phase is ResetPhase.GEARING:
            return self._shift(frame, now_s)
        plan = self._plan
        button = {
            ResetPhase.RESTARTING: plan.restart_button,
            ResetPhase.STARTING: plan.start_button,
        }.get(self.phase)
        into_cycle_s = (now_s - self._phase_began_s) % (plan.press_s + plan.pause_s)
        if button is None or plan.strategy != "buttons" or into_cycle_s >= plan.press_s:
            return frozenset()
        return frozenset({button})

    def _shift(self, frame: TelemetryFrame | None, now_s: float) -> frozenset[int]:
        if frame is None or frame.state is not GameState.LIVE:
            return frozenset()  # a game that does not listen must not use up the presses
        buttons = self._shifter.update(frame.gear, now_s)
        self._shift_failure = self._shifter.take_failure()
        return buttons

    def _next_command(self, now_s: float) -> GameCommand | None:
        plan = self._plan
        command = {
            ResetPhase.RESTARTING: GameCommand.RESTART,
            ResetPhase.STARTING: GameCommand.START,
        }.get(self.phase)
        too_soon = now_s - self._commanded_s < plan.command_every_s
        if command is None or plan.strategy != "command_port" or too_soon:
            return None
        self._commanded_s = now_s
        return command


class RestartEvidence:
    """Recognises a session that began anew, or a new process of the game, from two frames."""

    def __init__(self) -> None:
        self._before: TelemetryFrame | None = None
        self._there_since_s = 0.0

    def update(self, frame: TelemetryFrame, now_s: float) -> str | None:
        """Take the next frame; return what shows that it belongs to another start, or None."""
        before, since_s = self._before, now_s - self._there_since_s
        if before is None or frame.position != before.position:
            self._there_since_s = now_s
        self._before = frame
        return None if before is None else _what_changed(before, frame, since_s)


def _what_changed(before: TelemetryFrame, frame: TelemetryFrame, since_s: float) -> str | None:
    """Return evidence of a restart between two frames.

    Args:
        before: the frame seen before.
        frame: the newest one.
        since_s: for how long the car was seen where it was before, in seconds.
    """
    if frame.packet_id < before.packet_id:
        return "the packet counter went back"
    if frame.completed_laps < before.completed_laps:
        return "the completed laps went back"
    reach_m = SPARE_M + SPARE_SHARE * max(before.speed_kmh, frame.speed_kmh) / 3.6 * since_s
    if math.dist(before.position, frame.position) > reach_m:
        return "the car is elsewhere"
    lap_done = frame.completed_laps > before.completed_laps or drove_over_line(
        before.normalized_position, frame.normalized_position, frame.speed_kmh
    )
    if frame.current_time < before.current_time and not lap_done:
        return "the lap clock went back"
    return None


def drove_over_line(before: float, after: float, speed_kmh: float) -> bool:
    """Return whether a lap clock that goes back, and counts no lap, did so at the line.

    Args:
        before: the car's place when it was last looked at, as a share of the lap.
        after: where it is now.
        speed_kmh: how fast it is there.
    """
    near = before > 1.0 - LINE_SHARE and 0.0 <= after < LINE_SHARE
    return speed_kmh > LINE_KMH or (near and speed_kmh > ROLLING_KMH)


def waits_for_start(frame: TelemetryFrame) -> bool:
    """Whether the session surely waits for its start: in the pit box, lap clock at zero.

    Whether the game's clock stands at zero on its session screen is unverified; where it runs,
    only the car in its box hints at a screen.
    """
    return frame.is_in_pit and frame.current_time == 0


def in_gear(frame: TelemetryFrame) -> bool:
    """Whether the car can drive off: it shifts by itself, or is in first gear."""
    return frame.auto_shifter_on or frame.gear == FIRST


def _seen(frame: TelemetryFrame | None) -> str:
    if frame is None:
        return "no page published"
    return (
        f"game {frame.state.value}, status {frame.status.name}, {frame.speed_kmh:.0f} km/h, "
        f"lap clock {frame.current_time} ms, {'in' if frame.is_in_pit else 'not in'} the pit box, "
        f"gear {gear_name(frame.gear)}, packet {frame.packet_id}"
    )
