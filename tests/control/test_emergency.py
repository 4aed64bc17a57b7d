"""What the operator's key and words mean."""

from __future__ import annotations

import pytest

from ac_bridge.control.emergency import KeyWatch, Wish, wish_of

UP, DOWN = (False, False), (True, False)
SHIFT, BOTH = (False, True), (True, True)
"""The key and Shift."""


@pytest.mark.parametrize(
    ("looks", "stopped", "wishes"),
    [
        ([UP, DOWN, DOWN, UP], False, [None, Wish.STOP, None, None]),
        ([UP, DOWN, UP, DOWN], True, [None, Wish.STOP, None, Wish.STOP]),
        ([UP, BOTH, BOTH], False, [None, Wish.STOP, None]),
        ([UP, BOTH, BOTH], True, [None, Wish.GO, None]),
        ([DOWN, DOWN, UP, DOWN], False, [None, None, None, Wish.STOP]),
        ([UP, SHIFT], True, [None, None]),
    ],
    ids=["once", "again", "shift_while_driven", "shift", "held_at_first", "shift_alone"],
)
def test_a_press_is_told_from_being_held(
    looks: list[tuple[bool, bool]], stopped: bool, wishes: list[Wish | None]
) -> None:
    """The key stops, however often; with Shift it lets a stopped car be driven."""
    watch = KeyWatch()
    found = [watch.look(down=down, shift=shift, stopped=stopped) for down, shift in looks]
    assert found == wishes


@pytest.mark.parametrize("line", ["", " ", "stop", "g", "go on", "\x00", "gogo"])
def test_any_line_stops(line: str) -> None:
    """Whatever it is, but for one word."""
    assert wish_of(line) is Wish.STOP


@pytest.mark.parametrize("line", ["go", " GO \r"])
def test_one_word_lets_drive(line: str) -> None:
    """However it is written."""
    assert wish_of(line) is Wish.GO
