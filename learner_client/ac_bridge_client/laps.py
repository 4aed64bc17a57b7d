"""Driving laps with any driver and any environment, and what came of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Protocol

from ac_bridge_protocol.messages import Receipt
from ac_bridge_protocol.tasks.lap_time import SETTLE_STEPS


class Steppable(Protocol):
    """The two methods of an environment that driving needs."""

    def reset(self, *, seed: int | None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode."""

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Apply an action."""


class Driver(Protocol):
    """Whatever turns an observation into an action."""

    def act(self, observation: Any) -> Any:
        """Return the action for this moment."""


@dataclasses.dataclass
class LapReport:
    """What a drive brought."""

    lap_times_s: list[float] = dataclasses.field(default_factory=list)
    """As the game timed them, in seconds."""
    laps_valid: int = 0
    """How many of them had no cut."""
    steps: int = 0
    """Steps made."""
    ticks_missed: int = 0
    """Ticks that the actor skipped."""
    late: int = 0
    """Steps whose action came too late for its tick."""
    game_s: float = 0.0
    """Time that passed in the game, in seconds."""
    tick_errors_s: list[float] = dataclasses.field(default_factory=list)
    """Of every step, in seconds."""
    end_reason: str = ""
    """Why the drive ended early; empty if it did not."""

    def complete(self, laps: int) -> bool:
        """Whether that many laps were driven, each without a cut."""
        return len(self.lap_times_s) >= laps and self.laps_valid >= laps


def drive_laps(
    env: Steppable,
    driver: Driver,
    laps: int,
    *,
    seed: int | None = None,
    max_steps: int,
    on_step: Callable[[dict[str, Any]], None] = lambda _: None,
) -> LapReport:
    """Drive until ``laps`` laps are done, the task ends the episode, or ``max_steps`` is reached.

    Args:
        env: whose info has the fields of a frame and ``receipt``.
        driver: asked for an action before every step.
        laps: how many to complete.
        seed: for the reset.
        max_steps: when to give up.
        on_step: gets every info.
    """
    report = LapReport()
    observation, info = env.reset(seed=seed)
    finished_at: int | None = None
    while report.steps < max_steps:
        was_valid, laps_before = info["is_valid_lap"], info["completed_laps"]
        observation, _, terminated, truncated, info = env.step(driver.act(observation))
        _count(report, info)
        on_step(info)
        if info["completed_laps"] > laps_before:
            report.laps_valid += bool(was_valid)
            finished_at = report.steps
        if finished_at is not None and report.steps == finished_at + SETTLE_STEPS:
            report.lap_times_s.append(info["last_time"] / 1000.0)
            finished_at = None
            if len(report.lap_times_s) == laps:
                return report
        if terminated or truncated:
            report.end_reason = info.get("end_reason", "terminated")
            return report
    report.end_reason = f"no {laps} laps within {max_steps} steps"
    return report


def _count(report: LapReport, info: dict[str, Any]) -> None:
    receipt: Receipt = info["receipt"]
    report.steps += 1
    report.ticks_missed += receipt.ticks_missed
    report.late += receipt.late
    report.tick_errors_s.append(receipt.tick_error_s)
    report.game_s += info["dt_actual"]
