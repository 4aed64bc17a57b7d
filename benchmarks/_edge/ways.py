"""Drives in one of the ways, each with an actor and a learner of its own, and what they say."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

from _faults.far import ACTOR, HZ, far_actor
from _faults.scene import start_actor
from _faults.wan import QUALITY
from ac_bridge.pacing import percentile
from links.servant import Servant

MEASURE_S = 3.0
"""How long `RemoteEnv` measures the link to choose its delay, in seconds."""
TIMEOUT_S = 900.0
"""How long a learner may take for what it was told, in seconds."""


@dataclasses.dataclass(frozen=True, slots=True)
class Way:
    """A way to drive.

    Attributes:
        name: for people.
        order: of the learner.
        far: whether the bad link is between learner and actor.
    """

    name: str
    order: str
    far: bool


WAYS = (
    Way("policy on the actor, loopback", "edge", far=False),
    Way("policy on the actor, link", "edge", far=True),
    Way("fixed_delay, loopback", "fixed_delay", far=False),
    Way("fixed_delay, link", "fixed_delay", far=True),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Pushing:
    """Policies to be pushed while the actor drives.

    Attributes:
        name: for people.
        far: whether over the bad link.
        quiet_s: how long nothing comes before and after each, in seconds.
        size_bytes: of each.
        pushes: how many.
    """

    name: str
    far: bool
    quiet_s: float
    size_bytes: int
    pushes: int


@contextlib.contextmanager
def learner(*, far: bool, seed: int) -> Iterator[Servant]:
    """Start an actor that can be taught, and a learner of it."""
    with contextlib.ExitStack() as stack:
        spool = stack.enter_context(tempfile.TemporaryDirectory())
        if far:
            place = stack.enter_context(far_actor(QUALITY, seed, "--spool", spool))
            servant = Servant("_edge.learner", place.uri, within=place.within)
        else:
            actor = stack.enter_context(start_actor(*ACTOR, "--spool", spool))
            servant = Servant("_edge.learner", f"ws://{actor.first}")
        yield stack.enter_context(servant)


def drive(way: Way, seconds: float, seed: int, *, quick: bool) -> dict[str, Any]:
    """Drive once; return the figures."""
    more = {"measure_s": 1.0 if quick else MEASURE_S} if way.order == "fixed_delay" else {}
    with learner(far=way.far, seed=seed) as servant:
        found = servant.ask(TIMEOUT_S, order=way.order, seconds=seconds, **more)
    figures = ticks_of(found)
    figures |= {name: found[name] for name in ("made", "arrived", "gaps", "why")}
    figures["reward_per_min"] = round(found["reward"] / seconds * 60.0, 1)
    figures["age_p50"] = percentile(found["ages"], 0.5)
    figures["age_max"] = max(found["ages"])
    return figures


def push(pushing: Pushing, seed: int) -> dict[str, Any]:
    """Drive while nothing comes and while policies do; return the figures of both."""
    with learner(far=pushing.far, seed=seed) as servant:
        found = servant.ask(
            TIMEOUT_S,
            order="weights",
            quiet_s=pushing.quiet_s,
            size_bytes=pushing.size_bytes,
            pushes=pushing.pushes,
        )
    figures: dict[str, Any] = {name: ticks_of(found[name]) for name in ("quiet", "arriving")}
    return figures | {"took_s": [round(s, 1) for s in found["took_s"]], "bytes": found["bytes"]}


def ticks_of(found: dict[str, Any]) -> dict[str, Any]:
    """Return how punctual ticks were."""
    errors = found["errors_s"]
    shares = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    return {f"{name}_us": round(percentile(errors, s) * 1e6) for name, s in shares.items()} | {
        "ticks": len(errors),
        "missed": found["missed"],
        "episodes": found["episodes"],
    }


# --- As Markdown ----------------------------------------------------------------------------------


def spread(runs: Sequence[dict[str, Any]], name: str, form: str = ",.0f") -> str:
    """Return the median of several runs, and the least and greatest of them."""
    values = [run[name] for run in runs]
    middle = format(percentile(values, 0.5), form)
    if len(values) == 1:
        return middle
    return f"{middle} ({min(values):{form}} to {max(values):{form}})"


def ways_table(found: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Return a table of all ways."""
    rows = [
        (
            "| | tick error p50 / us | p99 / us | max / us | ticks missed | reward a minute | "
            "records arrived of made | age of a decision, ticks: p50, max | episodes that ended |"
        ),
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, runs in found.items():
        ends: dict[str, int] = {}
        for run in runs:
            for reason, count in run["episodes"].items():
                if reason != "run_over":
                    ends[reason] = ends.get(reason, 0) + count
        arrived, made = (sum(run[key] for run in runs) for key in ("arrived", "made"))
        missed, ticks = (sum(run[key] for run in runs) for key in ("missed", "ticks"))
        told = ", ".join(f"{reason} {count}" for reason, count in ends.items()) or "none"
        rows.append(
            f"| {name} | {spread(runs, 'p50_us')} | {spread(runs, 'p99_us')} | "
            f"{spread(runs, 'max_us')} | {missed} of {missed + ticks:,} | "
            f"{spread(runs, 'reward_per_min')} | "
            f"{f'{arrived:,} of {made:,}' if 'actor' in name else '-'} | "
            f"{max(run['age_p50'] for run in runs):g}, {max(run['age_max'] for run in runs)} | "
            f"{told} |"
        )
    return rows


def pushes_table(found: dict[str, dict[str, Any]]) -> list[str]:
    """Return a table of ticks while policies were on their way."""
    rows = [
        "| | tick error p50 / us | p99 / us | max / us | ticks missed | policies | each took |",
        "|---|---|---|---|---|---|---|",
    ]
    for where, figures in found.items():
        took = ", ".join(f"{took_s:g} s" for took_s in figures["took_s"])
        for when, what in (("quiet", "nothing arrives"), ("arriving", "a policy arrives")):
            ticks = figures[when]
            policies = f"{len(figures['took_s'])} of {figures['bytes'] / 1e6:.0f} MB"
            came = f"{policies} | {took}" if when == "arriving" else "- | -"
            rows.append(
                f"| {where}, {what} | {ticks['p50_us']:,} | {ticks['p99_us']:,} | "
                f"{ticks['max_us']:,} | {ticks['missed']} of {ticks['ticks'] + ticks['missed']:,} "
                f"| {came} |"
            )
    return rows


def what_link() -> str:
    """Return what the bad link is like."""
    return (
        f"{2e3 * QUALITY.delay_s:.0f} ms there and back, {2e3 * QUALITY.jitter_s:.0f} ms more or "
        f"less, {100 * QUALITY.loss:g} % of the packets lost, between two network namespaces"
    )


def rate() -> str:
    """Return the control rate."""
    return f"{HZ:g} Hz"
