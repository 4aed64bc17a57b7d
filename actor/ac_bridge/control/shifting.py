"""Who shifts gears, and what the wheel's buttons do for it. Pure."""

from __future__ import annotations

from typing import Literal, TypeAlias

from ac_bridge.control.gears import AutoShift, GearShifter, ShiftFailure, ShiftPlan
from ac_bridge_protocol.frame import TelemetryFrame

ShiftedBy: TypeAlias = Literal["game", "actor", "learner"]
"""``game``: its automatic gearbox, or a person at the real wheel. ``actor``: by engine speed.
``learner``: by the action's ``shift`` component."""


class Shifting:
    """The gear changes of one drive after another.

    Args:
        by: who decides.
        plan: which buttons, and their rhythm.

    Attributes:
        buttons: those to hold down now.
    """

    def __init__(self, by: ShiftedBy, plan: ShiftPlan) -> None:
        self.buttons: frozenset[int] = frozenset()
        self._by = by
        self._plan = plan
        self.stop()

    @property
    def under_way(self) -> bool:
        """Whether a gear was asked for that is not in yet."""
        return self._shifter.shifting

    def ask(self, change: int) -> None:
        """The driver wants a gear up (+1) or down (-1); while one is under way that is ignored."""
        if change and not self._shifter.shifting:
            self._shifter.request(change)

    def tend(self, frame: TelemetryFrame, now_s: float) -> ShiftFailure | None:
        """Take the newest frame, decide which `buttons` to hold, and tell of a failed shift."""
        if self._by == "actor" and not self._shifter.shifting:
            self._shifter.request(self._auto.wanted(frame, now_s))
        self.buttons = self._shifter.update(frame.gear, now_s)
        failure = self._shifter.take_failure()
        if failure is not None and self._by == "actor":
            self._auto.learn(failure)
            if failure.wanted > failure.seen:
                return None  # how the top gear is found: no news
        return failure

    def stop(self) -> None:
        """The drive is over: want no gear, hold no button."""
        self._shifter = GearShifter(self._plan)
        self._auto = AutoShift()
        self.buttons = frozenset()
