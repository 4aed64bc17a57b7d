r"""Teaches an agent whose policy is on the actors: soft actor-critic by stable-baselines3.

    uv run ac-bridge actor --lockstep --telemetry-hz 20 --smoothing none --spool spool_1
    uv run ac-bridge actor --lockstep --telemetry-hz 20 --smoothing none --spool spool_2 \
        --listen 127.0.0.1:8766
    uv run --extra train python examples/train_edge_sac.py ws://127.0.0.1:8765 \
        ws://127.0.0.1:8766 --seed 1 --out runs/edge_1

Or with two actors that it starts itself, and going on where it was stopped:

    uv run --extra train python examples/train_edge_sac.py --local 2 --seed 1 --out runs/edge_1
    uv run --extra train python examples/train_edge_sac.py --local 2 --out runs/edge_1 --resume

The actors drive all the time, with the newest policy they have, while the gradient steps are made
here. Every few thousand steps they drive a lap without noise. The files are those of train_sac.py,
for evaluate.py and plot_learning.py as well.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from stable_baselines3.common.logger import configure

import driving
import train_sac
from ac_bridge_client import ActorStream, Batch
from ac_bridge_client.clock import monotonic_s
from ac_bridge_client.replay_buffer import to_replay_buffer
from edge_driving import ACTIONS, UNBENT, Actors, add_actors, open_actors
from run_folder import RunFolder

MOST_UPDATES = 256
"""Gradient steps made at once: then it looks for new steps."""


class Spaces(gym.Env[driving.Array, driving.Array]):
    """The spaces of what is learned, and no environment behind them: nothing is stepped here."""

    def __init__(self, stream: ActorStream) -> None:
        low, high = stream.env_spec.observation_bounds()
        self.observation_space = gym.spaces.Box(low, high, dtype=np.float32)
        self.action_space = gym.spaces.Box(-1.0, 1.0, (ACTIONS,), np.float32)


class Think(torch.nn.Module):  # type: ignore[misc]
    """The actor of stable-baselines3, as edge_driving's `Driver` takes it."""

    def __init__(self, actor: Any) -> None:
        super().__init__()
        self.actor = actor

    def forward(self, observation: Any) -> Any:
        """Return mean and logarithm of the deviation."""
        seen = self.actor.latent_pi(self.actor.features_extractor(observation))
        return self.actor.mu(seen), self.actor.log_std(seen).clamp(-20.0, 2.0)


class Run:
    """A training run.

    Args:
        folder: where it writes.
        stream: to the actors.
        options: of the command line.
        kept: what was saved, to go on from; nothing begins anew.
    """

    def __init__(
        self,
        folder: RunFolder,
        stream: ActorStream,
        options: argparse.Namespace,
        kept: dict[str, Any],
    ) -> None:
        self.folder, self.stream, self._options = folder, stream, options
        self.actors = Actors(stream, folder.out.name, folder.seed, options.random_starts)
        self.model = train_sac.new_model(
            Spaces(stream), folder.draws, buffer_steps=train_sac.BUFFER_STEPS
        )
        self.model.set_logger(configure(None, []))
        if kept:
            folder.restore(self.model, kept)
            self.actors.ceiling_kmh = kept["ceiling_kmh"]
        self._think = Think(self.model.actor)
        self._owed = 0.0
        self._unpushed = 0

    def teach(self, steps: int, bar: Progress) -> None:
        """Take so many steps more, learning and pushing meanwhile; then look at a lap."""
        folder, began_s = self.folder, monotonic_s()
        before = folder.steps
        self.actors.give(self._think, explore=True, wait=True)
        self.actors.drive(folder.steps)
        while folder.steps < before + steps:
            batch, is_training = self.actors.take()
            if is_training:
                self._remember(batch)
                bar.update(bar.task_ids[0], completed=folder.steps)
            if not self.actors.is_behind:
                self._learn()
        taught_s, taught = monotonic_s() - began_s, folder.steps - before
        lap = self.actors.lap(self._think, folder.steps, self._remember)
        folder.wall_s += monotonic_s() - began_s
        ceiling_kmh = self.actors.ceiling_kmh
        said = folder.note(lap, taught / taught_s, self.model, ceiling_kmh)
        bar.console.print(f"{said} ({self.model._n_updates} gradient steps)")
        if lap.valid:
            self.actors.ceiling_kmh = driving.higher(ceiling_kmh)
        folder.save(self.model, self.actors.ceiling_kmh)
        self.stream.commit()  # only what was saved is had for good

    def _remember(self, batch: Batch) -> None:
        self.folder.steps += len(batch)
        self._owed += len(batch) * self._options.updates_a_step
        reward = driving.points(batch.reward, batch.terminated)
        action = np.tanh(batch.extras[UNBENT])
        to_replay_buffer(batch, self.model.replay_buffer, action=action, reward=reward)

    def _learn(self) -> None:
        """Make the gradient steps that are due; the actors drive meanwhile."""
        if self.folder.steps < self._options.random_steps:
            self._owed = 0.0
            return
        updates = min(int(self._owed), MOST_UPDATES)
        self._owed = 0.0 if updates == MOST_UPDATES else self._owed - updates
        self.model.train(updates, self.model.batch_size)
        self._unpushed += updates
        if self._unpushed >= self._options.push_every:
            self.actors.give(self._think, explore=True)
            self._unpushed = 0


def main(options: argparse.Namespace) -> None:
    """Train."""
    torch.set_num_threads(1)  # more are slower with networks so small
    folder, kept = RunFolder.opened(options.out, options.seed, resume=options.resume)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with open_actors(options, resume_file=options.out / "resume.json") as stream:
        run = Run(folder, stream, options, kept)
        with Progress(*columns, TimeRemainingColumn()) as bar:
            bar.add_task("steps", total=options.steps, completed=folder.steps)
            while folder.steps < options.steps:
                run.teach(min(options.every, options.steps - folder.steps), bar)
        stream.stop("The training is done.")
        print(stream.stats())
    wall_s = round(folder.wall_s, 1)
    print(json.dumps({"out": str(options.out), "steps": folder.steps, "wall_s": wall_s}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_actors(parser)
    driving.add_training(parser, steps=60_000)
    parser.add_argument("--push-every", type=int, default=1_000, help="gradient steps")
    parser.add_argument(
        "--updates-a-step",
        type=float,
        default=1.0,
        help="gradient steps for each step driven, at most; fewer if the actors are too fast",
    )
    parser.add_argument("--out", type=Path, default=Path("runs/edge"), help="folder to write into")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    main(parser.parse_args())
