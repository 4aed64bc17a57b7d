"""What is kept of a step: what was asked, what its receipt says, and when it was answered."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, cast

from ac_bridge_protocol.frame import TelemetryFrame
from ac_bridge_protocol.tasks import TaskResult

CODES = 1000
"""Numbers told apart by the steering alone."""


class NoTask:
    """Rewards nothing and ends nothing: only the actor ends an episode here."""

    def reset(self, frame: TelemetryFrame) -> None:
        """Nothing to keep."""

    def step(
        self, previous: TelemetryFrame, action: tuple[float, ...], frame: TelemetryFrame
    ) -> TaskResult:
        """Judge nothing; tell which action this answers, in `fixed_delay` one of some steps ago."""
        return TaskResult(0.0, terminated=False, truncated=False, info={"asked": action})


@dataclasses.dataclass(frozen=True, slots=True)
class StepRecord:
    """One step."""

    number: int
    """The driver's own count over all episodes."""
    episode: int
    """Number of the episode, as its reset was answered."""
    asked: tuple[float, float, float]
    """Steer, throttle and brake that were asked for in the step that was answered."""
    sent: tuple[float, float, float]
    """The same as the receipt has them."""
    action_id: int
    tick: int
    tick_asked: int
    tick_applied: int | None
    late: bool
    ticks_held: int
    ticks_planned: int
    ticks_missed: int
    tick_error_s: float
    sampled_s: float
    """When the frame was sampled, in seconds of the actor's wall clock."""
    arrived_s: float
    """When the answer was there, in seconds of the learner's clock."""
    end_reason: str
    """Why the episode ended with this; empty if it went on."""


def coded(number: int) -> tuple[float, float, float]:
    """Return an action that tells its number: no two of a million are alike, all drive slowly."""
    return (number % CODES) / CODES * 0.2 - 0.1, 0.1 + number // CODES / CODES * 0.3, 0.0


def record(number: int, episode: int, info: dict[str, Any], now_s: float) -> StepRecord:
    """Return what to keep of a step whose answer's ``info``, under `NoTask`, came now."""
    receipt = info["receipt"]
    sent = receipt.sent
    return StepRecord(
        number=number,
        episode=episode,
        asked=info["asked"],
        sent=(sent.steer, sent.throttle, sent.brake),
        action_id=receipt.action_id,
        tick=receipt.tick,
        tick_asked=receipt.tick_asked,
        tick_applied=receipt.tick_applied,
        late=receipt.late,
        ticks_held=receipt.ticks_held,
        ticks_planned=receipt.ticks_planned,
        ticks_missed=receipt.ticks_missed,
        tick_error_s=receipt.tick_error_s,
        sampled_s=info["t_wall"],
        arrived_s=now_s,
        end_reason=str(info.get("end_reason", "")),
    )


def revived(rows: Iterable[Sequence[Any]]) -> list[StepRecord]:
    """Return records that went through JSON, which knows no tuples, as they were."""
    steps = []
    for values in rows:
        step = StepRecord(*values)
        asked, sent = (
            cast("tuple[float, float, float]", tuple(v)) for v in (step.asked, step.sent)
        )
        steps.append(dataclasses.replace(step, asked=asked, sent=sent))
    return steps
