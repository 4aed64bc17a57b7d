"""What every wheel and every page source must keep, whatever is behind it."""

from __future__ import annotations

import abc

import pytest

from ac_bridge.game import NEUTRAL, Controls, ControlSink, Page, PageSource
from ac_bridge_protocol.errors import WheelError

DRIVING = Controls(steer=-0.5, throttle=0.75, brake=0.25, buttons=frozenset({1, 9}))


class ControlSinkContract(abc.ABC):
    """Subclass it with a backend, and give what the backend's device shows."""

    @abc.abstractmethod
    def make(self) -> ControlSink:
        """Return a fresh wheel."""

    @abc.abstractmethod
    def shown(self) -> Controls:
        """Return the state that the device behind the last wheel shows."""

    def close_to(self, wanted: Controls) -> bool:
        """Whether the device shows what was wanted, within a vJoy axis' precision."""
        shown = self.shown()
        pairs = zip(
            (shown.steer, shown.throttle, shown.brake, shown.clutch),
            (wanted.steer, wanted.throttle, wanted.brake, wanted.clutch),
            strict=True,
        )
        return shown.buttons == wanted.buttons and all(abs(a - b) <= 1e-4 for a, b in pairs)

    def test_neutral_at_start(self) -> None:
        """A wheel that was not touched yet is straight, with every pedal and button released."""
        wheel = self.make()
        assert self.shown() == NEUTRAL
        wheel.close()

    def test_applies_the_whole_state(self) -> None:
        """One call sets every axis and button."""
        wheel = self.make()
        wheel.apply(DRIVING)
        assert self.close_to(DRIVING)
        wheel.close()

    def test_extremes_are_reached(self) -> None:
        """Both ends of every axis can be set."""
        wheel = self.make()
        for end in (Controls(-1.0, 0.0, 0.0, 0.0), Controls(1.0, 1.0, 1.0, 1.0)):
            wheel.apply(end)
            assert self.close_to(end)
        wheel.close()

    def test_close_leaves_it_neutral(self) -> None:
        """A wheel that is let go of is straight, with every pedal and button released."""
        wheel = self.make()
        wheel.apply(DRIVING)
        wheel.close()
        assert self.close_to(NEUTRAL)

    def test_close_twice(self) -> None:
        """Closing a closed wheel changes nothing."""
        wheel = self.make()
        wheel.close()
        wheel.close()
        assert self.close_to(NEUTRAL)


class DeviceContract(ControlSinkContract):
    """What a wheel with a device behind it keeps besides: updates, precision, limits."""

    buttons = 32
    """How many the device has."""

    @abc.abstractmethod
    def updates(self) -> int:
        """Return how many states the device was given so far."""

    def test_one_update_for_a_state(self) -> None:
        """However much changes, the device is told once."""
        wheel = self.make()
        before = self.updates()
        wheel.apply(DRIVING)
        wheel.apply(Controls(1.0, 1.0, 1.0, 1.0, frozenset({2, 3, 4})))
        assert self.updates() == before + 2
        wheel.close()

    def test_rest_is_exact(self) -> None:
        """After driving, a straight wheel and released pedals are zero, not nearly zero."""
        wheel = self.make()
        wheel.apply(DRIVING)
        wheel.apply(NEUTRAL)
        assert self.shown() == NEUTRAL
        wheel.close()

    def test_every_button_by_its_number(self) -> None:
        """Each button alone, from 1 to the last."""
        wheel = self.make()
        for button in range(1, self.buttons + 1):
            wheel.apply(Controls(buttons=frozenset({button})))
            assert self.shown() == Controls(buttons=frozenset({button}))
        wheel.close()

    def test_what_the_device_cannot_show_is_refused(self) -> None:
        """A button or an axis position that does not exist is an error, and changes nothing."""
        wheel = self.make()
        wheel.apply(DRIVING)
        before = self.shown()
        for impossible in (
            Controls(buttons=frozenset({0})),
            Controls(buttons=frozenset({self.buttons + 1})),
            Controls(steer=float("nan")),
            Controls(throttle=float("inf")),
            Controls(brake=1.01),
            Controls(steer=-1.01),
        ):
            with pytest.raises(WheelError):
                wheel.apply(impossible)
        assert self.shown() == before
        wheel.close()

    def test_a_closed_wheel_takes_nothing(self) -> None:
        """Whoever still steers after the end is told so, and the device stays neutral."""
        wheel = self.make()
        wheel.close()
        with pytest.raises(WheelError, match="closed"):
            wheel.apply(DRIVING)
        assert self.shown() == NEUTRAL


class PageSourceContract(abc.ABC):
    """Subclass it with a backend that publishes."""

    @abc.abstractmethod
    def make(self) -> PageSource:
        """Return a source whose pages are published."""

    def test_pages_have_their_sizes(self) -> None:
        """Every page is one copy of exactly its size."""
        source = self.make()
        for page in Page:
            data = source.read(page)
            assert isinstance(data, bytes)
            assert len(data) == page.size_bytes
        source.close()

    def test_close_twice(self) -> None:
        """Closing a closed source changes nothing."""
        source = self.make()
        source.close()
        source.close()
