"""What must be true of an actor that was attacked, and how it is told. Pure."""

from __future__ import annotations

import collections
import dataclasses
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from _abuse.attacks import KINDS
from ac_bridge.pacing import percentile

ALLOWED_RATIO = 1.5
"""The tick error's p99 under attack, in terms of that without."""
UNSEEN_US = 1000.0
"""Ticks that are late by less do not count as disturbed, whatever the ratio."""
IDLE_S = 0.001
"""Without an attack an idle machine's p99 is below this."""
ALLOWED_MISSES = 0.001
"""Of all ticks, missed more than without an attack."""
GROWTH_BYTES = 8 << 20
"""What the memory may grow by from the middle of the attack to its end: allocators keep some."""


@dataclasses.dataclass(frozen=True, slots=True)
class Body:
    """What a process holds.

    Attributes:
        rss_bytes: memory.
        files: open descriptors.
    """

    rss_bytes: int
    files: int


@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    """What the driver met in some seconds.

    Attributes:
        tick_error_s: how late each tick was.
        missed: ticks that the actor skipped.
        ended: why episodes ended.
    """

    tick_error_s: Sequence[float]
    missed: int
    late: int
    held: int
    ended: Sequence[str]


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """All that was seen.

    Attributes:
        answers: how often each, by kind of attack.
        quiet, loud: the driver's blocks, without and with the attack, in turn.
        before, middle, after: what the actor held; after the attack, once all had left.
        alive: whether it still served a newcomer in the end.
        tracebacks: that it wrote: of errors that it had not thought of.
        within_s: how long the attack took in all.
    """

    answers: Mapping[str, Mapping[str, int]]
    quiet: Sequence[Block]
    loud: Sequence[Block]
    before: Body
    middle: Body
    after: Body
    alive: bool
    tracebacks: int
    within_s: float

    @property
    def inputs(self) -> int:
        """Hostile inputs in all."""
        return sum(sum(said.values()) for said in self.answers.values())


def wrong_answers(answers: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Return what should not have been answered, and how often."""
    wrong: collections.Counter[str] = collections.Counter()
    for kind in KINDS:
        for said, times in answers.get(kind.name, {}).items():
            if said not in kind.right:
                wrong[f"{kind.name}: {said}"] += times
    return dict(wrong)


def ticks(blocks: Iterable[Block]) -> dict[str, Any]:
    """Return how late ticks were: the median of the blocks' p50 and p99, and those missed."""
    some = [block for block in blocks if block.tick_error_s]
    return {
        "p50_us": 1e6 * statistics.median(percentile(b.tick_error_s, 0.50) for b in some),
        "p99_us": 1e6 * statistics.median(percentile(b.tick_error_s, 0.99) for b in some),
        "ticks": sum(len(block.tick_error_s) for block in some),
        "missed": sum(block.missed for block in some),
        "late": sum(block.late for block in some),
        "held": sum(block.held for block in some),
    }


def broken(found: Found) -> list[str]:
    """Return every promise that was not kept, in words; those about time are `disturbed`."""
    said = [f"wrong answer: {said} ({n} x)" for said, n in wrong_answers(found.answers).items()]
    for block in (*found.quiet, *found.loud):
        said += [f"the episode ended: {reason}" for reason in block.ended]
    if not found.alive:
        said.append("the actor is not alive")
    if found.tracebacks:
        said.append(f"{found.tracebacks} tracebacks")
    if found.after.files > found.before.files:
        said.append(f"{found.after.files - found.before.files} descriptors were never closed")
    grown_bytes = found.after.rss_bytes - found.middle.rss_bytes
    if grown_bytes > GROWTH_BYTES:
        said.append(f"memory grew by {grown_bytes >> 20} MiB in the second half")
    return said


def disturbed(found: Found) -> list[str]:
    """Return in words how the attack disturbed the driver's ticks, if it did.

    On a machine that has other things to do that cannot be told: nothing is said.
    """
    quiet, loud = ticks(found.quiet), ticks(found.loud)
    said: list[str] = []
    if quiet["p99_us"] >= 1e6 * IDLE_S:
        return said
    if (ratio := loud["p99_us"] / quiet["p99_us"]) > ALLOWED_RATIO and loud["p99_us"] > UNSEEN_US:
        said.append(f"tick error p99 {ratio:.2f} x that without the attack")
    missed = loud["missed"] / loud["ticks"] - quiet["missed"] / quiet["ticks"]
    if missed > ALLOWED_MISSES:
        said.append(f"{100 * missed:.2f} % more of the ticks missed than without the attack")
    return said


def complaints(found: Found) -> list[str]:
    """Return every promise that was not kept."""
    return broken(found) + disturbed(found)


def as_json(found: Found) -> dict[str, Any]:
    """Return everything as plain data."""
    return {
        "inputs": found.inputs,
        "within_s": found.within_s,
        "answers": {kind: dict(said) for kind, said in found.answers.items()},
        "quiet": ticks(found.quiet),
        "attacked": ticks(found.loud),
        "rss_bytes": [body.rss_bytes for body in (found.before, found.middle, found.after)],
        "files": [body.files for body in (found.before, found.middle, found.after)],
        "complaints": complaints(found),
        "holds": not complaints(found),
        "tracebacks": found.tracebacks,
    }


def as_lines(found: Found) -> list[str]:
    """Return what was found as a section of a page in Markdown."""
    quiet, loud, wrong = ticks(found.quiet), ticks(found.loud), complaints(found)
    rss = [body.rss_bytes / (1 << 20) for body in (found.before, found.middle, found.after)]
    ended = "ENDED" if any(block.ended for block in (*found.quiet, *found.loud)) else "never ended"
    ratio = loud["p99_us"] / quiet["p99_us"]
    intro = (
        f"{found.inputs:,} hostile inputs in {found.within_s:.0f} s, from other processes of the "
        "same machine, while one driver who means well steps at 60 Hz."
    )
    bodies = (
        f"The driver's episode {ended}; the actor was {'alive' if found.alive else 'DEAD'} in the "
        f"end. Its memory was {rss[0]:.0f} MiB before, {rss[1]:.0f} in the middle and "
        f"{rss[2]:.0f} after; {found.before.files} descriptors were open before and "
        f"{found.after.files} after."
    )
    lines = [
        intro,
        "",
        "| | without | under attack |",
        "|---|---|---|",
        f"| tick error p50 | {quiet['p50_us']:.0f} us | {loud['p50_us']:.0f} us |",
        f"| tick error p99 | {quiet['p99_us']:.0f} us | {loud['p99_us']:.0f} us ({ratio:.2f} x) |",
        f"| ticks | {quiet['ticks']:,} | {loud['ticks']:,} |",
        f"| ticks missed | {quiet['missed']} | {loud['missed']} |",
        f"| late actions | {quiet['late']} | {loud['late']} |",
        "",
        bodies,
        "",
        "| attack | inputs | answered |",
        "|---|---|---|",
    ]
    for kind in KINDS:
        said = found.answers.get(kind.name, {})
        told = ", ".join(f"{a} {n:,}" for a, n in sorted(said.items(), key=lambda one: -one[1]))
        if said:
            lines.append(f"| {kind.name}: {kind.what} | {sum(said.values()):,} | {told} |")
    if not disturbed(found) and quiet["p99_us"] >= 1e6 * IDLE_S:
        lines += ["", "Ticks were not judged: the machine was not idle without the attack either."]
    lines += ["", f"**Promises broken**: {'; '.join(wrong)}." if wrong else "Every promise held."]
    return lines
