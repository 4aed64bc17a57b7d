"""Reading actions: pedals, a wish for a gear, the optional clutch."""

from __future__ import annotations

import pytest

from ac_bridge.control.action import ActionFormat
from ac_bridge.game import Controls
from ac_bridge_protocol.errors import ActionError

PEDALS, SHIFTING = ActionFormat(shifts=False), ActionFormat(shifts=True)


def test_pedals() -> None:
    """Three components, and no gear."""
    assert PEDALS.read((-0.5, 0.25, 1.0)) == (Controls(-0.5, 0.25, 1.0), 0)


def test_the_clutch_may_follow() -> None:
    """On this machine a driver may press it."""
    assert PEDALS.read((0.0, 0.0, 0.0, 0.75)).controls.clutch == 0.75
    wanted = SHIFTING.read((0.0, 0.5, 0.0, 1.0, 0.75))
    assert wanted == (Controls(0.0, 0.5, 0.0, 0.75), 1)


@pytest.mark.parametrize(
    ("shift", "gears"), [(1.0, 1), (0.5, 1), (0.49, 0), (0.0, 0), (-0.49, 0), (-0.5, -1), (-1, -1)]
)
def test_shift_is_a_wish_from_half_way_on(shift: float, gears: int) -> None:
    """Whatever lies between is no wish: a policy's noise must not change gears."""
    assert SHIFTING.read((0.0, 0.0, 0.0, shift)).shift == gears


@pytest.mark.parametrize("length", [0, 2, 5, 6])
def test_a_wrong_length_is_told(length: int) -> None:
    """With the lengths that would do."""
    with pytest.raises(ActionError):
        PEDALS.read((0.0,) * length)


@pytest.mark.parametrize("shift", [1.1, -2.0, float("nan")])
def test_a_bad_shift_is_told_by_name(shift: float) -> None:
    """Like every other component."""
    with pytest.raises(ActionError) as caught:
        SHIFTING.read((0.0, 0.0, 0.0, shift))
    assert caught.value.component == "shift"


def test_names_list_every_component() -> None:
    """For actions given as a dict."""
    assert PEDALS.names == ("steer", "throttle", "brake", "clutch")
    assert SHIFTING.names == ("steer", "throttle", "brake", "shift", "clutch")
