"""The policy drives on the actor, and the link to the learner is cut again and again."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from _faults.link_cuts import QUALITY
from _faults.row import Bench, Verdict
from _faults.scene import port_of
from _faults.stream_actor import recorded_in, start_recorded
from _faults.stream_policy import TASK
from _faults.stream_teacher import Teacher
from _faults.taken import Taken, steps_of
from _faults.witness import Comparison, Differences, compare, read_life
from ac_bridge_client import ActorStream
from ac_bridge_client.stream_stats import ActorStats
from links import CutPlan, ProxyLink
from links.conversation import Direction, Place, torn

LONGEST_S = 0.5
MOST_UNITS = 20
"""A link begins with a dozen: handshake, welcome, how run and policy stand, and so on. Then come
pieces of a policy, and records four times a second."""
TORN = 4
"""Most of the cuts at a message are in the midst of it."""
CUTS_A_POLICY = 10
"""A new one is pushed after so many, if the one before is in place."""
CONNECT_S = 30.0


def run(bench: Bench) -> Verdict:
    """Cut it often."""
    return cut_stream(bench, CutPlan(bench.pick(20, 500), LONGEST_S, MOST_UNITS, TORN))


def cut_stream(bench: Bench, plan: CutPlan) -> Verdict:
    """Drive until every cut has been made; compare what came with what the actor recorded."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with start_recorded(folder, 0) as actor:
            link = ProxyLink(port_of(actor), quality=QUALITY, cuts=plan, seed=bench.seed)
            with link, ActorStream(link.uri, connect_timeout_s=CONNECT_S) as stream:
                taken = drive(stream, link, plan, bench)
                counts, [stats] = link.counts(), stream.stats().actors
        life = read_life(recorded_in(folder, 0), TASK, killed=False)
    last = 0 if stats.run is None else stats.run.last
    return judge(compare(taken, [life], last), taken, counts, stats, plan)


def drive(stream: ActorStream, link: ProxyLink, plan: CutPlan, bench: Bench) -> list[Taken]:
    """Return the steps of a run that is ended once the link was cut as often as planned.

    Now and then there is a new policy, so that pieces of one are on their way, too.
    """
    teacher = Teacher(stream, "cuts", 1, bench.seed)
    taken: list[Taken] = []
    cuts = pushed = 0
    for batch in teacher.batches():
        taken += steps_of(batch)
        cuts = link.counts()["cuts"]
        bench.say(cuts, plan.count, "cuts")
        if cuts >= plan.count:
            break
        if teacher.in_place and cuts >= pushed + CUTS_A_POLICY:
            pushed = cuts
            teacher.push()
    return [*taken, *teacher.finish(taken[-1].number)]


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
    records, pieces = torn(Direction.DOWN, "records"), torn(Direction.UP, "policy_chunk")
    up, down = (
        sum(n for name, n in counts.items() if name.startswith(torn(way, "")))
        for way in (Direction.UP, Direction.DOWN)
    )
    return (
        f"{counts.get(records, 0)} in the midst of records, {counts.get(pieces, 0)} of a piece of "
        f"a policy, {up - counts.get(pieces, 0)} of something else to the actor, "
        f"{down - counts.get(records, 0)} to the learner"
    )


def driven(taken: Sequence[Taken]) -> str:
    """Say how much was driven. An actor that was started anew counts its episodes anew."""
    pairs = itertools.pairwise(step.number for step in taken)
    episodes = bool(taken) + sum(after != before + 1 for before, after in pairs)
    return (
        f"{len(taken)} steps, {episodes} episodes and {len({step.policy for step in taken})} "
        "policies"
    )
