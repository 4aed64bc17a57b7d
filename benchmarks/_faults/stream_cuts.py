"""The policy drives on the actor, and the link to the learner is cut again and again."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from _faults.link_cuts import QUALITY
from _faults.row import Bench, BrokenPromiseError, Verdict
from _faults.scene import port_of
from _faults.stream_policy import TASK, policy, recorded_in, start_recorded
from _faults.taken import Taken, steps_of
from _faults.witness import Comparison, Differences, compare, read_life
from ac_bridge.clock import Clock
from ac_bridge_client import ActorStream
from ac_bridge_client.stream_stats import ActorStats
from ac_bridge_protocol.edge import PolicyState
from ac_bridge_protocol.errors import LinkTimeoutError
from links import CutPlan, ProxyLink
from links.conversation import OTHER, Direction, Place, torn

LONGEST_S = 0.5
MOST_UNITS = 12
"""A link is a welcome, some words about run and policy, and records four times a second."""
TORN = 4
"""Most of the cuts at a message are in the midst of it."""
STEPS = 8
"""In a batch."""
PATIENCE_S = 30.0
SILENCE_S = 3.0
"""When a run is over, nothing more comes after so long."""
LOOK_S = 0.05
IN_PLACE = (PolicyState.READY, PolicyState.ACTIVE)


def run(bench: Bench) -> Verdict:
    """Drive until every cut has been made; compare what came with what the actor recorded."""
    plan = CutPlan(bench.pick(20, 500), LONGEST_S, MOST_UNITS, TORN)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with start_recorded(folder, 0) as actor:
            link = ProxyLink(port_of(actor), quality=QUALITY, cuts=plan, seed=bench.seed)
            with link, ActorStream(link.uri, connect_timeout_s=PATIENCE_S) as stream:
                taken = list(drive(stream, link, plan, bench))
                last = stop(stream, bench.clock)
                taken += rest(stream, taken[-1].number if taken else 0, last)
                counts, [stats] = link.counts(), stream.stats().actors
        life = read_life(recorded_in(folder, 0), TASK, killed=False)
    return judge(compare(taken, [life], last), taken, counts, stats, plan)


def drive(stream: ActorStream, link: ProxyLink, plan: CutPlan, bench: Bench) -> Iterator[Taken]:
    """Yield steps until the link was cut as often as planned.

    A new policy follows the one before as soon as that is in place: pieces of it are on their way,
    too.
    """
    version = 1
    stream.push_policy(policy(stream.env_spec, version), version)
    stream.set_task(TASK, run="cuts", seed=bench.seed)
    for batch in stream.batches(STEPS, PATIENCE_S):
        yield from steps_of(batch)
        cuts = link.counts()["cuts"]
        bench.say(cuts, plan.count, "cuts")
        if cuts >= plan.count:
            return
        status = stream.stats().actors[0].policy
        if status is not None and status.version == version and status.state in IN_PLACE:
            version += 1
            stream.push_policy(policy(stream.env_spec, version), version)


def stop(stream: ActorStream, clock: Clock) -> int:
    """End the run; return the last number that the spool has given.

    Raises:
        BrokenPromiseError: it does not end.
    """
    stream.stop()
    end_s = clock.now() + PATIENCE_S
    while clock.now() < end_s:
        status = stream.stats().actors[0].run
        if status is not None and not status.driving:
            return status.last
        clock.sleep_until(clock.now() + LOOK_S)
    raise BrokenPromiseError(f"the run goes on {PATIENCE_S:g} s after it was stopped")


def rest(stream: ActorStream, newest: int, last: int) -> Iterator[Taken]:
    """Yield what is left of a run that is over."""
    batches = stream.batches(STEPS, SILENCE_S)
    while newest < last:
        try:
            batch = next(batches)
        except LinkTimeoutError:
            return  # the last records are starts, or something is missing: the judge will see
        yield from steps_of(batch)
        newest = int(batch.number[-1])


def judge(
    comparison: Comparison,
    taken: list[Taken],
    counts: Mapping[str, int],
    stats: ActorStats,
    plan: CutPlan,
) -> Verdict:
    """Say what became of every step."""
    measured = (
        f"{counts['cuts']} cuts ({torn_of(counts)}; {counts[Place.OPENING.value]} while connecting "
        f"again; {counts['abrupt']} by a reset of the connection) in {driven(taken)}: "
        f"{comparison.differences}; {stats.duplicates} records came again and were dropped, "
        f"{stats.gaps} never came"
    )
    holds = (
        comparison.differences == Differences()
        and counts["cuts"] >= plan.count
        and bool(taken)
        and not stats.gaps
        and not stats.unjoined
    )
    return Verdict(measured, holds)


def torn_of(counts: Mapping[str, int]) -> str:
    """Say in the midst of which messages was cut."""
    down, up = (
        {kind: counts.get(torn(way, kind), 0) for kind in kinds}
        for way, kinds in (
            (Direction.DOWN, ("records", "welcome", "run_status", "policy_status", OTHER)),
            (Direction.UP, ("policy_chunk", "policy_offer", "acknowledge", "hello", OTHER)),
        )
    )
    records, pieces = down.pop("records"), up.pop("policy_chunk")
    return (
        f"{records} in the midst of records, {pieces} of a piece of a policy, "
        f"{sum(up.values())} of something else to the actor, {sum(down.values())} to the learner"
    )


def driven(taken: list[Taken]) -> str:
    """Say how much was driven."""
    episodes, policies = len({step.episode for step in taken}), len({step.policy for step in taken})
    return f"{len(taken)} steps, {episodes} episodes and {policies} policies"
