"""Laps without learning: the line driver over the wire, as a baseline and for demonstrations.

    uv run ac-bridge actor --lockstep --track made_3
    uv run python examples/line_driver.py --laps 2 --record laps.mcap

Needs the track's files; on the stand-in they are there by themselves.
"""

from __future__ import annotations

import argparse

from ac_bridge_client import RemoteEnv
from ac_bridge_client.drivers import LineDriver


def drive(uri: str, laps: int, steps: int, seed: int | None, record: str | None) -> None:
    """Drive until so many laps are done, and print each one's time."""
    env = RemoteEnv(uri, observation="racing", record=record)
    driver = LineDriver(env.env_spec)
    observation, info = env.reset(seed=seed)
    if info["track_distance"] is None:
        env.close()
        raise SystemExit("No line to drive by: the actor could not read the track's files.")
    total, step = 0.0, 0
    while step < steps:
        step += 1
        before = info["last_time"]
        observation, reward, terminated, truncated, info = env.step(driver.act(observation))
        total += reward
        if info["last_time"] != before:
            print(f"lap {info['completed_laps']}: {info['last_time'] / 1000:.3f} s")
        if info["completed_laps"] >= laps and info["last_time"] != 0:
            break
        if terminated or truncated:
            print(f"over: {info['end_reason']}")
            break
    print(f"{step} steps, return {total:.1f}")
    env.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--uri", default="ws://127.0.0.1:8765", help="the actor's address")
    parser.add_argument("--laps", type=int, default=1, help="how many")
    parser.add_argument("--steps", type=int, default=5000, help="when to give up")
    parser.add_argument("--seed", type=int, help="repeats an episode; of the stand-in only")
    parser.add_argument("--record", help="a file to record into, for ac-bridge export")
    options = parser.parse_args()
    drive(options.uri, options.laps, options.steps, options.seed, options.record)
