"""The spec: what an environment offers, and which actions it takes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ac_bridge_protocol.errors import ActionError, ErrorCode, SettingError
from ac_bridge_protocol.limits import DELAY_TICKS, FEATURE_ELEMENTS, OBSERVATION_ELEMENTS
from ac_bridge_protocol.spec import (
    DRIVING_ACTION,
    ROUNDING,
    ActionSpec,
    FeatureSpec,
    Mode,
    check_action,
    check_seed,
    mode_named,
)
from helpers.wire import make_spec

SPEC = make_spec(
    observation_profile="two",
    observation=(
        FeatureSpec(name="speed", unit="km/h", scale=300.0, low=0.0, high=2.0),
        FeatureSpec(name="slip", unit="", size=3, low=-0.1, high=5.0),
    ),
)


def refused(action: Any) -> ActionError:
    with pytest.raises(ActionError) as caught:
        SPEC.check_action(action)
    return caught.value


# --- Observation ----------------------------------------------------------------------------------


def test_bounds_repeat_for_each_element() -> None:
    """A feature of three elements has three bounds."""
    low, high = SPEC.observation_bounds()
    assert SPEC.observation_size == 4
    assert low.dtype == high.dtype == np.float32
    assert low.tolist() == pytest.approx([0.0, -0.1, -0.1, -0.1])
    assert high.tolist() == [2.0, 5.0, 5.0, 5.0]


@given(low=st.floats(-1e6, 0), high=st.floats(0, 1e6), share=st.floats(0, 1))
def test_rounding_to_float32_keeps_values_within_bounds(
    low: float, high: float, share: float
) -> None:
    """Bounds and values round alike, so what is within in double is within in single."""
    feature = FeatureSpec(name="x", unit="", low=low, high=high)
    spec = SPEC.model_copy(update={"observation": (feature,)})
    lows, highs = spec.observation_bounds()
    value = np.float32(min(max(low + share * (high - low), low), high))
    assert lows[0] <= value <= highs[0]


def test_an_observation_longer_than_the_wire_takes_is_refused_where_it_is_made() -> None:
    """Each feature is within its own bound; together they are too many."""
    feature = FeatureSpec(name="rays", unit="m", size=FEATURE_ELEMENTS, low=0.0, high=1.0)
    most = OBSERVATION_ELEMENTS // FEATURE_ELEMENTS
    assert make_spec(observation=(feature,) * most).observation_size == OBSERVATION_ELEMENTS
    with pytest.raises(ValidationError, match=f"at most {OBSERVATION_ELEMENTS} elements"):
        make_spec(observation=(feature,) * (most + 1))


# --- Action ---------------------------------------------------------------------------------------


def test_driving_is_steer_throttle_brake() -> None:
    """In this order, with these bounds."""
    assert [(c.name, c.low, c.high) for c in DRIVING_ACTION] == [
        ("steer", -1.0, 1.0),
        ("throttle", 0.0, 1.0),
        ("brake", 0.0, 1.0),
    ]


@given(steer=st.floats(-1, 1), throttle=st.floats(0, 1), brake=st.floats(0, 1))
def test_an_action_within_bounds_is_kept_to_the_bit(
    steer: float, throttle: float, brake: float
) -> None:
    """Also as a list or an array."""
    action = (steer, throttle, brake)
    assert SPEC.check_action(action) == action
    assert SPEC.check_action(list(action)) == action
    checked = SPEC.check_action(np.array(action))
    assert checked == action
    assert all(type(value) is float for value in checked)


@pytest.mark.parametrize("action", [(), (0.0,), (0.0, 0.0), (0.0, 0.0, 0.0, 0.0)])
def test_a_wrong_length_is_refused(action: tuple[float, ...]) -> None:
    """The error names the components."""
    error = refused(action)
    assert (error.code, error.component, error.value) == (ErrorCode.ACTION_LENGTH, "", None)
    assert "3 components (steer, throttle, brake)" in str(error)
    assert f"has {len(action)}" in str(error)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("at", range(3))
def test_what_is_not_finite_is_refused(bad: float, at: int) -> None:
    """The error names component and value, and says what the car does."""
    action = [0.0, 0.0, 0.0]
    action[at] = bad
    error = refused(action)
    assert error.code is ErrorCode.ACTION_NOT_FINITE
    assert error.component == DRIVING_ACTION[at].name
    assert error.value is not None
    assert not math.isfinite(error.value)
    assert "keeps its last good action" in str(error)


@pytest.mark.parametrize(
    ("action", "component", "value"),
    [
        ((1.001, 0.0, 0.0), "steer", 1.001),
        ((-1.001, 0.0, 0.0), "steer", -1.001),
        ((0.0, -0.001, 0.0), "throttle", -0.001),
        ((0.0, 0.0, 1e30), "brake", 1e30),
        ((0.0, 2.0, 2.0), "throttle", 2.0),
    ],
)
def test_beyond_a_bound_is_refused(action: tuple[float, ...], component: str, value: float) -> None:
    """Not clipped in silence: a learner that asks for the impossible should know."""
    error = refused(action)
    assert (error.code, error.component) == (ErrorCode.ACTION_OUT_OF_RANGE, component)
    assert error.value == value


@given(share=st.floats(0.0, 0.999), component=st.integers(0, 2), above=st.booleans())
def test_rounding_beyond_a_bound_is_forgiven(share: float, component: int, above: bool) -> None:
    """Less than a millionth beyond is taken for the bound itself."""
    spec = DRIVING_ACTION[component]
    bound = spec.high if above else spec.low
    action = [0.0, 0.0, 0.0]
    action[component] = bound + (share if above else -share) * ROUNDING
    assert SPEC.check_action(action)[component] == bound


@given(action=st.lists(st.floats(), max_size=5))
def test_whatever_is_taken_is_within_bounds(action: list[float]) -> None:
    """Any list of floats is refused as an action, or comes out fit for a wheel."""
    try:
        taken = check_action(DRIVING_ACTION, action)
    except ActionError:
        return
    assert all(c.low <= v <= c.high for c, v in zip(DRIVING_ACTION, taken, strict=True))


def test_other_bounds_are_kept_too() -> None:
    """A spec of one's own."""
    spec = (ActionSpec(name="gear", low=-1.0, high=8.0),)
    assert check_action(spec, [8.0]) == (8.0,)
    with pytest.raises(ActionError, match="-1 to 8"):
        check_action(spec, [8.1])


# --- Modes ----------------------------------------------------------------------------------------


def test_modes_are_found_by_name() -> None:
    """None is nobody's choice; an unknown one is refused with the names that there are."""
    assert mode_named("lockstep") is Mode.LOCKSTEP
    assert mode_named(None) is None
    with pytest.raises(SettingError, match="lockstep") as caught:
        mode_named("turbo")
    assert caught.value.setting == "mode"


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("delay_ticks", [0, 1, DELAY_TICKS])
def test_a_delay_and_its_mode_belong_together(mode: Mode, delay_ticks: int) -> None:
    """`fixed_delay` has one of at least a tick, and no other mode has any."""
    if (mode is Mode.FIXED_DELAY) == (delay_ticks > 0):
        spec = make_spec(mode=mode, delay_ticks=delay_ticks)
        assert (spec.mode, spec.delay_ticks) == (mode, delay_ticks)
    else:
        with pytest.raises(ValidationError, match="delay_ticks is above 0 in mode fixed_delay"):
            make_spec(mode=mode, delay_ticks=delay_ticks)


@pytest.mark.parametrize("delay_ticks", [-1, DELAY_TICKS + 1])
def test_a_delay_is_bounded(delay_ticks: int) -> None:
    """By as many steps as may be in flight."""
    with pytest.raises(ValidationError, match="delay_ticks"):
        make_spec(mode=Mode.FIXED_DELAY, delay_ticks=delay_ticks)


# --- Rates and seeds ------------------------------------------------------------------------------


@pytest.mark.parametrize("hz", [0.0, -1.0, 60.1, math.inf, math.nan])
def test_a_rate_beyond_the_samplers_is_refused(hz: float) -> None:
    """Up to the actor's own is fine; the error says what that is."""
    assert SPEC.check_rate(60.0) == 60.0
    with pytest.raises(SettingError, match="60 frames a second") as caught:
        SPEC.check_rate(hz)
    assert caught.value.setting == "hz"


@pytest.mark.parametrize("seed", [-1, 2**53, 1.0, True, "1", [1]])
def test_a_seed_is_a_whole_number_that_a_double_can_hold(seed: Any) -> None:
    """Or none, or one of numpy's."""
    assert check_seed(None) is None
    assert type(check_seed(np.int64(2**53 - 1))) is int
    with pytest.raises(SettingError):
        check_seed(seed)
