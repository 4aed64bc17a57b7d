"""Speed times closeness to the racing line: the reward of the published environment."""

from __future__ import annotations

from ac_bridge_protocol.frame import TelemetryFrame
from ac_bridge_protocol.tasks.base import TaskResult
from ac_bridge_protocol.tasks.checks import above_zero, at_least
from ac_bridge_protocol.tasks.progress import costs, result, without_line
from ac_bridge_protocol.tasks.rules import OffTrack, Rule, Stuck, Wreck, WrongWay, rules_or


class LineSpeedTask:
    """Each step earns its speed over ``top_kmh``, times 1 on the line and 0 from ``gap_m`` on.

    What ends an episode is as in `ProgressTask`, and driving the wrong way (``wrong_way``).

    Args:
        gap_m: from the line, in metres, where nothing is earned any more.
        top_kmh: the speed that earns 1 a step, in km/h.
        wheel_off_cost: taken off for each second and wheel off the track.
        damage_cost: taken off for each km/h of new damage.
        rules: what ends an episode, in place of the usual.

    Raises:
        SettingError: a constant that is not above 0.
    """

    def __init__(
        self,
        *,
        gap_m: float = 12.0,
        top_kmh: float = 300.0,
        wheel_off_cost: float = 0.0,
        damage_cost: float = 0.0,
        rules: Rule | None = None,
    ) -> None:
        self.gap_m = above_zero("gap_m", gap_m)
        self.top_kmh = above_zero("top_kmh", top_kmh)
        self.wheel_off_cost = at_least(0.0, "wheel_off_cost", wheel_off_cost)
        self.damage_cost = at_least(0.0, "damage_cost", damage_cost)
        self.rules = rules_or(rules, Wreck(), OffTrack(), Stuck(), WrongWay())

    def reset(self, frame: TelemetryFrame) -> None:
        """Begin an episode at ``frame``."""
        self.rules.reset(frame)

    def step(
        self, previous: TelemetryFrame, action: tuple[float, ...], frame: TelemetryFrame
    ) -> TaskResult:
        """Judge one step. ``info`` has line_gap_m, and end_reason when the episode ends.

        Raises:
            GameError: the track's files were not read.
        """
        if frame.line_offset is None:
            raise without_line("LineSpeedTask")
        gap_m = abs(frame.line_offset)
        closeness = max(0.0, 1.0 - gap_m / self.gap_m)
        reward = frame.speed_kmh / self.top_kmh * closeness
        reward -= costs(previous, frame, self.wheel_off_cost, self.damage_cost)
        return result(reward, self.rules.step(previous, frame), {"line_gap_m": gap_m})
