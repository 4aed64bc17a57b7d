"""Watches a car that somebody else drives: one line for each frame.

Any number of programs may watch. In lockstep frames come only while somebody drives.

    uv run ac-bridge actor
    uv run python examples/spectate.py --frames 20 --hz 10
"""

from __future__ import annotations

import argparse

from ac_bridge_client import Link
from ac_bridge_client.exchange import Notice
from ac_bridge_protocol import Role
from ac_bridge_protocol.messages import Event, Telemetry

PATIENCE_S = 10.0
"""How long to wait for a frame; the stand-in loads for a few seconds before its first."""


class Screen:
    """Prints what comes in, and counts it."""

    def __init__(self) -> None:
        self.notices = 0
        self.frames = 0

    def show(self, notice: Notice) -> None:
        """Print one line."""
        self.notices += 1
        if isinstance(notice, Telemetry):
            frame = notice.frame
            self.frames += 1
            print(
                f"lap {frame.completed_laps + 1} at {frame.normalized_position:6.1%}  "
                f"{frame.speed_kmh:5.1f} km/h  gear {frame.gear}  {frame.rpm:5d} rev/min  "
                f"({notice.dropped} frames left out)"
            )
        elif isinstance(notice, Event):
            print(f"{notice.kind}: {notice.message}")


def watch(uri: str, frames: int, hz: float) -> None:
    """Print frames until there were enough, or nothing came for a while."""
    screen = Screen()
    link = Link(uri, role=Role.SPECTATOR, on_notice=screen.show)
    spec = link.welcome.spec
    print(f"{uri}: {spec.game}, {spec.mode}, {spec.control_hz:g} control ticks a second")
    link.subscribe(hz)
    before = -1
    while screen.frames < frames and screen.notices != before:
        before = screen.notices
        link.listen(PATIENCE_S)
    if screen.frames < frames:
        print(f"Nothing came for {PATIENCE_S:g} s: does anybody drive?")
    link.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--uri", default="ws://127.0.0.1:8765", help="the actor's address")
    parser.add_argument("--frames", type=int, default=100, help="how many frames to print")
    parser.add_argument("--hz", type=float, default=10.0, help="frames a second")
    options = parser.parse_args()
    watch(options.uri, options.frames, options.hz)
