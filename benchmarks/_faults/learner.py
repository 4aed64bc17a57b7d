"""A learner in a process of its own, which does as it is told.

It can be killed, and put into a network namespace.

Run as `_faults.learner URI`, and perhaps more arguments of `RemoteEnv` as JSON.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import sys
from typing import Any

from _faults.record import NoTask, coded, record
from _faults.scene import FLAT_OUT, drive_off
from ac_bridge.clock import SystemClock
from ac_bridge_client import RemoteEnv
from links.servant import orders, say


def flat_out(env: RemoteEnv, until_kmh: float) -> None:
    """Drive off and tell when the car is fast; then go on for ever."""
    drive_off(env, until_kmh=until_kmh)
    say(moving=True)
    while True:
        env.step(FLAT_OUT)


def drive(env: RemoteEnv, steps: int) -> dict[str, Any]:
    """Drive coded actions; return every step's record."""
    clock = SystemClock()
    _, info = env.reset()
    episode = info["episode"]
    records = []
    for number in itertools.count():
        *_, truncated, info = env.step(coded(number))
        records.append(dataclasses.astuple(record(number, episode, info, clock.now())))
        if truncated or number + 1 == steps:
            return {"records": records, "delay_ticks": env.env_spec.delay_ticks}
    raise AssertionError


def main() -> None:
    """Connect, and do as told."""
    more = json.loads(sys.argv[2]) if len(sys.argv) > 2 else {}
    env = RemoteEnv(sys.argv[1], task=NoTask(), **more)
    say(ready=True)
    for order in orders():
        if order["order"] == "flat_out":
            flat_out(env, order["until_kmh"])
        else:
            say(**drive(env, order["steps"]))
    env.close()


if __name__ == "__main__":
    main()
