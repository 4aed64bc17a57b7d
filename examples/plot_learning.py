"""Draws what training runs have learned: lap times over steps and over time.

uv run --extra train python examples/plot_learning.py runs/* --out learning.png
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt


def rows_of(run: Path) -> list[dict[str, str]]:
    """Return the lines of a run's progress.csv."""
    with (run / "progress.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def draw(runs: list[Path], out: Path, baseline_s: float | None) -> None:
    """Draw distance and lap time over steps, and lap time over wall time."""
    figure, (metres, by_steps, by_time) = plt.subplots(1, 3, figsize=(15, 4.5))
    for number, run in enumerate(runs):
        rows = rows_of(run)
        style: dict[str, Any] = {
            "color": f"C{number}",
            "linestyle": ("-", "--")[number % 2],
            "label": run.name,
            "alpha": 0.8,
            "linewidth": (3.5, 1.5)[number % 2],  # so that two that are the same are both seen
        }
        steps = [int(row["steps"]) / 1000 for row in rows]
        metres.plot(steps, [float(row["distance_m"]) for row in rows], marker=".", **style)
        valid = [row for row in rows if row["valid"] == "True"]
        lap_s = [float(row["lap_s"]) for row in valid]
        by_steps.plot([int(row["steps"]) / 1000 for row in valid], lap_s, marker="o", **style)
        by_time.plot([float(row["wall_s"]) / 60 for row in valid], lap_s, marker="o", **style)
    metres.set(title="Driven from the line, at most a lap", xlabel="1000 steps", ylabel="m")
    by_steps.set(title="Valid laps", xlabel="1000 steps", ylabel="lap time, s")
    by_time.set(title="Valid laps", xlabel="minutes of wall time", ylabel="lap time, s")
    for axes in (by_steps, by_time):
        if baseline_s is not None:
            axes.axhline(baseline_s, color="grey", linewidth=1, label="line driver")
        axes.set_ylim(bottom=0)
    for axes in (metres, by_steps, by_time):
        axes.grid(alpha=0.3)
        axes.legend()
    figure.tight_layout()
    figure.savefig(out, dpi=110)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+", help="folders that train_sac.py wrote")
    parser.add_argument("--out", type=Path, default=Path("learning.png"), help="PNG or SVG")
    parser.add_argument("--baseline-s", type=float, help="a lap time to compare with, in seconds")
    options = parser.parse_args()
    draw(options.runs, options.out, options.baseline_s)
    print(options.out)
