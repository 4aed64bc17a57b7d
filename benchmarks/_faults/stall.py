"""The actor's process stands still for a moment, as on a machine that is overloaded."""

from __future__ import annotations

import signal
import threading

from _faults.checks import Schedule, schedule
from _faults.record import StepRecord, coded, record
from _faults.row import Bench, Verdict
from _faults.scene import CONTROL_HZ, Program
from ac_bridge.clock import SystemClock

STALL_S = 0.22
STEPS_A_STALL = round(CONTROL_HZ)
"""A second, of which the stall is some fifth."""


def run(bench: Bench) -> Verdict:
    """Step without a pause while the actor is stopped again and again; look at its ticks."""
    scene = bench.scene()
    stalls = bench.pick(2, 20)
    taken_s: list[float] = []
    steps: list[StepRecord] = []
    with scene.learner() as env:
        _, info = env.reset()
        episode = info["episode"]
        for number in range(stalls):
            bench.say(number, stalls, "stalls")
            # Each at another moment of the period.
            pause = threading.Thread(
                target=stall, args=(scene.actor, 0.2 + 0.37 * number / CONTROL_HZ, taken_s)
            )
            pause.start()
            for _ in range(STEPS_A_STALL):
                *_, info = env.step(coded(len(steps)))
                steps.append(record(len(steps), episode, info, bench.clock.now()))
            pause.join()
    return judge(steps, taken_s)


def stall(actor: Program, after_s: float, taken_s: list[float]) -> None:
    """Stop the actor in a moment, and let it go on; keep how long it really stood."""
    clock = SystemClock()
    clock.sleep_until(clock.now() + after_s)
    actor.send(signal.SIGSTOP)
    began_s = clock.now()
    try:
        clock.sleep_until(began_s + STALL_S)
    finally:
        actor.send(signal.SIGCONT)
        taken_s.append(clock.now() - began_s)


def judge(steps: list[StepRecord], taken_s: list[float], hz: float = CONTROL_HZ) -> Verdict:
    """Say whether the ticks kept to their schedule, and the stalls were counted.

    Args:
        steps: of one episode, in mode `latest`.
        taken_s: how long the actor stood, each time.
        hz: control ticks a second.
    """
    found: Schedule = schedule(steps, hz)
    ended = [step.end_reason for step in steps if step.end_reason]
    # A stall misses at least the whole periods within it but one: the last may be run late.
    least = sum(int(stood_s * hz) - 1 for stood_s in taken_s)
    measured = (
        f"{len(taken_s)} stalls of {1e3 * min(taken_s):.0f} to {1e3 * max(taken_s):.0f} ms at "
        f"{hz:g} Hz: {found.missed} ticks missed and counted, {found.unaccounted} "
        f"uncounted; closest ticks {found.closest_share:.2f} of a period apart; furthest off the "
        f"schedule {1e3 * abs(found.furthest_off_s):.2f} ms"
    )
    if ended:
        measured += f"; the episode ended: {ended[0]}"
    return Verdict(measured, found.kept and found.missed >= least and not ended)
