"""What must be true of a relay under load, and how it is told. Pure."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

DIRECT, HOP, RELAY = WAYS = ("direct", "bare hop", "relay")
"""How a step goes: to the actor itself, through a pipe that looks at nothing, through the relay."""

ALLOWED_RATIO = 1.5
"""What the relay adds to the round trip, in terms of what one bare hop adds."""
ALLOWED_CPU = 0.9
"""Of its core, with as many as it is meant for."""
SATURATED_P99_MS = 10.0
"""A round trip on one machine that takes longer waits for somebody."""
GROWTH_BYTES = 4 << 20
"""What the memory may grow by while the second half of learners comes and goes: allocators keep
some, and until there was a crowd for the first time they need more."""


@dataclasses.dataclass(frozen=True, slots=True)
class RoundTrip:
    """Times of the three ways, block by block.

    Attributes:
        secure: whether everything was in TLS.
        steps: of each way.
        request_bytes, answer_bytes: of a frame.
        p50_us, p99_us: of each block, by way.
    """

    secure: bool
    steps: int
    request_bytes: int
    answer_bytes: int
    p50_us: Mapping[str, list[float]]
    p99_us: Mapping[str, list[float]]

    @property
    def ratios(self) -> list[float]:
        """What the relay adds in terms of what the hop adds, block by block."""
        return [
            (relay - direct) / max(hop - direct, 1e-3)
            for direct, hop, relay in zip(*(self.p50_us[way] for way in WAYS), strict=True)
        ]

    @property
    def ratio(self) -> float:
        """The median of `ratios`."""
        return statistics.median(self.ratios)

    @property
    def relay_over_direct(self) -> float:
        """The round trip through the relay in terms of that to the actor itself."""
        pairs = zip(self.p50_us[RELAY], self.p50_us[DIRECT], strict=True)
        return statistics.median(relay / direct for relay, direct in pairs)


@dataclasses.dataclass(frozen=True, slots=True)
class Drive:
    """Some seconds of driving.

    Attributes:
        pairs: learners, each with an actor.
        sent: steps.
        took_s: sending them, until the last was answered.
        wrong: what should be none, by name.
        round_trip_ms: p50 and p99.
        late_ms: how late steps were sent: the load's own fault.
        relay_cpu, load_cpu: used, of a core.
    """

    pairs: int
    sent: int
    took_s: float
    wrong: Mapping[str, int]
    round_trip_ms: Mapping[str, float]
    late_ms: Mapping[str, float]
    relay_cpu: float
    load_cpu: float

    @property
    def relay_us(self) -> float:
        """The relay's core for one step and its answer."""
        return 1e6 * self.relay_cpu * self.took_s / self.sent


@dataclasses.dataclass(frozen=True, slots=True)
class Scale:
    """Many parked, some of them driven, then more.

    Attributes:
        secure: whether everything was in TLS.
        parked: actors.
        hz: steps a second of each learner.
        park_s: how long parking them took.
        rss_bytes: the relay's: before, with all parked, with some driven.
        drive: the driving that was asked for.
        more: driving by more and more learners.
        gave_out: what was full in the last of these; nothing if all held.
    """

    secure: bool
    parked: int
    hz: float
    park_s: float
    rss_bytes: tuple[int, int, int]
    drive: Drive
    more: Sequence[Drive]
    gave_out: str

    @property
    def per_parked_bytes(self) -> float:
        """The relay's memory for a parked actor."""
        return (self.rss_bytes[1] - self.rss_bytes[0]) / self.parked

    @property
    def per_driven_bytes(self) -> float:
        """For a conversation: the learner's connection, and the actor's next parked one."""
        return (self.rss_bytes[2] - self.rss_bytes[1]) / self.drive.pairs

    @property
    def most_held(self) -> int:
        """The most learners with whom all went well."""
        held = self.more[:-1] if self.gave_out else self.more
        return held[-1].pairs if held else self.drive.pairs


@dataclasses.dataclass(frozen=True, slots=True)
class Churn:
    """Learners that came and went.

    Attributes:
        secure: whether everything was in TLS.
        learners: how many.
        took_s: all of them.
        wrong: what should be none, by name.
        rss_bytes: of the relay before, when half of them had gone, and after.
        files: of the relay, before and after.
    """

    secure: bool
    learners: int
    took_s: float
    wrong: Mapping[str, int]
    rss_bytes: tuple[int, int, int]
    files: tuple[int, int]


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """All that was seen: each without TLS, and with."""

    round_trips: list[RoundTrip]
    scales: list[Scale]
    churns: list[Churn]


def broken(found: Found) -> list[str]:
    """Return every promise that was not kept, in words; those about time are `slow`."""
    said = []
    for scale in found.scales:
        for drive in (scale.drive, *scale.more):
            said += _complaints(f"{drive.pairs} driven, {_kind(scale.secure)}", drive.wrong)
    for churn in found.churns:
        where = f"churn, {_kind(churn.secure)}"
        said += _complaints(where, churn.wrong)
        if churn.files[1] > churn.files[0]:
            said.append(f"{where}: {churn.files[1] - churn.files[0]} descriptors never closed")
        if (grown_bytes := churn.rss_bytes[2] - churn.rss_bytes[1]) > GROWTH_BYTES:
            said.append(
                f"{where}: memory grew by {grown_bytes / (1 << 20):.1f} MiB in the second half"
            )
    return said


def slow(found: Found) -> list[str]:
    """Return every promise about time that was not kept, in words."""
    said = [
        f"round trip, {_kind(one.secure)}: the relay adds {one.ratio:.2f} x what a bare hop adds"
        for one in found.round_trips
        if one.ratio > ALLOWED_RATIO
    ]
    said += [
        f"{one.drive.pairs} driven, {_kind(one.secure)}: {100 * one.drive.relay_cpu:.0f} % of the "
        "relay's core"
        for one in found.scales
        if one.drive.relay_cpu > ALLOWED_CPU
    ]
    return said


def complaints(found: Found) -> list[str]:
    """Return every promise that was not kept."""
    return broken(found) + slow(found)


def _complaints(where: str, wrong: Mapping[str, int]) -> list[str]:
    return [f"{where}: {times} {what}" for what, times in wrong.items() if times]


def _kind(secure: bool) -> str:
    return "TLS" if secure else "plain"


# --- How it is told -------------------------------------------------------------------------------


def as_json(found: Found) -> dict[str, Any]:
    """Return everything as plain data."""
    return {
        "round_trips": [_round_trip_json(one) for one in found.round_trips],
        "scales": [
            dataclasses.asdict(one)
            | {
                "per_parked_bytes": one.per_parked_bytes,
                "per_driven_bytes": one.per_driven_bytes,
                "most_held": one.most_held,
            }
            for one in found.scales
        ],
        "churns": [dataclasses.asdict(one) for one in found.churns],
        "complaints": complaints(found),
        "holds": not complaints(found),
    }


def _round_trip_json(one: RoundTrip) -> dict[str, Any]:
    return {
        "secure": one.secure,
        "steps": one.steps,
        "request_bytes": one.request_bytes,
        "answer_bytes": one.answer_bytes,
        "p50_us": {way: statistics.median(one.p50_us[way]) for way in WAYS},
        "p99_us": {way: statistics.median(one.p99_us[way]) for way in WAYS},
        "ratio": one.ratio,
        "ratio_quartiles": _quartiles(one.ratios),
        "relay_over_direct": one.relay_over_direct,
    }


def as_lines(found: Found) -> list[str]:
    """Return what was found as a section of a page in Markdown."""
    wrong = complaints(found)
    return [
        *_round_trip_lines(found.round_trips),
        "",
        *_scale_lines(found.scales),
        "",
        *_churn_lines(found.churns),
        "",
        f"**Promises broken**: {'; '.join(wrong)}." if wrong else "Every promise held.",
    ]


def _round_trip_lines(found: Sequence[RoundTrip]) -> list[str]:
    first = found[0]
    intro = (
        f"The round trip of one step, {first.request_bytes} bytes out and "
        f"{first.answer_bytes:,} back, from a blocking socket to an actor that does nothing: to "
        "the actor itself, through a bare pipe in a process of its own (one bare hop), and "
        "through the relay. With TLS the pipe ends it on both legs, as the relay does. Pipe and "
        "relay have a core to themselves, learner and actor share the other. Medians over "
        f"{len(first.ratios)} blocks of each way in turn, {first.steps:,} steps each. "
        "What the relay adds, in terms of what the bare hop adds, is promised to be at most "
        f"{ALLOWED_RATIO:g}: (relay - direct) / (bare hop - direct), of the medians."
    )
    lines = [
        intro,
        "",
        "| us, p50 / p99 | direct | bare hop | relay | relay / direct | added, in hops | holds |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in found:
        times = " | ".join(
            f"{statistics.median(one.p50_us[way]):.0f} / {statistics.median(one.p99_us[way]):.0f}"
            for way in WAYS
        )
        low, high = _quartiles(one.ratios)
        lines.append(
            f"| {_kind(one.secure)} | {times} | {one.relay_over_direct:.2f} | {one.ratio:.2f} "
            f"({low:.2f} to {high:.2f} in the middle half of blocks) | "
            f"{_holds(one.ratio <= ALLOWED_RATIO)} |"
        )
    return lines


def _scale_lines(found: Sequence[Scale]) -> list[str]:
    first, drives = found[0], [one.drive for one in found]
    rows: list[tuple[str, list[str]]] = [
        ("time to park them", [f"{one.park_s:.1f} s" for one in found]),
        (
            "relay's memory: empty / all parked / driven",
            [" / ".join(_mib(rss) for rss in one.rss_bytes) + " MiB" for one in found],
        ),
        ("memory per parked actor", [f"{one.per_parked_bytes / 1024:.1f} kB" for one in found]),
        (
            "memory per driven pair (the learner, and the actor's next parked connection)",
            [f"{one.per_driven_bytes / 1024:.1f} kB" for one in found],
        ),
        (
            "relay's core used, and for one step and its answer",
            [f"{100 * d.relay_cpu:.0f} %, {d.relay_us:.0f} us" for d in drives],
        ),
        ("round trip p50 / p99", [f"{_two(one.drive.round_trip_ms)} ms" for one in found]),
        ("steps sent late by p50 / p99", [f"{_two(one.drive.late_ms)} ms" for one in found]),
        ("steps", [f"{one.drive.sent:,}" for one in found]),
        *((what, [str(one.drive.wrong[what]) for one in found]) for what in first.drive.wrong),
        ("most learners at once before anything gave out", [_most(one) for one in found]),
    ]
    intro = (
        f"{first.parked:,} actors parked with tokens, {first.drive.pairs} of them driven at "
        f"{first.hz:g} Hz at once. The actors and learners are light ones, all in one process on "
        "the other core: that steps are sent late is its doing, and round trips are counted from "
        "when they really were."
    )
    return [
        intro,
        "",
        f"| | {' | '.join(_kind(one.secure) for one in found)} |",
        "|---|" + "---|" * len(found),
        *(f"| {what} | {' | '.join(said)} |" for what, said in rows),
    ]


def _most(one: Scale) -> str:
    if not one.more:
        return "not measured"
    last = one.more[-1]
    then = (
        f"{100 * last.relay_cpu:.0f} % of the relay's core, {100 * last.load_cpu:.0f} % of the "
        f"load's, p99 {last.round_trip_ms.get('p99', float('inf')):.1f} ms"
    )
    if not one.gave_out:
        return f"at least {one.most_held} ({then})"
    return f"{one.most_held}; at {last.pairs} {one.gave_out} gave out ({then})"


def _churn_lines(found: Sequence[Churn]) -> list[str]:
    return [
        "Learners that come, step three times and go, every second one without a good-bye:",
        "",
        "| | learners | a second | relay's memory (half way) | descriptors | steps wrong |",
        "|---|---|---|---|---|---|",
        *(
            f"| {_kind(one.secure)} | {one.learners:,} | {one.learners / one.took_s:.0f} | "
            f"{' / '.join(map(_mib, one.rss_bytes))} MiB | "
            f"{one.files[0]} / {one.files[1]} | {sum(one.wrong.values())} |"
            for one in found
        ),
    ]


def _holds(kept: bool) -> str:
    return "yes" if kept else "**no**"


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / (1 << 20):.1f}"


def _two(summary: Mapping[str, float]) -> str:
    return " / ".join(f"{summary[name]:.2f}" for name in ("p50", "p99") if name in summary)


def _quartiles(values: Sequence[float]) -> tuple[float, float]:
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4)
    return low, high
