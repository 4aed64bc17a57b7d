#!/usr/bin/env python3
"""What the wire costs an agent that learns: steps a second with an actor, and in process.

    uv run python benchmarks/wire_cost.py [--blocks 12] [--json]

The environment of the learning examples either way, observation `racing`, in lockstep, driven by
the line driver in turns of 400 steps, so that whatever else the machine does meets both. A gradient
step of soft actor-critic takes some ten milliseconds beside it; with the extra `train` it is
measured, too, and the share of the whole is printed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import sys
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from ac_bridge.cli.child import actor_process
from ac_bridge_client.clock import monotonic_s
from ac_bridge_client.drivers import LineDriver

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

from driving import SpeedAndSteering, open_env

STEPS = 400
ACTOR = ("--game", "standin", "--lockstep", "--telemetry-hz", "20", "--smoothing", "none")
GRADIENT_STEPS = 50


class Drive:
    """An environment that is driven on and on."""

    def __init__(self, uri: str | None) -> None:
        self.env = open_env(uri)
        self._driver = LineDriver(self.env.get_wrapper_attr("env_spec"))
        self._observation, _ = self.env.reset(seed=1)

    def block_ms(self) -> float:
        """Return what a step took, the mean of a block, in milliseconds."""
        began_s = monotonic_s()
        for _ in range(STEPS):
            action = self._driver.act(self._observation)
            self._observation, _, terminated, truncated, _ = self.env.step(action)
            if terminated or truncated:
                self._observation, _ = self.env.reset(seed=1)
        return (monotonic_s() - began_s) / STEPS * 1e3


def gradient_step_ms(env: Any) -> float | None:
    """Return what a gradient step of the examples' agent takes; None without the extra."""
    if importlib.util.find_spec("stable_baselines3") is None:
        return None
    import torch

    import train_sac

    torch.set_num_threads(1)
    model = train_sac.new_model(SpeedAndSteering(env), seed=0, random_steps=200, buffer_steps=1000)
    model.learn(200)
    began_s = monotonic_s()
    model.train(GRADIENT_STEPS, batch_size=model.batch_size)
    return (monotonic_s() - began_s) / GRADIENT_STEPS * 1e3


def measure(blocks: int) -> dict[str, float | None]:
    """Return medians, in milliseconds a step."""
    with actor_process(*ACTOR, "--log-level", "error") as uri:
        wire, local = Drive(uri), Drive(None)
        pairs = [(wire.block_ms(), local.block_ms()) for _ in range(blocks)]
        gradient_ms = gradient_step_ms(local.env)
        wire.env.close()
        local.env.close()
    wire_ms, local_ms = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = float(np.median([over / within for over, within in pairs]))
    return {
        "wire_ms": wire_ms,
        "local_ms": local_ms,
        "ratio": ratio,
        "gradient_ms": gradient_ms,
        "training_ratio": None
        if gradient_ms is None
        else (wire_ms + gradient_ms) / (local_ms + gradient_ms),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--blocks", type=int, default=12, help="pairs of turns")
    parser.add_argument("--json", action="store_true", help="print a JSON object instead")
    options = parser.parse_args()
    found = measure(options.blocks)
    if options.json:
        print(json.dumps({name: value and round(value, 3) for name, value in found.items()}))
        return
    table = Table("a step", "ms", "steps a second")
    rows = {"over the wire": "wire_ms", "in process": "local_ms", "gradient step": "gradient_ms"}
    for name, key in rows.items():
        if (value_ms := found[key]) is not None:
            table.add_row(name, f"{value_ms:.2f}", f"{1000 / value_ms:.0f}")
    Console().print(table)
    print(f"Over the wire a step takes {found['ratio']:.2f} x as long.")
    if found["training_ratio"] is not None:
        print(f"With a gradient step to each: {found['training_ratio']:.2f} x.")


if __name__ == "__main__":
    main()
