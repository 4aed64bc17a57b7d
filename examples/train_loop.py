"""The loop that every training script has, with a policy that draws at random.

In one terminal an actor, in another this:

    uv run ac-bridge actor --lockstep
    uv run python examples/train_loop.py --steps 300
"""

from __future__ import annotations

import argparse

from ac_bridge_client import RemoteEnv


def train(uri: str, steps: int, seed: int | None) -> None:
    """Step through episodes and print what each one paid."""
    env = RemoteEnv(uri)
    env.action_space.seed(seed)
    observation, info = env.reset(seed=seed)
    episode_return = 0.0
    for _ in range(steps):
        action = env.action_space.sample() * [0.3, 1.0, 0.0]  # your policy here
        observation, reward, terminated, truncated, info = env.step(action)
        episode_return += reward
        if terminated or truncated:
            print(f"{info['end_reason']}: return {episode_return:.1f}")
            (observation, info), episode_return = env.reset(), 0.0
    print(f"{steps} steps, {len(observation)} numbers each; return so far {episode_return:.1f}")
    env.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--uri", default="ws://127.0.0.1:8765", help="the actor's address")
    parser.add_argument("--steps", type=int, default=300, help="how many steps to take")
    parser.add_argument("--seed", type=int, help="repeats an episode; of the stand-in only")
    options = parser.parse_args()
    train(options.uri, options.steps, options.seed)
