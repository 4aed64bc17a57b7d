"""Who gets which frames. Pure: no clock, no socket."""

from __future__ import annotations

import dataclasses
from typing import Protocol

from ac_bridge.server.broadcast import Broadcast


class Listener(Protocol):
    """What a subscriber must be able to do."""

    def offer(self, frame: Broadcast) -> None:
        """Take a frame, or leave it out and count."""

    def forget_stream(self) -> None:
        """A stream of frames begins anew, or ends."""


@dataclasses.dataclass
class Subscription:
    """One stream of frames, thinned to its rate.

    Args:
        hz: frames a second.
        source_hz: frames a second before thinning.
    """

    hz: float
    source_hz: float
    _due_s: float | None = None

    def wants(self, now_s: float) -> bool:
        """Whether the frame of this moment belongs to the stream; if so, the next is a period on.

        The periods lie on a grid, so that thinning 60 Hz to 25 gives 25 and not 20. A frame may
        come half of the source's period early: its moments jitter, and none may be lost by that.
        """
        period_s = 1.0 / self.hz
        restarted = self._due_s is not None and self._due_s - now_s > period_s * 1.5
        if self._due_s is None or restarted:
            self._due_s = now_s
        if now_s < self._due_s - 0.5 / self.source_hz:
            return False
        behind_s = now_s - self._due_s
        self._due_s = now_s + period_s if behind_s > period_s else self._due_s + period_s
        return True


class Spectators:
    """Every subscription, by listener.

    Args:
        source_hz: frames a second that will be published.
    """

    def __init__(self, source_hz: float) -> None:
        self._source_hz = source_hz
        self._subscriptions: dict[Listener, Subscription] = {}

    def __len__(self) -> int:
        return len(self._subscriptions)

    def __contains__(self, listener: Listener) -> bool:
        return listener in self._subscriptions

    def subscribe(self, listener: Listener, hz: float) -> None:
        """Give ``listener`` frames at ``hz``, in place of any rate it had."""
        listener.forget_stream()
        self._subscriptions[listener] = Subscription(hz, self._source_hz)

    def unsubscribe(self, listener: Listener) -> None:
        """Give ``listener`` no more frames."""
        listener.forget_stream()
        self._subscriptions.pop(listener, None)

    def due(self, now_s: float) -> list[Listener]:
        """Return everyone whose stream the frame of this moment belongs to."""
        return [
            listener
            for listener, subscription in self._subscriptions.items()
            if subscription.wants(now_s)
        ]
