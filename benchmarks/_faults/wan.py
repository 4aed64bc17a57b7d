"""A link over a long way: the learner in one network namespace, the actor in the other."""

from __future__ import annotations

import json

from _faults.checks import timeliness
from _faults.far import HZ, far_actor
from _faults.record import StepRecord, revived
from _faults.row import Bench, Verdict
from links import LinkQuality
from links.servant import Servant

QUALITY = LinkQuality(delay_s=0.02, jitter_s=0.005, loss=0.02)
"""Each way: 40 ms there and back, 10 ms more or less, and 2 % of the packets never arrive."""
IN_TIME_SHARE = 0.99


def run(bench: Bench) -> Verdict:
    """Let the client choose its delay, and drive with it."""
    steps = bench.pick(50, 2400)
    options = {"mode": "fixed_delay"} | ({"measure_s": 1.0} if bench.quick else {})
    with far_actor(QUALITY, bench.seed) as far:
        bench.say(0, 1, f"{steps} steps over {far.what}")
        with Servant("_faults.learner", far.uri, json.dumps(options), within=far.within) as learner:
            found = learner.ask(order="drive", steps=steps, timeout_s=60.0 + 2 * steps / HZ)
    return judge(revived(found["records"]), steps, found["delay_ticks"], far.what)


def judge(steps: list[StepRecord], asked_steps: int, delay_ticks: int, what: str) -> Verdict:
    """Say how many actions were in time."""
    found = timeliness(steps)
    measured = (
        f"k = {delay_ticks} chosen; {found.in_time} of {found.steps} actions "
        f"({100 * found.share:.2f} %) applied at the asked tick, {found.reported} reported late, "
        f"{found.silent} silent; over {what}"
    )
    whole = len(steps) == asked_steps and not any(step.end_reason for step in steps)
    if not whole:
        measured += f"; the episode ended after {len(steps)} steps"
    return Verdict(measured, found.share >= IN_TIME_SHARE and found.silent == 0 and whole)
