"""What an action asks for: pedals and steering, and perhaps a gear. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ac_bridge.game import Controls
from ac_bridge_protocol.spec import DRIVING_ACTION, SHIFTING_ACTION, ActionSpec, check_action

CLUTCH = ActionSpec(name="clutch", low=0.0, high=1.0)
"""The pedal, 0 released to 1 floored; may follow the announced components on this machine."""
SHIFT_SHARE = 0.5
"""A ``shift`` component asks for a gear from this far out on."""


class Wanted(NamedTuple):
    """An action, understood."""

    controls: Controls
    shift: int
    """+1 for a gear up, -1 for one down, 0 for neither."""


class ActionFormat:
    """How to read actions.

    Args:
        shifts: whether the fourth component is a wish for a gear.

    Attributes:
        components: what an action has, as it is announced.
    """

    def __init__(self, *, shifts: bool) -> None:
        self.components: tuple[ActionSpec, ...] = SHIFTING_ACTION if shifts else DRIVING_ACTION
        self._with_clutch = (*self.components, CLUTCH)
        self._shifts = shifts

    @property
    def names(self) -> tuple[str, ...]:
        """Every component that an action may have, the clutch included."""
        return tuple(component.name for component in self._with_clutch)

    def read(self, action: Sequence[float]) -> Wanted:
        """Return what an action asks for.

        Args:
            action: steer -1..1, throttle 0..1, brake 0..1, shift -1..1 where the learner shifts,
                and optionally clutch 0..1.

        Raises:
            ActionError: wrong length, not finite, or out of range.
        """
        has_clutch = len(action) == len(self._with_clutch)
        values = check_action(self._with_clutch if has_clutch else self.components, action)
        steer, throttle, brake = values[:3]
        controls = Controls(steer, throttle, brake, values[-1] if has_clutch else 0.0)
        return Wanted(controls, _gears(values[3]) if self._shifts else 0)


def _gears(shift: float) -> int:
    return (shift >= SHIFT_SHARE) - (shift <= -SHIFT_SHARE)
