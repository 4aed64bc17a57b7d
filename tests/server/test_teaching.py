"""A learner whose policy acts on the actor, over a real socket: policies in, a run, records out."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ac_bridge.game import NEUTRAL
from ac_bridge_client import RemoteEnv
from ac_bridge_protocol.codec import JSON, MSGPACK, Codec
from ac_bridge_protocol.edge import (
    Acknowledge,
    PolicyChunk,
    PolicyOffer,
    PolicyState,
    PolicyStatus,
    Records,
    RunStart,
    RunStatus,
    RunStop,
)
from ac_bridge_protocol.experience import Transition, to_array
from ac_bridge_protocol.messages import Event, Failure, Ping, Pong, Refusal
from ac_bridge_protocol.runs import RunEnd, RunTerms, Swap
from ac_bridge_protocol.spec import spec_digest
from ac_bridge_protocol.tasks import TaskSpec
from helpers.actors import make_rig, serving, wheel_of
from helpers.learners import Place
from helpers.taught import TWENTY_STEPS, taught


@contextlib.contextmanager
def teaching(folder: Path, *, lockstep: bool = True, max_bytes: int = 10**8) -> Iterator[Place]:
    """Serve an actor with a spool in a folder."""
    with taught(folder, lockstep=lockstep, max_bytes=max_bytes) as (uri, rig):
        yield Place(uri, rig)


@pytest.mark.parametrize("codec", [MSGPACK, JSON], ids=lambda codec: codec.name)
def test_a_policy_is_pushed_and_drives_a_run(tmp_path: Path, codec: Codec) -> None:
    """Two episodes arrive, in order, under the policy's version; then the run is over."""
    with teaching(tmp_path) as place, place.learner(codec) as learner:
        learner.push(b"0.75 1000000 and some more bytes")
        learner.hear_policy(PolicyState.READY)
        learner.say(RunStart(terms=RunTerms(run="r", task=TWENTY_STEPS, episodes=2, seed=1)))
        over = learner.hear(lambda said: isinstance(said, RunStatus) and "All 2" in said.why)
        assert (over.driving, over.episodes, over.end) == (False, 2, RunEnd.EPISODES)
        records = learner.records(42)
        assert [record.episode for record in records] == [1] * 21 + [2] * 21
        steps = [record for record in records if isinstance(record, Transition)]
        assert [step.tick for step in steps] == list(range(1, 21)) * 2
        assert {step.policy for step in steps} == {1}
        assert wheel_of(place.rig).now == NEUTRAL
        states = [said.state for said in learner.heard if isinstance(said, PolicyStatus)]
        assert states == ["wanted", "checking", "ready", "active"]


def test_what_is_not_acknowledged_comes_again(tmp_path: Path) -> None:
    """To the next link; what was acknowledged does not, and nothing is left out."""
    with teaching(tmp_path) as place:
        with place.learner() as learner:
            learner.push(b"0.75 1000000")
            learner.say(RunStart(terms=RunTerms(run="r", task=TWENTY_STEPS, episodes=2)))
            learner.records(30)
            status = next(said for said in learner.heard if isinstance(said, RunStatus))
            learner.say(Acknowledge(spool=status.spool, upto=10))
        with place.learner() as again:
            again.records(42 - 10)
            first = next(said for said in again.heard if isinstance(said, Records)).first
            assert first == 11
            again.say(Acknowledge(spool=status.spool, upto=43))
            refused = again.hear_a(Failure)
            assert "Record 43 was never sent: the newest is 42." in refused.message


def test_no_more_is_sent_than_there_is_room_for(tmp_path: Path) -> None:
    """However little was acknowledged; the end of a run is told with the number of its last."""
    with teaching(tmp_path) as place, place.learner() as learner:
        learner.push(b"0.75 1000000")
        status = learner.hear_a(RunStatus)
        learner.say(Acknowledge(spool=status.spool, upto=0, room_upto=10))
        learner.say(RunStart(terms=RunTerms(run="r", task=TWENTY_STEPS, episodes=2)))
        over = learner.hear(lambda said: isinstance(said, RunStatus) and bool(said.why))
        assert (over.driving, over.last) == (False, 42)
        assert len(learner.records(10)) == 10
        learner.say(Acknowledge(spool=status.spool, upto=0, room_upto=100))
        assert len(learner.records(42)) == 42


def test_a_policy_that_is_there_is_told_of_again(tmp_path: Path) -> None:
    """To whoever comes, and when the same is offered again; no other of that version is taken."""
    with teaching(tmp_path) as place:
        with place.learner() as learner:
            learner.push(b"0.75 1000000")
            learner.hear_policy(PolicyState.READY)
        with place.learner() as again:
            assert again.hear_policy(PolicyState.READY).version == 1
            again.push(b"0.75 1000000")
            again.hear_policy(PolicyState.READY)
            again.push(b"0.50 1000000")
            assert again.hear_policy(PolicyState.REFUSED).refusal == "old"


def test_the_run_goes_on_without_its_learner(tmp_path: Path) -> None:
    """What it lives through waits."""
    with teaching(tmp_path) as place:
        with place.learner() as learner:
            learner.push(b"0.75 1000000")
            learner.say(RunStart(terms=RunTerms(run="r", task=TWENTY_STEPS, episodes=30)))
            learner.records(5)
        with place.learner() as again:
            again.hear(lambda said: isinstance(said, RunStatus) and not said.driving)
            assert len(again.records(30 * 21)) == 30 * 21


def test_a_run_is_stopped(tmp_path: Path) -> None:
    """In real time, at speed: the wheel is neutral, the car free."""
    with teaching(tmp_path, lockstep=False) as place, place.learner() as learner:
        learner.push(b"0.75 1000000")
        learner.say(RunStart(terms=RunTerms(run="r")))
        learner.records(5)
        assert wheel_of(place.rig).now.throttle > 0.0
        learner.say(RunStop(why="That will do."))
        over = learner.hear(lambda said: isinstance(said, RunStatus) and not said.driving)
        assert (over.end, over.why) == (RunEnd.TOLD, "That will do.")
        assert wheel_of(place.rig).now == NEUTRAL


def test_a_policy_that_fails_is_rolled_back(tmp_path: Path) -> None:
    """To the one before it, with its version in every record; the learner is told."""
    with teaching(tmp_path) as place, place.learner() as learner:
        learner.push(b"0.25 1000000")
        learner.hear_policy(PolicyState.READY)
        learner.say(RunStart(terms=RunTerms(run="r", task=TWENTY_STEPS, episodes=2000)))
        first = learner.hear_policy(PolicyState.ACTIVE)
        assert (first.episode, first.tick) == (1, 0)
        learner.push(b"0.75 7", version=2, swap=Swap.TICK)
        active = learner.hear_policy(PolicyState.ACTIVE)
        back = learner.hear_policy(PolicyState.ROLLED_BACK)
        assert (active.version, back.version) == (2, 2)
        assert "ran out of ticks" in back.message
        while all(record.episode <= active.episode for record in learner.all_records):
            learner.hear_a(Records)  # until the next one has begun
        learner.say(RunStop())
        over = learner.hear(lambda said: isinstance(said, RunStatus) and not said.driving)
        steps = [one for one in learner.records(over.last) if isinstance(one, Transition)]
        second = [step for step in steps if step.policy == 2]
        # Its seventh action was followed by the observation that it failed at.
        assert len(second) == 7
        assert (second[0].episode, second[0].tick) == (active.episode, active.tick + 1)
        assert (second[-1].episode, second[-1].tick) == (back.episode, back.tick)
        assert second[-1].end_reason == "policy_failed"
        assert {step.policy for step in steps} == {1, 2}
        assert {step.policy for step in steps if step.episode > active.episode} <= {1}


@pytest.mark.parametrize(
    ("data", "fields", "reason"),
    [
        (b"0.5 1", {"sha256": "0" * 64}, "wrong_hash"),
        (b"0.5 1", {"size_bytes": 3}, "too_large"),
        (b"0.5 1", {"spec": "0" * 64}, "other_spec"),
        (b"1.5 1", {}, "not_finite"),
        (b"0.5 1", {"version": 1}, "old"),
    ],
)
def test_policies_are_refused(
    tmp_path: Path, data: bytes, fields: dict[str, Any], reason: str
) -> None:
    """With the reason; the one that was there before is."""
    with teaching(tmp_path) as place, place.learner() as learner:
        learner.push(b"0.25 1000000", version=5)
        learner.hear_policy(PolicyState.READY)
        learner.push(data, **({"version": 6} | fields))
        refused = learner.hear_policy(PolicyState.REFUSED)
        assert refused.refusal == reason
        assert refused.message
        learner.say(RunStart(terms=RunTerms(run="r", task=TWENTY_STEPS, episodes=1)))
        assert learner.hear_policy(PolicyState.ACTIVE).version == 5


def test_a_push_goes_on_after_a_cut(tmp_path: Path) -> None:
    """The same offer again says how much has come."""
    data = b"0.75 1000000 and some more"
    offer = {"version": 1, "sha256": hashlib.sha256(data).hexdigest(), "size_bytes": len(data)}
    with teaching(tmp_path) as place:
        with place.learner() as learner:
            said = PolicyOffer.model_validate(offer | {"spec": spec_digest(learner.spec)})
            piece = base64.b64encode(data[:10]).decode()
            learner.say(said, PolicyChunk(version=1, offset=0, data=piece), said)
            learner.hear(lambda m: isinstance(m, PolicyStatus) and m.received_bytes == 10)
        with place.learner() as again:
            again.say(said)
            assert again.hear_policy(PolicyState.WANTED).received_bytes == 10
            rest = base64.b64encode(data[10:]).decode()
            again.say(PolicyChunk(version=1, offset=10, data=rest))
            again.hear_policy(PolicyState.READY)


def test_a_restarted_actor_has_its_policy_and_its_numbers(tmp_path: Path) -> None:
    """The last good policy acts again without being pushed; records are numbered on."""
    terms = RunTerms(run="r", task=TWENTY_STEPS, episodes=1)
    with teaching(tmp_path) as place, place.learner() as learner:
        learner.push(b"0.25 1000000", version=7)
        learner.say(RunStart(terms=terms))
        learner.records(21)
    with teaching(tmp_path) as place, place.learner() as learner:
        assert learner.hear_policy(PolicyState.READY).version == 7
        learner.say(RunStart(terms=terms.model_copy(update={"run": "s"})))
        records = learner.records(42)
        assert [one.run for one in records] == ["r"] * 21 + ["s"] * 21
        learner.push(b"0.25 1000000", version=7)
        learner.hear_policy(PolicyState.ACTIVE)
        learner.push(b"0.50 1000000", version=7)
        assert learner.hear_policy(PolicyState.REFUSED).refusal == "old"


@pytest.mark.parametrize("acknowledged", [True, False])
def test_a_restarted_actor_counts_its_run_on(tmp_path: Path, *, acknowledged: bool) -> None:
    """No two episodes of a run have one number, whether or not the spool still has a record."""
    terms = RunTerms(run="r", task=TWENTY_STEPS, episodes=2)
    for last in (2, 3, 3):
        with teaching(tmp_path) as place, place.learner() as learner:
            if last == 2:
                learner.push(b"0.25 1000000", version=7)
            learner.hear_policy(PolicyState.READY)
            learner.say(RunStart(terms=terms.model_copy(update={"episodes": last})))
            over = learner.hear(lambda said: isinstance(said, RunStatus) and said.end)
            assert (over.end, over.episodes, over.last) == (RunEnd.EPISODES, last, last * 21)
            if acknowledged:
                learner.say(Acknowledge(spool=over.spool, upto=over.last), Ping(id=1, t_sent=0.0))
                learner.hear_a(Pong)


def test_another_observation_needs_another_policy(tmp_path: Path) -> None:
    """What was pushed for one never acts on another, and new ones are not tried on old sights."""
    terms = RunTerms(run="r", task=TWENTY_STEPS, episodes=1)
    with teaching(tmp_path) as place:
        with place.learner() as learner:
            learner.push(b"0.25 1000000")
            learner.say(RunStart(terms=terms))
            learner.hear(lambda said: isinstance(said, RunStatus) and "All 1" in said.why)
        with place.learner(observation="racing") as other:
            assert len(other.spec.observation) > 15
            other.say(RunStart(terms=terms.model_copy(update={"run": "s"})))
            status = other.hear(lambda said: isinstance(said, RunStatus) and said.run == "s")
            assert (status.driving, status.episodes) == (True, 0)
            other.push(b"0.25 1000000", version=2)
            assert other.hear_policy(PolicyState.ACTIVE).version == 2
            steps = [one for one in other.records(42) if isinstance(one, Transition)]
            assert {(one.run, one.policy) for one in steps} == {("r", 1), ("s", 2)}


def test_another_observation_while_a_run_goes_on(tmp_path: Path) -> None:
    """Whoever comes with it is told that the run keeps its own, and has its own after it."""
    with teaching(tmp_path, lockstep=False) as place:
        with place.learner() as learner:
            learner.push(b"0.25 1000000")
            learner.say(RunStart(terms=RunTerms(run="r")))
            learner.records(5)
        with place.learner(observation="racing") as other:
            assert other.spec.observation_size > 15
            status = other.hear_a(RunStatus)
            assert status.driving
            assert "another way than you asked for" in status.hint
            other.push(b"0.25 1000000", version=2)
            refused = other.hear_policy(PolicyState.REFUSED)
            assert refused.refusal == "other_spec"
            assert "stop it first" in refused.hint
            other.say(RunStart(terms=RunTerms(run="s", task=TWENTY_STEPS, episodes=1)))
            began = other.hear(lambda said: isinstance(said, RunStatus) and said.run == "s")
            assert began.hint == ""
            other.push(b"0.25 1000000", version=3)
            assert other.hear_policy(PolicyState.ACTIVE).version == 3
            over = other.hear(lambda said: isinstance(said, RunStatus) and said.end)
            steps = other.records(over.last)[-20:]
            assert {len(to_array(step.observation)) for step in steps} == {
                other.spec.observation_size
            }


def test_why_a_run_could_not_begin_or_go_on(tmp_path: Path) -> None:
    """Each reason is a word of its own; the actor's last word is one of them."""
    with contextlib.ExitStack() as actor, contextlib.ExitStack() as clients:
        place = actor.enter_context(teaching(tmp_path, lockstep=False))
        learner = clients.enter_context(place.learner())
        learner.say(RunStart(terms=RunTerms(run="r", task=TaskSpec(name="fly"))))
        assert learner.hear(lambda said: isinstance(said, RunStatus) and said.end).end == (
            RunEnd.TASK_REFUSED
        )
        with RemoteEnv(place.uri) as driver:
            driver.reset()
            learner.say(RunStart(terms=RunTerms(run="r")))
            assert learner.hear(lambda said: isinstance(said, RunStatus)).end is RunEnd.BUSY
        learner.hear(lambda said: isinstance(said, Event) and said.kind == "driver_left")
        learner.push(b"0.75 1000000")
        learner.say(RunStart(terms=RunTerms(run="r")))
        learner.records(3)
        actor.close()
        last = learner.hear(lambda said: isinstance(said, RunStatus) and said.end)
        assert last.end is RunEnd.ACTOR_STOPPED
        assert wheel_of(place.rig).now == NEUTRAL


def test_a_second_learner_is_refused(tmp_path: Path) -> None:
    """And so is one that an actor without a spool cannot serve."""
    with teaching(tmp_path) as place, place.learner() as first, place.learner() as second:
        assert first.spec
        assert second.hear_a(Refusal).code == "busy"
    with serving(make_rig()) as (uri, _), Place(uri, make_rig()).learner() as nowhere:
        assert "--spool" in nowhere.hear_a(Refusal).hint


def test_a_full_spool_stops_the_run(tmp_path: Path) -> None:
    """What it holds comes, in order; emptied, a run can begin again."""
    with teaching(tmp_path, max_bytes=20_000) as place, place.learner() as learner:
        learner.push(b"0.75 1000000")
        learner.say(RunStart(terms=RunTerms(run="r", task=TWENTY_STEPS)))
        over = learner.hear(lambda said: isinstance(said, RunStatus) and "full" in said.why)
        assert (over.driving, over.end) == (False, RunEnd.SPOOL_FULL)
        records = learner.records(10)
        learner.say(Acknowledge(spool=over.spool, upto=len(records)))
        learner.say(RunStart(terms=RunTerms(run="s", task=TWENTY_STEPS, episodes=1)))
        learner.hear(lambda said: isinstance(said, RunStatus) and said.run == "s")
