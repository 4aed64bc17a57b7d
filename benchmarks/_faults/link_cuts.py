"""The link is cut again and again while the car is driven, at moments drawn from a seed."""

from __future__ import annotations

from _faults.checks import Losses, losses
from _faults.record import NoTask, StepRecord, coded, record
from _faults.row import Bench, Verdict
from _faults.scene import Program, port_of, start_actor
from ac_bridge_client import RemoteEnv
from links import CutPlan, LinkQuality, ProxyLink
from links.conversation import Place

HZ = 50.0
ACTOR = ("--game", "standin", "--real-time", "--control-hz", f"{HZ:g}", "--smoothing", "none")
QUALITY = LinkQuality(delay_s=0.001, jitter_s=0.0005)
"""So that requests and answers are on their way long enough to be cut there."""
STEPS_AN_EPISODE = 15
"""Resets must be cut too, so there are many."""
DELAY_TICKS = 5
"""Steps in flight at once, in the sessions with mode `fixed_delay`."""
DELAYED_SHARE = 0.3
"""Of the cuts that are made in such sessions."""
PLACES = (
    (Place.REQUEST, "with a request in flight"),
    (Place.ANSWER, "with an answer in flight"),
    (Place.RESET, "during a reset"),
    (Place.OPENING, "while connecting again"),
    (Place.IDLE, "in between"),
)


def run(bench: Bench) -> Verdict:
    """Cut a session that waits for each answer, and one with several steps in flight."""
    cuts = bench.pick(40, 1000)
    longest_s = 0.1 if bench.quick else 0.25
    delayed = round(cuts * DELAYED_SHARE)
    with start_actor(*ACTOR) as actor:
        verdicts = [
            cut_session(bench, actor, CutPlan(count, longest_s), delay_ticks)
            for count, delay_ticks in ((cuts - delayed, 0), (delayed, DELAY_TICKS))
        ]
    return Verdict("; ".join(v.measured for v in verdicts), all(v.holds for v in verdicts))


def cut_session(bench: Bench, actor: Program, plan: CutPlan, delay_ticks: int) -> Verdict:
    """Drive coded actions until every cut of a plan has been made, and an episode beyond.

    Args:
        bench: for its seed, and to tell.
        actor: that is driven.
        plan: what is cut.
        delay_ticks: the k of mode `fixed_delay`; 0 for mode `latest`.
    """
    with ProxyLink(port_of(actor), quality=QUALITY, cuts=plan, seed=bench.seed) as link:
        env = RemoteEnv(
            link.uri,
            task=NoTask(),
            mode="fixed_delay" if delay_ticks else "latest",
            delay_ticks=delay_ticks or None,
        )
        steps = drive(env, link, plan, bench)
        env.close()
        counts = link.counts()
    return judge(steps, counts, plan, delay_ticks)


def drive(env: RemoteEnv, link: ProxyLink, plan: CutPlan, bench: Bench) -> list[StepRecord]:
    """Drive episode after episode until the proxy has cut as often as it was to."""
    steps: list[StepRecord] = []
    cuts, over = 0, False
    while not over:
        over = cuts >= plan.count
        _, info = env.reset()
        episode = info["episode"]
        for _ in range(STEPS_AN_EPISODE):
            *_, truncated, info = env.step(coded(len(steps)))
            steps.append(record(len(steps), episode, info, bench.clock.now()))
            if truncated:
                break
        cuts = link.counts()["cuts"]
        bench.say(cuts, plan.count, "cuts")
    return steps


def judge(
    steps: list[StepRecord], counts: dict[str, int], plan: CutPlan, delay_ticks: int
) -> Verdict:
    """Say what became of every step."""
    found = losses(steps, delayed=delay_ticks > 0)
    episodes = len({step.episode for step in steps})
    hit = ", ".join(f"{counts[place.value]} {what}" for place, what in PLACES)
    mode = f"`fixed_delay({delay_ticks})`" if delay_ticks else "`latest`"
    late = f", {sum(s.late for s in steps)} of them reported late" if delay_ticks else ""
    measured = (
        f"{mode}: {counts['cuts']} cuts ({hit}; {counts['abrupt']} by a reset of the connection) "
        f"in {len(steps)} steps{late} and {episodes} episodes: {found}"
    )
    return Verdict(measured, found == Losses() and counts["cuts"] >= plan.count)
