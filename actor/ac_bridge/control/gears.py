"""Changing gear by two buttons, sure of each change only once telemetry reports it. Pure.

[`GearShifter`][] turns "that gear, please" into presses with the right rhythm, one gear at a time,
and says so when a shift does not take. [`AutoShift`][] decides when to ask, for those who drive a
sequential gearbox without wanting to shift. Neither sleeps: both are told the time and the gear.

Gears are numbered as the game's page numbers them: 0 reverse, 1 neutral, 2 first, and so on.
"""

from __future__ import annotations

import dataclasses
import math

from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.frame import GameState, TelemetryFrame

REVERSE, NEUTRAL, FIRST = 0, 1, 2
"""Gears as the page numbers them."""


def gear_name(gear: int) -> str:
    """Return what a driver calls a gear: R, N, 1, 2 ..."""
    return {REVERSE: "R", NEUTRAL: "N"}.get(gear, str(gear - NEUTRAL))


@dataclasses.dataclass(frozen=True, slots=True)
class ShiftPlan:
    """Which buttons shift, and their rhythm."""

    up_button: int = 1
    """Shifts up, as vJoy numbers it: AC's GEARUP BUTTON is 0."""
    down_button: int = 2
    """Shifts down: AC's GEARDN BUTTON is 1."""
    press_s: float = 0.05
    """How long a button is held: the game wants 20 to 50 ms."""
    pause_s: float = 0.05
    """How long it is released before it is pressed again."""
    confirm_s: float = 0.8
    """How long after its release a shift may take to show. Too short, and a slow gearbox gets a
    second press for the same shift."""
    attempts: int = 3
    """Presses in vain before the shifter gives up."""

    def __post_init__(self) -> None:
        if self.up_button == self.down_button:
            raise SettingError(
                f"Button {self.up_button} cannot shift both up and down.", setting="shift_plan"
            )
        if min(self.press_s, self.pause_s, self.confirm_s) < 0 or self.attempts < 1:
            raise SettingError(
                "Times of a shift must not be below 0 s, nor its attempts below 1.",
                setting="shift_plan",
            )


DEFAULT_SHIFTS = ShiftPlan()
"""Buttons 1 and 2, as the stand-in reads them and as the setup of the real game binds them."""


@dataclasses.dataclass(frozen=True, slots=True)
class ShiftFailure:
    """A gear that was not reached. News, not an error: the drive goes on."""

    wanted: int
    """The gear asked for."""
    seen: int
    """The gear that telemetry reported at the end."""
    presses: int
    """How many presses it took to give up."""

    def __str__(self) -> str:
        return (
            f"Gear {gear_name(self.wanted)} was not reached: telemetry says "
            f"{gear_name(self.seen)} after {self.presses} presses."
        )


@dataclasses.dataclass(slots=True)
class _Press:
    """One press, until its shift has shown or is given up."""

    button: int
    expected: int
    began_s: float
    released_s: float | None = None


class GearShifter:
    """Reaches a gear one press at a time. Ask with `request` or `select`, then call `update`.

    Each press is judged by the gear that telemetry reports: seen, it ends at once; not seen within
    `ShiftPlan.confirm_s`, the next press is decided anew from whatever gear is reported then. So a
    gear that changed by itself (an automatic gearbox, a driver's hand) only changes where the next
    press starts from. After `ShiftPlan.attempts` presses in a row that brought the gear no nearer,
    the target is dropped, and reported once by `take_failure`.
    """

    def __init__(self, plan: ShiftPlan = DEFAULT_SHIFTS) -> None:
        self._plan = plan
        self._change = 0
        self._target: int | None = None
        self._press: _Press | None = None
        self._rests_until_s = -math.inf
        self._distance: float = math.inf
        self._furthest = self._presses = self._vain = 0
        self._failure: ShiftFailure | None = None

    # --- Asking -----------------------------------------------------------------------------------

    def request(self, change: int) -> None:
        """Ask for so many gears up (+1) or down (-1); while shifting, the target moves on."""
        if self._target is None:
            self._change += change
        else:
            self._aim(self._target + change)

    def select(self, gear: int) -> None:
        """Ask for a gear by the page's number.

        Raises:
            SettingError: no gear has a number below reverse.
        """
        if gear < REVERSE:
            raise SettingError(f"There is no gear {gear}; 0 is reverse.", setting="gear")
        self._change = 0
        self._aim(gear)

    def cancel(self) -> None:
        """Want no gear any more; a button that is down comes up with the next update."""
        self._target = None
        self._change = 0

    # --- Shifting ---------------------------------------------------------------------------------

    @property
    def shifting(self) -> bool:
        """Whether a gear is wanted that has not been reached."""
        return self._target is not None or self._change != 0

    @property
    def target(self) -> int | None:
        """The gear wanted, None if the present one will do."""
        return self._target

    def take_failure(self) -> ShiftFailure | None:
        """Return the failure since the last call, None if there was none."""
        failure, self._failure = self._failure, None
        return failure

    def update(self, gear: int, now_s: float) -> frozenset[int]:
        """Take the gear that telemetry reports and return the buttons to hold down now."""
        if self._target is None and self._change:
            self._aim(gear + self._change)
            self._change = 0
        self._judge(gear, now_s)
        if self._press is None and self._target is not None:
            self._decide(gear, self._target, now_s)
        press = self._press
        if press is None or press.released_s is not None:
            return frozenset()
        return frozenset({press.button})

    def _aim(self, gear: int) -> None:
        self._target = max(REVERSE, gear)
        self._distance = math.inf
        self._furthest = self._presses = self._vain = 0

    def _judge(self, gear: int, now_s: float) -> None:
        """Release the press under way when it is due, and forget it when its shift is decided."""
        press, plan = self._press, self._plan
        if press is None:
            return
        took = gear == press.expected
        held_out = now_s - press.began_s >= plan.press_s
        if press.released_s is None and (took or held_out or self._target is None):
            press.released_s = now_s
        if press.released_s is None:
            return
        self._rests_until_s = press.released_s + plan.pause_s
        if took or now_s - press.released_s >= plan.confirm_s:
            self._press = None

    def _decide(self, gear: int, target: int, now_s: float) -> None:
        """With no press under way: done, given up, or time for the next press."""
        distance = abs(target - gear)
        self._furthest = max(self._furthest, distance)
        if distance < self._distance:  # than when the last press began
            self._vain = 0
        if distance == 0:
            self._target = None
        elif self._hopeless():
            self._failure = ShiftFailure(wanted=target, seen=gear, presses=self._presses)
            self._target = None
        elif now_s >= self._rests_until_s:
            up = target > gear
            button = self._plan.up_button if up else self._plan.down_button
            self._press = _Press(button, gear + (1 if up else -1), now_s)
            self._distance = distance
            self._vain += 1
            self._presses += 1

    def _hopeless(self) -> bool:
        # The second bound ends a struggle with a gearbox that undoes each shift.
        attempts = self._plan.attempts
        return self._vain >= attempts or self._presses >= attempts * self._furthest


# --- When to shift --------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class AutoShiftPlan:
    """At which engine speeds to shift, as shares of where the limiter cuts now."""

    up_share: float = 0.95
    down_share: float = 0.5
    """Far enough below ``up_share`` that no shift calls for the opposite one: gears lie less than a
    factor of 1.9 apart."""
    settle_s: float = 0.5
    """Nothing is asked for so long after the gear changed: the engine must find its new speed."""
    standing_kmh: float = 3.0
    """A car slower than this stands, and is put into first."""
    engage_kmh: float = 30.0
    """A car that rolls faster than this in neutral is left there: first gear would hurt."""
    braking: float = 0.05
    """With the brake pressed further than this nothing shifts up."""

    def __post_init__(self) -> None:
        if not 0 < self.down_share < self.up_share <= 1:
            raise SettingError(
                "Shares of the engine speed must be 0 < down < up <= 1, not "
                f"{self.down_share:g} and {self.up_share:g}.",
                setting="auto_shift",
            )


DEFAULT_AUTO_SHIFT = AutoShiftPlan()
"""Up just before the limiter, down at half of it."""


class AutoShift:
    """The decisions of an automatic gearbox, for a car that has none. Forward gears only.

    It asks and does not press: hand what it returns to `GearShifter.request`, and ask it only while
    the shifter is idle. It learns the top gear from a shift up that failed (`learn`); make a new
    one for each drive.
    """

    def __init__(self, plan: AutoShiftPlan = DEFAULT_AUTO_SHIFT) -> None:
        self._plan = plan
        self._gear: int | None = None
        self._settled_s = -math.inf
        self._top_gear: float = math.inf

    def learn(self, failure: ShiftFailure) -> None:
        """Take note of a shift that failed: above the gear it ended in there may be none."""
        if failure.wanted > failure.seen >= FIRST:
            self._top_gear = failure.seen

    def wanted(self, frame: TelemetryFrame, now_s: float) -> int:
        """Return the change of gear to ask for now: +1, -1, or 0."""
        if frame.gear != self._gear:
            if self._gear is not None:
                self._settled_s = now_s + self._plan.settle_s
            self._gear = frame.gear
            self._top_gear = self._top_gear if frame.gear <= self._top_gear else math.inf
        if now_s < self._settled_s or frame.auto_shifter_on or frame.state is not GameState.LIVE:
            return 0
        if frame.speed_kmh < self._plan.standing_kmh:
            return _sign(FIRST - frame.gear)
        if frame.gear < FIRST:
            rolls_slowly = frame.speed_kmh < self._plan.engage_kmh
            return 1 if frame.gear == NEUTRAL and rolls_slowly else 0
        return self._by_engine(frame)

    def _by_engine(self, frame: TelemetryFrame) -> int:
        plan = self._plan
        up_rpm = plan.up_share * frame.current_max_rpm
        if frame.current_max_rpm <= 0:
            return 0
        if frame.rpm >= up_rpm and frame.brake <= plan.braking:
            return 1 if frame.gear < self._top_gear else 0
        slow = frame.rpm < plan.down_share * frame.current_max_rpm
        return -1 if slow and frame.gear > FIRST else 0


def _sign(value: int) -> int:
    return (value > 0) - (value < 0)
