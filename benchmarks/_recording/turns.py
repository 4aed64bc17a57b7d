"""What recording does to the ticks: blocks with and without it, by turns."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import random
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from _faults.record import NoTask, coded
from _faults.row import Verdict
from _recording.switched import CONTROL_HZ, TELEMETRY_HZ, Cost
from ac_bridge.pacing import percentile
from ac_bridge_client import RemoteEnv
from ac_bridge_recording.topics import Topic
from links.servant import Servant

SETTLING = 30
"""Steps at the beginning of a block that are not counted."""
ALLOWED_RATIO = 1.05
DRAWS = 2000
"""Of blocks, for the interval."""
LEAST_SHARE = 0.8
"""Of the frames that the telemetry rate asks for: a busy machine skips some, recorded or not, but
with fewer nothing was measured."""


class Block(NamedTuple):
    """A while of driving at every tick."""

    errors_s: list[float]
    """How late each tick was."""
    missed: int
    cost: Cost | None
    """None of a block that was not recorded."""


@dataclasses.dataclass(frozen=True, slots=True)
class Way:
    """All blocks of one way, joined."""

    ticks: int
    missed: int
    p50_us: float
    p99_us: float
    """Of all ticks."""
    block_p99_us: float
    """The median of the blocks' own, in which nothing shows that befell one block."""
    worst_us: float


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """What came out."""

    with_recording: Way
    without: Way
    ratio: float
    """Of the medians of the blocks' p99."""
    low: float
    high: float
    """In between lie nine of ten ratios of blocks drawn anew."""
    pooled_ratio: float
    """Of the p99 of all ticks."""
    seconds: float
    """Recorded."""
    frames: int
    """Of the stream, handed over."""
    recorded_frames: int
    records: int
    dropped: int
    mib_a_minute: float
    thread_share: float
    """Of one processor, by the recorder's thread."""
    most_waiting_kib: float


def by_turns(pairs: int, seconds: float, say: Callable[[int, int, str], None]) -> list[Block]:
    """Drive an actor with a spectator at the telemetry rate, by turns recorded and not."""
    blocks: list[Block] = []
    with stage() as (actor, env):
        for number in range(2 * pairs):
            say(number, 2 * pairs, "blocks")
            # Neither always comes first: the order turns around from pair to pair.
            recorded = (number + number // 2) % 2 == 1
            blocks.append(block(actor, env, seconds, recorded=recorded))
    return blocks


@contextlib.contextmanager
def stage() -> Iterator[tuple[Servant, RemoteEnv]]:
    """Start an actor that can be switched, a spectator, and a learner."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        actor = stack.enter_context(Servant("_recording.switched", folder))
        uri = f"ws://127.0.0.1:{actor.first['port']}"
        crowd = stack.enter_context(Servant("_faults.crowd", uri, f"{TELEMETRY_HZ:g}"))
        crowd.ask(readers=1, silent=0)
        yield actor, stack.enter_context(contextlib.closing(RemoteEnv(uri, task=NoTask())))


def block(actor: Servant, env: RemoteEnv, seconds: float, *, recorded: bool) -> Block:
    """Drive an episode for a while."""
    if recorded:
        actor.ask(record=True)
    env.reset()
    errors_s: list[float] = []
    missed = 0
    for number in range(SETTLING + round(CONTROL_HZ * seconds)):
        *_, info = env.step(coded(number))
        if number >= SETTLING:
            errors_s.append(info["receipt"].tick_error_s)
            missed += info["receipt"].ticks_missed
    cost = Cost(**actor.ask(record=False)) if recorded else None
    return Block(errors_s, missed, cost)


# --- What it adds up to ---------------------------------------------------------------------------


def add_up(blocks: Sequence[Block], seed: int = 1) -> Found:
    """Compare the blocks with and without; the draws for the interval come from a seed."""
    recorded = [one for one in blocks if one.cost is not None]
    alone = [one for one in blocks if one.cost is None]
    costs = [one.cost for one in recorded if one.cost is not None]
    low, high = interval([p99(one) for one in recorded], [p99(one) for one in alone], seed)
    with_recording, without = joined(recorded), joined(alone)
    seconds = sum(cost.seconds for cost in costs)
    return Found(
        with_recording=with_recording,
        without=without,
        ratio=with_recording.block_p99_us / without.block_p99_us,
        low=low,
        high=high,
        pooled_ratio=with_recording.p99_us / without.p99_us,
        seconds=seconds,
        frames=sum(cost.frames for cost in costs),
        recorded_frames=sum(cost.written.get(Topic.TELEMETRY, 0) for cost in costs),
        records=sum(sum(cost.written.values()) for cost in costs),
        dropped=sum(cost.dropped for cost in costs),
        mib_a_minute=sum(cost.size_bytes for cost in costs) / 2**20 / seconds * 60.0,
        thread_share=sum(cost.thread_s for cost in costs) / seconds,
        most_waiting_kib=max(cost.most_waiting_bytes for cost in costs) / 1024,
    )


def joined(blocks: Sequence[Block]) -> Way:
    """Return blocks as one."""
    errors_us = [1e6 * error for one in blocks for error in one.errors_s]
    return Way(
        ticks=len(errors_us),
        missed=sum(one.missed for one in blocks),
        p50_us=percentile(errors_us, 0.5),
        p99_us=percentile(errors_us, 0.99),
        block_p99_us=1e6 * statistics.median(p99(one) for one in blocks),
        worst_us=max(errors_us),
    )


def p99(block: Block) -> float:
    """Return how late 1 in 100 of a block's ticks was, in seconds."""
    return percentile(block.errors_s, 0.99)


def interval(with_s: Sequence[float], without_s: Sequence[float], seed: int) -> tuple[float, float]:
    """Return between what the ratio of the medians lies nine times in ten, were it done again.

    Pairs of neighbours are drawn together: what the machine did meanwhile, it did to both.
    """
    chance = random.Random(seed)  # noqa: S311 -- no secret
    pairs = list(zip(with_s, without_s, strict=True))
    ratios = []
    for _ in range(DRAWS):
        drawn = chance.choices(pairs, k=len(pairs))
        ratios.append(
            statistics.median(one for one, _ in drawn) / statistics.median(two for _, two in drawn)
        )
    return percentile(ratios, 0.05), percentile(ratios, 0.95)


def judge(found: Found, *, quick: bool) -> Verdict:
    """Say whether recording costs what it may.

    Args:
        found: what came out.
        quick: whether there were only a few short blocks: then chance decides which tick is the
            p99, and only the recording itself is judged.
    """
    measured = (
        f"tick error p99 {found.with_recording.block_p99_us:.0f} us recording, "
        f"{found.without.block_p99_us:.0f} us without: {found.ratio:.2f} x (medians of blocks, by "
        f"turns; 90 % interval {found.low:.2f} to {found.high:.2f}); of all ticks "
        f"{found.pooled_ratio:.2f} x; {found.dropped} of {found.records:,} records dropped, "
        f"{found.frames / found.seconds:.0f} frames a second; "
        f"{found.mib_a_minute:.1f} MiB a minute, {100 * found.thread_share:.0f} % of a processor "
        f"for the recorder's thread (load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores)"
    )
    enough = found.frames >= LEAST_SHARE * TELEMETRY_HZ * found.seconds
    complete = not found.dropped and found.recorded_frames == found.frames
    cheap = max(found.ratio, found.pooled_ratio) <= ALLOWED_RATIO
    if quick:
        measured += "; a quick run, in which times are not judged"
    elif not enough:
        measured += "; too few frames: the machine is too busy to say"
    elif not cheap and found.low <= ALLOWED_RATIO:
        measured += "; the machine is too noisy to say"
    return Verdict(measured, complete and (quick or (cheap and enough)))
