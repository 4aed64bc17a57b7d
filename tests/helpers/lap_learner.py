"""A learner in a process of its own: does what its standard input says, prints what came of it.

Its input is a JSON list of attempts: ``uri``, ``options`` of `RemoteEnv`, and ``laps``. Its output
is a list of what became of each: ``error``, or the lap's figures.
"""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Any

from ac_bridge_client import RemoteEnv
from ac_bridge_client.drivers import LineDriver
from ac_bridge_client.laps import drive_laps
from ac_bridge_protocol.errors import ACBridgeError

STEPS_A_LAP = 2400


def _env(uri: str, options: dict[str, Any]) -> RemoteEnv:
    return RemoteEnv(uri, observation="racing", connect_timeout_s=15.0, **options)


def attempt(uri: str, options: dict[str, Any], laps: int) -> dict[str, Any]:
    """Connect and drive; return what came of it."""
    try:
        with contextlib.closing(_env(uri, options)) as env:
            driver = LineDriver(env.env_spec)
            if laps == 0:
                observation, info = env.reset(seed=1)
                *_, info = env.step(driver.act(observation))
                return {"steps": info["receipt"].action_id + 1}
            report = drive_laps(env, driver, laps, seed=1, max_steps=laps * STEPS_A_LAP)
    except ACBridgeError as error:
        return {"error": type(error).__name__, "message": error.message, "hint": error.hint}
    return {
        "complete": report.complete(laps),
        "lap_times_s": report.lap_times_s,
        "steps": report.steps,
        "end_reason": report.end_reason,
    }


if __name__ == "__main__":
    json.dump([attempt(**one) for one in json.load(sys.stdin)], sys.stdout)
