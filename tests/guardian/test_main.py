"""The guardian's process from the inside: taking a wheel that cannot be had at once."""

from __future__ import annotations

import pytest

from ac_bridge.clock import ManualClock
from ac_bridge.game import Controls, RecordingWheel
from ac_bridge.guardian.__main__ import _neutralise
from ac_bridge.guardian.takeover import EXIT_NOT_NEUTRAL, PATIENCE_S
from ac_bridge_protocol.errors import WheelError


class Held:
    """A device that its owner lets go of after a while, or never; its wheel is neutral once taken.

    Attributes:
        tries: how often it was asked for.
        wheel: what was handed out.
    """

    def __init__(self, failures: int, error: Exception) -> None:
        self.tries = 0
        self.wheel = RecordingWheel()
        self._failures = failures
        self._error = error

    def take(self) -> RecordingWheel:
        """Hand out the wheel, or refuse."""
        self.tries += 1
        if self.tries <= self._failures:
            raise self._error
        return self.wheel


@pytest.mark.parametrize("error", [WheelError("It is held."), OSError(16, "Busy")])
def test_a_held_wheel_is_had_once_it_is_free(
    error: Exception, capfd: pytest.CaptureFixture[str]
) -> None:
    """The guardian tries again, lets go in the end, and says what it did."""
    held = Held(3, error)
    assert _neutralise(held.take, ManualClock()) == 0
    assert held.tries == 4
    assert held.wheel.closed
    assert "its wheel was neutral 35 ms later (attempt 4)" in capfd.readouterr().err


def test_a_wheel_that_is_never_free_is_given_up(capfd: pytest.CaptureFixture[str]) -> None:
    """With the reason, and a status of its own."""
    clock = ManualClock()
    held = Held(10**6, WheelError("It is held."))
    assert _neutralise(held.take, clock) == EXIT_NOT_NEUTRAL
    assert clock.now() <= PATIENCE_S
    assert "could not be set neutral: It is held." in capfd.readouterr().err


def test_a_wheel_that_is_lost_after_all_was_neutral(capfd: pytest.CaptureFixture[str]) -> None:
    """The next actor took it, or the system: nothing is wrong."""

    class Lost(RecordingWheel):
        def close(self) -> None:
            raise WheelError("It was taken.")

        def apply(self, controls: Controls) -> None:
            raise AssertionError("taking it set it neutral")

    assert _neutralise(Lost, ManualClock()) == 0
    assert "was neutral" in capfd.readouterr().err
