"""Tasks: what to reward, and when an episode ends. Pure, so that either side can run them.

A task of your own is any object with `reset` and `step`; see `Task`. The bundled `ProgressTask`
pays for metres gained along the lap.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol

from ac_bridge_protocol.frame import TelemetryFrame


@dataclasses.dataclass(frozen=True, slots=True)
class TaskResult:
    """What a task makes of one step."""

    reward: float
    terminated: bool = False
    """The task itself is over: its goal reached, or the car lost."""
    truncated: bool = False
    """A limit that is not part of the task was reached."""
    info: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Goes into the step's info; why an episode ended belongs here as ``end_reason``."""


class Task(Protocol):
    """Rewards and ends episodes. Needs no base class: any object with these two methods is one."""

    def reset(self, frame: TelemetryFrame) -> None:
        """Begin an episode at ``frame``."""

    def step(
        self, previous: TelemetryFrame, action: tuple[float, ...], frame: TelemetryFrame
    ) -> TaskResult:
        """Judge one step: ``action`` led from ``previous`` to ``frame``."""


class ProgressTask:
    """Metres gained along the lap, less for wheels off the track and for damage.

    Terminates when all four wheels have been off for a while (``off_track``), when the car makes
    no headway (``stuck``), or when it is wrecked (``wrecked``); truncates at a limit of steps
    (``step_limit``) or laps (``lap_limit``).

    Args:
        track_length_m: length of the lap; from `GameStatics.track_length_m`.
        off_track_s: how long all four wheels may be off, in seconds.
        stuck_s: how long the car may stay below ``stuck_kmh``, in seconds.
        stuck_kmh: what counts as standing, in km/h.
        wreck_kmh: an impact that ends the episode, in km/h of closing speed; 100 is where a frame
            says ``bodywork_critical``.
        wheel_off_cost: metres taken off for each second and wheel off the track.
        damage_cost: metres taken off for each km/h of new damage.
        max_steps: steps until truncation; None for no limit.
        max_laps: completed laps until truncation; None for no limit.
    """

    def __init__(
        self,
        track_length_m: float,
        *,
        off_track_s: float = 2.0,
        stuck_s: float = 8.0,
        stuck_kmh: float = 5.0,
        wreck_kmh: float = 100.0,
        wheel_off_cost: float = 2.0,
        damage_cost: float = 0.5,
        max_steps: int | None = None,
        max_laps: int | None = None,
    ) -> None:
        self.track_length_m = track_length_m
        self.off_track_s = off_track_s
        self.stuck_s = stuck_s
        self.stuck_kmh = stuck_kmh
        self.wreck_kmh = wreck_kmh
        self.wheel_off_cost = wheel_off_cost
        self.damage_cost = damage_cost
        self.max_steps = max_steps
        self.max_laps = max_laps
        self._steps = 0
        self._off_s = 0.0
        self._slow_s = 0.0
        self._first_lap = 0

    def reset(self, frame: TelemetryFrame) -> None:
        """Begin an episode at ``frame``."""
        self._steps = 0
        self._off_s = 0.0
        self._slow_s = 0.0
        self._first_lap = frame.completed_laps

    def step(
        self, previous: TelemetryFrame, action: tuple[float, ...], frame: TelemetryFrame
    ) -> TaskResult:
        """Judge one step. ``info`` has progress_m, and end_reason when the episode ends."""
        progress_m = self.progress_m(previous, frame)
        new_damage_kmh = max(0.0, frame.car_damage[4] - previous.car_damage[4])
        self._steps += 1
        self._off_s = self._off_s + frame.dt if frame.tyres_out >= 4 else 0.0
        self._slow_s = self._slow_s + frame.dt if frame.speed_kmh < self.stuck_kmh else 0.0
        reward = (
            progress_m
            - self.wheel_off_cost * max(0, frame.tyres_out) * frame.dt
            - self.damage_cost * new_damage_kmh
        )
        lost = self._lost(frame)
        limit = "" if lost else self._limit(frame)
        info: dict[str, Any] = {"progress_m": progress_m}
        if lost or limit:
            info["end_reason"] = lost or limit
        return TaskResult(reward, terminated=bool(lost), truncated=bool(limit), info=info)

    def progress_m(self, previous: TelemetryFrame, frame: TelemetryFrame) -> float:
        """Return metres gained along the lap, across its line in either direction."""
        if previous.normalized_position < 0 or frame.normalized_position < 0:
            return 0.0  # the page says -1 just after a teleport: no progress is known
        gained = frame.normalized_position - previous.normalized_position
        return (gained - round(gained)) * self.track_length_m

    def _lost(self, frame: TelemetryFrame) -> str:
        # Times are sums of steps: half a step of tolerance keeps rounding from adding one.
        tolerance_s = frame.dt / 2
        if frame.car_damage[4] >= self.wreck_kmh:
            return "wrecked"
        if self._off_s >= self.off_track_s - tolerance_s:
            return "off_track"
        if self._slow_s >= self.stuck_s - tolerance_s:
            return "stuck"
        return ""

    def _limit(self, frame: TelemetryFrame) -> str:
        if self.max_laps is not None and frame.completed_laps - self._first_lap >= self.max_laps:
            return "lap_limit"
        if self.max_steps is not None and self._steps >= self.max_steps:
            return "step_limit"
        return ""
