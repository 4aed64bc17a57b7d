"""A rig: one game with its reader and its wheel. All that a step is made of.

No task, thread or socket in here: whoever waits calls it. It decides what reaches the wheel: an
action, smoothed, with the gear buttons; or nothing, once the action is too old or the game cannot
be trusted.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

from ac_bridge.control.action import ActionFormat, Wanted
from ac_bridge.control.gears import DEFAULT_SHIFTS, ShiftPlan
from ac_bridge.control.late import DEFAULT_LATE_POLICY, LatePolicy
from ac_bridge.control.reset import DEFAULT_PLAN, ResetMachine, ResetPlan, RestartEvidence
from ac_bridge.control.safety import DeadMan
from ac_bridge.control.shifting import ShiftedBy, Shifting
from ac_bridge.control.smoothing import ActionSmoother, SmoothingConfig
from ac_bridge.game import NEUTRAL, Controls, Game, GameAbility
from ac_bridge.pacing import Pacer
from ac_bridge.telemetry.observation import BRIDGE15, Look, ObservationPlan, planned
from ac_bridge.telemetry.reader import NO_FRAME, FrameStream, TelemetryReader
from ac_bridge.track.keeper import TrackKeeper
from ac_bridge.track.library import TrackLibrary
from ac_bridge.track.track import Track
from ac_bridge_protocol.errors import GameAbsentError, SettingError, WheelError
from ac_bridge_protocol.frame import GameState, GameStatics, TelemetryFrame
from ac_bridge_protocol.messages import Event, EventKind, ResetPhase
from ac_bridge_protocol.observing import ObservationWish
from ac_bridge_protocol.spec import EnvSpec, Mode
from ac_bridge_protocol.starts import Start
from ac_bridge_protocol.wire import trusted

WIGGLE = Controls(steer=0.1, throttle=0.1, brake=0.1, clutch=0.1)
"""A new process of the game reads an axis as zero until it has moved once."""
WIGGLE_S = 0.05
"""Many of the game's steps of 3 ms, each of which reads the wheel."""


@dataclasses.dataclass(frozen=True, slots=True)
class RigSettings:
    """How a rig drives.

    Attributes:
        control_hz: control ticks a second.
        telemetry_hz: frames a second between them.
        smoothing: between action and wheel.
        hold_s: how long after the last action came in the car is let go of, in seconds; at least
            one and a half control periods (`longest_hold_s`).
        late: what the wheel does until then.
        plan: of the observation, unless a learner asks for another.
        reset_plan: which buttons restart and start, and how patiently.
        shifted_by: who shifts gears.
        shift_plan: with which buttons.
        game_dir: the game's folder, for its tracks' files; None for where the game itself has it.
    """

    control_hz: float
    telemetry_hz: float
    smoothing: SmoothingConfig
    hold_s: float = 0.5
    late: LatePolicy = DEFAULT_LATE_POLICY
    plan: ObservationPlan = BRIDGE15
    reset_plan: ResetPlan = DEFAULT_PLAN
    shifted_by: ShiftedBy = "game"
    shift_plan: ShiftPlan = DEFAULT_SHIFTS
    game_dir: Path | None = None

    @property
    def longest_hold_s(self) -> float:
        """Hold time as it is applied: a slow control rate must not let go within a step."""
        return max(self.hold_s, 1.5 / self.control_hz)


OnFrame = Callable[[TelemetryFrame], None]
OnEvent = Callable[[Event], None]


class Rig:
    """One game, its reader and its wheel.

    Raises:
        SettingError: resets are to go through a command port, and the game has none.

    Attributes:
        on_event: is told what happens to the game and the wheel by itself.
        format: how actions are read.
        restarts: how often the session began anew without being asked to.
        let_goes: how often a wheel that somebody drove was let go of.
        steered: where the driver's wheel and pedals are.
        sent: the same with what a gear change adds, as the wheel was last sent it.
        modes_hint: how to get the modes that it is not in.
    """

    modes_hint = "Start it with --lockstep for lockstep, or without for the others."

    def __init__(self, game: Game, settings: RigSettings) -> None:
        self.game = game
        self.clock = game.clock
        self.settings = settings
        self.on_event: OnEvent = lambda _event: None
        if settings.reset_plan.strategy == "command_port" and (
            GameAbility.COMMANDS not in game.abilities
        ):
            raise SettingError(
                f"{game.name} has no command port.",
                setting="reset_by",
                hint="Reset by buttons; the port is Assetto Corsa's own.",
            )
        self.format = ActionFormat(shifts=settings.shifted_by == "learner")
        self._tracks = TrackKeeper(lambda: TrackLibrary(settings.game_dir or game.game_dir))
        self._reader = TelemetryReader(game.pages, self._tracks.place)
        self._smoother = ActionSmoother(settings.smoothing)
        self._dead_man = DeadMan(settings.longest_hold_s)
        self._shifting = Shifting(settings.shifted_by, settings.shift_plan)
        self.let_goes = 0
        self.steered = NEUTRAL
        self.sent = NEUTRAL
        self._told_state = GameState.ABSENT
        self._evidence = RestartEvidence()
        self.restarts = 0
        self._resetting = False
        self._wiggled_launch: int | None = None
        self._owes_neutral = False

    def set_control_hz(self, control_hz: float) -> None:
        """Step at another rate from now on."""
        self.settings = dataclasses.replace(self.settings, control_hz=control_hz)
        self._dead_man.hold_s = self.settings.longest_hold_s

    @property
    def driven(self) -> bool:
        """Whether somebody drives, and has not been silent for too long."""
        return self._dead_man.armed

    @property
    def lets_go_s(self) -> float | None:
        """When the wheel is let go of unless an action comes in; None if nobody drives."""
        return self._dead_man.deadline_s()

    @property
    def state(self) -> GameState:
        """The game's state at the last look."""
        return self._reader.state

    @property
    def lockstep(self) -> bool:
        """Whether game time stands still until somebody waits on the clock."""
        return GameAbility.LOCKSTEP in self.game.abilities

    @property
    def modes(self) -> tuple[Mode, ...]:
        """How ticks and steps may go together here; the first is what is offered unasked."""
        return (Mode.LOCKSTEP,) if self.lockstep else (Mode.LATEST, Mode.FIXED_DELAY)

    @property
    def track(self) -> Track | None:
        """The track under the car; None where its files were not read."""
        return self._tracks.track

    def look(self, frame: TelemetryFrame, sent: Controls) -> Look:
        """Return what an observation of a frame is made from.

        Args:
            frame: sampled here.
            sent: what the wheel was sent until then.
        """
        return Look(frame, sent, self._tracks.track)

    def why_unseen(self, plan: ObservationPlan) -> str:
        """Say which features of an observation are 0 for want of the track; nothing if none is."""
        if not plan.needs_road or self._tracks.track is not None:
            return ""
        return (
            f"Without the track's files these are 0 throughout: {', '.join(plan.needs_road)}. "
            f"{self._tracks.why}"
        )

    def spec(
        self, mode: Mode, delay_ticks: int = 0, wish: ObservationWish | None = None
    ) -> EnvSpec:
        """Return what is offered to who steps in ``mode`` and wishes for that observation.

        Raises:
            SettingError: an observation that cannot be computed.
        """
        settings = self.settings
        plan = settings.plan if wish is None else planned(wish)
        return EnvSpec(
            game=self.game.name,
            mode=mode,
            delay_ticks=delay_ticks,
            modes=self.modes,
            control_hz=settings.control_hz,
            telemetry_hz=settings.telemetry_hz,
            observation_profile=plan.name,
            observation=plan.features,
            action=self.format.components,
            smoothing=settings.smoothing.name,
        )

    def shown_s(self) -> float:
        """Return the moment of the newest frame, in seconds of the clock."""
        return self.clock.now()

    def statics(self) -> GameStatics | None:
        """Return the game's static facts, or None while there are none to believe."""
        try:
            return self._reader.statics()
        except NO_FRAME:
            return None

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
            WrongGameError: they are another game's.
        """
        frame = self._reader.frame(stream, self.clock.now(), self.clock.wall())
        if news := self._tracks.take_news():
            self.tell(EventKind.TRACK, news)
        return frame

    def restamp(self, frame: TelemetryFrame, stream: FrameStream) -> TelemetryFrame:
        """Return a frame sampled just now as the next of another stream."""
        stamp = stream.stamp(self.clock.now(), self.clock.wall())
        return trusted(TelemetryFrame, frame.__dict__ | stamp)

    def try_sample(self, stream: FrameStream) -> TelemetryFrame | None:
        """Return the newest frame, or None while there is none: `state` says why."""
        try:
            return self.sample(stream)
        except NO_FRAME:
            return None

    def telemetry_stream(self) -> FrameStream:
        """Return a new stream at the telemetry rate."""
        return FrameStream(1.0 / self.settings.telemetry_hz)

    # --- The wheel --------------------------------------------------------------------------------

    def feed(self) -> None:
        """A good action came in, whenever its tick comes: the dead-man's switch starts anew.

        Not while the game cannot be trusted: then nobody drives.
        """
        if self.state is GameState.LIVE:
            self._dead_man.feed(self.clock.now())

    def act(self, wanted: Wanted, dt_s: float) -> None:
        """Move the wheel towards what a driver wants.

        While nobody drives, or the game cannot be trusted, the wheel goes to neutral instead.
        """
        if not self.driven or self.state is not GameState.LIVE:
            self.neutral()
            return
        self._shifting.ask(wanted.shift)
        self.steer_towards(wanted.controls, dt_s)

    def steer_towards(self, target: Controls, dt_s: float) -> None:
        """Move the wheel towards ``target`` as far as smoothing lets it in ``dt_s`` seconds."""
        self.steered = self._smoother.follow(target, dt_s)
        self._send()

    def steer_to(self, controls: Controls) -> None:
        """Move the wheel to ``controls``, past all smoothing; gear changes go on."""
        self._smoother.jump(controls)
        self.steered = controls
        self._send()

    def apply_once(self, action: Sequence[float]) -> None:
        """Move the wheel towards an action for one control period, outside of any episode.

        Raises:
            ActionError: the action cannot be applied; nothing changed.
        """
        wanted = self.format.read(action)
        self.feed()
        self.act(wanted, 1.0 / self.settings.control_hz)

    def set_wheel(self, controls: Controls) -> None:
        """Set the wheel at once, past all smoothing."""
        self._smoother.jump(controls)
        self.steered = controls
        self._apply(controls)

    def neutral(self) -> None:
        """Let go of the wheel at once.

        A wheel that does not take it is told of, and tried again each time that it is tended: what
        calls for neutral must not be stopped by it.
        """
        self.let_goes += self.driven
        self._dead_man.release()
        self._shifting.stop()
        owed_before, self._owes_neutral = self._owes_neutral, True
        try:
            self.set_wheel(NEUTRAL)
        except WheelError as error:
            if not owed_before:
                self.tell(EventKind.WHEEL_LOST, str(error))

    def let_go(self, reason: str) -> None:
        """Let go of the wheel at once, and say why."""
        self.neutral()
        self.tell(EventKind.NEUTRALISED, reason)

    def tend(self, frame: TelemetryFrame | None) -> None:
        """Do what every look at the game calls for, between actions too.

        Tells `on_event` what changed, lets go of a wheel that nobody should be holding, and keeps
        gear changes going.

        Args:
            frame: the newest, None while there is none.
        """
        self._tell_changes(frame)
        if self._owes_neutral:
            self.neutral()
        if not self.driven:
            return
        reason = self._why_let_go()
        if reason:
            self.let_go(reason)
        elif frame is not None:
            try:
                self._shift(frame)
            except WheelError as error:  # whoever looks must go on looking
                self.let_go(str(error))

    def tell(self, kind: EventKind, message: str) -> None:
        """Tell `on_event` what happened."""
        self.on_event(Event(kind=kind, message=message))

    def _send(self) -> None:
        """Send what is steered, with what a gear change under way adds to it."""
        controls, shifting = self.steered, self._shifting
        if shifting.buttons:
            controls = dataclasses.replace(controls, buttons=shifting.buttons)
        if shifting.under_way and self._clutch_is_ours():
            controls = dataclasses.replace(controls, clutch=1.0)
        self._apply(controls)

    def _apply(self, controls: Controls) -> None:
        self.game.wheel.apply(controls)
        self.sent = controls
        self._owes_neutral = False

    def _clutch_is_ours(self) -> bool:
        """Whether the game leaves the clutch to the driver when gears change."""
        statics = self.statics()
        return statics is not None and not statics.aid_auto_clutch

    def _shift(self, frame: TelemetryFrame) -> None:
        before = self._shifting.buttons, self._shifting.under_way
        failure = self._shifting.tend(frame, self.clock.now())
        if (self._shifting.buttons, self._shifting.under_way) != before:
            self._send()
        if failure is not None:
            self.tell(EventKind.SHIFT_FAILED, str(failure))

    def _why_let_go(self) -> str:
        """Return why the wheel must go to neutral now, empty if it need not."""
        if self._dead_man.expired(self.clock.now()):
            return f"No action for {self.settings.longest_hold_s:g} s."
        return "" if self.state is GameState.LIVE else says(self.state)

    def _tell_changes(self, frame: TelemetryFrame | None) -> None:
        restarted = self._evidence.update(frame, self.clock.now()) if frame is not None else None
        if self._resetting:
            return
        state = self.state
        if state is not self._told_state:
            self._told_state = state
            message = f"{says(state)} {self._reader.problem}".rstrip()
            self.on_event(Event(kind=EventKind.GAME_STATE, message=message, state=state))
        if restarted:
            self.restarts += 1
            self.tell(EventKind.GAME_RESTARTED, f"The session began anew: {restarted}.")

    # --- Time -------------------------------------------------------------------------------------

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
            frame = self.try_sample(stream)
            self.tend(frame)
            if frame is not None:
                on_frame(frame)
        self.clock.sleep_until(until_s)

    def check_reset(self, seed: int | None, start: Start | None) -> None:
        """Refuse what this game cannot do before anything is touched, in the middle of a reset too.

        Raises:
            SettingError: a seed or a start, for a game that takes none; or a start that is not on
                its track.
        """
        if seed is not None and GameAbility.SEED not in self.game.abilities:
            raise SettingError(
                f"{self.game.name} cannot repeat an episode from a seed.",
                setting="seed",
                hint="Reset without one.",
            )
        if start is None:
            return
        if GameAbility.STARTS not in self.game.abilities:
            raise SettingError(
                f"{self.game.name} cannot be told to start at {start}: its session decides.",
                setting="start",
                hint="Reset without a start; choose the session's own start in the game.",
            )
        self.game.check_start(start)

    def reset(
        self,
        seed: int | None,
        on_phase: Callable[[ResetPhase, int], None],
        start: Start | None = None,
    ) -> Generator[float, None, None]:
        """Restart the game, as an iterator of the moments to wait for in between.

        It ends when the car stands ready, with the wheel neutral.

        Args:
            seed: start the game anew from this seed first, so that the episode can be repeated.
            on_phase: told of each phase entered, and its attempt from 1.
            start: where on the track; None leaves it to the game.

        Raises:
            SettingError: see `check_reset`.
            ResetFailedError: the game did not restart; names the phase.
        """
        self.check_reset(seed, start)
        self.neutral()
        self._resetting = True
        try:
            if start is not None:
                self.game.start_at(start)
            yield from self._restart(seed, on_phase)
        except BaseException:  # given up, cancelled or interrupted: no button stays pressed
            self.neutral()
            raise
        finally:
            self._resetting = False
            if start is not None:
                self.game.start_at(None)  # for this one episode alone

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
            frame = self.try_sample(stream)
            self.tend(frame)
            if frame is not None and self._wiggled_launch != self._reader.launches:
                yield from self._wiggle()
            controls = machine.update(frame, self.clock.now())
            if machine.phase is ResetPhase.GEARING and self._clutch_is_ours():
                controls = dataclasses.replace(controls, clutch=0.0 if machine.done else 1.0)
            if (machine.phase, machine.attempt) != entered:
                entered = (machine.phase, machine.attempt)
                on_phase(*entered)
            self.set_wheel(controls)
            if machine.command is not None:
                self.game.command(machine.command)
            if machine.done:
                return
            yield self.clock.now() + period_s

    def _wiggle(self) -> Generator[float, None, None]:
        """Move every axis once, for a process of the game that has not seen one move."""
        self._wiggled_launch = self._reader.launches
        self.set_wheel(WIGGLE)
        yield self.clock.now() + WIGGLE_S
        self.set_wheel(NEUTRAL)

    def close(self) -> None:
        """Let go of the wheel and of the game. May be called twice."""
        self.game.close()


_SAYINGS = {
    GameState.ABSENT: "No game publishes its pages.",
    GameState.WAITING: "The game is loading, or in a menu.",
    GameState.LIVE: "The game is live.",
    GameState.PAUSED: "The game is paused.",
    GameState.STALLED: "The game has not moved for 50 ms.",
    GameState.LOST: "The game has not moved for a second: it hangs, or it was killed.",
    GameState.WRONG_GAME: "The pages are those of another game.",
}


def says(state: GameState) -> str:
    """Return a state of the game as a sentence."""
    return _SAYINGS[state]
