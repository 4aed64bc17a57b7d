"""A wheel that remembers what was asked of it, for tests and for looking closely."""

from __future__ import annotations

import threading

from ac_bridge.game.base import ControlSink, Inheritance
from ac_bridge.game.controls import NEUTRAL, Controls


class RecordingWheel(ControlSink):
    """Passes every state on to another wheel, if there is one, and keeps it.

    Does not model: a driver that refuses, axes of limited precision.

    Attributes:
        states: every state in order, the neutral one at the end included.
        closed: whether it was closed.
    """

    def __init__(self, inner: ControlSink | None = None) -> None:
        self.states: list[Controls] = []
        self.closed = False
        self._inner = inner
        self._changed = threading.Condition()

    @property
    def now(self) -> Controls:
        """The state it is in."""
        return self.states[-1] if self.states else NEUTRAL

    def apply(self, controls: Controls) -> None:
        """Keep the state and pass it on."""
        if self._inner is not None:
            self._inner.apply(controls)
        with self._changed:
            self.states.append(controls)
            self._changed.notify_all()

    def inheritance(self) -> Inheritance | None:
        """Return how the inner wheel could be taken."""
        return None if self._inner is None else self._inner.inheritance()

    def close(self) -> None:
        """Set neutral and close the inner wheel. May be called twice."""
        if self.closed:
            return
        self.apply(NEUTRAL)
        self.closed = True
        if self._inner is not None:
            self._inner.close()

    def wait_until_neutral(self, timeout_s: float) -> bool:
        """Block until the wheel is neutral, at most ``timeout_s``; return whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: self.now == NEUTRAL, timeout_s)
