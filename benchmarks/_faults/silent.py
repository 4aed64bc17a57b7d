"""The learner computes for a long time, and neither says nor reads anything meanwhile.

It has subscribed to telemetry too: frames that it does not read must not cost it the session.
"""

from __future__ import annotations

from _faults.row import Bench, BrokenPromiseError, Verdict
from _faults.scene import ACTOR_HZ, FLAT_OUT, HOLD_S, PERIOD_S, drive_off


def run(bench: Bench) -> Verdict:
    """Drive off, fall silent, look at the wheel all the while, and step on."""
    scene = bench.scene()
    silence_s = bench.pick(3, 60)
    with scene.learner() as env:
        env.subscribe(ACTOR_HZ)
        drive_off(env)
        *_, info = env.step(FLAT_OUT)
        before = info["receipt"]
        if scene.neutral():
            raise BrokenPromiseError("the wheel was neutral before the learner fell silent")
        since_s = bench.clock.now()
        bench.say(0, 1, f"{silence_s} s of silence")
        neutral_s = scene.neutral_after_s(since_s, silence_s)
        stayed = scene.stays_neutral(since_s + silence_s - bench.clock.now())
        *_, terminated, truncated, info = env.step(FLAT_OUT)
        after = info["receipt"]
        *_, info = env.step(FLAT_OUT)
        driven = not scene.neutral()
    same = after.action_id == before.action_id + 1 and after.tick > before.tick
    went_on = same and not terminated and not truncated and driven
    measured = (
        f"{silence_s} s without a step: wheel neutral after {1e3 * neutral_s:.0f} ms and "
        f"{'all the time then' if stayed else 'NOT all the time then'}; the next step "
        f"{'drove on in the same episode' if went_on else 'did NOT go on in the episode'}, "
        f"{after.tick - before.tick} ticks later"
    )
    return Verdict(measured, neutral_s <= HOLD_S + PERIOD_S and stayed and went_on)
