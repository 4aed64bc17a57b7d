"""Each axis and button of the wheel in turn, with what the game reports back.

While telemetry is live every move is judged. Without it the trial only moves, which is what
binding an axis in the game's menu takes.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

from ac_bridge.control.gears import REVERSE, ShiftPlan, gear_name
from ac_bridge.control.reset import waits_for_start
from ac_bridge.game import NEUTRAL, Controls
from ac_bridge.trials.bench import STANDING_KMH, Bench
from ac_bridge.trials.responses import SETUP_HINT, Response, Verdict, judge_axis, seen_in
from ac_bridge_protocol.frame import TelemetryFrame

STEER_AT = (-0.5, -1.0, 0.5, 1.0)
PEDAL_AT = (0.25, 0.5, 0.75, 1.0)
"""The positions tried, the last one an end."""
GENTLE_AT = 0.3
"""How far the throttle goes with nothing to hold the car."""
HELD = Controls(brake=1.0, clutch=1.0)
"""Holds the car while its throttle is tried, and while gears change."""

CALM_S = 0.15
"""A field that has not moved for so long has arrived: fifty of the game's steps."""
SETTLE_S = 1.0
SHOWN_S = 0.5
"""How long a move lasts that nothing can be seen of."""
PRESS_S = 0.1
"""How long a shift button is held."""
SHIFT_S = 1.2
"""How long a gear may take to change."""
STOP_S = 3.0
"""How long a car whose brakes are on may take to stand, and a revved engine to calm down."""
IDLE_WITHIN_RPM = 300
"""An engine that is closer than this to where it was has calmed down."""
GEAR_CALM_S = 0.4
"""A gear that has stayed for so long is the one: the gears of a shift may pass through neutral."""


@dataclasses.dataclass(frozen=True, slots=True)
class Trying:
    """One thing to try."""

    control: str
    """Such as ``steer``, or ``shift up``."""
    run: Callable[[], Response]


class ControlTrial:
    """A wheel to be tried out. Run each of `tries` in order; `Bench.let_go` afterwards.

    Args:
        bench: the game with its wheel.
        shifts: the buttons that shift.
        session_buttons: further buttons by name, pressed last. Nothing is seen of them.

    Attributes:
        blind: why nothing can be compared; empty if it can.
        hint: what to do about that.

    Raises:
        GameError: the car moves.
    """

    def __init__(
        self, bench: Bench, shifts: ShiftPlan, session_buttons: Mapping[str, int] | None = None
    ) -> None:
        self._bench = bench
        self._shifts = shifts
        self._session_buttons = dict(session_buttons or {})
        look = bench.until_live()
        self.blind = "" if look.live else look.message
        self.hint = "" if look.live else look.hint
        self._gear = bench.require_standing().gear if look.live else None

    def tries(self) -> list[Trying]:
        """Return what there is to try, in order: the brake before the throttle that it holds."""
        axes = {"steer": STEER_AT, "brake": PEDAL_AT, "clutch": PEDAL_AT, "throttle": PEDAL_AT}
        tries = [
            Trying(axis, functools.partial(self._try_axis, axis, at)) for axis, at in axes.items()
        ]
        up, down = self._shifts.up_button, self._shifts.down_button
        shifts = [("shift down", down, -1), ("shift up", up, 1)]
        if self._gear == REVERSE:
            shifts.reverse()  # so that the car ends in the gear that it began in
        tries += [
            Trying(name, functools.partial(self._shift, name, button, way))
            for name, button, way in shifts
        ]
        return tries + [
            Trying(name, functools.partial(self._press_unseen, name, button))
            for name, button in self._session_buttons.items()
        ]

    # --- Axes -------------------------------------------------------------------------------------

    def _try_axis(self, axis: str, positions: tuple[float, ...]) -> Response:
        hold = HELD if axis == "throttle" else NEUTRAL
        if self.blind:
            return self._move_unseen(axis, positions)
        response = self._judge(axis, positions, hold)
        if hold is not NEUTRAL and response.verdict is Verdict.NOTHING:
            # Whatever it moves instead may have been hidden by the pedals that held the car.
            instead = self._judge(axis, (GENTLE_AT,), NEUTRAL)
            if instead.verdict is Verdict.WRONG:
                return instead
        return response

    def _judge(self, axis: str, positions: tuple[float, ...], hold: Controls) -> Response:
        bench = self._bench
        bench.send(hold)
        before = self._settled(axis)
        seen = []
        for position in positions:
            bench.send(_moved(hold, axis, position))
            seen.append(seen_in(self._settled(axis)))
        bench.send(hold)
        if hold is not NEUTRAL:  # with the engine still revved, the car would leap
            calm_rpm = before.rpm + IDLE_WITHIN_RPM
            bench.wait_for(lambda frame: frame.rpm < calm_rpm, STOP_S)
        bench.let_go()
        self._settled(axis)
        return judge_axis(axis, positions, seen, seen_in(before))

    def _settled(self, axis: str) -> TelemetryFrame:
        def value(frame: TelemetryFrame) -> float:
            return float(getattr(seen_in(frame), axis))

        return self._bench.settle(value, calm_s=CALM_S, timeout_s=SETTLE_S)

    def _move_unseen(self, axis: str, positions: tuple[float, ...]) -> Response:
        """Move an axis alone: the game's menu binds whatever moves."""
        for position in positions:
            self._bench.send(_moved(NEUTRAL, axis, position))
            self._bench.pause(SHOWN_S)
        self._bench.let_go()
        self._bench.pause(SHOWN_S)
        return Response(axis, Verdict.UNSEEN, "moved", sent=positions)

    # --- Buttons ----------------------------------------------------------------------------------

    def _shift(self, name: str, button: int, way: int) -> Response:
        if self.blind:
            return self._press_unseen(name, button)
        bench = self._bench
        bench.send(HELD)
        bench.wait_for(lambda frame: frame.speed_kmh < STANDING_KMH, STOP_S)
        before = bench.settle(_gear, calm_s=CALM_S, timeout_s=SETTLE_S)
        bench.send(dataclasses.replace(HELD, buttons=frozenset({button})))
        bench.pause(PRESS_S)
        bench.send(HELD)
        bench.wait_for(lambda frame: frame.gear != before.gear, SHIFT_S)
        after = bench.settle(_gear, calm_s=GEAR_CALM_S, timeout_s=SHIFT_S)
        bench.let_go()
        verdict, said, hint = _judge_shift(before, after, way)
        return Response(name, verdict, said, hint, button=button)

    def _press_unseen(self, name: str, button: int) -> Response:
        self._bench.send(Controls(buttons=frozenset({button})))
        self._bench.pause(SHOWN_S)
        self._bench.let_go()
        self._bench.pause(SHOWN_S)
        return Response(name, Verdict.UNSEEN, "pressed", button=button)


def _moved(hold: Controls, axis: str, position: float) -> Controls:
    change: dict[str, Any] = {axis: position}
    return dataclasses.replace(hold, **change)


def _gear(frame: TelemetryFrame) -> float:
    return frame.gear


def _judge_shift(
    before: TelemetryFrame, after: TelemetryFrame, way: int
) -> tuple[Verdict, str, str]:
    """Say what a press of a shift button did; ``way`` is +1 for up, -1 for down."""
    change = after.gear - before.gear
    if change * way > 0:
        return Verdict.OK, f"gear {gear_name(before.gear)} to {gear_name(after.gear)}", ""
    if change:
        said = f"gear {gear_name(before.gear)} to {gear_name(after.gear)}: the wrong way"
        return Verdict.WRONG, said, "The two shift buttons are bound the wrong way round."
    said = f"the gear stayed {gear_name(before.gear)}"
    if waits_for_start(after):
        return Verdict.UNSEEN, f"{said}: the session waits for its start", "Run `ac-bridge reset`."
    if after.auto_shifter_on:
        return Verdict.UNSEEN, f"{said}: the automatic gearbox is on", ""
    return Verdict.NOTHING, said, SETUP_HINT
