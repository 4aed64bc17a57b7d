"""The axis arithmetic that every wheel shares."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ac_bridge.game import NEUTRAL, Controls
from ac_bridge.game.axes import AxisRange, DeviceShape, DeviceState
from ac_bridge_protocol.errors import WheelError

RANGES = st.tuples(st.integers(-40000, 40000), st.integers(2, 70000)).map(
    lambda pair: AxisRange(pair[0], pair[0] + pair[1])
)
PEDAL = st.floats(0, 1)
BUTTONS = st.frozensets(st.integers(1, 12))


def shape(axis: AxisRange) -> DeviceShape:
    """Return a wheel whose axes are all alike."""
    return DeviceShape("The test's wheel", axis, axis, axis, axis, buttons=12)


@given(RANGES)
def test_rest_and_ends_are_exact(axis: AxisRange) -> None:
    """Whatever the range, zero is the centre or the low end and one is the high end, and back."""
    assert shape(axis).state_for(NEUTRAL) == (axis.centre, axis.low, axis.low, axis.low, 0)
    floored = Controls(1.0, 1.0, 1.0, 1.0)
    assert shape(axis).state_for(floored) == (*[axis.high] * 4, 0)
    assert axis.of_turn(-1.0) == axis.low
    for controls in (NEUTRAL, floored, Controls(steer=-1.0)):
        assert shape(axis).controls_for(shape(axis).state_for(controls)) == controls


@given(RANGES, st.floats(-1, 1), PEDAL, PEDAL, PEDAL, BUTTONS)
def test_what_is_sent_comes_back_within_half_a_count(
    axis: AxisRange,
    steer: float,
    throttle: float,
    brake: float,
    clutch: float,
    held: frozenset[int],
) -> None:
    """Counts are what limits an axis; buttons are exact."""
    sent = Controls(steer, throttle, brake, clutch, held)
    back = shape(axis).controls_for(shape(axis).state_for(sent))
    side = axis.centre - axis.low
    assert back.steer == pytest.approx(steer, abs=0.5 / side + 1e-9)
    for name in ("throttle", "brake", "clutch"):
        sent_travel, shown = getattr(sent, name), getattr(back, name)
        assert shown == pytest.approx(sent_travel, abs=0.5 / (axis.high - axis.low) + 1e-9)
    assert back.buttons == held


@pytest.mark.parametrize(
    ("low", "high", "centre"), [(1, 32768, 16384), (0, 32767, 16383), (-32767, 32767, 0)]
)
def test_the_centre_is_the_middle_or_the_lower_of_two(low: int, high: int, centre: int) -> None:
    """For vJoy's documented range it is the 0x4000 that others send."""
    assert AxisRange(low, high).centre == centre


def test_buttons_are_bits_from_the_lowest() -> None:
    """Button 1 is bit 0."""
    state = shape(AxisRange(0, 10)).state_for(Controls(buttons=frozenset({1, 12})))
    assert state == DeviceState(5, 0, 0, 0, 0b1000_0000_0001)


def test_a_refusal_names_the_device_and_the_button() -> None:
    """And what can be done."""
    with pytest.raises(WheelError, match=r"test's wheel has buttons 1 to 12, and \[3, 13\]"):
        shape(AxisRange(0, 10)).state_for(Controls(buttons=frozenset({13, 3})))
