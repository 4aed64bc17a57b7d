"""How many a relay can have: parked, driven, and coming and going."""

from __future__ import annotations

import collections
from collections.abc import Callable
from typing import Any

from _relay.judge import SATURATED_P99_MS, Churn, Drive, Scale
from _relay.stage import Body, Stage

FULL_CORE = 0.95
"""A core that is used for more than this much of the time is full."""
SETTLE_S = 0.5
EMPTY_AFTER_S = 15.0
"""By then the relay has let go of whoever has left."""
LOOK_S = 0.25
MOST_PAIRS = 3000
"""More than one core can drive at 10 Hz, so the search ends before."""
MORE_PAIRS = 400
"""From one attempt to the next."""
ATTEMPTS = 3
"""A round trip that is too long once or twice may be anybody's fault on this machine."""
LATE_MS = SATURATED_P99_MS / 2
"""A load whose own steps are later than that is what is too slow."""
WARM_UP_S = 1.0

Say = Callable[[int, int, str], None]


def measure_scale(
    stage: Stage, *, parked: int, driven: int, hz: float, seconds: float, most: int, say: Say
) -> Scale:
    """Park, join and drive; then drive more and more, until somebody cannot.

    Args:
        stage: nobody was there yet.
        parked: actors.
        driven: of them, by a learner each.
        hz: steps a second of each learner.
        seconds: of driving.
        most: learners, at which to stop adding more; 0 adds none.
        say: told how far it is.
    """
    say(0, 4, "warming up")
    stage.order("park", count=2)
    stage.order("churn", count=20, at_once=4)
    before = _settled(stage)
    say(1, 4, f"parking {parked:,}")
    park_s = stage.order("park", count=parked)["took_s"]
    with_parked = _settled(stage)
    say(2, 4, f"{driven} driven")
    stage.order("join", count=driven)
    stage.order("drive", hz=hz, seconds=min(WARM_UP_S, seconds))
    drive = _drive(stage, driven, hz, seconds)
    with_driven = stage.look()[0]
    drives: list[Drive] = []
    pairs = driven
    while most and pairs < most and not (drives and _gave_out(drives[-1])):
        pairs = min(pairs + MORE_PAIRS, most)
        say(3, 4, f"{pairs} driven")
        stage.order("join", count=pairs)
        for _ in range(ATTEMPTS):
            attempt = _drive(stage, pairs, hz, seconds / 5)
            if not _gave_out(attempt):
                break
        drives.append(attempt)
    return Scale(
        secure=stage.secure,
        parked=parked,
        hz=hz,
        park_s=park_s,
        rss_bytes=(before.rss_bytes, with_parked.rss_bytes, with_driven.rss_bytes),
        drive=drive,
        more=drives,
        gave_out=_gave_out(drives[-1]) if drives else "",
    )


def measure_churn(stage: Stage, *, learners: int, say: Say) -> Churn:
    """Let learners come and go; return what the relay held before and after."""
    parked = 50
    say(0, 3, "warming up")
    stage.order("park", count=parked)
    stage.order("churn", count=max(learners // 10, 20), at_once=16)
    before = _settled(stage)
    halves = []
    for half in (1, 2):
        say(half, 3, f"{learners:,} learners come and go")
        told = stage.order("churn", count=learners // 2, at_once=16)
        halves.append((told, _settled(stage, files=before.files)))
    (first, middle), (second, after) = halves
    wrong = collections.Counter(_wrong(first))
    wrong.update(_wrong(second))
    return Churn(
        secure=stage.secure,
        learners=learners,
        took_s=first["took_s"] + second["took_s"],
        wrong=dict(wrong),
        rss_bytes=(before.rss_bytes, middle.rss_bytes, after.rss_bytes),
        files=(before.files, after.files),
    )


def _drive(stage: Stage, pairs: int, hz: float, seconds: float) -> Drive:
    before = stage.look()
    began_s = stage.clock.now()
    told = stage.order("drive", hz=hz, seconds=seconds)
    took_s = stage.clock.now() - began_s
    relay, crowd = (
        (after.cpu_s - old.cpu_s) / took_s for after, old in zip(stage.look(), before, strict=True)
    )
    return Drive(
        pairs=pairs,
        sent=told["sent"],
        took_s=took_s,
        wrong=_wrong(told),
        round_trip_ms=told["round_trip_ms"],
        late_ms=told["late_ms"],
        relay_cpu=relay,
        load_cpu=crowd,
    )


def _wrong(told: dict[str, Any]) -> dict[str, int]:
    """Return what should be none."""
    return {
        "lost": told["sent"] - told["answered"],
        "out of order": told["out_of_order"],
        "mismatched": told["mismatched"],
        "connections lost": told["lost_lines"],
    }


def _gave_out(drive: Drive) -> str:
    """Return what was full first; nothing as long as all is well."""
    if drive.relay_cpu >= FULL_CORE:
        return "the relay's core"
    if drive.load_cpu >= FULL_CORE:
        return "the load's core"
    if drive.round_trip_ms.get("p99", float("inf")) > SATURATED_P99_MS:
        if drive.late_ms["p99"] > LATE_MS:
            return "the load, late by itself,"
        return f"the round trip's p99 (over {SATURATED_P99_MS:g} ms)"
    return ""


def _settled(stage: Stage, files: int | None = None) -> Body:
    """Return what the relay holds once it has no more descriptors than these, or much later."""
    stage.clock.sleep_until(stage.clock.now() + SETTLE_S)
    end_s = stage.clock.now() + EMPTY_AFTER_S
    while files is not None and stage.look()[0].files > files and stage.clock.now() < end_s:
        stage.clock.sleep_until(stage.clock.now() + LOOK_S)
    return stage.look()[0]
