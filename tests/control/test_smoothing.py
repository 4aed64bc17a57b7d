"""Smoothing: how fast a control may follow, and that it never goes where nobody asked it to."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ac_bridge.control.smoothing import (
    DEFAULT_PRESET,
    PRESETS,
    ActionSmoother,
    AxisSmoothing,
    SmoothingConfig,
    smoothing_named,
)
from ac_bridge.game import NEUTRAL, Controls
from ac_bridge_protocol.errors import SettingError

VALUE = st.floats(-1.0, 1.0)
RATE = st.one_of(st.just(math.inf), st.floats(1e-3, 1e3))
TAU = st.one_of(st.just(0.0), st.floats(1e-4, 10.0))
AXIS = st.builds(AxisSmoothing, RATE, RATE, TAU)
DT = st.floats(0.0, 10.0)


# --- One axis -------------------------------------------------------------------------------------


@given(current=VALUE, target=VALUE, dt_s=DT)
def test_without_smoothing_the_target_is_reached_to_the_bit(
    current: float, target: float, dt_s: float
) -> None:
    """What is asked for is what is sent, with no rounding on the way."""
    assert AxisSmoothing().follow(current, target, dt_s) == target


@given(axis=AXIS, current=VALUE, target=VALUE, dt_s=DT)
def test_a_control_never_overshoots(
    axis: AxisSmoothing, current: float, target: float, dt_s: float
) -> None:
    """Not by a single bit: it stays between where it was and where it is to go."""
    moved = axis.follow(current, target, dt_s)
    rounding = 4e-16  # it may stay behind by as much, never go beyond
    if target >= current:
        assert current - rounding <= moved <= target
    else:
        assert target <= moved <= current + rounding


@given(axis=AXIS, current=VALUE, target=VALUE, dt_s=DT)
def test_no_rate_is_exceeded(
    axis: AxisSmoothing, current: float, target: float, dt_s: float
) -> None:
    """Neither upwards nor downwards."""
    change = axis.follow(current, target, dt_s) - current
    assert change <= axis.rise_per_s * dt_s + 1e-12 or axis.rise_per_s == math.inf
    assert -change <= axis.fall_per_s * dt_s + 1e-12 or axis.fall_per_s == math.inf


@given(axis=AXIS, value=VALUE, dt_s=DT)
def test_a_control_that_has_arrived_stays(axis: AxisSmoothing, value: float, dt_s: float) -> None:
    """Exactly."""
    assert axis.follow(value, value, dt_s) == value


@given(rise=st.floats(0.01, 100), fall=st.floats(0.01, 100), tau=TAU, current=VALUE, target=VALUE)
def test_no_time_is_no_movement(
    rise: float, fall: float, tau: float, current: float, target: float
) -> None:
    """With any rate."""
    assert AxisSmoothing(rise, fall, tau).follow(current, target, 0.0) == current


@pytest.mark.parametrize(
    ("current", "target", "expected"),
    [(0.0, 1.0, 0.2), (0.0, -1.0, -0.4), (0.5, 0.6, 0.6), (0.5, 0.3, 0.3), (-0.1, 1.0, 0.1)],
)
def test_rates_differ_by_direction(current: float, target: float, expected: float) -> None:
    """2 a second up, 4 a second down, for a tenth of a second."""
    axis = AxisSmoothing(rise_per_s=2.0, fall_per_s=4.0)
    assert axis.follow(current, target, 0.1) == pytest.approx(expected)


def test_the_time_constant_is_when_63_percent_are_made() -> None:
    """One minus 1/e of a jump; the same whether in one step or in a hundred."""
    axis = AxisSmoothing(ema_tau_s=0.2)
    assert axis.follow(0.0, 1.0, 0.2) == pytest.approx(1.0 - math.exp(-1.0))
    current = 0.0
    for _ in range(100):
        current = axis.follow(current, 1.0, 0.002)
    assert current == pytest.approx(1.0 - math.exp(-1.0))


@given(tau=st.floats(0.01, 1.0), current=VALUE, target=VALUE, dt_s=st.floats(0.001, 1.0))
def test_two_half_steps_are_one_step(
    tau: float, current: float, target: float, dt_s: float
) -> None:
    """The feel does not depend on the control rate."""
    axis = AxisSmoothing(ema_tau_s=tau)
    half = axis.follow(current, target, dt_s / 2)
    assert axis.follow(half, target, dt_s / 2) == pytest.approx(
        axis.follow(current, target, dt_s), abs=1e-9
    )


def test_filter_and_rate_hold_together() -> None:
    """First the filter, then the limit: the slower of the two tells."""
    slow_filter = AxisSmoothing(rise_per_s=100.0, ema_tau_s=1.0)
    slow_rate = AxisSmoothing(rise_per_s=0.1, ema_tau_s=0.001)
    assert slow_filter.follow(0.0, 1.0, 0.1) == pytest.approx(1.0 - math.exp(-0.1))
    assert slow_rate.follow(0.0, 1.0, 0.1) == pytest.approx(0.01)


@pytest.mark.parametrize("rates", [(0.0, 1.0), (1.0, 0.0), (-1.0, 1.0), (math.nan, 1.0)])
def test_a_rate_must_be_above_zero(rates: tuple[float, float]) -> None:
    """A control that cannot move would never let go."""
    with pytest.raises(SettingError, match="above 0") as caught:
        AxisSmoothing(*rates)
    assert caught.value.setting == "smoothing_config"


@pytest.mark.parametrize("tau", [-0.1, math.inf, math.nan])
def test_a_time_constant_must_be_a_time(tau: float) -> None:
    """An infinite one would never let go either."""
    with pytest.raises(SettingError, match="time constant"):
        AxisSmoothing(ema_tau_s=tau)


# --- Presets --------------------------------------------------------------------------------------


def test_presets_are_found_by_name() -> None:
    """An unknown one is refused with the names that there are."""
    assert set(PRESETS) == {"none", "conservative", "moderate", "aggressive"}
    assert smoothing_named(DEFAULT_PRESET).name == "moderate"
    with pytest.raises(SettingError, match="conservative") as caught:
        smoothing_named("wild")
    assert caught.value.setting == "smoothing"


@pytest.mark.parametrize("config", PRESETS.values(), ids=lambda config: config.name)
def test_letting_go_is_never_slower_than_pressing(config: SmoothingConfig) -> None:
    """For every pedal; and the steering treats left and right alike."""
    for pedal in (config.throttle, config.brake, config.clutch):
        assert pedal.fall_per_s >= pedal.rise_per_s
    assert config.steer.rise_per_s == config.steer.fall_per_s


def test_presets_go_from_slow_hands_to_none() -> None:
    """Each lets every control move faster than the one before."""
    order = [PRESETS[name] for name in ("conservative", "moderate", "aggressive", "none")]
    for axis in ("steer", "throttle", "brake"):
        configs = [getattr(config, axis) for config in order]
        for slower, faster in itertools.pairwise(configs):
            assert slower.rise_per_s < faster.rise_per_s
            assert slower.fall_per_s < faster.fall_per_s
            assert slower.ema_tau_s > faster.ema_tau_s


@pytest.mark.parametrize("config", PRESETS.values(), ids=lambda config: config.name)
def test_every_preset_lets_go_within_a_second(config: SmoothingConfig) -> None:
    """Whatever was held, the wheel is straight and the pedals are up, to within a hundredth."""
    smoother = ActionSmoother(config)
    smoother.jump(Controls(steer=1.0, throttle=1.0, brake=1.0, clutch=1.0))
    for _ in range(10):
        controls = smoother.follow(NEUTRAL, 0.1)
    assert max(controls.steer, controls.throttle, controls.brake, controls.clutch) < 0.01


# --- All of them ----------------------------------------------------------------------------------


def test_controls_start_neutral_and_go_on_from_where_they_are() -> None:
    """Each step begins where the last one ended."""
    smoother = ActionSmoother(SmoothingConfig(throttle=AxisSmoothing(rise_per_s=2.0)))
    assert smoother.current == NEUTRAL
    full = Controls(throttle=1.0)
    taken = [smoother.follow(full, 0.125).throttle for _ in range(5)]
    assert taken == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert smoother.current == full


def test_each_control_has_its_own_smoothing() -> None:
    """None takes another's."""
    config = SmoothingConfig(
        steer=AxisSmoothing(rise_per_s=1.0),
        throttle=AxisSmoothing(rise_per_s=2.0),
        brake=AxisSmoothing(rise_per_s=4.0),
        clutch=AxisSmoothing(rise_per_s=8.0),
    )
    moved = ActionSmoother(config).follow(Controls(1.0, 1.0, 1.0, 1.0), 0.125)
    assert moved == Controls(steer=0.125, throttle=0.25, brake=0.5, clutch=1.0)


def test_buttons_follow_at_once() -> None:
    """There is no half a button."""
    smoother = ActionSmoother(PRESETS["conservative"])
    assert smoother.follow(Controls(buttons=frozenset({7, 9})), 0.0).buttons == {7, 9}
    assert smoother.follow(NEUTRAL, 0.0).buttons == frozenset()


def test_a_jump_skips_the_smoothing() -> None:
    """As after a reset, or when the wheel must be neutral now."""
    smoother = ActionSmoother(PRESETS["conservative"])
    smoother.jump(Controls(steer=-1.0))
    assert smoother.current.steer == -1.0
    smoother.jump(NEUTRAL)
    assert smoother.follow(NEUTRAL, 0.1) == NEUTRAL


@given(
    config=st.builds(SmoothingConfig, steer=AXIS, throttle=AXIS, brake=AXIS, clutch=AXIS),
    targets=st.lists(
        st.builds(Controls, VALUE, st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)), max_size=20
    ),
    dt_s=DT,
)
def test_controls_stay_in_their_range(
    config: SmoothingConfig, targets: list[Controls], dt_s: float
) -> None:
    """Any sequence of actions within bounds leaves the wheel within bounds, to the bit."""
    smoother = ActionSmoother(config)
    for target in targets:
        now = smoother.follow(target, dt_s)
        assert -1.0 <= now.steer <= 1.0
        assert all(-1e-15 <= pedal <= 1.0 for pedal in (now.throttle, now.brake, now.clutch))
