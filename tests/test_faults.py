"""The fault bench judges rightly: what keeps a promise passes, and what breaks it is found."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from _faults import game_states, kills, link_cuts, punctual, relay_cuts, stall, wan
from _faults.checks import Losses, losses, schedule, timeliness
from _faults.far import far_actor
from _faults.record import CODES, NoTask, StepRecord, coded, revived
from _faults.row import Bench, Fault, Row, RowTimeoutError, Verdict, time_limit
from _faults.table import FAULTS, as_json, as_section, as_table, chosen, with_rows
from ac_bridge_client import RemoteEnv
from links import CutPlan, LinkQuality
from links.conversation import Place

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the fault bench is for Linux")

ROOT = Path(__file__).parents[1]
HZ = 60.0


def good(count: int = 60, *, episode: int = 1, first: int = 0) -> list[StepRecord]:
    """Return the records of a drive on which nothing went wrong."""
    return [
        StepRecord(
            number=first + n,
            episode=episode,
            asked=coded(first + n),
            sent=coded(first + n),
            action_id=n,
            tick=n + 1,
            tick_asked=n,
            tick_applied=n,
            late=False,
            ticks_held=0,
            ticks_planned=0,
            ticks_missed=0,
            tick_error_s=0.0001,
            sampled_s=1e9 + (n + 1) / HZ + 0.0001,
            arrived_s=50.0 + (n + 1) / HZ + 0.0005,
            end_reason="",
        )
        for n in range(count)
    ]


def changed(steps: list[StepRecord], index: int, **values: Any) -> list[StepRecord]:
    """Return the same with one record's fields replaced."""
    return [
        dataclasses.replace(step, **values) if n == index else step for n, step in enumerate(steps)
    ]


def shifted(steps: list[StepRecord], index: int, name: str, by: float) -> list[StepRecord]:
    """Return the same with a field of every record from one on moved."""
    return [
        dataclasses.replace(step, **{name: getattr(step, name) + by}) if n >= index else step
        for n, step in enumerate(steps)
    ]


@contextlib.contextmanager
def bench() -> Iterator[Bench]:
    """Return what a quick row gets."""
    with contextlib.ExitStack() as stack:
        yield Bench(stack, quick=True, seed=1)


# --- Nothing lost ---------------------------------------------------------------------------------


def test_a_number_can_be_told_from_its_action() -> None:
    """No two actions are alike, and all are actions."""
    actions = [coded(n) for n in range(0, CODES * CODES, 7)]
    assert len({(round(a, 6), round(b, 6)) for a, b, _ in actions}) == len(actions)
    assert all(-1 <= steer <= 1 and 0 <= throttle <= 1 for steer, throttle, _ in actions)


def test_a_good_drive_lost_nothing() -> None:
    """Over several episodes, each of which counts its actions from 0."""
    assert losses(good() + good(episode=2, first=60) + good(episode=3, first=120)) == Losses()


@pytest.mark.parametrize(
    ("bad", "found"),
    [
        (shifted(good(), 30, "action_id", 1), Losses(twice=1)),
        (changed(good(), 30, sent=coded(29)), Losses(lost=1)),
        (changed(good(), 30, action_id=29), Losses(mismatched=1)),
        (changed(good(), 30, tick=30), Losses(mismatched=1)),
        (changed(good(), 59, end_reason="link_lost"), Losses(ended=1)),
        (good() + good(episode=3, first=60), Losses(ended=1)),
    ],
    ids=["twice", "lost", "an old answer", "an old tick", "ended", "an episode unseen"],
)
def test_each_loss_is_found(bad: list[StepRecord], found: Losses) -> None:
    """Once, and as what it is; and then the row does not hold."""
    assert losses(bad) == found
    counts = {place.value: 1 for place in Place} | {"cuts": 5, "abrupt": 2}
    assert not link_cuts.judge(bad, counts, CutPlan(count=5), 0).holds
    assert link_cuts.judge(good(), counts, CutPlan(count=5), 0).holds
    assert not link_cuts.judge(good(), counts, CutPlan(count=6), 0).holds


def test_a_relay_has_to_be_cut_and_killed_as_often_as_planned() -> None:
    """Or the row does not hold, whatever became of the steps; which break it as any others do."""
    counts = {place.value: 1 for place in Place} | {"cuts": 5, "abrupt": 2}
    holds = functools.partial(relay_cuts.judge, learners=counts, actors=counts, delay_ticks=0)
    assert holds(good(), plan=CutPlan(10), kills=3, kills_planned=3).holds
    assert not holds(good(), plan=CutPlan(11), kills=3, kills_planned=3).holds
    assert not holds(good(), plan=CutPlan(10), kills=2, kills_planned=3).holds
    bad = changed(good(), 30, sent=coded(29))
    assert not holds(bad, plan=CutPlan(10), kills=3, kills_planned=3).holds


def test_a_late_action_is_not_lost_where_actions_are_for_one_tick() -> None:
    """Its receipt says that it is late; one that does not is lost in either mode."""
    late = changed(good(), 30, sent=coded(29), late=True)
    assert losses(late) == Losses(lost=1)
    assert losses(late, delayed=True) == Losses()
    assert losses(changed(good(), 30, sent=coded(29)), delayed=True) == Losses(lost=1)
    assert losses(changed(good(), 30, tick=30), delayed=True) == Losses()
    assert losses(changed(good(), 30, tick=29), delayed=True) == Losses(mismatched=1)


def test_records_survive_json() -> None:
    """As they were: a learner in another process tells what it saw so."""
    told = json.loads(json.dumps([dataclasses.astuple(step) for step in good()]))
    assert revived(told) == good()


# --- On the schedule ------------------------------------------------------------------------------


def stalled(*, burst: bool = False, counted: int = 13) -> list[StepRecord]:
    """Return a drive with a stall of 13 periods in the middle of it."""
    steps = shifted(shifted(good(), 30, "tick", 13), 30, "sampled_s", 13 / HZ)
    steps = changed(steps, 30, ticks_missed=counted)
    if burst:  # those missed are made up, all at once
        late = [
            dataclasses.replace(step, sampled_s=steps[30].sampled_s + n * 1e-4)
            for n, step in enumerate(good(14)[1:])
        ]
        late = [dataclasses.replace(step, tick=44 + n) for n, step in enumerate(late)]
        steps = [*steps[:31], *late]
    return steps


def test_a_stall_that_was_counted_holds() -> None:
    """Thirteen ticks missed, all of them told, and then on as before."""
    found = schedule(stalled(), HZ)
    assert found.kept
    assert (found.missed, found.unaccounted) == (13, 0)
    assert stall.judge(stalled(), [0.22], HZ).holds


@pytest.mark.parametrize(
    "bad",
    [
        stalled(burst=True),
        stalled(counted=0),
        shifted(stalled(), 30, "sampled_s", 0.004),
        changed(stalled(), 59, end_reason="game_lost"),
    ],
    ids=["a burst", "not counted", "off the schedule", "ended"],
)
def test_a_stall_that_breaks_the_schedule_does_not_hold(bad: list[StepRecord]) -> None:
    """Whichever way."""
    assert not stall.judge(bad, [0.22], HZ).holds


def test_a_stall_that_was_none_does_not_hold() -> None:
    """Ticks that go on while the actor was meant to stand still prove nothing."""
    assert not stall.judge(good(), [0.22], HZ).holds


def test_a_long_drive_holds() -> None:
    """On the schedule to the end, and punctual."""
    assert punctual.judge_long(good(1000), 0.0001, quick=False).holds


@pytest.mark.parametrize(
    "bad",
    [
        [dataclasses.replace(s, sampled_s=s.sampled_s + s.tick * 1e-5) for s in good(1000)],
        [dataclasses.replace(s, arrived_s=s.arrived_s + s.tick * 1e-5) for s in good(1000)],
        [
            dataclasses.replace(s, tick_error_s=0.002, sampled_s=s.sampled_s + 0.0019)
            for s in good()
        ],
        shifted(good(1000), 500, "tick", 1),
    ],
    ids=["drift by its own times", "drift by the learner's clock", "late", "a tick uncounted"],
)
def test_a_long_drive_that_drifts_or_is_late_does_not_hold(bad: list[StepRecord]) -> None:
    """Seen from either end of the link."""
    assert not punctual.judge_long(bad, 0.0001, quick=False).holds


def test_lateness_on_a_busy_machine_is_not_judged_and_said() -> None:
    """A bare sleeper that is late itself shows it; drift is judged all the same."""
    late = [
        dataclasses.replace(s, tick_error_s=0.002, sampled_s=s.sampled_s + 0.0019) for s in good()
    ]
    verdict = punctual.judge_long(late, 0.003, quick=False)
    assert verdict.holds
    assert "not judged" in verdict.measured
    assert not punctual.judge_long(shifted(late, 30, "sampled_s", 0.01), 0.003, quick=False).holds


def test_a_quick_drive_may_have_as_many_late_ticks_as_chance_gives() -> None:
    """Of 200 some six, where the promise makes two likely; in full no more than promised."""
    late = good(200)
    for index in range(7):
        late = changed(late, 10 * index, tick_error_s=0.002)
        assert punctual.judge_long(late, 0.0001, quick=True).holds is (index < 6)
        assert punctual.judge_long(late, 0.0001, quick=False).holds is (index < 2)


def test_a_crowd_that_delays_ticks_is_found() -> None:
    """By a fifth, and not by one bad block."""
    alone = [[0.0001] * 100] * 3
    assert punctual.judge_crowd([[0.00012] * 100] * 3, alone, 1.0, quick=False).holds
    assert not punctual.judge_crowd([[0.00013] * 100] * 3, alone, 1.0, quick=False).holds
    one_bad = [[0.0001] * 100, [0.0001] * 100, [0.05] * 100]
    assert punctual.judge_crowd(one_bad, alone, 1.0, quick=False).holds


def test_a_quick_look_at_a_crowd_is_a_lenient_one() -> None:
    """Against the worst block without; and against nothing where that shows a busy machine."""
    alone = [[0.0001] * 60, [0.0002] * 60]
    assert punctual.judge_crowd([[0.00024] * 60] * 2, alone, 1.0, quick=True).holds
    assert not punctual.judge_crowd([[0.00025] * 60] * 2, alone, 1.0, quick=True).holds
    busy = punctual.judge_crowd([[0.0025] * 60] * 2, [[0.002] * 60] * 2, 1.0, quick=True)
    assert busy.holds
    assert "not judged" in busy.measured


# --- In time --------------------------------------------------------------------------------------


def test_actions_in_time_are_counted() -> None:
    """At least 99 of 100, and none that is silent."""
    late = changed(good(100), 50, late=True, tick_applied=52)
    assert timeliness(late) == (100, 99, 1, 0)
    assert wan.judge(late, 100, 4, "a test").holds
    two_late = changed(late, 51, late=True, tick_applied=52)
    assert not wan.judge(two_late, 100, 4, "a test").holds


@pytest.mark.parametrize(
    "silent",
    [
        {"tick_applied": 52},
        {"sent": coded(49)},
        {"tick_applied": None},
    ],
    ids=["applied later", "another one sent", "never applied"],
)
def test_a_silent_failure_is_found(silent: dict[str, Any]) -> None:
    """A single one breaks the promise, however many others were in time."""
    bad = changed(good(1000), 50, **silent)
    assert timeliness(bad).silent == 1
    assert not wan.judge(bad, 1000, 4, "a test").holds


def test_a_drive_that_ended_early_is_not_in_time() -> None:
    """What was not driven was not in time either."""
    assert not wan.judge(good(99), 100, 4, "a test").holds


# --- Neutral --------------------------------------------------------------------------------------


def test_every_kill_has_to_be_in_time() -> None:
    """One that is late, or never neutral, is enough."""
    assert kills.judge([0.1, 0.2], 0.25, "actors", "allowed").holds
    assert not kills.judge([0.1, 0.26], 0.25, "actors", "allowed").holds
    assert not kills.judge([0.1, math.inf], 0.25, "actors", "allowed").holds


@pytest.mark.parametrize(
    ("end", "states", "neutral", "complaints"),
    [
        ("game_lost", ["stalled", "lost"], True, 0),
        ("game_lost", ["stalled", "live", "stalled", "lost"], True, 0),
        ("", ["stalled", "lost"], True, 1),
        ("game_paused", ["stalled", "lost"], True, 1),
        ("game_lost", ["lost", "stalled"], True, 1),
        ("game_lost", ["stalled", "lost"], False, 1),
        ("", [], False, 3),
    ],
)
def test_each_way_to_miss_a_games_trouble_is_found(
    end: str, states: list[str], neutral: bool, complaints: int
) -> None:
    """The reason, the events and their order, the wheel."""
    frozen = next(trouble for trouble in game_states.TROUBLES if trouble.name == "frozen")
    assert len(game_states.judge(frozen, end, states, neutral=neutral)) == complaints


# --- The table ------------------------------------------------------------------------------------

ROWS = [Row("a | b", "never", "0 of 10", holds=True), Row("c", "always", "±9", holds=False)]


def test_json_is_what_was_promised() -> None:
    """One object, four fields a row."""
    told = json.loads(as_json(ROWS))
    assert told == {"rows": [dataclasses.asdict(row) for row in ROWS]}
    assert set(told["rows"][0]) == {"fault", "promise", "measured", "holds"}


def test_the_page_has_a_line_for_each() -> None:
    """A bar within a cell does not end it; a promise that does not hold stands out."""
    lines = as_section(ROWS)
    assert "| a \\| b | never | 0 of 10 | yes |" in lines
    assert "| c | always | ±9 | **no** |" in lines


def test_the_terminal_has_a_line_for_each() -> None:
    """As many as were measured."""
    assert as_table(ROWS).row_count == 2


def test_rows_are_chosen_by_name() -> None:
    """In the table's order; a name that there is not is told apart, with those there are."""
    assert [fault.name for fault in chosen(["wan", "link_cuts"])] == ["link_cuts", "wan"]
    assert chosen([]) == list(FAULTS)
    with pytest.raises(
        SystemExit, match=r"no row 'wam'.*\n.*link_cuts, relay_cuts, stream_cuts, stream_kills, wan"
    ):
        chosen(["wam"])


def test_the_command_refuses_an_unknown_row() -> None:
    """With status 1, nothing on stdout, and the names."""
    command = [sys.executable, "benchmarks/faults.py", "--json", "--only", "nothing"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=60
    )
    assert done.returncode == 1
    assert not done.stdout
    assert "spectators" in done.stderr


def test_a_row_that_fails_does_not_hold() -> None:
    """Whatever goes wrong is told in the table; the other rows go on."""
    used = []

    def break_down(small: Bench) -> Verdict:
        used.append(small.actor())
        raise OSError("no such luck")

    with bench() as small:
        row = Fault("x", "a fault", "a promise", break_down, limit_s=60).measure(small)
        assert used[0].process.poll() is not None, "the next row gets a new one"
    assert row == Row("a fault", "a promise", "failed: OSError: no such luck", holds=False)


def test_a_row_that_hangs_is_ended() -> None:
    """In the main thread, wherever it hangs."""

    def hang() -> None:
        with time_limit(1):
            while True:
                pass

    with pytest.raises(RowTimeoutError):
        hang()


# --- End to end, in small -------------------------------------------------------------------------


@pytest.mark.parametrize("delay_ticks", [0, link_cuts.DELAY_TICKS])
def test_nothing_is_lost_over_a_link_that_is_cut(delay_ticks: int) -> None:
    """Two dozen cuts at moments drawn from a seed; every action is applied once, in its step."""
    with bench() as small:
        verdict = link_cuts.cut_session(small, CutPlan(count=24, longest_s=0.1), delay_ticks)
    assert verdict.holds, verdict.measured


def test_nothing_is_lost_through_a_relay() -> None:
    """Either leg is cut, and the waiting connection too; in between the relay is killed."""
    with bench() as small:
        verdict = relay_cuts.cut_session(small, 12, 1, 0)
    assert verdict.holds, verdict.measured


def test_the_far_actor_is_behind_a_proxy_where_rights_are_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Driven as well, and said to be no real network."""
    monkeypatch.setenv("PATH", "")
    with far_actor(LinkQuality(delay_s=0.001), seed=1) as far:
        assert far.network is None
        assert "proxy" in far.what
        assert not far.within
        with contextlib.closing(RemoteEnv(far.uri, task=NoTask())) as env:
            env.reset()
            assert env.step(coded(1))[4]["asked"] == pytest.approx(coded(1))


def test_a_row_measured_by_itself_takes_its_place_in_the_page() -> None:
    """Others stay as they were; a new one comes last; how it was measured is said once."""
    old = [Row("one", "p", "m 1", True), Row("two", "p", "m 2", True)]
    page = as_section(old)
    anew = [Row("one", "p", "better", True), Row("three", "p|q", "m 3", False)]
    before = with_rows(page, anew, ["one", "three"], ["- Date: 1"])
    lines = with_rows(before, anew, ["one", "three"], ["- Date: 2"])
    assert [line for line in lines if line.startswith("| ")][1:] == [
        "| one | p | better | yes |",
        "| two | p | m 2 | yes |",
        "| three | p\\|q | m 3 | **no** |",
    ]
    said = [line for line in lines if line.startswith("- Measured by themselves later")]
    assert said == ["- Measured by themselves later: one, three. Date: 2."]
