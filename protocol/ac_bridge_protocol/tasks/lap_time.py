"""Time: each second costs, each valid lap pays."""

from __future__ import annotations

from typing import Any

from ac_bridge_protocol.frame import TelemetryFrame
from ac_bridge_protocol.tasks.base import TaskResult
from ac_bridge_protocol.tasks.checks import above_zero, at_least
from ac_bridge_protocol.tasks.progress import costs, result
from ac_bridge_protocol.tasks.rules import OffTrack, Rule, Stuck, Wreck, laps_gained, rules_or

SETTLE_STEPS = 2
"""Steps between a lap's end and reading its time: the game does not write both at once."""


class LapTimeTask:
    """A second costs 1; a lap pays ``lap_s``, spread along it, if it stays valid.

    So a lap's sum is how much faster it was than ``lap_s``. What it had paid so far is taken back
    when it is cut. What ends an episode is as in `ProgressTask`.

    Args:
        lap_s: what a lap pays, in seconds: about what a good one takes. More than a bad one takes,
            or it is better to stand still.
        damage_cost: seconds taken off for each km/h of new damage.
        rules: what ends an episode, in place of the usual.

    Raises:
        SettingError: a lap that takes no time.
    """

    def __init__(
        self, *, lap_s: float = 120.0, damage_cost: float = 0.1, rules: Rule | None = None
    ) -> None:
        self.lap_s = above_zero("lap_s", lap_s)
        self.damage_cost = at_least(0.0, "damage_cost", damage_cost)
        self.rules = rules_or(rules, Wreck(), OffTrack(), Stuck())
        self._paid_s = 0.0
        self._settling = 0
        self._lap_valid = False

    def reset(self, frame: TelemetryFrame) -> None:
        """Begin an episode at ``frame``."""
        self.rules.reset(frame)
        self._paid_s = 0.0
        self._settling = 0

    def step(
        self, previous: TelemetryFrame, action: tuple[float, ...], frame: TelemetryFrame
    ) -> TaskResult:
        """Judge one step.

        ``info`` has lap_ms and lap_valid two steps after a completed lap, once its time is there.
        """
        reward = -frame.dt - costs(previous, frame, 0.0, self.damage_cost)
        info = self._timed(frame)
        if frame.completed_laps > previous.completed_laps:
            self._settling, self._lap_valid = SETTLE_STEPS, previous.is_valid_lap
            self._paid_s = 0.0
        elif frame.current_time < previous.current_time:  # the line, after a start elsewhere
            self._paid_s = 0.0
        if frame.is_valid_lap:
            pay_s = laps_gained(previous, frame) * self.lap_s
            self._paid_s += pay_s
            reward += pay_s
        elif self._paid_s:
            reward -= self._paid_s
            self._paid_s = 0.0
        return result(reward, self.rules.step(previous, frame), info)

    def _timed(self, frame: TelemetryFrame) -> dict[str, Any]:
        """Return the last lap's time if it has just settled."""
        if not self._settling:
            return {}
        self._settling -= 1
        if self._settling:
            return {}
        return {"lap_ms": frame.last_time, "lap_valid": self._lap_valid}
