"""A learner in a process of its own: does what its standard input says, prints what came of it.

Its input is a JSON list of attempts: ``uri``, ``options`` of `RemoteEnv`, and ``laps``. Its output
is a list of what became of each: ``error``, or the lap's figures.
"""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Any

from ac_bridge.standin import default_circuit
from ac_bridge_client import RemoteEnv
from ac_bridge_client.drivers import LineDriver
from ac_bridge_client.laps import drive_laps
from ac_bridge_protocol.errors import ACBridgeError

STEPS_A_LAP = 2400


def attempt(uri: str, options: dict[str, Any], laps: int) -> dict[str, Any]:
    """Connect and drive; return what came of it."""
    circuit = default_circuit()
    try:
        with contextlib.closing(RemoteEnv(uri, connect_timeout_s=15.0, **options)) as env:
            driver = LineDriver(
                circuit.centreline(),
                half_width_m=circuit.half_width_m,
                control_hz=env.env_spec.control_hz,
            )
            if laps == 0:
                _, info = env.reset(seed=1)
                *_, info = env.step(driver.act(info))
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
