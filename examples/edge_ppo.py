r"""Proximal policy optimization with the policy on the actors, in one file, to read and to change.

    uv run --extra train python examples/edge_ppo.py --local 2 --seed 1 --steps 100000

Or with actors of yours, as train_edge_sac.py says. An on-policy algorithm learns from what its
newest policy did alone: each step says which policy chose (`episode.policy`) and how likely its
action was (the extra `log_prob`), so what an older one did is told apart and left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from rich.progress import track
from torch import nn

import driving
from ac_bridge_client import Episode
from edge_driving import ACTIONS, UNBENT, Actors, add_actors, log_density, open_actors

HIDDEN = 64
ROLLOUT_STEPS = 2_048
PASSES = 8
MINIBATCH = 128
GAMMA = 0.98
LAMBDA = 0.95
CLIP = 0.2
LEARNING_RATE = 3e-4
ENTROPY_WORTH = 1e-3


def network(inputs: int, outputs: int) -> Any:
    """Return two hidden layers."""
    return nn.Sequential(
        nn.Linear(inputs, HIDDEN),
        nn.Tanh(),
        nn.Linear(HIDDEN, HIDDEN),
        nn.Tanh(),
        nn.Linear(HIDDEN, outputs),
    )


class Agent(nn.Module):  # type: ignore[misc]
    """A policy and its critic; as edge_driving's `Driver` takes it."""

    def __init__(self, observation: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(observation, affine=False, momentum=None)
        self.policy = network(observation, ACTIONS)
        self.log_std = nn.Parameter(torch.full((1, ACTIONS), -0.5))
        self.critic = network(observation, 1)

    def see(self, observations: Any) -> Any:
        """Return observations with mean 0 and deviation 1 of what was seen so far."""
        return torch.clamp(self.norm(observations), -10.0, 10.0)

    def forward(self, observation: Any) -> Any:
        """Return mean and logarithm of the deviation."""
        mean = self.policy(self.see(observation))
        return mean, self.log_std.expand_as(mean)

    def log_prob(self, observations: Any, unbent: Any) -> Any:
        """Return the logarithm of the density of actions, float32[n, 1]."""
        mean, log_std = self(observations)
        return log_density((unbent - mean) / log_std.exp(), log_std, unbent)

    def worth(self, observations: driving.Array) -> driving.Array:
        """Return what is expected from observations on, float32[n]."""
        with torch.no_grad():
            seen = self.see(torch.as_tensor(observations))
            return np.asarray(self.critic(seen)[:, 0])


def advantages(agent: Agent, episode: Episode) -> driving.Array:
    """Return how much better each step was than expected, by generalized advantage estimation.

    An episode that was truncated would have gone on: what follows keeps its worth.
    """
    rewards = driving.points(episode.reward, episode.terminated)
    following = agent.worth(episode.next_observation) * ~episode.terminated
    surprises = rewards + GAMMA * following - agent.worth(episode.observation)
    found: driving.Array = np.zeros_like(surprises)
    later = 0.0
    for step in reversed(range(len(surprises))):
        later = surprises[step] + GAMMA * LAMBDA * later
        found[step] = later
    return found


def rollout(
    agent: Agent, actors: Actors, episodes: Iterator[Episode]
) -> tuple[list[Any], dict[str, int]]:
    """Return steps that the newest policy made, and how many of it and of older ones there were."""
    columns: list[list[driving.Array]] = [[] for _ in range(5)]
    made = {"new": 0, "old": 0}
    while made["new"] < ROLLOUT_STEPS:
        episode = next(episodes)
        is_new = bool((episode.policy == actors.version).all())
        made["new" if is_new else "old"] += len(episode)
        if is_new:
            better = advantages(agent, episode)
            returns = better + agent.worth(episode.observation)
            log_prob = episode.extras["log_prob"][:, 0]
            row = episode.observation, episode.extras[UNBENT], log_prob, better, returns
            for column, values in zip(columns, row, strict=True):
                column.append(values)
    return [torch.as_tensor(np.concatenate(column)) for column in columns], made


def learn(agent: Agent, optimizer: Any, steps: list[Any], draws: np.random.Generator) -> None:
    """Follow the losses, some passes over the rollout."""
    observations, unbent, old_log_prob, better, returns = steps
    better = (better - better.mean()) / (better.std() + 1e-6)
    for _ in range(PASSES):
        for rows in torch.as_tensor(draws.permutation(len(unbent))).split(MINIBATCH):
            seen = observations[rows]
            log_prob = agent.log_prob(seen, unbent[rows])[:, 0]
            ratio = (log_prob - old_log_prob[rows]).exp()
            clipped = ratio.clamp(1.0 - CLIP, 1.0 + CLIP)
            gain = torch.minimum(ratio * better[rows], clipped * better[rows]).mean()
            wrong = ((agent.critic(agent.see(seen))[:, 0] - returns[rows]) ** 2).mean()
            loss = 0.5 * wrong - gain - ENTROPY_WORTH * agent.log_std.sum()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
            optimizer.step()


def main(options: argparse.Namespace) -> None:
    """Train."""
    torch.set_num_threads(1)  # more are slower with networks so small
    torch.manual_seed(options.seed)
    draws = np.random.default_rng(options.seed)
    with open_actors(options) as stream:
        agent = Agent(stream.env_spec.observation_size)
        agent.eval()
        optimizer = torch.optim.Adam(agent.parameters(), LEARNING_RATE)
        actors = Actors(stream, f"ppo-{options.seed}", options.seed, options.random_starts)
        actors.give(agent, explore=True, wait=True)
        actors.drive(0)
        episodes = stream.episodes(timeout_s=120.0)
        total = {"new": 0, "old": 0}
        for _ in track(range(-(-options.steps // ROLLOUT_STEPS)), "rollouts"):
            steps, made = rollout(agent, actors, episodes)
            total = {kind: total[kind] + made[kind] for kind in total}
            learn(agent, optimizer, steps, draws)
            agent.train()
            agent.see(steps[0])  # the next policy's normalization has these in it, too
            agent.eval()
            actors.give(agent, explore=True, wait=True)
            print(
                f"{total['new']} steps, {total['old']} of older policies left out; "
                f"worth of a step {float(steps[4].mean()):.2f}"
            )
        stream.stop("The training is done.")
    if options.out:
        torch.save(agent.state_dict(), options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_actors(parser)
    parser.add_argument("--seed", type=int, default=1, help="of every draw")
    parser.add_argument("--steps", type=int, default=100_000, help="to learn from, in all")
    parser.add_argument(
        "--random-starts",
        type=float,
        default=driving.RANDOM_STARTS,
        help="share of episodes that begin anywhere; 0 for a game that starts where it likes",
    )
    parser.add_argument("--out", help="a file for the weights, .pt")
    main(parser.parse_args())
