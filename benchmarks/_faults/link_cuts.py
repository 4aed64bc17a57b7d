"""The link is cut again and again while the car is driven, at moments drawn from a seed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Protocol

from _faults.checks import Losses, losses
from _faults.far import HZ as FAR_HZ
from _faults.far import far_actor
from _faults.record import NoTask, StepRecord, coded, record, revived
from _faults.row import Bench, Verdict
from _faults.scene import port_of
from ac_bridge_client import RemoteEnv
from ac_bridge_protocol.errors import LinkError
from links import CutPlan, LinkQuality, ProxyLink
from links.conversation import Place
from links.servant import Servant

QUALITY = LinkQuality(delay_s=0.001, jitter_s=0.0005)
"""So that requests and answers are on their way long enough to be cut there."""
STEPS_AN_EPISODE = 15
"""Resets must be cut too, so there are many."""
DELAY_TICKS = 5
"""Steps in flight at once, in the sessions with mode `fixed_delay`."""
DELAYED_SHARE = 0.3
"""Of the cuts that are made in such sessions."""
BLACKOUTS_S = (0.3, 1.0, 3.0, 9.0, 15.0)
"""TCP gets over the shorter ones by itself; in the longer ones the learner gives up the link."""
PATIENCE_S = 120.0
ATTEMPTS = 20
PLACES = (
    (Place.REQUEST, "with a request in flight"),
    (Place.ANSWER, "with an answer in flight"),
    (Place.RESET, "during a reset"),
    (Place.OPENING, "while connecting again"),
    (Place.IDLE, "in between"),
)


def run(bench: Bench) -> Verdict:
    """Cut a session that waits for each answer, and one with several steps in flight."""
    cuts = bench.pick(30, 1000)
    longest_s = 0.06 if bench.quick else 0.25
    delayed = round(cuts * DELAYED_SHARE)
    verdicts = [
        cut_session(bench, CutPlan(count, longest_s), delay_ticks)
        for count, delay_ticks in ((cuts - delayed, 0), (delayed, DELAY_TICKS))
    ]
    if not bench.quick:
        verdicts.append(blackouts(bench))
    return Verdict("; ".join(v.measured for v in verdicts), all(v.holds for v in verdicts))


def cut_session(bench: Bench, plan: CutPlan, delay_ticks: int) -> Verdict:
    """Drive coded actions until every cut of a plan has been made, and an episode beyond.

    Args:
        bench: has the actor.
        plan: what is cut.
        delay_ticks: the k of mode `fixed_delay`; 0 for mode `latest`.
    """
    with ProxyLink(port_of(bench.actor()), quality=QUALITY, cuts=plan, seed=bench.seed) as link:
        with contextlib.closing(connect(link.uri, delay_ticks)) as env:
            steps = drive(env, link, plan, bench)
        counts = link.counts()
    return judge(steps, counts, plan, delay_ticks)


def connect(uri: str, delay_ticks: int, token: str = "") -> RemoteEnv:
    """Begin a session. Where even its first link is cut there is none yet to go on with."""
    mode = "fixed_delay" if delay_ticks else "latest"

    def begin() -> RemoteEnv:
        task, k = NoTask(), delay_ticks or None
        return RemoteEnv(uri, token=token, task=task, mode=mode, delay_ticks=k)

    for _ in range(ATTEMPTS - 1):
        with contextlib.suppress(LinkError):
            return begin()
    return begin()


def blackouts(bench: Bench) -> Verdict:
    """Drive over a network that now and then lets nothing through, and tells nobody."""
    driven_s = len(BLACKOUTS_S) + 1
    with far_actor(LinkQuality(delay_s=0.005), bench.seed) as far:
        if far.network is None:
            return Verdict(f"no blackouts: {far.what}", holds=True)
        with Servant("_faults.learner", far.uri, within=far.within) as learner:
            learner.tell(order="drive", steps=round(driven_s * FAR_HZ))
            for number, dark_s in enumerate(BLACKOUTS_S):
                bench.say(number, len(BLACKOUTS_S), "blackouts")
                bench.clock.sleep_until(bench.clock.now() + 1.0)
                far.network.cut()
                bench.clock.sleep_until(bench.clock.now() + dark_s)
                far.network.mend()
            steps = revived(learner.answer(PATIENCE_S)["records"])
    found = losses(steps)
    lasting = f"{BLACKOUTS_S[0]:g} to {BLACKOUTS_S[-1]:g} s"
    measured = (
        f"{len(BLACKOUTS_S)} blackouts of {lasting} between two network namespaces: {found} in "
        f"{len(steps)} steps of one episode"
    )
    return Verdict(measured, found == Losses() and len(steps) == round(driven_s * FAR_HZ))


class Counted(Protocol):
    """A link that knows how often it was cut."""

    def counts(self) -> dict[str, int]:
        """Return that, as ``cuts``, and more."""


def drive(
    env: RemoteEnv,
    link: Counted,
    plan: CutPlan,
    bench: Bench,
    on_cuts: Callable[[int], None] = lambda _: None,
) -> list[StepRecord]:
    """Drive episode after episode until the link was cut as often as it was to be.

    Args:
        env: drives.
        link: is cut.
        plan: how often.
        bench: is told how far it is.
        on_cuts: told before each episode how many cuts there were.
    """
    steps: list[StepRecord] = []
    cuts, over = 0, False
    while not over:
        over = cuts >= plan.count
        on_cuts(cuts)
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
    hit = ", ".join(f"{counts[place.value]} {what}" for place, what in PLACES)
    measured = (
        f"{mode_of(delay_ticks)}: {counts['cuts']} cuts ({hit}; {counts['abrupt']} by a reset of "
        f"the connection) in {driven(steps, delay_ticks)}: {found}"
    )
    return Verdict(measured, found == Losses() and counts["cuts"] >= plan.count)


def mode_of(delay_ticks: int) -> str:
    """Name the mode of a session."""
    return f"`fixed_delay({delay_ticks})`" if delay_ticks else "`latest`"


def driven(steps: list[StepRecord], delay_ticks: int) -> str:
    """Say how much was driven."""
    late = f", {sum(s.late for s in steps)} of them reported late" if delay_ticks else ""
    return f"{len(steps)} steps{late} and {len({s.episode for s in steps})} episodes"
