"""Teaches an agent to drive: soft actor-critic by stable-baselines3, over the wire.

    uv run ac-bridge actor --lockstep --telemetry-hz 20 --smoothing none
    uv run --extra train python examples/train_sac.py --seed 1 --out runs/wire_1

The same without actor and network, and going on where a run was stopped:

    uv run --extra train python examples/train_sac.py --local --seed 1 --out runs/local_1
    uv run --extra train python examples/train_sac.py --local --out runs/local_1 --resume

Every few thousand steps the policy drives a lap from the line, without noise; a valid one raises
the ceiling of the speed. `progress.csv` has a line for each of these laps, `best.pt` the policy of
the fastest one, for examples/evaluate.py; `policy.pt` has the newest, and `buffer.npz` what it was
taught with, to go on from.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from stable_baselines3 import SAC
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

import driving
from ac_bridge_client.clock import monotonic_s
from run_folder import RunFolder

BUFFER_STEPS = 200_000


class Normalized(BaseFeaturesExtractor):
    """Brings each number of the observation to mean 0 and deviation 1, as it was seen so far."""

    def __init__(self, space: Any) -> None:
        super().__init__(space, space.shape[0])
        self._norm = torch.nn.BatchNorm1d(space.shape[0], affine=False, momentum=0.01)

    def forward(self, observations: Any) -> Any:
        """Normalize a batch."""
        return torch.clamp(self._norm(observations), -10.0, 10.0)


class Advance(BaseCallback):
    """Moves the progress bar."""

    def __init__(self, bar: Progress) -> None:
        super().__init__()
        self._bar = bar

    def _on_step(self) -> bool:
        self._bar.advance(self._bar.task_ids[0])
        return True


def new_model(env: driving.Env, seed: int, *, random_steps: int = 0, buffer_steps: int = 1) -> SAC:
    """Return an agent that knows nothing; it draws its first actions from the whole space."""
    return SAC(
        "MlpPolicy",
        env,
        learning_rate=3e-4,
        gamma=0.98,
        batch_size=128,
        buffer_size=buffer_steps,
        learning_starts=random_steps,
        seed=seed,
        device="cpu",
        policy_kwargs={
            "net_arch": [128, 128],
            "features_extractor_class": Normalized,
            "share_features_extractor": False,
        },
    )


def policy_of(model: SAC) -> Any:
    """Return the policy as a function, without the noise of exploring."""
    model.policy.set_training_mode(False)
    return lambda observation: model.predict(observation, deterministic=True)[0]


class Run:
    """A training run.

    Args:
        folder: where it writes.
        env: what it drives.
        options: of the command line.
        kept: what was saved, to go on from; nothing begins anew.
    """

    def __init__(
        self,
        folder: RunFolder,
        env: driving.SpeedAndSteering,
        options: argparse.Namespace,
        kept: dict[str, Any],
    ) -> None:
        self.folder = folder
        self.env = env
        draws = folder.draws
        self._training = driving.training_env(env, draws, options.random_starts)
        self.model = new_model(
            self._training, draws, random_steps=options.random_steps, buffer_steps=BUFFER_STEPS
        )
        if kept:
            folder.restore(self.model, kept)
            env.ceiling_kmh = kept["ceiling_kmh"]

    def teach(self, steps: int, bar: Progress) -> None:
        """Make so many steps, and learn from each; then drive a lap, and write all down."""
        folder, began = self.folder, monotonic_s()
        self.model.set_env(self._training, force_reset=True)  # the lap has moved the car
        self.model.learn(steps, callback=Advance(bar), reset_num_timesteps=folder.steps == 0)
        folder.steps += steps
        taught_s = monotonic_s() - began
        lap = driving.drive_lap(self.env, policy_of(self.model))
        folder.wall_s += monotonic_s() - began
        bar.console.print(folder.note(lap, steps / taught_s, self.model, self.env.ceiling_kmh))
        if lap.valid:
            self.env.raise_ceiling()
        folder.save(self.model, self.env.ceiling_kmh)


def main(options: argparse.Namespace) -> None:
    """Train."""
    torch.set_num_threads(1)  # more are slower with networks so small
    folder, kept = RunFolder.opened(options.out, options.seed, resume=options.resume)
    env = driving.SpeedAndSteering(driving.open_env(None if options.local else options.uri))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    try:
        run = Run(folder, env, options, kept)
        with Progress(*columns, TimeRemainingColumn()) as bar:
            bar.add_task("steps", total=options.steps, completed=folder.steps)
            while folder.steps < options.steps:
                run.teach(min(options.every, options.steps - folder.steps), bar)
    finally:
        env.close()
    wall_s = round(folder.wall_s, 1)
    print(json.dumps({"out": str(options.out), "steps": folder.steps, "wall_s": wall_s}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    driving.add_where(parser)
    driving.add_training(parser, steps=60_000)
    parser.add_argument("--out", type=Path, default=Path("runs/sac"), help="folder to write into")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    main(parser.parse_args())
