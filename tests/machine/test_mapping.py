"""Which wheel, and which of its buttons, the actor's settings mean."""

from __future__ import annotations

import sys

import pytest

from ac_bridge.machine.mapping import UINPUT, VJOY, WheelMapping, mapping_for
from ac_bridge.settings import ActorSettings


def test_the_standard_settings_mean_the_platforms_wheel() -> None:
    """The settings' own buttons are the mapping's."""
    assert mapping_for(ActorSettings()) == (VJOY if sys.platform == "win32" else UINPUT)


@pytest.mark.parametrize(
    ("controller", "mapping"), [("uinput", UINPUT), ("vjoy", VJOY), ("standin", VJOY)]
)
def test_a_chosen_wheel_is_taken(controller: str, mapping: WheelMapping) -> None:
    """Whatever the platform."""
    assert mapping_for(ActorSettings.model_validate({"controller": controller})) == mapping


def test_buttons_are_those_of_the_settings() -> None:
    """Each in its section."""
    settings = ActorSettings(
        shift_up_button=3, shift_down_button=4, restart_button=5, start_button=6
    )
    assert tuple(mapping_for(settings).buttons.values()) == (3, 4, 5, 6)
