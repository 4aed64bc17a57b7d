"""What the commands share: how they are interrupted."""

from __future__ import annotations

import signal

import pytest

from ac_bridge.cli.options import interruptible
from ac_bridge.machine.endings import ending_signals


@pytest.mark.parametrize("number", ending_signals())
def test_what_ends_a_command_is_ctrl_c_to_it(number: signal.Signals) -> None:
    """It goes through every ``finally``; afterwards the signals mean what they meant."""
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), interruptible():
        signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_a_second_signal_does_not_disturb_the_end() -> None:
    """A terminal that is closed may say so twice: the wheel is set neutral all the same."""
    done = []

    def close_twice() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)
            done.append("neutral")

    with pytest.raises(KeyboardInterrupt), interruptible():
        close_twice()
    assert done == ["neutral"]
