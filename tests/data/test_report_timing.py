"""Histograms, and what became of actions over time."""

from __future__ import annotations

import pytest

from ac_bridge.data.report_reading import STEP_COLUMNS, Episode, Gathered
from ac_bridge.data.report_timing import BINS, Histogram, fates, histograms, in_lockstep
from ac_bridge_recording.topics import Topic

SECOND_NS = 1_000_000_000


def gathered(mode: str = "latest", **steps: list[float]) -> Gathered:
    """Return what a recording of one episode has, with steps of these columns."""
    found = Gathered({}, Topic.STEP, episodes=[Episode(1, 0, None, mode, 10.0)])
    count = len(next(iter(steps.values()), []))
    for name in (*STEP_COLUMNS, "time_ns"):
        found.steps[name].extend(steps.get(name, [0.0] * count))
    return found


def named(found: list[Histogram]) -> dict[str, Histogram]:
    """Return histograms by their titles."""
    return {one.title: one for one in found}


def test_tick_errors() -> None:
    """Every value is in a bar or said to be beyond; the figures are of all of them."""
    errors = [0.0001 * n for n in range(1000)] + [5.0]
    one = named(histograms(gathered(tick_error_s=errors)))["Tick error"]
    assert one.count == 1001
    assert sum(one.counts) + one.beyond == 1001
    assert one.beyond >= 1
    assert len(one.edges_ms) == len(one.counts) + 1 == BINS + 1
    assert one.median_ms == pytest.approx(50.0)
    assert one.max_ms == pytest.approx(5000.0)
    assert one.edges_ms[-1] < 101.0


def test_values_that_are_all_alike() -> None:
    """Are one bar, and no division by zero."""
    one = named(histograms(gathered(tick_error_s=[0.0] * 5)))["Tick error"]
    assert sum(one.counts) == 5
    assert one.beyond == 0


def test_lockstep_has_no_tick_errors() -> None:
    """Game time waits there: only the work of answering is real."""
    assert in_lockstep(gathered("lockstep"))
    assert set(named(histograms(gathered("lockstep", tick_error_s=[0.0])))) == {"Answering"}
    assert not in_lockstep(Gathered({}, Topic.TELEMETRY))


def test_round_trips_and_intervals_of_frames() -> None:
    """Are there where they were recorded; the first frame of a stream has no interval."""
    found = gathered()
    found.round_trips_s += [0.02, 0.03]
    found.frames["dt_actual"].extend([0.0, 0.016, 0.017, 0.0, 0.018])
    titles = named(histograms(found))
    assert set(titles) == {"Round trip", "Time between frames"}
    assert titles["Round trip"].median_ms == pytest.approx(25.0)
    assert titles["Time between frames"].count == 3


def test_what_became_of_actions() -> None:
    """Counted over the whole recording, and in bars over its time."""
    times = [10.0 * SECOND_NS, 20.0 * SECOND_NS, 70.0 * SECOND_NS]
    found = fates(
        gathered(
            time_ns=times,
            late=[1.0, 0.0, 1.0],
            ticks_held=[2.0, 0.0, 5.0],
            ticks_eased=[0.0, 0.0, 4.0],
        ),
        10 * SECOND_NS,
    )
    assert found is not None
    assert found.steps == 3
    assert found.totals == {"late": 2, "held": 7, "eased": 4, "planned": 0, "missed": 0}
    assert found.bars["held"][0] == 2
    assert found.bars["held"][-1] == 1  # the other four were eased
    assert found.bars["eased"][-1] == 4
    assert sum(found.bars["late"]) == 2
    assert found.times_s[0] == pytest.approx(0.5)
    assert found.times_s[-1] == pytest.approx(59.5)


def test_nobody_knows_without_steps() -> None:
    """Then there are no counts of zero either."""
    assert fates(gathered(), 0) is None
