"""A link over a long way: the learner in one network namespace, the actor in the other."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator
from typing import Any, cast

from _faults.checks import timeliness
from _faults.record import StepRecord
from _faults.row import Bench, Verdict
from _faults.scene import port_of, start_actor
from links import LinkQuality, ProxyLink, RightsMissingError, TunLink
from links.servant import Servant

HZ = 20.0
QUALITY = LinkQuality(delay_s=0.02, jitter_s=0.005, loss=0.02)
"""Each way: 40 ms there and back, 10 ms more or less, and 2 % of the packets never arrive."""
ACTOR = ("--game", "standin", "--real-time", "--control-hz", f"{HZ:g}", "--smoothing", "none")
IN_TIME_SHARE = 0.99


def run(bench: Bench) -> Verdict:
    """Let the client choose its delay, and drive with it."""
    steps = bench.pick(60, 2400)
    options = {"mode": "fixed_delay"} | ({"measure_s": 1.5} if bench.quick else {})
    with bad_network(bench.seed) as (uri, within, what):
        bench.say(0, 1, f"{steps} steps over {what}")
        with Servant("_faults.learner", uri, json.dumps(options), within=within) as learner:
            found = learner.ask(order="drive", steps=steps, timeout_s=60.0 + 2 * steps / HZ)
    records = [revived(values) for values in found["records"]]
    return judge(records, steps, found["delay_ticks"], what)


@contextlib.contextmanager
def bad_network(seed: int) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Run an actor behind a bad network.

    Yields:
        Its address as the learner has to call it, the command to run the learner under, and what
        kind of network it is.
    """
    with contextlib.ExitStack() as stack:
        try:
            network = stack.enter_context(TunLink(QUALITY, seed=seed))
        except RightsMissingError as missing:
            actor = stack.enter_context(start_actor(*ACTOR))
            link = stack.enter_context(ProxyLink(port_of(actor), quality=QUALITY, seed=seed))
            yield link.uri, (), f"a proxy on loopback (no namespaces: {missing})"
            return
        actor = stack.enter_context(start_actor(*ACTOR, within=network.within_a))
        # The actor listens on its own loopback alone; an SSH tunnel would end beside it like this.
        relay = stack.enter_context(
            ProxyLink(port_of(actor), listen=network.address_a, within=network.within_a)
        )
        yield relay.uri, tuple(network.within_b), "two namespaces and a TUN pair"


def revived(values: list[Any]) -> StepRecord:
    """Return a record as it was before it went through JSON, which knows no tuples."""
    step = StepRecord(*values)
    asked, sent = (cast("tuple[float, float, float]", tuple(v)) for v in (step.asked, step.sent))
    return dataclasses.replace(step, asked=asked, sent=sent)


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
