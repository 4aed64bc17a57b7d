"""A rig: one game with its reader and its wheel, and an episode on it. All that a step is made of.

No task, thread or socket in here. Whoever waits (the server's stepper on asyncio, the local
stepper in its caller's thread) calls `Episode.act` when an action comes, waits for the next tick,
and calls `Episode.tick`; so remote, local and lockstep driving are the same code.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Iterator, Sequence

from ac_bridge.control.reset import DEFAULT_PLAN, ResetMachine, ResetPlan
from ac_bridge.control.safety import DeadMan
from ac_bridge.control.smoothing import ActionSmoother, SmoothingConfig
from ac_bridge.game import NEUTRAL, Controls, Game, GameAbility
from ac_bridge.pacing import Pacer, Tick, TickStats
from ac_bridge.telemetry.observation import BRIDGE15, ObservationProfile
from ac_bridge.telemetry.reader import FrameStream, TelemetryReader
from ac_bridge_protocol.errors import GameAbsentError, SettingError
from ac_bridge_protocol.frame import GameStatics, TelemetryFrame
from ac_bridge_protocol.messages import Receipt, ResetPhase, WheelState
from ac_bridge_protocol.spec import DRIVING_ACTION, ActionSpec, check_action
from ac_bridge_protocol.wire import trusted


@dataclasses.dataclass(frozen=True, slots=True)
class RigSettings:
    """How a rig drives.

    Attributes:
        control_hz: control ticks a second.
        telemetry_hz: frames a second between them.
        smoothing: between action and wheel.
        hold_s: how long an action holds without a new one before the car is let go, in seconds;
            at least one and a half control periods (`longest_hold_s`).
        profile: of the observation.
        reset_plan: which buttons restart and start, and how patiently.
    """

    control_hz: float
    telemetry_hz: float
    smoothing: SmoothingConfig
    hold_s: float = 0.5
    profile: ObservationProfile = BRIDGE15
    reset_plan: ResetPlan = DEFAULT_PLAN

    @property
    def longest_hold_s(self) -> float:
        """Hold time as it is applied: a slow control rate must not let go within a step."""
        return max(self.hold_s, 1.5 / self.control_hz)


OnFrame = Callable[[TelemetryFrame], None]


class Rig:
    """One game, its reader and its wheel."""

    def __init__(self, game: Game, settings: RigSettings) -> None:
        self.game = game
        self.clock = game.clock
        self.settings = settings
        self._reader = TelemetryReader(game.pages)
        self._smoother = ActionSmoother(settings.smoothing)
        self._dead_man = DeadMan(settings.longest_hold_s)

    def set_control_hz(self, control_hz: float) -> None:
        """Step at another rate from now on."""
        self.settings = dataclasses.replace(self.settings, control_hz=control_hz)
        self._dead_man.hold_s = self.settings.longest_hold_s

    @property
    def driven(self) -> bool:
        """Whether an action is in force that has not been let go of."""
        return self._dead_man.armed

    @property
    def lockstep(self) -> bool:
        """Whether game time stands still until somebody waits on the clock."""
        return GameAbility.LOCKSTEP in self.game.abilities

    def statics(self) -> GameStatics | None:
        """Return the game's static facts, or None while there are none."""
        return self._reader.statics()

    def require_statics(self) -> GameStatics:
        """Return the game's static facts.

        Raises:
            GameAbsentError: the game has not written them.
        """
        statics = self.statics()
        if statics is None:
            raise GameAbsentError("The game has not written its static page.", hint="Reset again.")
        return statics

    def sample(self, stream: FrameStream) -> TelemetryFrame:
        """Return the newest frame as the next of ``stream``.

        Raises:
            GameAbsentError: nothing publishes the pages.
        """
        return self._reader.frame(stream, self.clock.now(), self.clock.wall())

    def restamp(self, frame: TelemetryFrame, stream: FrameStream) -> TelemetryFrame:
        """Return a frame sampled just now as the next of another stream."""
        stamp = stream.stamp(self.clock.now(), self.clock.wall())
        return trusted(TelemetryFrame, frame.__dict__ | stamp)

    def try_sample(self, stream: FrameStream) -> TelemetryFrame | None:
        """Return the newest frame, or None while nothing publishes the pages."""
        try:
            return self.sample(stream)
        except GameAbsentError:
            return None

    def telemetry_stream(self) -> FrameStream:
        """Return a new stream at the telemetry rate."""
        return FrameStream(1.0 / self.settings.telemetry_hz)

    def act(self, target: Controls, dt_s: float) -> Controls:
        """Move the wheel towards what a driver wants now; the dead-man's switch is fed by it."""
        self._dead_man.feed(self.clock.now())
        return self.steer_towards(target, dt_s)

    def let_go_if_stale(self) -> bool:
        """Let go of the wheel if the last action is older than it may be, and say so."""
        if not self._dead_man.expired(self.clock.now()):
            return False
        self.neutral()
        return True

    def steer_towards(self, target: Controls, dt_s: float) -> Controls:
        """Move the wheel towards ``target`` as far as smoothing lets it in ``dt_s`` seconds."""
        controls = self._smoother.follow(target, dt_s)
        self.game.wheel.apply(controls)
        return controls

    def apply_once(self, action: Sequence[float]) -> Controls:
        """Move the wheel towards an action for one control period, outside of any episode.

        Raises:
            ActionError: the action cannot be applied; nothing changed.
        """
        return self.act(controls_of(action), 1.0 / self.settings.control_hz)

    def set_wheel(self, controls: Controls) -> None:
        """Set the wheel at once, past all smoothing."""
        self._smoother.jump(controls)
        self.game.wheel.apply(controls)

    def neutral(self) -> None:
        """Let go of the wheel at once."""
        self._dead_man.release()
        self.set_wheel(NEUTRAL)

    def run_lockstep(self, until_s: float, stream: FrameStream, on_frame: OnFrame) -> None:
        """Let game time run to ``until_s``, sampling at the telemetry rate on the way.

        The samples lie strictly before ``until_s``: the caller takes that one itself. They keep
        lap validity as finely as real time does.
        """
        now_s = self.clock.now()
        pacer = Pacer(self.settings.telemetry_hz, now_s)
        while (tick := pacer.next(self.clock.now())).at_s < until_s - 1e-6:
            self.clock.sleep_until(tick.at_s)
            pacer.reach(tick, tick.at_s)
            on_frame(self.sample(stream))
        self.clock.sleep_until(until_s)

    def reset(
        self, seed: int | None, on_phase: Callable[[ResetPhase, int], None]
    ) -> Generator[float, None, None]:
        """Restart the game, as an iterator of the moments to wait for in between.

        It ends when the car stands ready, with the wheel neutral.

        Args:
            seed: start the game anew from this seed first, so that the episode can be repeated.
            on_phase: told of each phase entered, and its attempt from 1.

        Raises:
            SettingError: a seed, for a game that cannot repeat itself.
            ResetFailedError: the game did not restart; names the phase.
        """
        if seed is not None and GameAbility.SEED not in self.game.abilities:
            raise SettingError(
                f"{self.game.name} cannot repeat an episode from a seed.",
                setting="seed",
                hint="Reset without one.",
            )
        self.neutral()
        try:
            yield from self._restart(seed, on_phase)
        except BaseException:  # given up, cancelled or interrupted: no button stays pressed
            self.neutral()
            raise

    def _restart(
        self, seed: int | None, on_phase: Callable[[ResetPhase, int], None]
    ) -> Generator[float, None, None]:
        if seed is not None:
            self.game.relaunch(seed)
        machine = ResetMachine(self.settings.reset_plan, self.clock.now())
        stream = self.telemetry_stream()
        period_s = 1.0 / self.settings.telemetry_hz
        entered: tuple[ResetPhase, int] | None = None
        while True:
            controls = machine.update(self.try_sample(stream), self.clock.now())
            if (machine.phase, machine.attempt) != entered:
                entered = (machine.phase, machine.attempt)
                on_phase(*entered)
            self.set_wheel(controls)
            if machine.done:
                return
            yield self.clock.now() + period_s

    def close(self) -> None:
        """Let go of the wheel and of the game. May be called twice."""
        self.game.close()


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What a tick brought: everything an answer to a step is made of."""

    frame: TelemetryFrame
    observation: tuple[float, ...]
    receipt: Receipt


class Episode:
    """One drive from a reset on: its schedule, its actions, its receipts.

    Tick 0 is the moment of creation; `first` is its frame.

    Args:
        rig: on which it runs.
        stats: where the ticks' punctuality is kept.
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
        self.first = rig.sample(self._stream)

    def observe(self, frame: TelemetryFrame) -> tuple[float, ...]:
        """Return the observation of a frame, in the episode's profile."""
        return self._rig.settings.profile.observe(frame)

    def act(self, action: Sequence[float]) -> None:
        """Apply an action now.

        Args:
            action: steer -1..1, throttle 0..1, brake 0..1, and optionally clutch 0..1.

        Raises:
            ActionError: the action cannot be applied; the last one goes on holding.
            WheelError: the wheel did not take it.
        """
        target = controls_of(action)
        now_s = self._rig.clock.now()
        self._target = target
        self._sent = self._rig.act(target, self._moving_s(now_s))
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
        return Outcome(frame, self.observe(frame), receipt)

    def hold(self) -> bool:
        """Pass the tick that was reached: the last action holds, until it is too old.

        Returns:
            Whether the car was let go at this very tick.
        """
        self._arrive()
        let_go = self._rig.let_go_if_stale()
        if not self._rig.driven:
            self._target = self._sent = NEUTRAL
            return let_go
        now_s = self._rig.clock.now()
        self._sent = self._rig.steer_towards(self._target, self._moving_s(now_s))
        return False

    def _arrive(self) -> TelemetryFrame:
        frame = self._rig.sample(self._stream)
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


def controls_of(action: Sequence[float]) -> Controls:
    """Return the wheel that an action asks for.

    Args:
        action: steer -1..1, throttle 0..1, brake 0..1, and optionally clutch 0..1.

    Raises:
        ActionError: wrong length, not finite, or out of range.
    """
    if len(action) != len(_WITH_CLUTCH):
        steer, throttle, brake = check_action(DRIVING_ACTION, action)
        return Controls(steer, throttle, brake)
    steer, throttle, brake, clutch = check_action(_WITH_CLUTCH, action)
    return Controls(steer, throttle, brake, clutch)


_WITH_CLUTCH = (*DRIVING_ACTION, ActionSpec(name="clutch", low=0.0, high=1.0))


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
