#!/usr/bin/env python3
"""What the track costs a tick: finding the place, rays, a whole observation of `racing`.

    uv run python benchmarks/track_features.py [--json]

The floor is beside it: reading and decoding the pages, which every frame costs, and `bridge15`,
which needs no track. Median of several rounds each; the shares are of the floor.
"""

from __future__ import annotations

import argparse
import json
import statistics
import timeit
from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from ac_bridge.control.smoothing import smoothing_named
from ac_bridge.rig import Rig, RigSettings
from ac_bridge.standin import StandinGame
from ac_bridge.telemetry.observation import BRIDGE15, RACING, Observer

ROUNDS, CALLS = 7, 400


def cost_us(call: Callable[[], Any]) -> float:
    """Return what a call takes, in microseconds."""
    call()
    rounds = timeit.repeat(call, number=CALLS, repeat=ROUNDS)
    return statistics.median(rounds) / CALLS * 1e6


def measure() -> dict[str, float]:
    """Return the cost of each part in microseconds."""
    settings = RigSettings(10.0, 60.0, smoothing_named("none"))
    rig = Rig(StandinGame(lockstep=True), settings)
    try:
        for deadline in rig.reset(1, lambda *_: None):
            rig.clock.sleep_until(deadline)
        stream = rig.telemetry_stream()
        frame = rig.sample(stream)
        look, track = rig.look(frame, rig.sent), rig.track
        assert track is not None
        x_m, z_m = track.place(500.0, 1.5)
        place = track.project(x_m, z_m)
        angles = np.radians(np.linspace(-90.0, 90.0, 11))
        offsets = np.arange(10.0, 210.0, 10.0, dtype=np.float64)
        racing, bridge15 = Observer(RACING), Observer(BRIDGE15)
        return {
            "read and decode the pages (floor)": cost_us(lambda: rig.sample(stream)),
            "observation bridge15": cost_us(lambda: bridge15.see(look)),
            "place on the track": cost_us(lambda: track.project(x_m, z_m, place)),
            "place, without a hint": cost_us(lambda: track.project(x_m, z_m)),
            "20 points ahead": cost_us(lambda: track.ahead(500.0, offsets)),
            "11 rays, 100 m": cost_us(lambda: track.rays(x_m, z_m, 0.5, angles, 100.0)),
            "observation racing": cost_us(lambda: racing.see(look)),
        }
    finally:
        rig.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print a JSON object instead")
    as_json = parser.parse_args().json
    costs = measure()
    if as_json:
        print(json.dumps({name: round(us, 2) for name, us in costs.items()}))
        return
    floor = next(iter(costs.values()))
    table = Table("part", "us", "of the floor")
    for name, us in costs.items():
        table.add_row(name, f"{us:.1f}", f"{us / floor:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
