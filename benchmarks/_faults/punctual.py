"""Ticks over a long drive, and with a crowd of spectators."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator

from _faults.checks import median, schedule
from _faults.record import NoTask, StepRecord, coded, record
from _faults.row import Bench, Verdict
from _faults.scene import ACTOR_HZ as HZ
from ac_bridge.pacing import percentile
from ac_bridge_client import RemoteEnv
from links.servant import Servant

SPECTATORS, NOT_READING = 50, 10
SETTLING = 15
"""Steps after they came or went that are not counted."""
ALLOWED_RATIO = 1.2
ALLOWED_ERROR_S = 1e-3
ALLOWED_DRIFT_S = 1e-3
"""Far below what adding up would give: 0.1 ms too late each time makes a second of 10,000 ticks."""
IDLE_S = 0.5e-3
"""An idle machine wakes a sleeper sooner than this, 99 times in 100: half of what is promised."""


def address(bench: Bench) -> str:
    """Return that of the actor."""
    return f"ws://{bench.actor().first}"


@contextlib.contextmanager
def driving(bench: Bench) -> Iterator[tuple[RemoteEnv, int]]:
    """Begin an episode; give the environment and the episode's number."""
    with contextlib.closing(RemoteEnv(address(bench), task=NoTask())) as env:
        _, info = env.reset()
        yield env, info["episode"]


def drive(env: RemoteEnv, bench: Bench, steps: int, episode: int) -> list[StepRecord]:
    """Step at every tick."""
    records = []
    for number in range(steps):
        *_, info = env.step(coded(number))
        records.append(record(number, episode, info, bench.clock.now()))
    return records


# --- A long drive ---------------------------------------------------------------------------------


def ten_thousand(bench: Bench) -> Verdict:
    """Drive without a pause; look at the last tick from both ends of the link."""
    steps = bench.pick(180, 10_000)
    records: list[StepRecord] = []
    with driving(bench) as (env, episode), Servant("_faults.sleeper", f"{HZ:g}") as sleeper:
        for done in range(0, steps, 200):
            bench.say(done, steps, "steps")
            records += drive(env, bench, min(200, steps - done), episode)
        alone_p99_s = sleeper.ask()["p99_s"]
    return judge_long(records, alone_p99_s, quick=bench.quick)


def judge_long(records: list[StepRecord], alone_p99_s: float, *, quick: bool) -> Verdict:
    """Say whether the schedule held to the end, and how punctual the ticks were.

    Args:
        records: of the drive.
        alone_p99_s: tick error of a bare sleeper beside it. One that is late by itself shows that
            the machine was not idle, which is what the promise is for.
        quick: whether there are so few ticks that chance decides which one is the p99. Then as many
            may be late as the promise makes likely: one in a hundred, and three deviations more.
    """
    found = schedule(records, HZ)
    seen_s = drift_seen(records)
    errors_s = [step.tick_error_s for step in records]
    p99_s = percentile(errors_s, 0.99)
    idle = alone_p99_s < IDLE_S
    punctual = p99_s < ALLOWED_ERROR_S
    if quick:
        likely = len(errors_s) * 0.01
        punctual = sum(e >= ALLOWED_ERROR_S for e in errors_s) <= likely + 3 * math.sqrt(likely)
    measured = (
        f"{found.ticks} ticks, {found.missed} missed: drift {1e6 * found.drift_s:+.0f} us by the "
        f"frames' own times, {1e6 * seen_s:+.0f} us by the learner's clock; tick error p50 "
        f"{1e6 * percentile(errors_s, 0.5):.0f}, p99 {1e6 * p99_s:.0f} us (a bare sleeper "
        f"beside it: p99 {1e6 * alone_p99_s:.0f} us; load {os.getloadavg()[0]:.1f} on "
        f"{os.cpu_count()} cores)"
    )
    if not punctual and not idle:
        measured += "; not an idle machine, p99 not judged"
    drifts = found.drift_s, seen_s
    kept = found.unaccounted == 0 and all(abs(drift) < ALLOWED_DRIFT_S for drift in drifts)
    return Verdict(measured, kept and (punctual or not idle))


def drift_seen(records: list[StepRecord]) -> float:
    """Return how far the ticks moved against the learner's clock, from the first tenth to the last.

    Answers come late by what the way takes, which varies, but never early: the earliest of many are
    compared.
    """
    moments = [step.arrived_s - step.tick / HZ for step in records]
    tenth = max(1, len(moments) // 10)
    first, last = sorted(moments[:tenth]), sorted(moments[-tenth:])
    return last[tenth // 10] - first[tenth // 10]


# --- A crowd --------------------------------------------------------------------------------------


def spectators(bench: Bench) -> Verdict:
    """Drive by turns with nobody watching and with fifty, ten of whom do not read."""
    pairs, seconds = bench.pick(2, 16), bench.pick(1, 6)
    with_s: list[list[float]] = []
    without_s: list[list[float]] = []
    frames = 0
    with (
        Servant("_faults.crowd", address(bench), f"{HZ:g}") as crowd,
        driving(bench) as (env, episode),
    ):
        for block in range(2 * pairs):
            bench.say(block, 2 * pairs, "blocks")
            # Neither always comes first: the order turns around from pair to pair.
            watched = (block + block // 2) % 2 == 1
            if watched:
                crowd.ask(readers=SPECTATORS - NOT_READING, silent=NOT_READING)
            drive(env, bench, SETTLING, episode)
            steps = drive(env, bench, round(HZ * seconds), episode)
            (with_s if watched else without_s).append([step.tick_error_s for step in steps])
            if watched:
                frames += crowd.ask()["frames"]
    expected = pairs * (round(HZ * seconds) + SETTLING)
    return judge_crowd(with_s, without_s, frames / expected, quick=bench.quick)


def judge_crowd(
    with_s: list[list[float]], without_s: list[list[float]], frames_share: float, *, quick: bool
) -> Verdict:
    """Say whether the crowd made ticks later.

    Args:
        with_s: tick errors, block by block, with spectators.
        without_s: the same without.
        frames_share: of its frames that the slowest of the reading spectators got.
        quick: whether there were only a few short blocks. The p99 of one second is the worst tick
            of sixty, whoever watches: so it is held against the worst that was seen without, and
            against nothing where that is no idle machine's.
    """
    # Whatever else the machine did in one block does not show in the median of all.
    p99_with_s = median(percentile(block, 0.99) for block in with_s)
    p99s_without_s = [percentile(block, 0.99) for block in without_s]
    p99_without_s = max(p99s_without_s) if quick else median(p99s_without_s)
    ratio = p99_with_s / p99_without_s
    kind = "median against worst" if quick else "medians"
    measured = (
        f"tick error p99 {1e6 * p99_with_s:.0f} us with {SPECTATORS} spectators ({NOT_READING} not "
        f"reading), {1e6 * p99_without_s:.0f} us without: {ratio:.2f} x ({kind} of {len(with_s)} "
        f"blocks each, by turns; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores); the "
        f"slowest reader got {100 * min(frames_share, 1.0):.0f} % of its frames"
    )
    judged = not quick or p99_without_s < IDLE_S
    if not judged:
        measured += "; not an idle machine, not judged in a quick run"
    return Verdict(measured, ratio <= ALLOWED_RATIO or not judged)
