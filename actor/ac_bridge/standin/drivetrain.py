"""Engine, clutch and gearbox, down to the torque on the driven axle.

The clutch is a friction element solved exactly for each step: the torque that would bring both
sides to one speed, no more than the clutch can hold. Nothing in it is stiff.

Gears are numbered as the game's page numbers them: 0 reverse, 1 neutral, 2 first, up to 7 (sixth).
Reverse is driven; both gearboxes reach it only through the shift-down button at a standstill.

Does not model: stalling (the automatic clutch opens first), a turbocharger, engine temperature,
traction control.
"""

from __future__ import annotations

import dataclasses
import math
from bisect import bisect_right
from typing import Literal

Gearbox = Literal["automatic", "sequential"]

REVERSE, NEUTRAL, FIRST, TOP = 0, 1, 2, 7
RATIOS = (-3.6, 0.0, 3.42, 2.18, 1.55, 1.20, 0.98, 0.82)
FINAL_DRIVE = 3.45
WHEEL_RADIUS_M = 0.344
TORQUE_RPM = (0.0, 800.0, 1500.0, 2500.0, 3500.0, 4500.0, 5500.0, 6300.0, 7000.0, 7600.0)
TORQUE_NM = (90.0, 130.0, 165.0, 195.0, 215.0, 228.0, 222.0, 205.0, 178.0, 120.0)
LIMITER_RPM = 7000
IDLE_RPM = 850
IDLES_BELOW_RPM = 900
"""From here up the idle control leaves the throttle alone."""
CLUTCH_MAX_NM = 420.0
"""What the closed clutch can hold."""
BITE_RPM, CLOSED_RPM = 1050.0, 2400.0
"""The automatic clutch begins to close at the first and is closed at the second."""
ENGINE_INERTIA = 0.13
SLOWEST_RAD_S = 40.0
"""It never turns slower than this."""
SHIFT_S = 0.12
"""The clutch is open and the throttle cut for this long in a shift."""
SETTLE_S = 0.5
"""The automatic box leaves a new gear alone for this long."""
CRAWL_M_S = 1.0
"""Reverse and first may be swapped below this speed."""
FUEL_L_PER_J = 1.0 / 9.0e6
"""About 27 % of petrol's 33 MJ a litre reaches the crankshaft."""

RAD_S_PER_RPM = math.tau / 60.0
AXLE_RATIOS = tuple(ratio * FINAL_DRIVE for ratio in RATIOS)
"""Engine turns for one turn of the axle, by gear; 0 in neutral."""

_TORQUE_PIECES = tuple(
    (rpm, next_rpm - rpm, torque, next_torque - torque)
    for rpm, next_rpm, torque, next_torque in zip(
        TORQUE_RPM, TORQUE_RPM[1:], TORQUE_NM, TORQUE_NM[1:], strict=False
    )
)
"""The torque curve by straight pieces: where each begins, how wide it is, its torque and rise."""


def full_torque_nm(rpm: float) -> float:
    """Return the torque at full throttle."""
    if rpm >= TORQUE_RPM[-1]:
        return TORQUE_NM[-1]
    rpm = max(rpm, 0.0)
    piece = bisect_right(TORQUE_RPM, rpm) - 1
    begin, width, torque, rise = _TORQUE_PIECES[piece]
    return torque + (rpm - begin) / width * rise


MAX_POWER_W = max(
    full_torque_nm(rpm) * rpm * RAD_S_PER_RPM for rpm in range(1000, LIMITER_RPM, 100)
)


@dataclasses.dataclass(slots=True)
class Drivetrain:
    """The state of engine, clutch and gearbox."""

    gearbox: Gearbox = "automatic"
    gear: int = NEUTRAL
    engine_rad_s: float = IDLE_RPM * RAD_S_PER_RPM
    engaged: float = 0.0
    """How far the clutch is closed, 0 (open) to 1."""
    throttle: float = 0.0
    """As the engine gets it: cut during shifts."""
    fuel_l: float = 30.0
    shifting_s: float = 0.0
    """Seconds until the shift is done."""
    settled_s: float = 0.0
    """Seconds since the last shift."""
    target: int = NEUTRAL
    """The gear that a running shift leads to."""

    @property
    def rpm(self) -> float:
        """Engine speed."""
        return self.engine_rad_s / RAD_S_PER_RPM

    @property
    def ratio(self) -> float:
        """Engine turns for one turn of the axle; 0 in neutral."""
        return AXLE_RATIOS[self.gear]

    @staticmethod
    def turns_rpm(gear: int, speed_m_s: float) -> float:
        """Return the engine speed that belongs to a road speed, in a gear, without slip."""
        return abs(speed_m_s) / WHEEL_RADIUS_M * abs(RATIOS[gear]) * FINAL_DRIVE / RAD_S_PER_RPM

    def shift(self, up: bool, down: bool, speed_m_s: float, dt_s: float) -> None:
        """Let the buttons and the automatic choose the gear.

        Args:
            up: the button went down in this step.
            down: likewise.
            speed_m_s: forward speed.
            dt_s: the step.
        """
        if self.shifting_s > 0.0:
            self.shifting_s -= dt_s
            if self.shifting_s <= 0.0:
                self.gear, self.settled_s = self.target, 0.0
            return
        self.settled_s += dt_s
        wanted = self._by_button(up, down, speed_m_s) if up or down else self.gear
        if wanted == self.gear and self.gearbox == "automatic":
            wanted = self._by_speed(speed_m_s)
        if wanted != self.gear:
            self.target, self.shifting_s = wanted, SHIFT_S

    def select(self, gear: int) -> None:
        """Put a gear in at once, as at the start."""
        self.gear = self.target = gear
        self.shifting_s = self.settled_s = 0.0

    def _by_button(self, up: bool, down: bool, speed_m_s: float) -> int:
        if self.gearbox == "automatic":
            # The buttons only choose between reverse, neutral and driving on.
            if abs(speed_m_s) < CRAWL_M_S and down:
                return REVERSE
            return FIRST if up and self.gear < FIRST else self.gear
        if up and self.gear < TOP:
            return self.gear + 1
        if down and self.gear > REVERSE:
            return self.gear if self._forbidden(self.gear - 1, speed_m_s) else self.gear - 1
        return self.gear

    def _forbidden(self, gear: int, speed_m_s: float) -> bool:
        """Whether a shift down would break something: reverse at speed, or too many turns."""
        if gear == REVERSE:
            return abs(speed_m_s) > CRAWL_M_S
        return self.turns_rpm(gear, speed_m_s) > 1.05 * LIMITER_RPM

    def _by_speed(self, speed_m_s: float) -> int:
        gear = self.gear
        if gear < FIRST or self.settled_s < SETTLE_S:
            return gear
        rpm, throttle = self.engine_rad_s / RAD_S_PER_RPM, self.throttle
        # Neither wheelspin nor locked wheels tell the box to shift: the ground must agree.
        change_up = 3600.0 + 3000.0 * throttle
        if gear < TOP and rpm > change_up and self.turns_rpm(gear, speed_m_s) > 0.75 * change_up:
            return gear + 1
        below = 2000.0 + 2000.0 * throttle
        if gear > FIRST and rpm < below and self.turns_rpm(gear - 1, speed_m_s) < 0.85 * change_up:
            return gear - 1
        return gear

    def step(
        self, throttle: float, pedal: float, axle_rad_s: float, axle_inertia: float, dt_s: float
    ) -> float:
        """Run the engine for one step and return the torque on the axle in N m.

        Args:
            throttle: 0..1.
            pedal: clutch pedal, 1 is floored.
            axle_rad_s: speed that the axle would have after this step without the engine.
            axle_inertia: what resists the axle's change of speed, kg m2.
            dt_s: the step.
        """
        ratio, engine_rad_s = AXLE_RATIOS[self.gear], self.engine_rad_s
        rpm = engine_rad_s / RAD_S_PER_RPM
        if self.shifting_s > 0.0:
            self.throttle = engaged = 0.0
        else:
            self.throttle = throttle
            # The automatic clutch goes by whichever side of it turns faster.
            driven_rpm = abs(axle_rad_s * ratio) / RAD_S_PER_RPM
            engaged = self._closed(rpm if rpm > driven_rpm else driven_rpm, pedal)
        self.engaged = engaged
        torque = self._engine_torque(rpm, dt_s)

        free = engine_rad_s + dt_s * torque / ENGINE_INERTIA
        coupling = dt_s * (1.0 / ENGINE_INERTIA + ratio * ratio / axle_inertia)
        limit = CLUTCH_MAX_NM * engaged
        through = (free - axle_rad_s * ratio) / coupling
        through = -limit if through < -limit else limit if through > limit else through
        turning = free - dt_s * through / ENGINE_INERTIA
        self.engine_rad_s = turning if turning > SLOWEST_RAD_S else SLOWEST_RAD_S
        return through * ratio

    def _closed(self, rpm: float, pedal: float) -> float:
        """Return how far the clutch is closed, by the automatic one and by the pedal."""
        if self.gear == NEUTRAL or rpm <= BITE_RPM:
            return 0.0
        if rpm >= CLOSED_RPM:
            return 1.0 - pedal
        return (rpm - BITE_RPM) / (CLOSED_RPM - BITE_RPM) * (1.0 - pedal)

    def _engine_torque(self, rpm: float, dt_s: float) -> float:
        if rpm >= LIMITER_RPM or self.fuel_l <= 0.0:
            opening = 0.0
        else:
            opening = self.throttle
            if rpm < IDLES_BELOW_RPM:
                idle = (IDLE_RPM - rpm) / 150.0 + 0.13
                opening = max(opening, min(max(idle, 0.0), 1.0))
        lost = 12.0 + 0.006 * rpm
        if opening == 0.0:
            return -lost
        drive = opening * full_torque_nm(rpm)
        self.fuel_l = max(self.fuel_l - drive * self.engine_rad_s * dt_s * FUEL_L_PER_J, 0.0)
        return drive - (1.0 - opening) * lost
