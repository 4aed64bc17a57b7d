"""What the wheel does while no action comes: hold for a while, then ease to neutral. Pure.

Between the last tick that held and the moment at which the dead-man's switch lets go, steering and
pedals go to zero along a straight line. The brake rises to a set share half-way and is off again at
the end: the car slows down in good order, and nothing jumps when it is let go of.
"""

from __future__ import annotations

import dataclasses

from ac_bridge.game import NEUTRAL, Controls


@dataclasses.dataclass(frozen=True, slots=True)
class LatePolicy:
    """For how long to hold, and how to brake after that."""

    hold_ticks: int = 2
    """Ticks without an action through which the last one holds."""
    brake: float = 0.3
    """How far the brake goes while the wheel eases to neutral, 0..1."""


DEFAULT_LATE_POLICY = LatePolicy()


class Lapse:
    """A row of ticks without an action.

    Args:
        policy: what to do in it.

    Attributes:
        ticks: control periods in a row that passed without an action.
    """

    def __init__(self, policy: LatePolicy) -> None:
        self.ticks = 0
        self._policy = policy
        self._from: Controls | None = None
        self._began_s = 0.0
        self._ends_s = 0.0

    @property
    def easing(self) -> bool:
        """Whether the wheel is being eased to neutral."""
        return self._from is not None

    def end(self) -> None:
        """An action was applied."""
        self.ticks = 0
        self._from = None

    def wheel(self, wheel: Controls, now_s: float, dt_s: float, ends_s: float) -> Controls | None:
        """Return where the wheel belongs at a tick without an action; None to let it hold.

        The ramp is fixed by the first call that begins it: it never turns back.

        Args:
            wheel: where the wheel is.
            now_s: the tick's moment.
            dt_s: control period: the ramp began with the tick before.
            ends_s: when the wheel has to be neutral.
        """
        if self._from is None:
            if self.ticks < self._policy.hold_ticks:
                return None
            self._from, self._began_s, self._ends_s = wheel, now_s - dt_s, ends_s
        lasts_s = self._ends_s - self._began_s
        done = (now_s - self._began_s) / lasts_s if lasts_s > 0 else 1.0
        return eased(self._from, done, self._policy.brake)


def eased(wheel: Controls, done: float, brake: float) -> Controls:
    """Return the wheel on its way from ``wheel`` to neutral.

    Args:
        wheel: where it began.
        done: share of the way, from 0; at 1 and beyond it is exactly neutral.
        brake: how far the brake goes half-way.
    """
    if done >= 1.0:
        return NEUTRAL
    left = 1.0 - max(0.0, done)
    return Controls(
        steer=wheel.steer * left,
        throttle=wheel.throttle * left,
        brake=max(wheel.brake * left, brake * 2.0 * min(left, 1.0 - left)),
        clutch=wheel.clutch * left,
    )
