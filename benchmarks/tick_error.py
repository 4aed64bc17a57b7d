"""How punctual are the ticks, and does anything drift or burst?

    uv run python benchmarks/tick_error.py [--seconds 60] [--hz 60] [--json]

Drives the stand-in in real time through `RemoteEnv`, actor in a process of its own, and beside it,
in the same run, prints the floor: a bare `time.sleep` loop on the same absolute schedule in this
process. Tick error is how long after its scheduled moment a tick was sampled.
"""

from __future__ import annotations

import argparse
import itertools
import json
from typing import Any

from rich.console import Console
from rich.table import Table

from ac_bridge.cli.child import actor_process
from ac_bridge.clock import SystemClock
from ac_bridge.pacing import Ticker, TickStats, percentile
from ac_bridge_client import RemoteEnv


def measure_floor(hz: float, seconds: float) -> TickStats:
    """Wait for ticks and do nothing else."""
    ticker = Ticker(hz, SystemClock())
    for _ in range(round(hz * seconds)):
        ticker.wait()
    return ticker.stats


def measure_actor(hz: float, seconds: float) -> dict[str, Any]:
    """Step a remote environment at every tick; return what its receipts and frames say."""
    ticks: list[int] = []
    errors: list[float] = []
    walls: list[float] = []
    missed = held = 0
    options = ("--control-hz", str(hz), "--telemetry-hz", "60", "--log-level", "error")
    with actor_process(*options) as uri:
        env = RemoteEnv(uri)
        _, info = env.reset()
        began = info["t_wall"]
        while not ticks or ticks[-1] < hz * seconds:
            *_, info = env.step([0.0, 0.2, 0.0])
            receipt = info["receipt"]
            ticks.append(receipt.tick)
            errors.append(receipt.tick_error_s)
            walls.append(info["t_wall"])
            missed += receipt.ticks_missed
            held += receipt.ticks_held
        env.close()
    gaps = [later - earlier for earlier, later in itertools.pairwise(walls)]
    return {
        "ticks": ticks[-1],
        "steps": len(ticks),
        "missed": missed,
        "held": held,
        "tick_error_us": _us(errors),
        # After all those ticks, how far is the last frame from where the schedule wants it?
        "drift_us": round((walls[-1] - began - ticks[-1] / hz) * 1e6, 1),
        "shortest_gap_share": round(min(gaps) * hz, 3),
    }


def _us(values: list[float]) -> dict[str, float]:
    shares = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    return {name: round(percentile(values, share) * 1e6, 1) for name, share in shares.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--hz", type=float, default=60.0)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    actor = measure_actor(options.hz, options.seconds)
    floor = measure_floor(options.hz, min(options.seconds, 10.0)).summary()
    if options.json:
        print(json.dumps({"actor": actor, "floor": floor}))
        return
    table = Table(title=f"{options.seconds:g} s of control at {options.hz:g} Hz, real time")
    for column in ("", "p50 us", "p99 us", "max us", "ticks", "missed"):
        table.add_column(column, justify="right" if column else "left")
    errors = actor["tick_error_us"]
    table.add_row(
        "tick error, actor",
        *(f"{errors[name]:.0f}" for name in ("p50", "p99", "max")),
        f"{actor['ticks']}",
        f"{actor['missed']}",
    )
    table.add_row(
        "tick error, bare sleep",
        *(f"{floor[name]:.0f}" for name in ("p50_us", "p99_us", "max_us")),
        f"{floor['ticks']:.0f}",
        f"{floor['missed']:.0f}",
    )
    console = Console()
    console.print(table)
    console.print(
        f"Drift after {actor['ticks']} ticks: {actor['drift_us']:.0f} us. Shortest gap between two "
        f"frames: {actor['shortest_gap_share']:.2f} of a period. Ticks without a new action: "
        f"{actor['held']}."
    )


if __name__ == "__main__":
    main()
