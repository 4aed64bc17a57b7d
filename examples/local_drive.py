"""Drives the stand-in game in this process: no network, no actor.

uv run python examples/local_drive.py               # real time: five seconds of driving
uv run python examples/local_drive.py --lockstep    # the same, as fast as the machine can

What `step` returns is what an agent needs: the observation, and the frame as a flat dict.
"""

from __future__ import annotations

import argparse

from ac_bridge import ACBridgeLocal, RealTimeStepper


def drive(steps: int, *, lockstep: bool) -> None:
    """Pull away for two thirds of the steps, then brake."""
    with ACBridgeLocal(game="standin", lockstep=lockstep) as bridge:
        stepper = RealTimeStepper(bridge, control_hz=10)
        _, info = stepper.reset()
        for step in range(steps):
            going = step < steps * 2 / 3
            action = {"steer": 0.0, "throttle": 0.6} if going else {"steer": 0.0, "brake": 0.5}
            _, info = stepper.step(action)
            if step % 10 == 9:
                sent = info["receipt"].sent
                print(
                    f"step {step + 1}: {info['speed_kmh']:5.1f} km/h, "
                    f"throttle {sent.throttle:.2f}, brake {sent.brake:.2f}"
                )
        print(stepper.get_stats())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=50, help="how many steps to take")
    parser.add_argument("--lockstep", action="store_true", help="do not wait for real time")
    options = parser.parse_args()
    drive(options.steps, lockstep=options.lockstep)
