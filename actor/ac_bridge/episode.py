"""An episode: one drive on a rig from a reset on, with its schedule, its actions, its receipts.

No task, thread or socket in here. Whoever waits (the server's stepper on asyncio, the local
stepper in its caller's thread) calls `Episode.act` when an action comes, waits for the next tick,
and calls `Episode.tick`; so remote, local and lockstep driving are the same code.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from ac_bridge.game import NEUTRAL, Controls
from ac_bridge.pacing import Pacer, Tick, TickStats
from ac_bridge.rig import Rig, says
from ac_bridge.telemetry.reader import NO_FRAME, FrameStream
from ac_bridge_protocol.frame import GameState, TelemetryFrame
from ac_bridge_protocol.messages import Receipt, WheelState
from ac_bridge_protocol.wire import trusted

RESTARTED = "game_restarted"
"""`Outcome.end` of an episode whose session began anew without being asked to."""
GOES_ON = (GameState.LIVE, GameState.STALLED)
"""States in which an episode goes on; in the second one with the wheel neutral."""


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What a tick brought: everything an answer to a step is made of."""

    frame: TelemetryFrame
    observation: tuple[float, ...]
    receipt: Receipt
    end: str
    """Why the episode ends with this, empty if it goes on."""


def why_over(outcome: Outcome) -> str:
    """Return why an outcome is the last of its episode, as a sentence."""
    return "The session began anew." if outcome.end == RESTARTED else says(outcome.frame.state)


class Episode:
    """One drive from a reset on: its schedule, its actions, its receipts.

    Tick 0 is the moment of creation; `first` is its frame.

    Args:
        rig: on which it runs.
        stats: where the ticks' punctuality is kept.

    Attributes:
        first: the frame of tick 0.
        end: why the tick that was reached is the last one: the game was paused, left, lost or
            restarted. Empty while the episode goes on.
    """

    def __init__(self, rig: Rig, stats: TickStats) -> None:
        self._rig = rig
        self._stats = stats
        settings = rig.settings
        self._dt_s = 1.0 / settings.control_hz
        self._pacer = Pacer(settings.control_hz, rig.clock.now())
        self._stream = FrameStream(self._dt_s)
        self._target = NEUTRAL
        self._sent = NEUTRAL
        self._tick = Tick(0, rig.clock.now(), 0)
        self._answered_tick = 0
        self._missed = 0
        self._action_id = -1
        self._applied_s = 0.0
        self._applied_tick = 0
        self._moved_s: float | None = None
        self.end = ""
        self._restarts = rig.restarts
        self.first = self._newest = rig.sample(self._stream)

    def observe(self, frame: TelemetryFrame) -> tuple[float, ...]:
        """Return the observation of a frame, in the episode's profile."""
        return self._rig.settings.profile.observe(frame)

    def act(self, action: Sequence[float]) -> None:
        """Apply an action now; while the game stalls the wheel stays neutral instead.

        Args:
            action: as the rig's format has it.

        Raises:
            ActionError: the action cannot be applied; the last one goes on holding.
            WheelError: the wheel did not take it.
        """
        wanted = self._rig.format.read(action)
        now_s = self._rig.clock.now()
        self._target = wanted.controls
        self._sent = self._rig.act(wanted, self._moving_s(now_s))
        self._action_id += 1
        self._applied_s = now_s
        self._applied_tick = self._tick.index

    def until_tick(self) -> Iterator[float]:
        """Reach the next tick, as an iterator of the moments to wait for.

        There is one, unless a stall makes the tick pass by: then the schedule's next is waited for.
        """
        clock = self._rig.clock
        while True:
            tick = self._pacer.next(clock.now())
            yield tick.at_s
            if self._pacer.reach(tick, clock.now()):
                self._tick = tick
                self._missed += tick.missed
                return

    @property
    def missed_now(self) -> int:
        """Ticks that were skipped just before the present one."""
        return self._tick.missed

    def tick(self) -> Outcome:
        """Answer a step at the tick that was reached."""
        tick = self._tick
        frame = self._arrive()
        now_s = self._rig.clock.now()
        sampled_s = self._stream.last_s or now_s
        asked = self._answered_tick
        receipt = trusted(
            Receipt,
            {
                "action_id": self._action_id,
                "tick": tick.index,
                "tick_asked": asked,
                "tick_applied": self._applied_tick,
                "late": self._applied_tick > asked,
                "ticks_held": max(0, tick.index - asked - 1 - self._missed),
                "ticks_missed": self._missed,
                "tick_error_s": max(0.0, sampled_s - tick.at_s),
                "action_age_s": sampled_s - self._applied_s,
                "observation_age_s": now_s - sampled_s,
                "sent": _wheel_state(self._sent),
            },
        )
        self._answered_tick = tick.index
        self._missed = 0
        return Outcome(frame, self.observe(frame), receipt, self.end)

    def hold(self) -> None:
        """Pass the tick that was reached: the last action holds, until it is too old."""
        self._arrive()
        if not self._rig.driven:
            self._target = self._sent = NEUTRAL
            return
        now_s = self._rig.clock.now()
        self._sent = self._rig.steer_towards(self._target, self._moving_s(now_s))

    def _arrive(self) -> TelemetryFrame:
        """Sample the tick that was reached, and do what the frame calls for."""
        rig = self._rig
        try:
            frame = rig.sample(self._stream)
        except NO_FRAME:
            # The last that was seen of it, at this tick's time: its state says what it is.
            frame = rig.restamp(self._newest, self._stream).model_copy(update={"state": rig.state})
        rig.tend(frame)
        self._newest = frame
        if rig.restarts != self._restarts:
            self.end = RESTARTED
            if rig.driven:
                rig.neutral()
        else:
            self.end = "" if frame.state in GOES_ON else f"game_{frame.state.value}"
        self._stats.record(self._tick, self._stream.last_s or self._tick.at_s)
        return frame

    def _moving_s(self, now_s: float) -> float:
        """Return the time that a move of the wheel made now counts for, in seconds.

        At most one control period counts, and the first move gets a whole one: an action is meant
        to hold for one period, however late the one before it came.
        """
        since_s = self._dt_s if self._moved_s is None else now_s - self._moved_s
        self._moved_s = now_s
        return min(since_s, self._dt_s)


def _wheel_state(controls: Controls) -> WheelState:
    return trusted(
        WheelState,
        {
            "steer": controls.steer,
            "throttle": controls.throttle,
            "brake": controls.brake,
            "clutch": controls.clutch,
        },
    )
