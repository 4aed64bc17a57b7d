"""Timing as a report shows it: histograms, and what became of actions over time. Pure."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ac_bridge.data.report_reading import Gathered
from ac_bridge_protocol.spec import Mode

BINS = 60
"""Bars of a histogram, and of what is drawn over time."""

SHOWN_PERCENTILE = 99.5
"""A histogram's axis ends here, lest one hiccup squeeze all the rest into one bar."""

Values = npt.NDArray[np.float64]

FATES = {
    "late": "late",
    "ticks_held": "held",
    "ticks_eased": "eased",
    "ticks_planned": "planned",
    "ticks_missed": "missed",
}
"""What became of actions: a receipt's field, and its word in the report."""


@dataclasses.dataclass(frozen=True, slots=True)
class Histogram:
    """How often something took how long.

    Attributes:
        title: what it is, in a few words.
        meaning: what it is, in a sentence.
        count: how many values.
        median_ms: half of them are below.
        p99_ms: of a hundred, 99 are below.
        max_ms: the largest.
        edges_ms: of the bars, one more than there are bars.
        counts: of the bars.
        beyond: values beyond the last bar.
    """

    title: str
    meaning: str
    count: int
    median_ms: float
    p99_ms: float
    max_ms: float
    edges_ms: list[float]
    counts: list[int]
    beyond: int


@dataclasses.dataclass(frozen=True, slots=True)
class Fates:
    """What became of actions.

    Attributes:
        steps: how many there were.
        totals: by the names in `FATES`; late counts steps, the others ticks.
        times_s: middles of the bars, since the recording began.
        bars: likewise, but a tick that was eased is not counted among the held ones again.
    """

    steps: int
    totals: dict[str, int]
    times_s: list[float]
    bars: dict[str, list[int]]


def histograms(gathered: Gathered) -> list[Histogram]:
    """Return the histograms that the recording has values for."""
    steps = {name: np.asarray(column) for name, column in gathered.steps.items()}
    frames = {name: np.asarray(column) for name, column in gathered.frames.items()}
    lockstep = in_lockstep(gathered)
    found: list[Histogram | None] = []
    if not lockstep:
        found.append(
            _histogram(
                "Tick error",
                "How long after its scheduled moment each tick was sampled, from the receipts.",
                steps["tick_error_s"],
            )
        )
    found.append(
        _histogram(
            "Round trip",
            "Of the recorder's own pings on the wire, without the time the other side took.",
            np.asarray(gathered.round_trips_s),
        )
    )
    if not lockstep:
        found.append(
            _histogram(
                "Time between frames",
                "Of the frames that the laps were cut from: dt_actual.",
                frames["dt_actual"][1:][frames["dt_actual"][1:] > 0.0],
            )
        )
    found.append(
        _histogram(
            "Answering",
            "From the sampling of a step's frame to the sending of its answer, from the receipts.",
            steps["observation_age_s"],
        )
    )
    if not lockstep:
        found.append(
            _histogram(
                "Age of the action",
                "From the moment an action reached the wheel to the step's frame, from the "
                "receipts.",
                steps["action_age_s"],
            )
        )
    return [one for one in found if one is not None]


def in_lockstep(gathered: Gathered) -> bool:
    """Whether every episode was driven in lockstep, where game time waits for the learner."""
    modes = {episode.mode for episode in gathered.episodes}
    return modes == {Mode.LOCKSTEP.value}


def _histogram(title: str, meaning: str, values_s: Values) -> Histogram | None:
    if not len(values_s):
        return None
    values_ms = values_s * 1000.0
    low, high = float(values_ms.min()), float(np.percentile(values_ms, SHOWN_PERCENTILE))
    low = min(0.0, low) if low < 0.5 * high else low
    high = max(high, low + 1e-3)
    counts, edges = np.histogram(values_ms, BINS, (low, high))
    return Histogram(
        title,
        meaning,
        len(values_ms),
        float(np.median(values_ms)),
        float(np.percentile(values_ms, 99)),
        float(values_ms.max()),
        np.round(edges, 6).tolist(),
        counts.tolist(),
        int(np.count_nonzero(values_ms > high)),
    )


def fates(gathered: Gathered, began_ns: int) -> Fates | None:
    """Return what became of actions over time; None if there are no steps."""
    times_s = (np.asarray(gathered.steps["time_ns"]) - began_ns) / 1e9
    if not len(times_s):
        return None
    end_s = max(float(times_s.max()), 1e-3)
    edges = np.linspace(0.0, end_s, BINS + 1)
    bars: dict[str, list[int]] = {}
    totals: dict[str, int] = {}
    for field, word in FATES.items():
        values = np.asarray(gathered.steps[field])
        totals[word] = int(values.sum())
        if word == "held":
            values = values - np.asarray(gathered.steps["ticks_eased"])
        bars[word] = np.histogram(times_s, edges, weights=values)[0].astype(int).tolist()
    middles = [round((a + b) / 2.0, 3) for a, b in itertools.pairwise(edges.tolist())]
    return Fates(len(times_s), totals, middles, bars)


def as_plain(found: Sequence[Histogram]) -> list[dict[str, Any]]:
    """Return histograms as the page's script takes them."""
    return [{"edges": one.edges_ms, "counts": one.counts} for one in found]
