"""A task of one's own: what to reward, and when an episode ends.

uv run ac-bridge actor --lockstep
uv run python examples/custom_task.py --steps 200

A task needs no base class: `reset` and `step` are all of it.
"""

from __future__ import annotations

import argparse

from ac_bridge_client import RemoteEnv, TaskResult
from ac_bridge_protocol import TelemetryFrame


class ReachSpeed:
    """Pays for every km/h gained; done at the goal, over when all wheels are off the track."""

    def __init__(self, goal_kmh: float) -> None:
        self.goal_kmh = goal_kmh

    def reset(self, frame: TelemetryFrame) -> None:
        """Nothing is kept from step to step."""

    def step(
        self, previous: TelemetryFrame, action: tuple[float, ...], frame: TelemetryFrame
    ) -> TaskResult:
        """Judge one step."""
        gained_kmh = frame.speed_kmh - previous.speed_kmh
        if frame.speed_kmh >= self.goal_kmh:
            return TaskResult(gained_kmh + 100.0, terminated=True, info={"end_reason": "goal"})
        if frame.tyres_out == 4:
            return TaskResult(-100.0, terminated=True, info={"end_reason": "off_track"})
        return TaskResult(gained_kmh)


def run(uri: str, steps: int) -> None:
    """Floor it until the task says that the episode is over."""
    env = RemoteEnv(uri, task=ReachSpeed(goal_kmh=80.0))
    env.reset(seed=1)
    total = 0.0
    for step in range(1, steps + 1):
        _, reward, terminated, _, info = env.step([0.0, 1.0, 0.0])
        total += reward
        if terminated:
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
