"""Soft actor-critic in one file, to read and to change: the loop, the losses, nothing hidden.

    uv run ac-bridge actor --lockstep --telemetry-hz 20 --smoothing none
    uv run --extra train python examples/sac.py --seed 1 --steps 30000

Needs torch alone. `--local` drives a stand-in in this process. The task, the two actions and the
ceiling of the speed are those of examples/train_sac.py, which has checkpoints and a log besides.
"""

from __future__ import annotations

import argparse
import copy
from typing import Any

import numpy as np
import torch
from rich.progress import track
from torch import nn
from torch.nn import functional

import driving

HIDDEN = 128
BATCH = 128
GAMMA = 0.98
POLYAK = 0.005
LEARNING_RATE = 3e-4
LOG_STD = (-20.0, 2.0)


def network(inputs: int, outputs: int) -> Any:
    """Return two hidden layers."""
    return nn.Sequential(
        nn.Linear(inputs, HIDDEN),
        nn.ReLU(),
        nn.Linear(HIDDEN, HIDDEN),
        nn.ReLU(),
        nn.Linear(HIDDEN, outputs),
    )


class Agent(nn.Module):
    """A policy and two critics that see the observation normalized; the lower critic is believed.

    Args:
        observation: its elements.
        action: its components, each -1..1.
    """

    def __init__(self, observation: int, action: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(observation, affine=False, momentum=0.01)
        self.policy = network(observation, 2 * action)
        self.critics = nn.ModuleList(network(observation + action, 1) for _ in range(2))
        self.log_alpha = nn.Parameter(torch.zeros(()))

    def see(self, observations: Any) -> Any:
        """Return observations with mean 0 and deviation 1 of what was seen so far."""
        return torch.clamp(self.norm(observations), -10.0, 10.0)

    def draw(self, seen: Any) -> tuple[Any, Any]:
        """Draw actions, and return them with the logarithm of their density."""
        mean, log_std = self.policy(seen).chunk(2, dim=-1)
        normal = torch.distributions.Normal(mean, log_std.clamp(*LOG_STD).exp())
        raw = normal.rsample()
        # The density of tanh(x): that of x, less log(1 - tanh(x)^2), written so that it is stable.
        squash = 2.0 * (np.log(2.0) - raw - functional.softplus(-2.0 * raw))
        return torch.tanh(raw), (normal.log_prob(raw) - squash).sum(-1)

    def values(self, seen: Any, actions: Any) -> Any:
        """Return what either critic expects, float[2, batch]."""
        both = torch.cat([seen, actions], dim=-1)
        return torch.stack([critic(both).squeeze(-1) for critic in self.critics])

    def act(self, observation: driving.Array, *, explore: bool) -> driving.Array:
        """Return an action for one observation."""
        self.eval()
        with torch.no_grad():
            seen = self.see(torch.as_tensor(observation)[None])
            action = self.draw(seen)[0] if explore else self.policy(seen).chunk(2, dim=-1)[0].tanh()
        return np.asarray(action[0].numpy(), np.float32)


class Memory:
    """Every step so far, to draw batches from.

    Args:
        steps: that it can hold.
        observation: elements.
        action: components.
        draws: of the batches.
    """

    def __init__(
        self, steps: int, observation: int, action: int, draws: np.random.Generator
    ) -> None:
        self._columns = [
            np.zeros((steps, width), np.float32)
            for width in (observation, action, 1, observation, 1)
        ]
        self._draws = draws
        self._held = 0

    def add(self, *step: Any) -> None:
        """Keep a step: observation, action, reward, next observation, terminated."""
        for column, value in zip(self._columns, step, strict=True):
            column[self._held] = value
        self._held += 1

    def batch(self) -> list[Any]:
        """Return as many steps as a batch has, drawn at random, as tensors."""
        rows = self._draws.integers(self._held, size=BATCH)
        return [torch.as_tensor(column[rows]) for column in self._columns]


class Learner:
    """Follows the losses.

    Args:
        agent: to be taught.
        action: components of its action.
    """

    def __init__(self, agent: Agent, action: int) -> None:
        self.agent = agent
        self.target = copy.deepcopy(agent.critics).requires_grad_(requires_grad=False)
        self._goal_entropy = -float(action)
        self._of_critics = torch.optim.Adam(agent.critics.parameters(), LEARNING_RATE)
        self._of_policy = torch.optim.Adam(agent.policy.parameters(), LEARNING_RATE)
        self._of_alpha = torch.optim.Adam([agent.log_alpha], LEARNING_RATE)

    def learn(self, batch: list[Any]) -> None:
        """Make one gradient step of each: critics, policy, temperature."""
        observations, actions, rewards, nexts, terminated = batch
        agent = self.agent
        alpha = agent.log_alpha.exp().detach()
        agent.train()
        seen = agent.see(observations)
        agent.eval()  # the next observations are the same ones, a step later: counted once
        with torch.no_grad():
            seen_next = agent.see(nexts)
            drawn, log_density = agent.draw(seen_next)
            both = torch.cat([seen_next, drawn], dim=-1)
            expected = torch.stack([critic(both).squeeze(-1) for critic in self.target]).amin(0)
            worth = expected - alpha * log_density
            goal = rewards[:, 0] + GAMMA * (1.0 - terminated[:, 0]) * worth
        descend(self._of_critics, ((agent.values(seen, actions) - goal) ** 2).mean(1).sum())
        drawn, log_density = agent.draw(seen)
        loss = (alpha * log_density - agent.values(seen, drawn).amin(0)).mean()
        descend(self._of_policy, loss)
        surplus = (log_density + self._goal_entropy).detach()
        descend(self._of_alpha, -(agent.log_alpha * surplus).mean())
        with torch.no_grad():
            for old, new in zip(self.target.parameters(), agent.critics.parameters(), strict=True):
                old.lerp_(new, POLYAK)


def descend(optimizer: Any, loss: Any) -> None:
    """Go one step down."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def train(env: driving.SpeedAndSteering, options: argparse.Namespace) -> Agent:
    """Drive, learn from every step, and now and then show a lap without noise."""
    torch.manual_seed(options.seed)
    draws = np.random.default_rng(options.seed)
    training = driving.training_env(env, options.seed, options.random_starts)
    sizes = training.observation_space.shape[0], training.action_space.shape[0]  # type: ignore[index]
    agent = Agent(*sizes)
    memory, learner = Memory(options.steps, *sizes, draws), Learner(agent, sizes[1])
    observation, _ = training.reset()
    for step in track(range(1, options.steps + 1), "steps"):
        if step <= options.random_steps:
            action = draws.uniform(-1.0, 1.0, sizes[1]).astype(np.float32)
        else:
            action = agent.act(observation, explore=True)
        following, reward, terminated, truncated, _ = training.step(action)
        memory.add(observation, action, reward, following, terminated)
        observation = following
        if step > options.random_steps:
            learner.learn(memory.batch())
        if step % options.every == 0:
            show_lap(env, agent, step)
        if terminated or truncated or step % options.every == 0:
            observation, _ = training.reset()
    return agent


def show_lap(env: driving.SpeedAndSteering, agent: Agent, step: int) -> None:
    """Drive a lap from the line; a valid one raises the ceiling."""
    lap = driving.drive_lap(env, lambda seen: agent.act(seen, explore=False))
    print(f"{step} steps, ceiling {env.ceiling_kmh:.0f} km/h: {lap}")
    if lap.valid:
        env.raise_ceiling()


def main(options: argparse.Namespace) -> None:
    """Train."""
    torch.set_num_threads(1)  # more are slower with networks so small
    env = driving.open_env(None if options.local else options.uri)
    try:
        agent = train(driving.SpeedAndSteering(env), options)
    finally:
        env.close()
    if options.out:
        torch.save(agent.state_dict(), options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    driving.add_where(parser)
    driving.add_training(parser, steps=30_000)
    parser.add_argument("--out", help="a file for the weights, .pt")
    main(parser.parse_args())
