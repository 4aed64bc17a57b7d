"""Policies that mean harm, at an actor as it is served: real models, real checks, a real socket."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ac_bridge.clock import SystemClock
from ac_bridge.game import NEUTRAL, Controls
from ac_bridge.server.teaching_from import teaching_from
from ac_bridge.settings import ActorSettings
from ac_bridge_client import ActorStream
from ac_bridge_protocol.edge import PolicyState, RunStart, RunStatus, RunStop
from ac_bridge_protocol.errors import PolicyFailedError, PolicyRefusedError
from ac_bridge_protocol.experience import Transition, to_array
from ac_bridge_protocol.limits import CHUNK_BYTES, POLICY_BYTES
from ac_bridge_protocol.messages import Failure, Welcome
from ac_bridge_protocol.runs import RunTerms, Swap
from ac_bridge_protocol.tasks import TaskSpec
from helpers.actors import make_rig, serving, wheel_of
from helpers.learners import Learner, Place
from policy.later import not_finite_later, out_of_bounds_later, slow_later, steady
from policy.models import (
    custom,
    custom_in_function,
    data,
    dice,
    endless,
    external,
    external_in_branch,
    hungry,
    info,
    many_fields,
    not_finite,
    slow,
    unknown_field,
    wrong,
)

PATIENCE_S = 60.0
LONG = TaskSpec.of("progress", rules={"step_limit": {"steps": 5000.0}})
FOR_EVER = 20_000
"""Multiplications that take a second and more; in lockstep a run may take one."""


@contextlib.contextmanager
def real_actor(folder: Path, *, lockstep: bool = True) -> Iterator[Place]:
    """Serve an actor as ``ac-bridge actor --spool`` makes it."""
    rig = make_rig(lockstep=lockstep)
    make = teaching_from(ActorSettings(spool=folder), SystemClock())
    with serving(rig, make_teaching=make) as (uri, _):
        yield Place(uri, rig)


def push(learner: Learner, made: Any, version: int, **fields: Any) -> None:
    """Offer a model, and send it."""
    learner.push(data(made), version, CHUNK_BYTES, **fields)


def wrong_inputs() -> Any:
    return wrong(inputs=[info("observation", [1, 14])])


def wrong_outputs() -> Any:
    return wrong(outputs=[info("action", [1, 4])])


HOSTILE: list[tuple[Callable[[], Any], str]] = [
    (wrong_inputs, "wrong_inputs"),
    (wrong_outputs, "wrong_outputs"),
    (external, "external_data"),
    (external_in_branch, "external_data"),
    (custom, "custom_operator"),
    (custom_in_function, "custom_operator"),
    (endless, "forbidden_operator"),
    (dice, "forbidden_operator"),
    (unknown_field, "too_new"),
    (many_fields, "too_large"),
    (not_finite, "not_finite"),
    (hungry, "failed"),
    (lambda: slow(FOR_EVER), "too_slow"),
]


def test_each_is_refused_while_the_car_drives(tmp_path: Path) -> None:
    """With its reason; the policy that drives goes on, and no other has ever acted."""
    with real_actor(tmp_path, lockstep=False) as place, place.learner() as learner:
        push(learner, steady(0.5), 1)
        learner.say(RunStart(terms=RunTerms(run="r", task=LONG)))
        learner.hear_policy(PolicyState.ACTIVE)
        good = data(steady(0.9))
        for version, (made, reason) in enumerate(HOSTILE, 2):
            push(learner, made(), version)
            refused = learner.hear_policy(PolicyState.REFUSED)
            assert (refused.version, refused.refusal) == (version, reason)
            assert refused.message
        for fields, reason in (
            ({"sha256": hashlib.sha256(good + b"x").hexdigest()}, "wrong_hash"),
            ({"size_bytes": len(good) - 1}, "too_large"),
            ({"spec": "0" * 64}, "other_spec"),
        ):
            version += 1
            learner.push(good, version, CHUNK_BYTES, **fields)
            assert learner.hear_policy(PolicyState.REFUSED).refusal == reason
        heard = len(learner.all_records)
        learner.records(heard + 5)
        assert wheel_of(place.rig).now.throttle == pytest.approx(0.5, abs=0.05)
        learner.say(RunStop())
        over = learner.hear(lambda said: isinstance(said, RunStatus) and not said.driving)
        steps = [one for one in learner.records(over.last) if isinstance(one, Transition)]
        assert {(step.episode, step.policy) for step in steps} == {(1, 1)}
        assert wheel_of(place.rig).now == NEUTRAL


def test_more_than_the_limit_is_not_even_awaited(tmp_path: Path) -> None:
    """Such an offer is no message; the link goes on."""
    with real_actor(tmp_path) as place, place.learner() as learner:
        learner.hear_a(Welcome)
        learner.say_plain(
            {
                "type": "policy_offer",
                "version": 1,
                "sha256": "0" * 64,
                "size_bytes": POLICY_BYTES + 1,
                "spec": "0" * 64,
            }
        )
        assert "size_bytes" in learner.hear_a(Failure).message
        push(learner, steady(0.5), 2)
        assert learner.hear_policy(PolicyState.READY).version == 2


LATER: list[tuple[Callable[[], Any], str]] = [
    (not_finite_later, "not finite"),
    (out_of_bounds_later, "steer"),
    (lambda: slow_later(FOR_EVER), "longer than 1000 ms"),
]


@pytest.mark.parametrize(("made", "why"), LATER, ids=["nan", "bounds", "slow"])
def test_harm_after_a_thousand_ticks_is_rolled_back(
    tmp_path: Path, made: Callable[[], Any], why: str
) -> None:
    """The wheel is neutral before the policy of before drives the next episode."""
    with real_actor(tmp_path) as place, place.learner() as learner:
        push(learner, steady(0.5), 1)
        learner.say(RunStart(terms=RunTerms(run="r", task=LONG)))
        learner.records(10)
        push(learner, made(), 2, swap=Swap.TICK)
        back = learner.hear_policy(PolicyState.ROLLED_BACK)
        assert back.version == 2
        assert why in back.message
        while not any(_drives_again(learner)):
            learner.hear(lambda said: said.type == "records")
        learner.say(RunStop())
        over = learner.hear(lambda said: isinstance(said, RunStatus) and not said.driving)
        steps = [one for one in learner.records(over.last) if isinstance(one, Transition)]
        harmful = [step for step in steps if step.policy == 2]
        assert len(harmful) > 1000
        assert harmful[-1].end_reason == "policy_failed"
        assert np.isfinite([to_array(step.action) for step in harmful]).all()
        after = steps[steps.index(harmful[-1]) + 1 :]
        assert {step.policy for step in after} == {1}
        _check_neutral_between(wheel_of(place.rig).states)


def _drives_again(learner: Learner) -> Iterator[bool]:
    """Yield, for each step after one of policy 2, whether policy 1 took it."""
    steps = [one for one in learner.all_records if isinstance(one, Transition)]
    for before, after in itertools.pairwise(steps):
        yield (before.policy, after.policy) == (2, 1)


def _check_neutral_between(states: list[Controls]) -> None:
    """Nothing but neutral is sent from the last turn of the wheel to the next throttle."""
    turned = max(at for at, state in enumerate(states) if state.steer > 0.5)
    assert states[turned + 1] == NEUTRAL
    following = next(state for state in states[turned + 1 :] if state != NEUTRAL)
    assert following.steer == 0.0


def test_without_a_policy_before_it_the_run_is_over(tmp_path: Path) -> None:
    """The wheel is neutral, and stays so."""
    with (
        real_actor(tmp_path) as place,
        ActorStream(place.uri, waiting=4096) as stream,
    ):
        stream.push_policy(data(not_finite_later()), 1)
        stream.wait_policy(1, "ready", PATIENCE_S)
        stream.set_task(LONG, run="r")
        episode = next(stream.episodes(PATIENCE_S))
        assert len(episode) > 1000
        assert episode.end_reasons[-1] == "policy_failed"
        with pytest.raises(PolicyFailedError, match="not finite"):
            stream.wait_policy(1, "active", PATIENCE_S)
        run = stream.stats().actors[0].run
        assert run is not None
        assert not run.driving
        assert "not finite" in run.why
        assert wheel_of(place.rig).now == NEUTRAL


def test_a_learner_is_told_the_reason(tmp_path: Path) -> None:
    """As an error of its own kind; and what is good after it is taken."""
    with real_actor(tmp_path) as place, ActorStream(place.uri) as stream:
        stream.push_policy(data(external()), 1)
        with pytest.raises(PolicyRefusedError) as refused:
            stream.wait_policy(1, timeout_s=PATIENCE_S)
        assert refused.value.reason == "external_data"
        stream.push_policy(data(steady(0.5)), 2)
        stream.wait_policy(2, "ready", PATIENCE_S)
