"""Restarting the game by its buttons, as a state machine fed with frames and time. Pure.

Presses restart, waits until the lap clock shows that the session began anew, presses start if the
session waits for it, and ends when the car stands, live, with a fresh lap clock. Each phase goes
on as soon as its evidence is there, and has its own patience and retries.
"""

from __future__ import annotations

import dataclasses

from ac_bridge.game import NEUTRAL, Controls
from ac_bridge_protocol.errors import ResetFailedError
from ac_bridge_protocol.frame import GameStatus, TelemetryFrame
from ac_bridge_protocol.messages import ResetPhase


@dataclasses.dataclass(frozen=True, slots=True)
class ResetPlan:
    """Which buttons restart and start a session, and how patient to be."""

    restart_button: int = 7
    start_button: int = 9
    press_s: float = 0.1
    """How long a button is held: the game debounces for up to 50 ms."""
    pause_s: float = 0.2
    """How long it is released before it is pressed again."""
    phase_timeout_s: float = 15.0
    """How long one attempt at a phase may take: loading took 6 to 8 s on the machines measured."""
    attempts: int = 3
    standing_kmh: float = 2.0
    """A car slower than this stands."""
    fresh_ms: int = 1000
    """A lap clock below this has just begun."""


DEFAULT_PLAN = ResetPlan()
"""Buttons 7 and 9, as the stand-in reads them and as the setup of the real game binds them."""


class ResetMachine:
    """One reset. Feed it with `update` until `done`; send the controls that it returns.

    Attributes:
        phase: where it is.
        attempt: which try at this phase, from 1.
        done: whether the car is ready.
    """

    def __init__(self, plan: ResetPlan, now_s: float) -> None:
        self._plan = plan
        self.phase = ResetPhase.RESTARTING
        self.attempt = 1
        self.done = False
        self._phase_began_s = now_s
        self._lap_clock_ms = 0
        self._last: TelemetryFrame | None = None

    def update(self, frame: TelemetryFrame | None, now_s: float) -> Controls:
        """Take the newest frame (None while the game publishes nothing) and return the controls.

        Raises:
            ResetFailedError: a phase did not end in its time and tries.
        """
        if frame is not None:
            self._advance(frame, now_s)
        self._give_up_or_retry(frame, now_s)
        self._last = frame
        return self._controls(now_s)

    def _advance(self, frame: TelemetryFrame, now_s: float) -> None:
        if self.phase is ResetPhase.RESTARTING and self._restarted(frame):
            self._enter(ResetPhase.STARTING, now_s)
        if self.phase is ResetPhase.STARTING and not waits_for_start(frame):
            self._enter(ResetPhase.SETTLING, now_s)
        elif self.phase is ResetPhase.SETTLING and waits_for_start(frame):
            # A page of zeros, as while loading, looked like a session that starts by itself.
            self._enter(ResetPhase.STARTING, now_s)
        self._lap_clock_ms = frame.current_time
        if self.phase is ResetPhase.SETTLING:
            self.done = self._settled(frame)

    def _restarted(self, frame: TelemetryFrame) -> bool:
        # A session that waits for its start needs no restart: it has not begun. And a lap clock
        # that goes back because a lap was completed is no restart.
        if waits_for_start(frame):
            return True
        lap_done = self._last is not None and frame.completed_laps > self._last.completed_laps
        return frame.current_time < self._lap_clock_ms and not lap_done

    def _settled(self, frame: TelemetryFrame) -> bool:
        plan = self._plan
        return (
            frame.status is GameStatus.LIVE
            and self._last is not None
            and frame.packet_id != self._last.packet_id
            and frame.speed_kmh < plan.standing_kmh
            and frame.current_time < plan.fresh_ms
        )

    def _give_up_or_retry(self, frame: TelemetryFrame | None, now_s: float) -> None:
        if self.done or now_s - self._phase_began_s <= self._plan.phase_timeout_s:
            return
        if self.attempt >= self._plan.attempts:
            raise ResetFailedError(
                f"The reset did not get past {self.phase.value!r} in {self.attempt} attempts of "
                f"{self._plan.phase_timeout_s:g} s. Last seen: {_seen(frame)}.",
                phase=self.phase.value,
                hint="Check that the game runs, is not in a menu, and that its restart and start "
                "buttons are bound to the virtual wheel.",
            )
        # Whatever went wrong, the restart is where an attempt begins.
        self.attempt += 1
        self._enter(ResetPhase.RESTARTING, now_s)

    def _enter(self, phase: ResetPhase, now_s: float) -> None:
        self.phase = phase
        self._phase_began_s = now_s

    def _controls(self, now_s: float) -> Controls:
        plan = self._plan
        button = {
            ResetPhase.RESTARTING: plan.restart_button,
            ResetPhase.STARTING: plan.start_button,
        }.get(self.phase)
        if button is None:
            return NEUTRAL
        into_cycle_s = (now_s - self._phase_began_s) % (plan.press_s + plan.pause_s)
        return Controls(buttons=frozenset({button})) if into_cycle_s < plan.press_s else NEUTRAL


def waits_for_start(frame: TelemetryFrame) -> bool:
    """Whether the session shows its screen before driving: in the pit box, lap clock at zero."""
    return frame.is_in_pit and frame.current_time == 0


def _seen(frame: TelemetryFrame | None) -> str:
    if frame is None:
        return "no page published"
    return (
        f"status {frame.status.name}, {frame.speed_kmh:.0f} km/h, lap clock "
        f"{frame.current_time} ms, {'in' if frame.is_in_pit else 'not in'} the pit box, "
        f"packet {frame.packet_id}"
    )
