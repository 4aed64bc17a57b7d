"""The learner, or the actor itself, is killed while the car drives."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from _faults.row import Bench, BrokenPromiseError, Verdict
from _faults.scene import GRACE_S, HOLD_S, PERIOD_S, SPEED_KMH, Scene
from links.servant import Servant

GUARDIAN_S = 0.25
"""Within which the wheel must be neutral after the actor's death."""
STAYS_S = 0.3
"""Neutral that long afterwards, at every look."""
PATIENCE_S = 5.0


def learner_kill(bench: Bench) -> Verdict:
    """Kill a learner at full throttle."""
    taken_s = []
    times = bench.pick(1, 10)
    for number in range(times):
        bench.say(number, times, "learners killed")
        scene = bench.scene()
        with Servant("_faults.learner", scene.uri) as learner:
            learner.ask(order="flat_out", until_kmh=SPEED_KMH)
            taken_s.append(neutral_after(scene, learner.kill, bench))
            scene.free_s = bench.clock.now() + GRACE_S
    return judge(taken_s, HOLD_S + PERIOD_S, "learner", "dead-man time + one tick")


def actor_kill(bench: Bench) -> Verdict:
    """Kill an actor at full throttle."""
    taken_s = []
    times = bench.pick(1, 10)
    for number in range(times):
        bench.say(number, times, "actors killed")
        scene = bench.scene()
        with Servant("_faults.learner", scene.uri) as learner:
            learner.ask(order="flat_out", until_kmh=SPEED_KMH)
            taken_s.append(neutral_after(scene, scene.actor.kill, bench))
            learner.kill()
        scene.close()
    return judge(taken_s, GUARDIAN_S, "actor", "allowed")


def neutral_after(scene: Scene, kill: Callable[[], None], bench: Bench) -> float:
    """Kill somebody; return after how many seconds the wheel was neutral, for good.

    Raises:
        BrokenPromiseError: it was neutral before, so there was nothing to see.
    """
    _, throttle, *_ = scene.controls()
    if scene.neutral() or throttle < 2**14:
        raise BrokenPromiseError("the throttle was not down before anybody was killed")
    since_s = bench.clock.now()
    kill()
    after_s = scene.neutral_after_s(since_s, PATIENCE_S)
    return after_s if scene.stays_neutral(STAYS_S) else math.inf


def judge(taken_s: Sequence[float], allowed_s: float, whom: str, what: str) -> Verdict:
    """Say whether all of them were in time."""
    after = " to ".join(f"{1e3 * taken:.0f}" for taken in sorted({min(taken_s), max(taken_s)}))
    measured = (
        f"{len(taken_s)} x {whom} killed at {SPEED_KMH:g} km/h: wheel neutral after {after} ms "
        f"({1e3 * allowed_s:.0f} ms {what})"
    )
    return Verdict(measured, max(taken_s) <= allowed_s)
