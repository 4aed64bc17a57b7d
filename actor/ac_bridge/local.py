"""The local API: the same rig without a network, in the caller's own process.

from ac_bridge import ACBridgeLocal, RealTimeStepper

with ACBridgeLocal(game="standin", control_hz=10) as bridge:
    stepper = RealTimeStepper(bridge, control_hz=10)
    observation, info = stepper.reset()
    observation, info = stepper.step([0.0, 0.5, 0.0])
"""

from __future__ import annotations

import atexit
import collections
import contextlib
import logging
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self, cast, get_args

import numpy as np
import numpy.typing as npt

from ac_bridge.clock import Clock
from ac_bridge.control.shifting import ShiftedBy
from ac_bridge.control.smoothing import DEFAULT_PRESET, SmoothingConfig, smoothing_named
from ac_bridge.episode import Episode, Outcome, why_over
from ac_bridge.games import ControllerName, GameChoice, GameName, check_choice, open_game
from ac_bridge.pacing import KEPT_ERRORS, Ticker, TickStats, percentile
from ac_bridge.rig import Rig, RigSettings
from ac_bridge.settings import CONTROL_HZ, TELEMETRY_HZ
from ac_bridge.telemetry.observation import planned
from ac_bridge.track.library import check_game_dir
from ac_bridge_protocol.errors import (
    ActionError,
    ErrorCode,
    LocalProtocolError,
    NotResetError,
    SettingError,
    WheelError,
)
from ac_bridge_protocol.frame import TelemetryFrame
from ac_bridge_protocol.helpers import Closing, choose, reset_options
from ac_bridge_protocol.messages import Receipt
from ac_bridge_protocol.observing import ObservationLike, wished
from ac_bridge_protocol.spec import EnvSpec, as_components, check_seed
from ac_bridge_protocol.starts import start_in

Observation = npt.NDArray[np.float32]
Info = dict[str, Any]

log = logging.getLogger("ac_bridge")
ActionLike = Sequence[float] | npt.NDArray[Any] | Mapping[str, float]


class ACBridgeLocal(Closing):
    """The game on this machine: its newest observation, and its wheel.

    In real time a thread samples telemetry, and lets go of the wheel when no action has come for
    half a second. In lockstep there is no thread: game time runs only while a `RealTimeStepper`
    steps.

    Args:
        telemetry_hz: frames a second, 10 to 333.
        control_hz: control ticks a second that smoothing is made for, 1 to 100.
        game: ``shm`` (Assetto Corsa, or whatever publishes its pages), ``standin``, or ``auto``:
            the first if there are pages, else the second. Without it the variable AC_BRIDGE_GAME
            decides, and without that ``auto``.
        controller: ``vjoy``, ``uinput``, ``standin`` (also `ac-bridge simulate`'s), or ``auto``.
        device_id: number of the vJoy device, from 1.
        observation: a profile's name, or a list of features as `RemoteEnv` takes it.
        obs_dim: length of the observation, as a check; None for none.
        smoothing_config: a preset's name, or a `SmoothingConfig`.
        gears: who shifts: ``game``, ``actor`` (by engine speed), or ``learner`` (actions then have
            a fourth component ``shift``, -1..1).
        lockstep: let game time stand still between steps, where the game can do that.
        seed: of the stand-in's draws.
        track: of the stand-in: ``standin_ring``, or ``made_N``, which is drawn from the number.
        game_dir: the game's folder, for its tracks' files; None or empty looks for it.
        clock: the time to live by; the machine's own unless given.

    Raises:
        SettingError: names the argument that cannot be used.
    """

    def __init__(
        self,
        telemetry_hz: float = 60.0,
        control_hz: float = 10.0,
        *,
        game: str | None = None,
        controller: str = "auto",
        device_id: int = 1,
        observation: ObservationLike = "bridge15",
        obs_dim: int | None = None,
        smoothing_config: str | SmoothingConfig = DEFAULT_PRESET,
        gears: ShiftedBy = "game",
        lockstep: bool = False,
        seed: int = 0,
        track: str | None = None,
        game_dir: str | os.PathLike[str] | None = None,
        clock: Clock | None = None,
    ) -> None:
        _check_range("telemetry_hz", telemetry_hz, TELEMETRY_HZ)
        _check_range("control_hz", control_hz, CONTROL_HZ)
        plan = planned(wished(observation))
        if obs_dim is not None and obs_dim != len(plan.lows):
            raise SettingError(
                f"The observation has {len(plan.lows)} elements, not {obs_dim}.",
                setting="obs_dim",
            )
        smoothing = (
            smoothing_named(smoothing_config)
            if isinstance(smoothing_config, str)
            else smoothing_config
        )
        choose(dict.fromkeys(get_args(ShiftedBy)), gears, setting="gears")
        folder = Path(game_dir) if game_dir else None
        check_game_dir(folder)
        self.settings = RigSettings(
            control_hz,
            telemetry_hz,
            smoothing,
            plan=plan,
            shifted_by=gears,
            game_dir=folder,
        )
        self._choice = GameChoice(
            game=cast("GameName", game or os.environ.get("AC_BRIDGE_GAME") or "auto"),
            controller=cast("ControllerName", controller),
            device_id=device_id,
            lockstep=lockstep,
            seed=check_seed(seed) or 0,
            track=track,
        )
        check_choice(self._choice)
        self._clock = clock
        self._rig: Rig | None = None
        self._sampler: _Sampler | None = None
        # The reader and the wheel are used from two threads: the sampler's and the caller's.
        self._lock = threading.RLock()

    # --- Connecting -------------------------------------------------------------------------------

    def connect(self) -> Self:
        """Open the game and start to sample. Does nothing when connected already.

        Raises:
            SettingError: the game cannot do what was asked.
            WheelError: its wheel cannot be had.
        """
        if self._rig is None:
            self._rig = Rig(open_game(self._choice, self._clock), self.settings)
            atexit.register(self.close)
            if not self._rig.lockstep:
                self._sampler = _Sampler(self._rig, self._lock)
        return self

    def close(self) -> None:
        """Stop sampling, let go of the wheel, end every thread. May be called twice."""
        atexit.unregister(self.close)
        if self._sampler is not None:
            self._sampler.stop()
            self._sampler = None
        if self._rig is not None:
            rig, self._rig = self._rig, None
            try:
                with self._lock:
                    rig.close()
            finally:
                rig.clock.close()

    def is_connected(self) -> bool:
        """Whether the game is open and publishes its pages."""
        if self._rig is None:
            return False
        with self._lock:
            return self._rig.try_sample(self._rig.telemetry_stream()) is not None

    def __enter__(self) -> Self:
        return self.connect()

    # --- Driving ----------------------------------------------------------------------------------

    def latest_obs(self) -> tuple[Observation, Info]:
        """Return the newest observation, float32, and its frame as a flat dict.

        What an observation has of the ticks before it is as the newest frame here; a
        `RealTimeStepper` remembers them.

        Raises:
            GameAbsentError: nothing is published.
            WrongGameError: another game's pages are.
        """
        return self._seen(self.latest_frame())

    def latest_frame(self) -> TelemetryFrame:
        """Return the newest frame.

        Raises:
            GameAbsentError: nothing is published.
            WrongGameError: another game's pages are.
        """
        rig = self.rig
        self.check_sampler()
        newest = self._sampler.newest if self._sampler is not None else None
        if newest is None:
            with self._lock:
                newest = rig.sample(rig.telemetry_stream())
        return newest

    def apply_action(
        self, steer: float, throttle: float, brake: float, clutch: float = 0.0
    ) -> None:
        """Move the wheel towards an action, as far as smoothing allows in one control period.

        Args:
            steer: -1 (left) to 1 (right).
            throttle: 0 to 1.
            brake: 0 to 1.
            clutch: the pedal, 0 (released) to 1.

        Raises:
            ActionError: NaN or out of range; names the component, and changes nothing.
        """
        self.check_sampler()
        with self._lock:
            self.rig.apply_once(self._whole_action(steer, throttle, brake, clutch))

    def reset(
        self, seed: int | None = None, *, options: Mapping[str, Any] | None = None
    ) -> tuple[Observation, Info]:
        """Restart the game, wait until the car stands ready, and return what is seen then.

        Args:
            seed: repeats the episode exactly, where the game can do that.
            options: ``start``, where the game can be told: ``"line"``, ``"pit"``, ``"random"``, or
                ``{"distance": metres}`` along the track.

        Raises:
            ResetFailedError: the game did not restart.
            SettingError: an unknown option, or a seed or start the game cannot take.
        """
        rig = self.rig
        hint = "There is one: start, where on the track."
        seed, start = check_seed(seed), start_in(reset_options(options, {"start"}, hint=hint))
        self.check_sampler()
        # Closing it in every case lets go of the buttons when the wait is interrupted.
        with contextlib.closing(rig.reset(seed, lambda _phase, _attempt: None, start)) as resetting:
            while True:
                with self._lock:
                    deadline = next(resetting, None)
                if deadline is None:
                    break
                rig.clock.sleep_until(deadline)
        with self._lock:
            frame = rig.sample(rig.telemetry_stream())
        return self._seen(frame)

    def _seen(self, frame: TelemetryFrame) -> tuple[Observation, Info]:
        observation = self.settings.plan.observe(frame, self.rig.track)
        return _as_array(observation), dict(frame.__dict__)

    def _whole_action(self, *pedals: float) -> Sequence[float]:
        """Return pedals as an action of the rig's format: no wish for a gear."""
        given = dict(zip(("steer", "throttle", "brake", "clutch"), pedals, strict=True))
        return [given.get(name, 0.0) for name in self.rig.format.names]

    @property
    def env_spec(self) -> EnvSpec:
        """What there is to see and to do: rates, mode, every element of observation and action.

        Raises:
            LocalProtocolError: not connected.
        """
        return self.rig.spec(self.rig.modes[0])

    @property
    def rig(self) -> Rig:
        """The game with its reader and wheel.

        Raises:
            LocalProtocolError: not connected.
        """
        if self._rig is None:
            raise LocalProtocolError("The bridge is not connected.", hint="Call connect() first.")
        return self._rig

    def check_sampler(self) -> None:
        """Raise what ended the sampling thread, if anything did: nobody would let go any more."""
        if self._sampler is not None and self._sampler.error is not None:
            raise self._sampler.error

    @property
    def lock(self) -> threading.RLock:
        """Held while the rig is used."""
        return self._lock


class _Sampler:
    """The thread that samples in real time."""

    def __init__(self, rig: Rig, lock: threading.RLock) -> None:
        self.newest: TelemetryFrame | None = None
        self.error: Exception | None = None
        self.stats = TickStats()
        self._rig = rig
        self._lock = lock
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="ac-bridge-sampler", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self._thread.join()

    def _run(self) -> None:
        try:
            self._sample()
        except Exception as error:  # noqa: BLE001 -- raised again in the caller's thread
            self.error = error
            with self._lock:
                self._rig.neutral()

    def _sample(self) -> None:
        stream = self._rig.telemetry_stream()
        ticker = Ticker(self._rig.settings.telemetry_hz, self._rig.clock)
        self.stats = ticker.stats
        while not self._stopping:
            ticker.wait()
            with self._lock:
                frame = self._rig.try_sample(stream)
                self._rig.tend(frame)
            self.newest = frame


class RealTimeStepper:
    """Steps a local bridge on the control clock, as Gymnasium does: action in, observation out.

    Args:
        bridge: connected or not; it is connected here.
        control_hz: control ticks a second, 1 to 100.
    """

    def __init__(self, bridge: ACBridgeLocal, control_hz: float = 10.0) -> None:
        _check_range("control_hz", control_hz, CONTROL_HZ)
        self._bridge = bridge.connect()
        self._bridge.rig.set_control_hz(control_hz)
        self._stats = TickStats()
        self._episode: Episode | None = None
        self._why_over = ""
        self._steps = 0
        self._late = 0
        self._action_ages_s: collections.deque[float] = collections.deque(maxlen=KEPT_ERRORS)
        self._observation_ages_s: collections.deque[float] = collections.deque(maxlen=KEPT_ERRORS)

    @property
    def env_spec(self) -> EnvSpec:
        """What the bridge offers, at this stepper's rate; see `ACBridgeLocal.env_spec`."""
        return self._bridge.env_spec

    def reset(
        self, seed: int | None = None, *, options: Mapping[str, Any] | None = None
    ) -> tuple[Observation, Info]:
        """Restart the game and begin an episode; the first step is as long as every other.

        Args:
            seed: see `ACBridgeLocal.reset`.
            options: see `ACBridgeLocal.reset`.
        """
        self._episode, self._why_over = None, ""
        self._bridge.reset(seed, options=options)
        with self._bridge.lock:
            episode = Episode(self._bridge.rig, self._stats)
        self._episode = episode
        if unseen := self._bridge.rig.why_unseen(self._bridge.settings.plan):
            log.warning("%s", unseen)
        return _as_array(episode.first_observation), dict(episode.first.__dict__)

    def step(self, action: ActionLike) -> tuple[Observation, Info]:
        """Apply an action, wait for the next tick, and return what is seen then.

        Args:
            action: steer, throttle, brake, shift where the learner shifts, and optionally clutch,
                as an array, a tuple, or a dict by these names (a missing pedal is released).

        Returns:
            The observation, float32, and the frame as a flat dict plus ``receipt``; where the
            game was paused, left, lost or restarted also ``end_reason``: that was the last step.

        Raises:
            ActionError: wrong length, NaN or out of range; nothing changed.
            NotResetError: no episode has begun, or it has ended.
            WheelError: the wheel failed, and was let go of; the episode has ended.
        """
        episode = self._episode
        if episode is None:
            raise NotResetError(
                f"There is no episode to step in. {self._why_over}".rstrip(),
                hint="Call reset() first.",
            )
        bridge, rig = self._bridge, self._bridge.rig
        bridge.check_sampler()
        try:
            outcome = self._drive(episode, _components(action, rig.format.names))
        except WheelError as error:
            self._end(str(error))
            raise
        self._count(outcome.receipt)
        info = dict(outcome.frame.__dict__)
        info["receipt"] = outcome.receipt
        if outcome.end:
            info["end_reason"] = outcome.end.value
            self._end(why_over(outcome))
        return _as_array(outcome.observation), info

    def get_stats(self) -> dict[str, float]:
        """Return steps, late steps, missed ticks; tick error and both ages in microseconds.

        A caller that takes longer than a control period misses ticks: nobody else reaches them.
        """
        summary = self._stats.summary()
        return {
            "steps": self._steps,
            "late": self._late,
            "ticks_missed": summary["missed"],
            "tick_error_p50_us": summary["p50_us"],
            "tick_error_p99_us": summary["p99_us"],
            "tick_error_max_us": summary["max_us"],
            "action_age_p50_us": percentile(self._action_ages_s, 0.5) * 1e6,
            "action_age_p99_us": percentile(self._action_ages_s, 0.99) * 1e6,
            "observation_age_p50_us": percentile(self._observation_ages_s, 0.5) * 1e6,
            "observation_age_p99_us": percentile(self._observation_ages_s, 0.99) * 1e6,
        }

    def _drive(self, episode: Episode, action: Sequence[float]) -> Outcome:
        """Make one step."""
        bridge, rig = self._bridge, self._bridge.rig
        with bridge.lock:
            ticket = episode.ask(action)
        for deadline in episode.until_tick():
            if rig.lockstep:
                rig.run_lockstep(deadline, rig.telemetry_stream(), lambda _frame: None)
            else:
                rig.clock.sleep_until(deadline)
        with bridge.lock:
            episode.reach()
            outcome = episode.outcome(ticket)
        assert outcome is not None  # noqa: S101 -- without a delay the next tick answers
        return outcome

    def _count(self, receipt: Receipt) -> None:
        self._steps += 1
        self._late += receipt.late
        self._action_ages_s.append(receipt.action_age_s)
        self._observation_ages_s.append(receipt.observation_age_s)

    def _end(self, why: str) -> None:
        self._episode, self._why_over = None, why


def _components(action: ActionLike, names: Sequence[str]) -> Sequence[float]:
    if isinstance(action, Mapping):
        unknown = action.keys() - set(names)
        if unknown:
            raise ActionError(
                ErrorCode.ACTION_LENGTH,
                f"An action has no {', '.join(sorted(unknown))}; it has {', '.join(names)}.",
                component=sorted(unknown)[0],
            )
        action = [action.get(name, 0.0) for name in names]
    return as_components(action)


def _as_array(observation: tuple[float, ...]) -> Observation:
    return np.array(observation, np.float32)


def _check_range(name: str, value: float, bounds: tuple[float, float]) -> None:
    low, high = bounds
    if not low <= value <= high:
        raise SettingError(f"{name} must be from {low:g} to {high:g}, not {value:g}.", setting=name)
