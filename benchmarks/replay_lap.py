"""Does a recorded lap replay to what the learner saw, and how fast?

    uv run python benchmarks/replay_lap.py [--json]

A driver takes the stand-in round a whole lap in lockstep, and its environment records. The file is
then replayed at full speed by a process of its own, to another environment that drives with other
actions, in both codecs. Every observation, reward, flag and info must be the same, but for what a
replay says of itself: the receipt's `replayed` and `tick_applied`, the number of the episode, and
that the recording ends with its last step. Fails if anything else differs.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from ac_bridge.cli.actor import READY
from ac_bridge.cli.child import actor_process
from ac_bridge.clock import SystemClock
from ac_bridge_client import RemoteEnv
from ac_bridge_client.drivers import LineDriver

CODECS = ("msgpack", "json")
SEED = 1
MOST_STEPS = 3000
REPLAYED = {"replayed": True, "tick_applied": None}
"""What a replay's receipt says of itself."""
OWN = ("receipt", "episode", "end_reason")
"""What of an info is compared by itself, or not at all."""

Returned = tuple[Any, ...]
CLOCK = SystemClock()


def record_lap(path: Path) -> list[Returned]:
    """Drive a lap and record it; return what the environment gave."""
    with (
        actor_process("--lockstep", "--game", "standin", "--log-level", "error") as uri,
        contextlib.closing(RemoteEnv(uri, observation="racing", record=path)) as env,
    ):
        driver = LineDriver(env.env_spec)
        returned: list[Returned] = [env.reset(seed=SEED)]
        while len(returned) <= MOST_STEPS and not returned[-1][-1]["completed_laps"]:
            returned.append(env.step(driver.act(returned[-1][0])))
    return returned


@contextlib.contextmanager
def replay_process(path: Path) -> Iterator[str]:
    """Replay a recording at full speed; give the address."""
    command = [sys.executable, "-m", "ac_bridge.cli", "replay", str(path), "--speed", "max"]
    options = ["--listen", "127.0.0.1:0", "--log-level", "error", "--with-parent"]
    with subprocess.Popen(
        [*command, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().removeprefix(READY).strip()
        process.communicate()  # closes its input, which ends it


def replay_lap(path: Path, codec: str) -> tuple[list[Returned], float]:
    """Drive the replay to its end with an action of its own; return it, and its steps a second."""
    with (
        replay_process(path) as uri,
        contextlib.closing(RemoteEnv(uri, codec=codec, observation="racing")) as env,
    ):
        began_s = CLOCK.now()
        returned: list[Returned] = [env.reset(seed=SEED)]
        over = False
        while not over:
            returned.append(env.step([0.5, 0.0, 1.0]))
            over = returned[-1][2] or returned[-1][3]
        return returned, (len(returned) - 1) / (CLOCK.now() - began_s)


def differences(replayed: list[Returned], recorded: list[Returned]) -> list[str]:
    """Return what differs that may not, as places in the drive."""
    found = []
    if len(replayed) != len(recorded):
        found.append(f"{len(replayed)} results, not {len(recorded)}")
    for number, (one, other) in enumerate(zip(replayed, recorded, strict=False)):
        last = number == len(recorded) - 1
        if not np.array_equal(one[0], other[0]):
            found.append(f"observation {number}")
        if not last and one[1:-1] != other[1:-1]:
            found.append(f"reward or flags {number}")
        info, expected = one[-1], other[-1]
        if "receipt" in expected and info["receipt"] != expected["receipt"].model_copy(
            update=REPLAYED
        ):
            found.append(f"receipt {number}")
        if any(info.get(name) != expected[name] for name in expected if name not in OWN):
            found.append(f"info {number}")
    return found


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object and nothing else"
    )
    as_json = parser.parse_args().json
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lap.mcap"
        recorded = record_lap(path)
        for codec in CODECS:
            replayed, steps_per_s = replay_lap(path, codec)
            found = differences(replayed, recorded)
            rows.append({"codec": codec, "steps_per_s": steps_per_s, "differences": found})
        result = {
            "steps": len(recorded) - 1,
            "size_mb": path.stat().st_size / 1e6,
            "replays": rows,
        }
    if as_json:
        sys.stdout.write(json.dumps(result) + "\n")
    else:
        show(result)
    return 1 if any(row["differences"] for row in rows) else 0


def show(result: dict[str, Any]) -> None:
    """Print a table."""
    table = Table(title=f"{result['steps']} steps of a lap, {result['size_mb']:.1f} MB")
    for name in ("codec", "steps/s", "differences"):
        table.add_column(name)
    for row in result["replays"]:
        found = row["differences"]
        table.add_row(row["codec"], f"{row['steps_per_s']:.0f}", ", ".join(found[:5]) or "none")
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
