"""A task of one's own: what to reward, and when an episode ends.

uv run ac-bridge actor --lockstep
uv run python examples/custom_task.py --steps 200

A task needs no base class: `reset` and `step` are all of it. What ends an episode can be put
together from rules.
"""

from __future__ import annotations

import argparse

from ac_bridge_client import RemoteEnv, TaskResult
from ac_bridge_protocol import TelemetryFrame
from ac_bridge_protocol.tasks import OffTrack, Rules, StepLimit, Stuck


class ReachSpeed:
    """Pays for every km/h gained; done at the goal, over off the track or standing."""

    def __init__(self, goal_kmh: float) -> None:
        self.goal_kmh = goal_kmh
        self.rules = Rules(OffTrack(wheels=3, for_s=0.5), Stuck(for_s=5.0), StepLimit(1000))

    def reset(self, frame: TelemetryFrame) -> None:
        """Begin an episode."""
        self.rules.reset(frame)

    def step(
        self, previous: TelemetryFrame, action: tuple[float, ...], frame: TelemetryFrame
    ) -> TaskResult:
        """Judge one step."""
        gained_kmh = frame.speed_kmh - previous.speed_kmh
        if frame.speed_kmh >= self.goal_kmh:
            return TaskResult(gained_kmh + 100.0, terminated=True, info={"end_reason": "goal"})
        end = self.rules.step(previous, frame)
        if end is None:
            return TaskResult(gained_kmh)
        return TaskResult(
            gained_kmh if end.truncated else -100.0,
            terminated=not end.truncated,
            truncated=end.truncated,
            info={"end_reason": end.reason},
        )


def run(uri: str, steps: int) -> None:
    """Floor it until the task says that the episode is over."""
    env = RemoteEnv(uri, task=ReachSpeed(goal_kmh=80.0))
    env.reset()
    total = 0.0
    for step in range(1, steps + 1):
        _, reward, terminated, truncated, info = env.step([0.0, 1.0, 0.0])
        total += reward
        if terminated or truncated:
            print(f"{info['end_reason']} after {step} steps at {info['speed_kmh']:.1f} km/h")
            break
    print(f"return {total:.1f}")
    env.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--uri", default="ws://127.0.0.1:8765", help="the actor's address")
    parser.add_argument("--steps", type=int, default=200, help="how many steps at most")
    options = parser.parse_args()
    run(options.uri, options.steps)
