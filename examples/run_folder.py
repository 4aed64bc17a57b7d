"""A training run's folder: a log of its laps, and all that going on needs. Numbers, never code."""

from __future__ import annotations

import csv
import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3 import SAC

import driving

BUFFER_ARRAYS = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")


@dataclasses.dataclass
class RunFolder:
    """Where a run writes what it has come to.

    Args:
        out: the folder.
        seed: of every draw.
        steps: made so far.
        wall_s: taken so far, in seconds.
        best_s: time of the fastest valid lap, in seconds.
    """

    out: Path
    seed: int
    steps: int = 0
    wall_s: float = 0.0
    best_s: float = math.inf

    @classmethod
    def opened(cls, out: Path, seed: int, *, resume: bool) -> tuple[RunFolder, dict[str, Any]]:
        """Return a run's folder, and what was saved there; nothing unless it is to go on."""
        if not resume and (out / "progress.csv").exists():
            raise SystemExit(f"{out} has a run already: --resume it, or give another --out.")
        out.mkdir(parents=True, exist_ok=True)
        if not resume:
            return cls(out, seed), {}
        kept = read_kept(out, "policy.pt")
        return cls(out, *(kept[name] for name in ("seed", "steps", "wall_s", "best_s"))), kept

    @property
    def draws(self) -> int:
        """A seed: a run that goes on draws other numbers than those it has drawn already."""
        return self.seed + self.steps

    def note(self, lap: driving.Lap, steps_per_s: float, model: SAC, ceiling_kmh: float) -> str:
        """Write a lap into the log, keep the policy if it is the fastest, and say how it went."""
        row = {
            "steps": self.steps,
            "wall_s": round(self.wall_s, 1),
            "steps_per_s": round(steps_per_s, 1),
            "ceiling_kmh": round(ceiling_kmh, 1),
            **dataclasses.asdict(lap),
        }
        path = self.out / "progress.csv"
        is_new = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, row)
            if is_new:
                writer.writeheader()
            writer.writerow(row)
        if lap.valid and lap.lap_s is not None and lap.lap_s < self.best_s:
            self.best_s = lap.lap_s
            self._write("best.pt", self._kept(model, ceiling_kmh))
        minutes = self.wall_s / 60
        return f"{self.steps} steps, {minutes:.1f} min, ceiling {ceiling_kmh:.0f} km/h: {lap}"

    def save(self, model: SAC, ceiling_kmh: float) -> None:
        """Write everything that going on needs."""
        buffer = model.replay_buffer
        rows = buffer.size()
        arrays = {name: getattr(buffer, name)[:rows] for name in BUFFER_ARRAYS}
        with (self.out / "buffer.npz.new").open("wb") as file:
            np.savez(file, pos=buffer.pos, full=buffer.full, **arrays)
        (self.out / "buffer.npz.new").replace(self.out / "buffer.npz")
        self._write("policy.pt", self._kept(model, ceiling_kmh))

    def restore(self, model: SAC, kept: dict[str, Any]) -> None:
        """Give an agent what it had learned and met when it was saved."""
        apply(model, kept)
        with np.load(self.out / "buffer.npz", allow_pickle=False) as arrays:
            buffer = model.replay_buffer
            buffer.pos, buffer.full = int(arrays["pos"]), bool(arrays["full"])
            for name in BUFFER_ARRAYS:
                getattr(buffer, name)[: len(arrays[name])] = arrays[name]

    def _kept(self, model: SAC, ceiling_kmh: float) -> dict[str, Any]:
        return {
            "weights": model.get_parameters(),
            "log_ent_coef": model.log_ent_coef.data,
            "updates": model._n_updates,
            "ceiling_kmh": ceiling_kmh,
            "seed": self.seed,
            "steps": self.steps,
            "wall_s": self.wall_s,
            "best_s": self.best_s,
        }

    def _write(self, name: str, kept: dict[str, Any]) -> None:
        """Write a file so that a kill at any moment leaves the old one or the new one."""
        torch.save(kept, self.out / f"{name}.new")
        (self.out / f"{name}.new").replace(self.out / name)


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
        raise SystemExit(f"{path} is no policy of a run, or is damaged: {error}") from error
    return kept
