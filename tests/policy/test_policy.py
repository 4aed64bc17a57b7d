"""Policies: the good ones act, and whatever else is pushed is refused with its reason."""

from __future__ import annotations

import gc
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto

from ac_bridge.clock import SystemClock
from ac_bridge.policy.model import check_model
from ac_bridge.policy.runtime import OnnxPolicy
from ac_bridge.policy.trial import load_policy
from ac_bridge_protocol.edge import PolicyRefusal
from ac_bridge_protocol.errors import PolicyFailedError, PolicyRefusedError
from ac_bridge_protocol.limits import EXTRAS, POLICY_BYTES
from ac_bridge_protocol.spec import Mode
from helpers.actors import make_rig
from policy.models import (
    ACTION,
    NEWEST,
    OBSERVATION,
    custom,
    custom_in_branch,
    custom_in_function,
    data,
    dice,
    endless,
    endless_tensor,
    external,
    external_in_branch,
    fails_at,
    good,
    hungry,
    info,
    long_extra,
    many_fields,
    noisy,
    not_finite,
    other_format,
    same_output_twice,
    slow,
    sparse,
    unknown_field,
    wrong,
)

STEADY_S = 1e-4


def spec_of_standin() -> Any:
    """Return the spec of a stand-in in lockstep, at 10 Hz."""
    rig = make_rig()
    try:
        return rig.spec(Mode.LOCKSTEP)
    finally:
        rig.close()


SPEC = spec_of_standin()


def steady() -> Any:
    """Return a clock by which everything takes a tenth of a millisecond."""
    ticks = iter(range(10**9))
    return lambda: next(ticks) * STEADY_S


def policy(made: Any, limit_s: float = 5.0) -> OnnxPolicy:
    """Return a model as a policy that was not tried."""
    packed = data(made)
    facts = check_model(packed, observation_size=OBSERVATION, action_size=ACTION)
    return OnnxPolicy(packed, facts, limit_s)


def refusal(packed: bytes) -> PolicyRefusedError:
    """Return why a policy is refused."""
    with pytest.raises(PolicyRefusedError) as caught:
        load_policy(packed, SPEC, [], steady())
    assert caught.value.message
    return caught.value


def test_a_good_policy_acts() -> None:
    """In the spec's bounds, the same for the same observation."""
    loaded = load_policy(data(good()), SPEC, [np.zeros(OBSERVATION, np.float32)], steady())
    observation = np.linspace(-1.0, 1.0, OBSERVATION, dtype=np.float32)
    first = loaded.act(observation, None)
    assert first.action.shape == (ACTION,)
    assert first.action.dtype == np.float32
    assert loaded.act(observation, None).action.tolist() == first.action.tolist()
    assert first.extras == {}
    SPEC.check_action(first.action.tolist())


def test_noise_and_extras() -> None:
    """The noise changes the action; log_prob and value come by their names."""
    loaded = load_policy(data(noisy()), SPEC, [], steady())
    assert loaded.noise_size == ACTION
    observation = np.zeros(OBSERVATION, np.float32)
    quiet = loaded.act(observation, np.zeros(3, np.float32))
    loud = loaded.act(observation, np.array([0.5, 0.25, 0.0], np.float32))
    assert quiet.action.tolist() != loud.action.tolist()
    assert loud.extras["log_prob"].tolist() == [0.75]
    assert loud.extras["value"].tolist() == [0.0]


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (external, PolicyRefusal.EXTERNAL_DATA),
        (external_in_branch, PolicyRefusal.EXTERNAL_DATA),
        (custom, PolicyRefusal.CUSTOM_OPERATOR),
        (custom_in_branch, PolicyRefusal.CUSTOM_OPERATOR),
        (custom_in_function, PolicyRefusal.CUSTOM_OPERATOR),
        (not_finite, PolicyRefusal.NOT_FINITE),
        (endless_tensor, PolicyRefusal.NOT_ONNX),
        (endless, PolicyRefusal.FORBIDDEN_OPERATOR),
        (dice, PolicyRefusal.FORBIDDEN_OPERATOR),
        (sparse, PolicyRefusal.NOT_ONNX),
        (many_fields, PolicyRefusal.TOO_LARGE),
        (unknown_field, PolicyRefusal.TOO_NEW),
        (hungry, PolicyRefusal.FAILED),
        (same_output_twice, PolicyRefusal.WRONG_OUTPUTS),
        (long_extra, PolicyRefusal.WRONG_OUTPUTS),
    ],
)
def test_hostile_models_are_refused(made: Any, reason: PolicyRefusal) -> None:
    """Before the runtime sees them, where that is not needed to know."""
    assert refusal(data(made())).reason == reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"inputs": [info("observation", [1, 14])]}, PolicyRefusal.WRONG_INPUTS),
        ({"inputs": [info("observation", [2, 15])]}, PolicyRefusal.WRONG_INPUTS),
        ({"inputs": [info("observation", [15])]}, PolicyRefusal.WRONG_INPUTS),
        (
            {"inputs": [info("observation", [1, 15], TensorProto.DOUBLE)]},
            PolicyRefusal.WRONG_INPUTS,
        ),
        ({"inputs": [info("x", [1, 15])]}, PolicyRefusal.WRONG_INPUTS),
        (
            {"inputs": [info("observation", [1, 15]), info("noise", [1, 0])]},
            PolicyRefusal.WRONG_INPUTS,
        ),
        (
            {"inputs": [info("observation", [1, 15]), info("noise", [1, 1025])]},
            PolicyRefusal.WRONG_INPUTS,
        ),
        (
            {"inputs": [info("observation", [1, 15]), info("state", [1, 4])]},
            PolicyRefusal.WRONG_INPUTS,
        ),
        ({"outputs": [info("action", [1, 4])]}, PolicyRefusal.WRONG_OUTPUTS),
        ({"outputs": [info("floored", [1, 3])]}, PolicyRefusal.WRONG_OUTPUTS),
        (
            {"outputs": [info("action", [1, 3]), info("Bad Name", [1, 3])]},
            PolicyRefusal.WRONG_OUTPUTS,
        ),
        (
            {"outputs": [info("action", [1, 3])] + [info(f"e{n}", [1]) for n in range(EXTRAS + 1)]},
            PolicyRefusal.WRONG_OUTPUTS,
        ),
    ],
)
def test_wrong_shapes_are_refused(changes: dict[str, Any], reason: PolicyRefusal) -> None:
    """And the words say which there should be."""
    refused = refusal(data(wrong(**changes)))
    assert refused.reason is reason
    assert any(word in refused.message for word in ("[1, ", "inputs", "output", "float32"))


def test_a_model_is_run_as_what_it_was_checked_as() -> None:
    """Not as a file of the runtime's own format, though it has that one's mark."""
    loaded = load_policy(data(other_format()), SPEC, [], steady())
    plain = load_policy(data(good()), SPEC, [], steady())
    observation = np.ones(OBSERVATION, np.float32)
    assert loaded.act(observation, None).action == pytest.approx(
        plain.act(observation, None).action
    )


def test_too_new_too_large_and_no_model() -> None:
    """Each has a reason of its own."""
    newer = good()
    newer.opset_import[0].version = NEWEST + 1
    assert refusal(data(newer)).reason is PolicyRefusal.TOO_NEW
    newer.opset_import[0].version = 17
    newer.ir_version = 10**6
    assert refusal(data(newer)).reason is PolicyRefusal.TOO_NEW
    assert refusal(bytes(POLICY_BYTES + 1)).reason is PolicyRefusal.TOO_LARGE
    assert refusal(b"").reason is PolicyRefusal.NOT_ONNX
    assert refusal(b"cos\nsystem\n(S'true'\ntR.").reason is PolicyRefusal.NOT_ONNX


def test_too_slow_by_the_trials_clock() -> None:
    """More than a quarter of the tick in one run of ten is too much."""
    ticks = iter(range(10**9))
    with pytest.raises(
        PolicyRefusedError, match=r"may take 25\.0 ms of a control period"
    ) as caught:
        load_policy(data(good()), SPEC, [], lambda: next(ticks) * 0.03)
    assert caught.value.reason is PolicyRefusal.TOO_SLOW


def test_a_run_that_takes_too_long_is_ended() -> None:
    """From another thread; and the trial refuses such a one."""
    long = policy(slow(20_000), limit_s=0.05)
    with pytest.raises(PolicyFailedError, match="longer than 50 ms") as caught:
        long.act(np.zeros(OBSERVATION, np.float32), None)
    assert caught.value.reason is PolicyRefusal.TOO_SLOW
    with pytest.raises(PolicyRefusedError) as refused:
        load_policy(data(slow(20_000)), SPEC, [], SystemClock().now)
    assert refused.value.reason is PolicyRefusal.TOO_SLOW


@pytest.mark.parametrize(("mode", "limit_s"), [(Mode.LATEST, 0.05), (Mode.LOCKSTEP, 1.0)])
def test_a_game_that_waits_gives_it_more_time(mode: Mode, limit_s: float) -> None:
    """There the tick comes when the action has; elsewhere half a tick is the end."""
    spec = SPEC.model_copy(update={"mode": mode})
    assert load_policy(data(good()), spec, [], lambda: 0.0).limit_s == limit_s


def test_a_failure_does_not_outlive_its_run() -> None:
    """What was not finite, or too slow, is not held against the next run."""
    moody = policy(fails_at(0.5))
    fine = np.zeros(OBSERVATION, np.float32)
    bad = fine.copy()
    bad[0] = 0.75
    for _ in range(3):
        assert np.isfinite(moody.act(fine, None).action).all()
        with pytest.raises(PolicyFailedError, match="action is not finite") as caught:
            moody.act(bad, None)
        assert caught.value.reason is PolicyRefusal.NOT_FINITE


def test_its_thread_ends_with_it() -> None:
    """A thousand policies leave no thousand threads."""
    before = set(threading.enumerate())
    for _ in range(5):
        policy(good()).act(np.zeros(OBSERVATION, np.float32), None)
    gc.collect()
    for thread in set(threading.enumerate()) - before:
        thread.join(10.0)
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("share", [number / 40 for number in range(40)])
def test_a_cut_model_is_refused(share: float) -> None:
    """Wherever it ends."""
    whole = data(good())
    cut = whole[: int(len(whole) * share)]
    assert refusal(cut).reason in set(PolicyRefusal)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_changed_bytes_are_refused_or_harmless(drawn: st.DataObject) -> None:
    """Nothing else comes out, and the process lives."""
    packed = bytearray(data(noisy()))
    for _ in range(drawn.draw(st.integers(1, 6))):
        packed[drawn.draw(st.integers(0, len(packed) - 1))] = drawn.draw(st.integers(0, 255))
    try:
        loaded = load_policy(bytes(packed), SPEC, [], steady())
    except PolicyRefusedError:
        return
    noise = np.zeros(loaded.noise_size, np.float32) if loaded.noise_size else None
    try:
        assert np.isfinite(loaded.act(np.zeros(OBSERVATION, np.float32), noise).action).all()
    except PolicyFailedError:
        return


@given(st.binary(max_size=400))
def test_rubbish_is_refused(packed: bytes) -> None:
    """Whatever it is."""
    refusal(packed)
