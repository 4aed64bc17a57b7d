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
import csv
import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from stable_baselines3 import SAC
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

import driving
from ac_bridge_client.clock import monotonic_s

BUFFER_STEPS = 200_000
BUFFER_ARRAYS = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")


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


@dataclasses.dataclass
class Run:
    """A training run and its folder.

    Args:
        out: its folder.
        env: what it drives.
        seed: of every draw.
        random_starts: share of the episodes that begin anywhere.
        random_steps: before it learns.
        steps: made so far.
        wall_s: taken so far, in seconds.
        best_s: time of the fastest valid lap, in seconds.
    """

    out: Path
    env: driving.SpeedAndSteering
    seed: int
    random_starts: float
    random_steps: int
    steps: int = 0
    wall_s: float = 0.0
    best_s: float = math.inf

    def __post_init__(self) -> None:
        self.out.mkdir(parents=True, exist_ok=True)
        # A run that goes on draws other numbers than those it has drawn already.
        draws = self.seed if not self.steps else self.seed + self.steps
        self._training = driving.training_env(self.env, draws, self.random_starts)
        self.model = new_model(
            self._training, draws, random_steps=self.random_steps, buffer_steps=BUFFER_STEPS
        )

    def teach(self, steps: int, bar: Progress) -> None:
        """Make so many steps, and learn from each; then drive a lap, and write all down."""
        began = monotonic_s()
        self.model.set_env(self._training, force_reset=True)  # the lap has moved the car
        self.model.learn(steps, callback=Advance(bar), reset_num_timesteps=self.steps == 0)
        self.steps += steps
        taught_s = monotonic_s() - began
        lap = driving.drive_lap(self.env, policy_of(self.model))
        self.wall_s += monotonic_s() - began
        row = {
            "steps": self.steps,
            "wall_s": round(self.wall_s, 1),
            "steps_per_s": round(steps / taught_s, 1),
            "ceiling_kmh": round(self.env.ceiling_kmh, 1),
            **dataclasses.asdict(lap),
        }
        self._write_down(row)
        bar.console.print(
            f"{self.steps} steps, {self.wall_s / 60:.1f} min, ceiling "
            f"{self.env.ceiling_kmh:.0f} km/h: {lap}"
        )
        if lap.valid and lap.lap_s is not None and lap.lap_s < self.best_s:
            self.best_s = lap.lap_s
            self._write("best.pt", self._kept())
        if lap.valid:
            self.env.raise_ceiling()
        self.save()

    def _write_down(self, row: dict[str, Any]) -> None:
        path = self.out / "progress.csv"
        is_new = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, row)
            if is_new:
                writer.writeheader()
            writer.writerow(row)

    def save(self) -> None:
        """Write everything that going on needs."""
        buffer = self.model.replay_buffer
        rows = buffer.size()
        arrays = {name: getattr(buffer, name)[:rows] for name in BUFFER_ARRAYS}
        with (self.out / "buffer.npz.new").open("wb") as file:
            np.savez(file, pos=buffer.pos, full=buffer.full, **arrays)
        (self.out / "buffer.npz.new").replace(self.out / "buffer.npz")
        self._write("policy.pt", self._kept())

    def _kept(self) -> dict[str, Any]:
        return {
            "weights": self.model.get_parameters(),
            "log_ent_coef": self.model.log_ent_coef.data,
            "updates": self.model._n_updates,
            "ceiling_kmh": self.env.ceiling_kmh,
            "seed": self.seed,
            "steps": self.steps,
            "wall_s": self.wall_s,
            "best_s": self.best_s,
        }

    def _write(self, name: str, kept: dict[str, Any]) -> None:
        """Write a file so that a kill at any moment leaves the old one or the new one."""
        torch.save(kept, self.out / f"{name}.new")
        (self.out / f"{name}.new").replace(self.out / name)

    def restore(self, kept: dict[str, Any]) -> None:
        """Go on where a run of this folder was saved."""
        apply(self.model, kept)
        with np.load(self.out / "buffer.npz", allow_pickle=False) as arrays:
            buffer = self.model.replay_buffer
            buffer.pos, buffer.full = int(arrays["pos"]), bool(arrays["full"])
            for name in BUFFER_ARRAYS:
                getattr(buffer, name)[: len(arrays[name])] = arrays[name]
        self.env.ceiling_kmh = kept["ceiling_kmh"]


def apply(model: SAC, kept: dict[str, Any]) -> None:
    """Give an agent what another had learned."""
    model.set_parameters(kept["weights"])
    model.log_ent_coef.data.copy_(kept["log_ent_coef"])
    model._n_updates = kept["updates"]
    model.num_timesteps = kept["steps"]


def read_kept(out: Path, *names: str) -> dict[str, Any]:
    """Return the first of these files that a run has saved; numbers alone, never code."""
    found = [out / name for name in names if (out / name).exists()]
    if not found:
        raise SystemExit(f"There is no {names[-1]} in {out}: nothing was saved there yet.")
    path = found[0]
    try:
        kept: dict[str, Any] = torch.load(path, weights_only=True)
    except Exception as error:
        raise SystemExit(f"{path} is no policy of train_sac.py, or is damaged: {error}") from error
    return kept


def main(options: argparse.Namespace) -> None:
    """Train."""
    if not options.resume and (options.out / "progress.csv").exists():
        raise SystemExit(f"{options.out} has a run already: --resume it, or give another --out.")
    torch.set_num_threads(1)  # more are slower with networks so small
    kept = read_kept(options.out, "policy.pt") if options.resume else None
    env = driving.SpeedAndSteering(driving.open_env(None if options.local else options.uri))
    past = {name: kept[name] for name in ("steps", "wall_s", "best_s")} if kept else {}
    seed = kept["seed"] if kept else options.seed
    run = Run(options.out, env, seed, options.random_starts, options.random_steps, **past)
    if kept:
        run.restore(kept)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    try:
        with Progress(*columns, TimeRemainingColumn()) as bar:
            bar.add_task("steps", total=options.steps, completed=run.steps)
            while run.steps < options.steps:
                run.teach(min(options.every, options.steps - run.steps), bar)
    finally:
        env.close()
    print(json.dumps({"out": str(options.out), "steps": run.steps, "wall_s": round(run.wall_s, 1)}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    driving.add_where(parser)
    driving.add_training(parser, steps=60_000)
    parser.add_argument("--out", type=Path, default=Path("runs/sac"), help="folder to write into")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    main(parser.parse_args())
