"""Drives laps with a policy that examples/train_sac.py has taught, and prints their times.

    uv run ac-bridge actor --lockstep --telemetry-hz 20 --smoothing none
    uv run --extra train python examples/evaluate.py runs/wire_1 --laps 3 --record lap.mcap

Without actor and network, beside the line driver, which has learned nothing; or for programs:

    uv run --extra train python examples/evaluate.py runs/local_1 --local --baseline
    uv run --extra train python examples/evaluate.py runs/local_1 --local --json
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

import driving
import run_folder
import train_sac
from ac_bridge_client.drivers import LineDriver

FILES = ["best.pt", "policy.pt"]


def laps_of(options: argparse.Namespace) -> list[tuple[str, driving.Lap]]:
    """Drive, and return who drove each lap and how it went."""
    kept = run_folder.read_kept(options.run, *(["policy.pt"] if options.newest else FILES))
    env = driving.open_env(None if options.local else options.uri, options.record)
    try:
        pupil = driving.SpeedAndSteering(env)
        pupil.ceiling_kmh = options.ceiling_kmh or kept["ceiling_kmh"]
        model = train_sac.new_model(pupil, seed=0)
        run_folder.apply(model, kept)
        policy = train_sac.policy_of(model)
        seeds = range(options.seed, options.seed + options.laps)
        laps = [(options.run.name, driving.drive_lap(pupil, policy, seed)) for seed in seeds]
        if options.baseline:
            driver = LineDriver(env.get_wrapper_attr("env_spec"))
            laps.append(("line driver", driving.drive_lap(env, driver.act, options.seed)))
        return laps
    finally:
        env.close()


def show(laps: list[tuple[str, driving.Lap]]) -> None:
    """Print a table."""
    table = Table("driver", "lap", "result", "distance", "mean speed")
    for number, (name, lap) in enumerate(laps, 1):
        table.add_row(
            name, str(number), str(lap), f"{lap.distance_m:.0f} m", f"{lap.mean_kmh:.0f} km/h"
        )
    Console().print(table)


def main(options: argparse.Namespace) -> None:
    """Evaluate."""
    torch.set_num_threads(1)
    laps = laps_of(options)
    if options.json:
        print(json.dumps([{"driver": name, **dataclasses.asdict(lap)} for name, lap in laps]))
    else:
        show(laps)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="folder that train_sac.py wrote")
    driving.add_where(parser)
    parser.add_argument("--laps", type=int, default=1, help="how many, each from the line")
    parser.add_argument("--seed", type=int, default=1, help="of the first lap")
    parser.add_argument(
        "--ceiling-kmh", type=float, help="of the speed; the run's own unless given"
    )
    parser.add_argument("--newest", action="store_true", help="policy, not the one of the best lap")
    parser.add_argument("--baseline", action="store_true", help="and one lap of the line driver")
    parser.add_argument("--record", help="a file to record into; not with --local")
    parser.add_argument("--json", action="store_true", help="for programs")
    given = parser.parse_args()
    if given.local and given.record:
        parser.error("--record is of what the wire says: not with --local.")
    main(given)
