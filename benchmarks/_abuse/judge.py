"""What must be true of an actor that was attacked, and how it is told. Pure."""

from __future__ import annotations

import collections
import dataclasses
import enum
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from _abuse.attacks import KINDS
from ac_bridge.pacing import percentile

ALLOWED_RATIO = 1.5
"""The tick error's p99 under attack, in terms of that while a neighbour is attacked."""
UNSEEN_US = 1000.0
"""A p99 below this does not count as disturbed, whatever the ratio."""
ALLOWED_MISSES = 0.001
"""Of all ticks, missed more than while a neighbour is attacked."""
JUDGED_TICKS = 3000
"""Of each sort of block: fewer say too little about the slowest hundredth of them."""
GROWTH_BYTES = 8 << 20
"""What the memory may grow by from the middle of the attack to its end: allocators keep some."""


class Where(enum.StrEnum):
    """Who is attacked: nobody, an actor beside the driver's, or the driver's own."""

    QUIET = "quiet"
    NEIGHBOUR = "neighbour"
    HERE = "here"

    @property
    def attack(self) -> bool:
        """Whether anybody is."""
        return self is not Where.QUIET


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
        late: actions that were applied after their tick.
        held: ticks on which no new action was there.
    """

    tick_error_s: Sequence[float]
    missed: int
    late: int
    held: int


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """All that was seen.

    Attributes:
        answers: of the driver's actor, how often each, by kind of attack.
        blocks: what the driver met, by whom the attack was on.
        ended: why the driver's episodes ended, whenever that was.
        before, middle, after: what the actor held; after the attack, once all had left.
        alive: whether it still served a newcomer in the end.
        tracebacks: that it wrote: of errors that it had not thought of.
        within_s: how long the attack on the driver's actor took in all.
    """

    answers: Mapping[str, Mapping[str, int]]
    blocks: Mapping[Where, Sequence[Block]]
    ended: Sequence[str]
    before: Body
    middle: Body
    after: Body
    alive: bool
    tracebacks: int
    within_s: float

    @property
    def inputs(self) -> int:
        """Hostile inputs that the driver's actor had in all."""
        return sum(sum(said.values()) for said in self.answers.values())

    def ticks(self, where: Where) -> dict[str, Any]:
        """Return how late the ticks of such blocks were."""
        return ticks(self.blocks[where])


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
        "missed_by_block": [block.missed for block in some],
        "late": sum(block.late for block in some),
        "held": sum(block.held for block in some),
    }


def broken(found: Found) -> list[str]:
    """Return every promise that was not kept, in words; those about time are `disturbed`."""
    said = [f"wrong answer: {said} ({n} x)" for said, n in wrong_answers(found.answers).items()]
    said += [f"the episode ended: {reason}" for reason in found.ended]
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

    Compared with the same attack on a neighbour: what that does to ticks is the machine's doing.
    After few ticks that cannot be told: nothing is said.
    """
    floor, here = found.ticks(Where.NEIGHBOUR), found.ticks(Where.HERE)
    said: list[str] = []
    if not _judged(found):
        return said
    if (ratio := here["p99_us"] / floor["p99_us"]) > ALLOWED_RATIO and here["p99_us"] > UNSEEN_US:
        said.append(f"tick error p99 {ratio:.2f} x that while a neighbour is attacked")
    for what, words in (("missed", "ticks missed"), ("late", "actions late")):
        more = here[what] / here["ticks"] - floor[what] / floor["ticks"]
        if more > ALLOWED_MISSES:
            said.append(f"{1000 * more:.1f} more of 1,000 {words} than beside a neighbour")
    return said


def _judged(found: Found) -> bool:
    return all(found.ticks(where)["ticks"] >= JUDGED_TICKS for where in Where if where.attack)


def complaints(found: Found) -> list[str]:
    """Return every promise that was not kept."""
    return broken(found) + disturbed(found)


def as_json(found: Found) -> dict[str, Any]:
    """Return everything as plain data."""
    return {
        "inputs": found.inputs,
        "within_s": found.within_s,
        "answers": {kind: dict(said) for kind, said in found.answers.items()},
        "ticks": {where.value: found.ticks(where) for where in Where},
        "rss_bytes": [body.rss_bytes for body in (found.before, found.middle, found.after)],
        "files": [body.files for body in (found.before, found.middle, found.after)],
        "complaints": complaints(found),
        "holds": not complaints(found),
        "tracebacks": found.tracebacks,
    }


def as_lines(found: Found) -> list[str]:
    """Return what was found as a section of a page in Markdown."""
    wrong = complaints(found)
    intro = (
        f"{found.inputs:,} hostile inputs in {found.within_s:.0f} s, from other processes of the "
        "same machine, while one driver who means well steps at 60 Hz."
    )
    return [
        intro,
        "",
        f"**Promises broken**: {'; '.join(wrong)}." if wrong else "Every promise held.",
        "",
        *_lines_on_ticks(found),
        "",
        *_lines_on_the_actor(found),
        "",
        *_lines_on_answers(found),
    ]


def _lines_on_ticks(found: Found) -> list[str]:
    quiet, floor, here = (found.ticks(where) for where in Where)
    lines = ["| ticks of the driver | quiet | neighbour attacked | attacked |", "|---|---|---|---|"]
    for name, key, unit in (
        ("error p50", "p50_us", " us"),
        ("error p99", "p99_us", " us"),
        ("ticks", "ticks", ""),
        ("missed", "missed", ""),
        ("late actions", "late", ""),
        ("held ticks", "held", ""),
    ):
        cells = (f"{some[key]:,.0f}{unit}" for some in (quiet, floor, here))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    why = (
        "Attackers, learner, stand-in game and actor share the cores of one machine, so an attack "
        "costs ticks time even where it is on somebody else. Hence the middle column: the same "
        "attack on a second actor. Beside it, the driver's own actor under attack may miss 1 tick "
        "more in 1,000 and apply 1 action more in 1,000 late, may have a p99 "
        f"{ALLOWED_RATIO:g} x as high, and may not end the episode. Figures are medians of blocks "
        "by turns."
    )
    p99_us = here["p99_us"]
    ratios = (
        f"p99 under attack: {p99_us / floor['p99_us']:.2f} x the neighbour's (judged), "
        f"{p99_us / quiet['p99_us']:.2f} x quiet (not judged: real attackers bring cores of their "
        "own)."
    )
    if not _judged(found):
        ratios += f" Ticks were not judged: fewer than {JUDGED_TICKS:,} in one of the columns."
    return [*lines, "", why, "", ratios]


def _lines_on_the_actor(found: Found) -> list[str]:
    bodies = (found.before, found.middle, found.after)
    rss = [f"{body.rss_bytes / (1 << 20):.0f} MiB" for body in bodies]
    files = [str(body.files) for body in bodies]
    end = (
        f"The driver's episode {'ENDED' if found.ended else 'never ended'}; the actor "
        f"{'still served a newcomer' if found.alive else 'was DEAD'} in the end."
    )
    return [
        "| the attacked actor | before | half-way | after |",
        "|---|---|---|---|",
        f"| memory | {' | '.join(rss)} |",
        f"| open descriptors | {' | '.join(files)} |",
        "",
        end,
    ]


def _lines_on_answers(found: Found) -> list[str]:
    lines = ["| attack | inputs | answered |", "|---|---|---|"]
    for kind in KINDS:
        said = found.answers.get(kind.name, {})
        told = ", ".join(f"{a} {n:,}" for a, n in sorted(said.items(), key=lambda one: -one[1]))
        if said:
            lines.append(f"| {kind.name}: {kind.what} | {sum(said.values()):,} | {told} |")
    return lines
