"""Records in: each once and in order, whatever is cut, repeated, dropped or killed."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ac_bridge_client.stream_intake import Bookmark, Intake, Step
from ac_bridge_protocol.errors import FrameError
from ac_bridge_protocol.experience import EpisodeStart, Record, Transition, pack, to_bytes
from helpers.frames import make_statics
from helpers.wire import make_receipt

A, B = "a" * 32, "b" * 32
STATICS, RECEIPT = make_statics(), make_receipt()


def life(*episodes: tuple[int, bool]) -> list[Record]:
    """Return the records of episodes of so many steps, with an end of their own or without.

    Each one's observation is its number.
    """
    records: list[Record] = []
    for episode, (steps, ends) in enumerate(episodes, 1):
        seen = to_bytes([len(records) + 1.0])
        records.append(EpisodeStart(run="r", episode=episode, statics=STATICS, observation=seen))
        for tick in range(1, steps + 1):
            records.append(
                Transition(
                    run="r",
                    episode=episode,
                    tick=tick,
                    policy=1,
                    action=to_bytes([0.0]),
                    receipt=RECEIPT,
                    reward=1.0,
                    terminated=ends and tick == steps,
                    truncated=False,
                    observation=to_bytes([len(records) + 1.0]),
                )
            )
    return records


def told(step: Step) -> tuple[int, float, float, bool, bool, bool]:
    """Return what a test compares of a step."""
    return (
        step.number,
        step.observation.item(),
        step.next_observation.item(),
        step.first,
        step.last,
        step.truncated,
    )


def expected(records: Sequence[Record]) -> list[tuple[int, float, float, bool, bool, bool]]:
    """Return the same of all steps that these records are joined to, if nothing is lost."""
    steps = []
    for number, record in enumerate(records, 1):
        if isinstance(record, Transition):
            after = records[number] if number < len(records) else None
            goes_on = isinstance(after, Transition)
            cut = not goes_on and not record.terminated
            first = record.tick == 1
            steps.append((number, number - 1.0, float(number), first, not goes_on, cut))
    return steps


EPISODES = st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=6)
DEEDS = st.lists(
    st.tuples(st.sampled_from(["deliver", "cut", "take", "commit", "kill"]), st.integers(1, 7)),
    max_size=60,
)


@given(EPISODES, DEEDS)
def test_each_step_is_handed_out_once(
    episodes: list[tuple[int, bool]], deeds: list[tuple[str, int]]
) -> None:
    """Of a committed life, in order, whatever comes again or is killed in between."""
    records = life(*episodes)
    packed = [pack(record) for record in records]
    intake, queue, taken = Intake(), list[Step](), list[Step]()
    bookmark: Bookmark | None = None
    kept = sent = 0  # steps of `taken` that are there for good; the last number that was sent
    for deed, count in [*deeds, ("cut", 1), ("deliver", len(records)), ("take", 1000)]:
        match deed:
            case "deliver" if sent < len(packed):
                queue += intake.take(A, sent + 1, packed[sent : sent + count])
                sent = min(sent + count, len(packed))
                if sent == len(packed):
                    queue += intake.settle(sent)
            case "cut":
                sent = 0 if bookmark is None else bookmark.upto - bookmark.upto % count
            case "take":
                taken += queue[:count]
                del queue[:count]
            case "commit" if taken:
                kept, bookmark = len(taken), taken[-1].bookmark
            case "kill":
                del taken[kept:]
                saved = None if bookmark is None else bookmark.model_dump_json()
                known = {} if saved is None else {A: Bookmark.model_validate(json.loads(saved))}
                intake, queue, sent = Intake(known), [], 0 if bookmark is None else bookmark.upto
                queue += intake.meet(A, sent)
    if sent == len(packed):
        queue += intake.settle(sent)
    assert [told(step) for step in taken + queue] == expected(records)
    assert intake.gaps == intake.unjoined == 0


def test_a_gap_ends_the_episode() -> None:
    """What was dropped is counted; nothing is joined across it."""
    records = life((6, True), (2, True))
    packed = [pack(record) for record in records]
    intake = Intake()
    steps = intake.take(A, 1, packed[:3]) + intake.take(A, 6, packed[5:])
    assert [told(step) for step in steps] == [
        (2, 1.0, 2.0, True, False, False),
        (3, 2.0, 3.0, False, True, True),
        (7, 6.0, 7.0, False, True, False),
        (9, 8.0, 9.0, True, False, False),
        (10, 9.0, 10.0, False, True, False),
    ]
    assert (intake.records, intake.gaps, intake.unjoined) == (8, 2, 1)


def test_another_spool_counts_anew() -> None:
    """The episode of the one before goes on no further."""
    packed = [pack(record) for record in life((3, True))]
    intake = Intake()
    first = intake.take(A, 1, packed[:3])
    second = intake.take(B, 1, packed)
    assert [(step.spool, step.number, step.cut) for step in first + second] == [
        (A, 2, False),
        (A, 3, True),
        (B, 2, False),
        (B, 3, False),
        (B, 4, False),
    ]
    assert (intake.spools, intake.newest, intake.duplicates) == (2, 4, 0)
    assert intake.take(A, 1, packed[:3]) == []
    assert intake.duplicates == 3


def test_what_another_learner_has_is_no_gap() -> None:
    """A spool that was never met before begins where it was acknowledged; a known one has lost."""
    packed = [pack(record) for record in life((6, True))]
    intake = Intake()
    assert intake.meet(A, 4) == []
    assert len(intake.take(A, 5, packed[4:])) == 2
    assert (intake.gaps, intake.unjoined) == (0, 1)
    known = Intake({A: Bookmark(spool=A, upto=2)})
    known.meet(A, 4)
    assert known.gaps == 2


def test_what_is_no_record_is_refused() -> None:
    """By name."""
    with pytest.raises(FrameError, match="no record of a run"):
        Intake().take(A, 1, [b"?"])
