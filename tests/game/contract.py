"""What every wheel and every page source must keep, whatever is behind it."""

from __future__ import annotations

import abc

from ac_bridge.game import NEUTRAL, Controls, ControlSink, Page, PageSource

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
