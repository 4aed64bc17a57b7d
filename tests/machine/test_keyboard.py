"""The keyboard of this machine, which Windows alone tells of."""

from __future__ import annotations

import sys
import typing

import pytest

from ac_bridge.machine.keyboard import IS_DOWN, KEYS, SHIFT, key_state
from ac_bridge.settings import ActorSettings

KEY_UP = 0x2


def test_every_key_of_the_setting_is_known() -> None:
    """And no other; beside the word for none."""
    named = typing.get_args(ActorSettings.model_fields["emergency_key"].annotation)
    assert set(named) == {"none", *KEYS}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows tells")
def test_nobody_is_told_elsewhere() -> None:
    """Other systems let no program see what is typed into another's window."""
    assert key_state() is None


@pytest.mark.skipif(sys.platform != "win32", reason="of Windows")
@pytest.mark.parametrize("code", [KEYS["f12"], KEYS["scroll_lock"], SHIFT])
def test_a_pressed_key_is_down_until_it_is_up(code: int) -> None:
    """As it is pressed by a program here: with whatever window has the focus."""
    import ctypes

    press = getattr(ctypes, "WinDLL")("user32").keybd_event  # noqa: B009 -- of Windows alone
    state = key_state()
    assert state is not None
    state(code)
    assert not state(code) & IS_DOWN
    press(code, 0, 0, 0)
    try:
        assert state(code) & IS_DOWN
    finally:
        press(code, 0, KEY_UP, 0)
    state(code)
    assert state(code) == 0
