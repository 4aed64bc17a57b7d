"""The link is cut again and again while the car is driven, at moments drawn from a seed."""

from __future__ import annotations

import itertools

from _faults.checks import Losses, losses
from _faults.record import NoTask, StepRecord, coded, record
from _faults.row import Bench, Verdict
from _faults.scene import port_of, start_actor
from ac_bridge_client import RemoteEnv
from links import CutPlan, LinkQuality, ProxyLink
from links.conversation import Place

HZ = 50.0
ACTOR = ("--game", "standin", "--real-time", "--control-hz", f"{HZ:g}", "--smoothing", "none")
QUALITY = LinkQuality(delay_s=0.001, jitter_s=0.0005)
"""So that requests and answers are on their way long enough to be cut there."""
STEPS_AN_EPISODE = 50
"""Resets must be cut too, so there are many."""
LONGEST_EPISODES = 1_000_000


def run(bench: Bench) -> Verdict:
    """Drive coded actions until every cut has been made, and an episode beyond."""
    plan = CutPlan(count=bench.pick(60, 1000), longest_s=0.1 if bench.quick else 0.25)
    return cut_session(bench, plan)


def cut_session(bench: Bench, plan: CutPlan) -> Verdict:
    """Drive through the cuts of a plan."""
    with (
        start_actor(*ACTOR) as actor,
        ProxyLink(port_of(actor), quality=QUALITY, cuts=plan, seed=bench.seed) as link,
    ):
        env = RemoteEnv(link.uri, task=NoTask())
        steps = drive(env, link, plan, bench)
        env.close()
        counts = link.counts()
    return judge(steps, counts, plan)


def drive(env: RemoteEnv, link: ProxyLink, plan: CutPlan, bench: Bench) -> list[StepRecord]:
    """Drive episode after episode until the proxy has cut as often as it was to."""
    steps: list[StepRecord] = []
    cuts = 0
    for _ in range(LONGEST_EPISODES):
        over = cuts >= plan.count
        _, info = env.reset()
        episode = info["episode"]
        for number in itertools.count(1):
            *_, truncated, info = env.step(coded(len(steps)))
            steps.append(record(len(steps), episode, info, bench.clock.now()))
            if truncated or number == STEPS_AN_EPISODE:
                break
        cuts = link.counts()["cuts"]
        bench.say(cuts, plan.count, "cuts")
        if over:
            break
    return steps


def judge(steps: list[StepRecord], counts: dict[str, int], plan: CutPlan) -> Verdict:
    """Say what became of every step."""
    found = losses(steps)
    episodes = len({step.episode for step in steps})
    hit = ", ".join(
        f"{counts[place.value]} {what}"
        for place, what in (
            (Place.REQUEST, "with a request in flight"),
            (Place.ANSWER, "with an answer in flight"),
            (Place.RESET, "during a reset"),
            (Place.OPENING, "while connecting again"),
            (Place.IDLE, "in between"),
        )
    )
    measured = (
        f"{counts['cuts']} cuts ({hit}; {counts['abrupt']} by a reset of the connection) in "
        f"{len(steps)} steps and {episodes} episodes: {found}"
    )
    return Verdict(measured, found == Losses() and counts["cuts"] >= plan.count)
