"""A recorder that is killed loses the chunk that it was at, and nothing before it."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest

from _recording.autopsy import Finding, differences, examine
from _recording.kills import Driven, Kill, judge, kill_actor, kill_recorder, plans, unlike_driven
from _recording.stream import Template, moments, template
from ac_bridge_recording import Recorder, Recording
from ac_bridge_recording.topics import StepRecord, Topic
from helpers.recordings import ABOUT, START_NS, in_chunks, stepped, ticking

SEED = 1
PLANS = plans(9, SEED, longest_s=0.6)
ALL_IS_WELL = Finding(records=500, safe=480, lost_bytes=0, behind_s=0.1)


@pytest.fixture(scope="module")
def made_of() -> Template:
    """Return what the seeded streams vary."""
    return template()


def recorded(path: Path, made_of: Template, count: int, seed: int = SEED) -> int:
    """Record so many moments of a stream; return how many records that should be."""
    handed = 0
    with Recorder(path, ABOUT, now_ns=ticking()) as recorder:
        for _, moment in zip(range(count), moments(seed, made_of), strict=False):
            for hand_over in moment.hand_over:
                hand_over(recorder)
            handed += len(moment.records)
    return handed


# --- For real -------------------------------------------------------------------------------------


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: f"{plan.hz:g}-{plan.after_s:.2f}")
def test_kill(plan, made_of, tmp_path):
    """A recorder's finished chunks are all there, in order; mcap's readers agree; it mends."""
    finding = kill_recorder(plan, tmp_path, made_of).finding
    assert finding.wrong == ()
    assert finding.records >= finding.safe


@pytest.mark.skipif(sys.platform != "linux", reason="the bench's actors are for Linux")
def test_kill_actor(tmp_path):
    """An actor that is killed leaves the steps that its learner made."""
    finding = kill_actor(SEED, tmp_path)
    assert finding.wrong == ()
    assert finding.records >= finding.safe


# --- That the judge can see -----------------------------------------------------------------------


def test_the_stream_is_as_it_says(made_of, tmp_path):
    """What is recorded of a stream are the records that it names, all of them, in order."""
    path = tmp_path / "whole.mcap"
    handed = recorded(path, made_of, 450)
    recording = Recording(path)
    counts = recording.counts()
    made = counts.pop(Topic.POSE) + counts.pop(Topic.TRANSFORM)
    ended = 1  # the last episode, with the recorder
    assert made
    assert sum(counts.values()) == handed + ended
    assert set(counts) == {
        *(Topic.TELEMETRY, Topic.WIRE, Topic.STEP, Topic.EVENT, Topic.STATICS),
        *(Topic.EPISODE_START, Topic.EPISODE_END),
    }


def test_two_seeds_differ(made_of):
    """Streams of one seed are alike, and of two are not."""
    one, again, other = (next(moments(seed, made_of)).records for seed in (1, 1, 2))
    assert one == again
    assert one != other


def test_another_stream_is_found(made_of, tmp_path):
    """A recording of another stream is not taken for the right one."""
    path = tmp_path / "other.mcap"
    recorded(path, made_of, 20, seed=2)
    wrong = (record for moment in moments(1, made_of) for record in moment.records)
    finding = examine(path, wrong, safe=1, killed_ns=START_NS, mended=tmp_path / "mended.mcap")
    assert "is not what was handed over" in " ".join(finding.wrong)


def test_a_gap_is_found(made_of):
    """A record left out in the midst is a difference; a missing end is none."""
    records = next(moments(1, made_of)).records
    assert list(differences(records[:3], records)) == []
    assert len(list(differences([*records[:2], *records[3:]], records))) == 1


def test_a_lost_chunk_is_found(tmp_path):
    """A file without its last whole chunk has fewer records than were safe."""
    path = tmp_path / "short.mcap"
    *_, before_last, last, _ = in_chunks(path)
    path.write_bytes(path.read_bytes()[:last])
    safe = sum(Recording(path).counts().values())
    path.write_bytes(path.read_bytes()[: before_last + 5])
    finding = examine(path, (), safe=safe, killed_ns=START_NS, mended=tmp_path / "mended.mcap")
    assert finding.lost_bytes == 5
    assert finding.wrong == (f"{safe - finding.records} records of finished chunks are gone",)


def test_a_wrong_byte_is_found(tmp_path):
    """A chunk that is damaged is noticed, whoever reads it."""
    path = tmp_path / "bad.mcap"
    first, second, *_ = in_chunks(path)
    data = bytearray(path.read_bytes())
    data[first + (second - first) // 2] ^= 0x55
    path.write_bytes(data)
    finding = examine(path, (), safe=1, killed_ns=START_NS, mended=tmp_path / "mended.mcap")
    assert finding.wrong


def test_a_file_without_anything_is_found(tmp_path):
    """A file in which nothing can be read is no success."""
    path = tmp_path / "empty.mcap"
    path.touch()
    finding = examine(path, (), safe=0, killed_ns=START_NS, mended=tmp_path / "mended.mcap")
    assert finding.wrong


def test_steps_of_somebody_else_are_found():
    """A recorded step must be the learner's; only the very last may be one without an answer."""

    def step(number: int) -> StepRecord:
        result = stepped(number)
        return StepRecord(
            episode=1,
            action=(0.0, 0.0, 0.0),
            observation=result.observation,
            frame=result.frame,
            receipt=result.receipt,
            end=None,
        )

    steps = [step(number) for number in (1, 2, 3)]
    driven = [Driven(record.observation, record.receipt.action_id) for record in steps]
    with_times = [(0, record) for record in steps]
    assert list(unlike_driven(iter(with_times), driven)) == []
    assert list(unlike_driven(iter(with_times), driven[:2])) == []
    assert list(unlike_driven(iter(with_times), driven[:1]))
    assert list(unlike_driven(iter(with_times), driven[1:]))
    assert list(unlike_driven(iter(with_times[1:]), driven))


# --- The verdict ----------------------------------------------------------------------------------


def killed(**changes: object) -> Kill:
    """Return a kill after which all was well, but for what is said."""
    return Kill(PLANS[0], dataclasses.replace(ALL_IS_WELL, **changes))


def test_verdict():
    """Everything safe and readable holds; its figures are in the sentence."""
    verdict = judge([killed(), killed(lost_bytes=700)], [ALL_IS_WELL])
    assert verdict.holds
    assert "2 recorders and 1 recording actors killed: 1,500 records left, 0 lost" in (
        verdict.measured
    )
    assert "1 files end in the midst of a chunk, at most 700 bytes" in verdict.measured


@pytest.mark.parametrize(
    "changes",
    [{"safe": 501}, {"wrong": ("mcap's reader: EndOfFile()",)}, {"behind_s": 3.0}],
    ids=lambda changes: next(iter(changes)),
)
def test_verdict_on_what_is_bad(changes):
    """One bad file among good ones breaks the promise."""
    assert not judge([killed(), killed(**changes), killed()]).holds
