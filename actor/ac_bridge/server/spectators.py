"""Who gets which frames. Pure: no clock, no socket."""

from __future__ import annotations

import dataclasses
from typing import Protocol

from ac_bridge_protocol.frame import TelemetryFrame
from ac_bridge_protocol.messages import Telemetry


class Listener(Protocol):
    """What a subscriber must be able to do."""

    def offer(self, telemetry: Telemetry) -> bool:
        """Take a frame; return whether an older one was left out for it."""


@dataclasses.dataclass
class Subscription:
    """One stream of frames, thinned to its rate.

    Args:
        hz: frames a second.
    """

    hz: float
    dropped: int = 0
    _due_s: float | None = None

    def wants(self, now_s: float) -> bool:
        """Whether the frame of this moment belongs to the stream; if so, the next is a period on.

        The periods lie on a grid, so that thinning 60 Hz to 25 gives 25 and not 20.
        """
        period_s = 1.0 / self.hz
        restarted = self._due_s is not None and self._due_s - now_s > period_s * 1.5
        if self._due_s is None or restarted:
            self._due_s = now_s
        if now_s < self._due_s - 1e-6:
            return False
        behind_s = now_s - self._due_s
        self._due_s = now_s + period_s if behind_s > period_s else self._due_s + period_s
        return True


class Spectators:
    """Every subscription, by listener."""

    def __init__(self) -> None:
        self._subscriptions: dict[Listener, Subscription] = {}

    def __len__(self) -> int:
        return len(self._subscriptions)

    def subscribe(self, listener: Listener, hz: float) -> None:
        """Give ``listener`` frames at ``hz``, in place of any rate it had."""
        self._subscriptions[listener] = Subscription(hz)

    def unsubscribe(self, listener: Listener) -> None:
        """Give ``listener`` no more frames."""
        self._subscriptions.pop(listener, None)

    def publish(self, frame: TelemetryFrame, now_s: float) -> None:
        """Offer a frame to everyone whose stream it belongs to."""
        for listener, subscription in list(self._subscriptions.items()):
            if subscription.wants(now_s):
                dropped = listener.offer(Telemetry(frame=frame, dropped=subscription.dropped))
                subscription.dropped += dropped
