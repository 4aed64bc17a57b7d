"""How punctual are the ticks, does anything drift or burst, and what does asking for it bring?

    uv run python benchmarks/tick_error.py [--seconds 60] [--hz 60] [--blocks 4] [--json]

Drives the stand-in in real time through `RemoteEnv`, actor in a process of its own, in blocks by
turns: as it is, asking the system for punctuality and keeping the garbage collector out of the
ticks, and left alone. Beside them, in the same run, the floors: a bare `time.sleep` loop on the
same absolute schedule in this process, again with and without asking. Tick error is how long after
its scheduled moment a tick was sampled.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import itertools
import json
import logging
import math
import multiprocessing
from collections.abc import Callable, Iterator
from typing import Any

import structlog
from rich.console import Console
from rich.table import Table

from ac_bridge.clock import SystemClock
from ac_bridge.machine.collector import GcKeeper
from ac_bridge.machine.punctual import Punctuality
from ac_bridge.pacing import Ticker, percentile
from ac_bridge.server import app
from ac_bridge.settings import ActorSettings
from ac_bridge_client import RemoteEnv

READY_TIMEOUT_S = 30.0


class NoPunctuality(Punctuality):
    """Asks for nothing."""

    def __init__(self, **_: object) -> None:
        super().__init__(measures=())


class NoKeeper(GcKeeper):
    """Leaves the collector as Python has it."""

    def __enter__(self) -> NoKeeper:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def after_work(self, pause_s: float = math.inf) -> None:
        """Nothing."""


def serve(hz: float, asking: bool, on_ready: Callable[[int], None]) -> None:
    """Run an actor on the stand-in until it is told to end.

    Args:
        hz: its control rate.
        asking: whether it does what it can to be punctual.
        on_ready: told its port.
    """
    if not asking:
        app.Punctuality = NoPunctuality  # type: ignore[attr-defined]
        app.GcKeeper = NoKeeper  # type: ignore[attr-defined]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    settings = ActorSettings(
        game="standin", listen="127.0.0.1:0", control_hz=hz, telemetry_hz=60.0, smoothing="moderate"
    )
    app.run_actor(settings, on_ready)


@contextlib.contextmanager
def actor(hz: float, *, asking: bool) -> Iterator[str]:
    """Start an actor in a process of its own and give its address."""
    spawn = multiprocessing.get_context("spawn")
    receiver, sender = spawn.Pipe(duplex=False)
    process = spawn.Process(target=serve, args=(hz, asking, sender.send))
    process.start()
    try:
        if not receiver.poll(READY_TIMEOUT_S):
            raise SystemExit("the actor did not come up")
        yield f"ws://127.0.0.1:{receiver.recv()}"
    finally:
        process.terminate()
        process.join()


def measure_actor(hz: float, seconds: float, *, asking: bool) -> dict[str, Any]:
    """Step a remote environment at every tick; return what its receipts and frames say."""
    ticks: list[int] = []
    errors: list[float] = []
    walls: list[float] = []
    missed = held = 0
    with actor(hz, asking=asking) as uri:
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
        "missed": missed,
        "held": held,
        "errors_s": errors,
        # After all those ticks, how far is the last frame from where the schedule wants it?
        "drift_us": round((walls[-1] - began - ticks[-1] / hz) * 1e6, 1),
        "shortest_gap_share": round(min(gaps) * hz, 3),
    }


def measure_floor(hz: float, seconds: float, *, asking: bool) -> dict[str, Any]:
    """Wait for ticks and do nothing else."""
    errors: list[float] = []
    clock = SystemClock()
    with Punctuality() if asking else contextlib.nullcontext():
        gc.collect()
        ticker = Ticker(hz, clock)
        for _ in range(round(hz * seconds)):
            tick = ticker.wait()
            errors.append(clock.now() - tick.at_s)
    return {"ticks": len(errors), "missed": ticker.stats.missed, "errors_s": errors}


def in_blocks(
    block: Callable[..., dict[str, Any]], hz: float, seconds: float, blocks: int
) -> dict[str, dict[str, Any]]:
    """Measure with and without asking by turns; return both, their blocks joined."""
    taken: dict[str, list[dict[str, Any]]] = {"asking": [], "left alone": []}
    for index in range(2 * blocks):
        # Neither always comes first: the order turns around from pair to pair.
        name = ("asking", "left alone")[(index + index // 2) % 2]
        taken[name].append(block(hz, seconds / blocks, asking=name == "asking"))
    return {name: joined(results) for name, results in taken.items()}


def joined(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return several blocks as one."""
    errors = [error for result in results for error in result["errors_s"]]
    shares = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    summary: dict[str, Any] = {
        "tick_error_us": {n: round(percentile(errors, s) * 1e6, 1) for n, s in shares.items()}
    }
    # Whatever else the machine did in one block does not show in the median of all.
    by_block = [percentile(result["errors_s"], 0.99) for result in results]
    summary["tick_error_us"]["block_p99"] = round(percentile(by_block, 0.5) * 1e6, 1)
    for name in ("ticks", "missed", "held"):
        if name in results[0]:
            summary[name] = sum(result[name] for result in results)
    if "drift_us" in results[0]:
        summary["drift_us"] = max((result["drift_us"] for result in results), key=abs)
        summary["shortest_gap_share"] = min(result["shortest_gap_share"] for result in results)
    return summary


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="of each of the two ways")
    parser.add_argument("--hz", type=float, default=60.0)
    parser.add_argument("--blocks", type=int, default=4, help="in which each is measured")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    found = {
        "actor": in_blocks(measure_actor, options.hz, options.seconds, options.blocks),
        "bare sleep": in_blocks(
            measure_floor, options.hz, min(options.seconds, 12.0), options.blocks
        ),
    }
    if options.json:
        print(json.dumps({"hz": options.hz, "seconds": options.seconds} | found))
        return
    show(found, options.seconds, options.hz)


def show(found: dict[str, dict[str, dict[str, Any]]], seconds: float, hz: float) -> None:
    """Print the table and what the actor's ticks add up to."""
    table = Table(title=f"{seconds:g} s of control at {hz:g} Hz each, real time; us")
    for column in ("tick error", "p50", "p99", "max", "p99 of a block", "ticks", "missed"):
        table.add_column(column, justify="left" if column == "tick error" else "right")
    for what, ways in found.items():
        for way, result in ways.items():
            errors = (f"{error:.0f}" for error in result["tick_error_us"].values())
            table.add_row(f"{what}, {way}", *errors, f"{result['ticks']}", f"{result['missed']}")
    console = Console()
    console.print(table)
    asking = found["actor"]["asking"]
    console.print(
        f"Largest drift over a block: {asking['drift_us']:.0f} us. Shortest gap between two "
        f"frames: {asking['shortest_gap_share']:.2f} of a period. Ticks without a new action: "
        f"{asking['held']}."
    )


if __name__ == "__main__":
    main()
