"""`RemoteEnv`: a `gymnasium.Env` whose car is driven by an actor somewhere else."""

from __future__ import annotations

import dataclasses
import logging
import os
import statistics
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np

from ac_bridge_client.access import Access
from ac_bridge_client.asking import read_options
from ac_bridge_client.core import EnvCore, Info, Observation
from ac_bridge_client.drive import Drive, DriveOptions
from ac_bridge_client.exchange import Notice
from ac_bridge_client.link import ignore
from ac_bridge_client.measure import LinkMeter
from ac_bridge_client.recommend import figures_of, ms, recommend, ticks_needed
from ac_bridge_client.stats import EnvStats
from ac_bridge_protocol.errors import LinkError, SessionLostError, SettingError
from ac_bridge_protocol.limits import DELAY_TICKS
from ac_bridge_protocol.messages import EndReason, Event, EventKind
from ac_bridge_protocol.observing import ObservationLike, wished
from ac_bridge_protocol.spec import EnvSpec, Mode, check_seed, mode_named, read_plan
from ac_bridge_protocol.tasks import TaskLike

if TYPE_CHECKING:
    from ac_bridge_client.tape import Tape
    from ac_bridge_recording.recorder import RecordingStats

Action = np.ndarray[Any, np.dtype[np.float32]]

log = logging.getLogger("ac_bridge_client")

PROBES = 5
"""Round trips made when a link in real time is opened: the median of five survives two hiccups."""


class RemoteEnv(gym.Env[Observation, Action]):
    """Drive an actor's car through Gymnasium's own methods.

    Connects when it is made, and builds its spaces from what the actor announces. Everything
    happens in the caller's thread.

        env = RemoteEnv("ws://gaming-pc:8765")
        observation, info = env.reset(seed=1)
        observation, reward, terminated, truncated, info = env.step([0.1, 0.5, 0.0])

    `info` is the frame's fields as a flat dict (see `TelemetryFrame`), plus ``receipt`` after a
    step, in real time ``observation_age_s`` (from the frame's sampling to the step's return, by
    this machine's clock), and what the task adds. Actions are steer -1..1 (+ right), throttle 0..1,
    brake 0..1; float32[3]. In mode ``fixed_delay`` the observation ends with the k actions that are
    under way, oldest first.

    A link that is lost is replaced while `reset` or `step` waits, and nothing of the episode is
    lost with it. If that takes longer than the actor's grace period, the episode ends: `step`
    returns the last observation once more, with truncated=True and an `EndReason` in
    ``info["end_reason"]``; the next reset begins a new session.

    Args:
        uri: the actor's address, ``ws://host:port``; with TLS ``wss://host:port``, at a relay
            ``wss://relay/actors/name``.
        token: what opens the actor; empty for none. None takes the file's, else the variable
            `AC_BRIDGE_TOKEN`. Rather use one of these: Gymnasium keeps, and prints, what its `make`
            was given.
        token_file: a file with the token in it; None takes `AC_BRIDGE_LEARNER_TOKEN_FILE`.
        ca_file: PEM file of certificates to believe instead of the system's; None takes
            `AC_BRIDGE_CA_FILE`.
        fingerprint: of the one certificate to believe, ``sha256:...``; None takes
            `AC_BRIDGE_FINGERPRINT`.
        task: rewards and ends episodes: an object with `reset` and `step`, the name of a bundled
            one (``progress``, ``line_speed``, ``lap_time``), or a class or function that makes one
            from the game's statics; None for `ProgressTask`.
        codec: ``msgpack`` or ``json``.
        mode: ``lockstep``, ``latest`` or ``fixed_delay``; refused where the actor or the link
            cannot hold it. None takes the actor's own.
        delay_ticks: the k of mode ``fixed_delay``; None measures the link and chooses one.
        measure_s: how long to measure for that, in seconds.
        observation: name of the observation profile, or a list of features of your own, such as
            ``["speed", {"name": "border_rays", "n": 31}]``.
        connect_timeout_s: for connecting, in seconds.
        step_timeout_s: for one step, in seconds in which the link is up.
        reset_timeout_s: for one reset, likewise; the real game may load for a while.
        on_notice: gets telemetry, events and the reset's progress as they come in.
        record: a file to record into, which must not exist yet, or a folder that does, where it is
            named by the time: every step with its action and reward, events, telemetry that was
            subscribed to, and each message of the wire. Closing finishes the file.

    Raises:
        ConnectError: no actor answered; the message says what to check. Nothing is recorded then.
        RefusedError: the actor said no, for instance because it does not offer the mode.
        SettingError: an unknown name, or a mode that the link cannot hold; says what it can.
        RecordingError: the file exists already, or cannot be made.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 -- Gymnasium's own declaration

    def __init__(
        self,
        uri: str,
        *,
        token: str | None = None,
        token_file: str | os.PathLike[str] | None = None,
        ca_file: str | os.PathLike[str] | None = None,
        fingerprint: str | None = None,
        task: TaskLike | None = None,
        codec: str = "msgpack",
        mode: str | None = None,
        delay_ticks: int | None = None,
        measure_s: float = 3.0,
        observation: ObservationLike = "bridge15",
        connect_timeout_s: float = 10.0,
        step_timeout_s: float = 10.0,
        reset_timeout_s: float = 60.0,
        on_notice: Callable[[Notice], None] = ignore,
        record: str | os.PathLike[str] | None = None,
    ) -> None:
        self._step_timeout_s = step_timeout_s
        self._reset_timeout_s = reset_timeout_s
        self._closed = False
        chosen = mode_named(mode)
        check_delay(chosen, delay_ticks)
        for name, seconds in (
            ("measure_s", measure_s),
            ("connect_timeout_s", connect_timeout_s),
            ("step_timeout_s", step_timeout_s),
            ("reset_timeout_s", reset_timeout_s),
        ):
            if not seconds > 0:
                raise SettingError(f"{name} is a time above 0 s, not {seconds!r}.", setting=name)
        access = Access.gather(token, token_file, ca_file, fingerprint)
        options = DriveOptions(
            uri,
            codec,
            chosen,
            int(delay_ticks or 0),
            wished(observation),
            connect_timeout_s,
            access,
        )
        if chosen is Mode.FIXED_DELAY and delay_ticks is None:
            options = dataclasses.replace(options, delay_ticks=_measured_delay(options, measure_s))
        self._tape = None if record is None else _tape(record)
        self._drive = Drive(options, _telling(self._tape, on_notice), self._tape)
        self._unclosed = weakref.finalize(self, _let_go, self._drive, self._tape, os.getpid())
        try:
            if self._drive.spec.mode is not Mode.LOCKSTEP:
                check_link(self._drive.probe(PROBES), self._drive.spec, chosen)
            if self._tape is not None:
                self._tape.begin("learner", uri, self._drive.spec)
        except BaseException:
            self._unclosed()
            raise
        self._core = EnvCore(self._drive.spec, task)
        self.observation_space = self._core.observation_space
        self.action_space = self._core.action_space
        self.render_mode = None

    @property
    def env_spec(self) -> EnvSpec:
        """What the actor announced: rates, mode, every element of observation and action."""
        return self._core.spec

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, Info]:
        """Begin an episode; in a new session if the one before is lost.

        Args:
            seed: repeats the episode exactly, where the game can do that.
            options: ``takeover``, the operator's key, takes the car from whoever drives it.
                ``start``, where the game can be told: ``"line"``, ``"pit"``, ``"random"``, or
                ``{"distance": metres}`` along the track.

        Returns:
            The observation and info of tick 0.

        Raises:
            SettingError: an unknown option, or a seed or start the game cannot take.
            RefusedError: somebody else drives; says who, and for how long.
            ResetFailedError: the game did not restart.
            LinkError: the actor cannot be reached or did not answer in time.
        """
        super().reset(seed=seed)
        asked = read_options(options)
        self._check_open()
        self._core.end()
        result = self._drive.reset(check_seed(seed), asked, self._reset_timeout_s)
        return self._core.begin(result, self._drive.under_way())

    def step(
        self, action: Any, plan: Sequence[Any] = ()
    ) -> tuple[Observation, float, bool, bool, Info]:
        """Apply an action for one control period.

        Args:
            action: steer -1..1, throttle 0..1, brake 0..1.
            plan: actions for the periods after that one, in case that no later step brings one in
                time; at most 64.

        Returns:
            Observation, reward, terminated, truncated, info.

        Raises:
            ActionError: wrong length, NaN or out of range; names the component. Nothing changed:
                the car keeps its last good action and the episode goes on. Likewise of the plan.
            SettingError: a plan that is too long. Likewise.
            NotResetError: no episode is running.
            LinkTimeoutError: the actor did not answer in time. The episode is over; the car stays
                ours, and the next reset goes on in the same session.
        """
        self._check_open()
        values = self._core.check(action)
        planned = read_plan(self._core.check, plan) if len(plan) else []
        try:
            stepped = self._drive.step(values, planned, self._step_timeout_s)
        except SessionLostError as lost:
            log.warning("The episode ends: %s", lost.message)
            if self._tape is not None:
                self._tape.episode_over(lost.reason)
            return self._core.cut_short(EndReason(lost.reason))
        except LinkError:
            if self._tape is not None:
                self._tape.episode_over("no_answer")
            self._core.end()
            raise
        returned = self._core.finish(stepped.action, stepped.result, self._drive.under_way())
        if self._tape is not None:
            _, reward, terminated, truncated, info = returned
            self._tape.judged(
                stepped.result,
                reward,
                terminated=terminated,
                truncated=truncated,
                reason=info.get("end_reason"),
            )
        if self._core.spec.mode is not Mode.LOCKSTEP:
            returned[4]["observation_age_s"] = stepped.observation_age_s
        return returned

    def subscribe(self, hz: float) -> None:
        """Ask for telemetry beside the steps, at ``hz``; frames go to ``on_notice``.

        Raises:
            SettingError: more frames a second than the actor samples.
        """
        self._check_open()
        self._drive.subscribe(hz)

    def stats(self) -> EnvStats:
        """Return what became of the steps and of the link so far; `str` of it is a table."""
        return self._drive.stats()

    @property
    def recording(self) -> RecordingStats | None:
        """What became of the records so far, and where they are; None if nothing is recorded."""
        return None if self._tape is None else self._tape.stats()

    def interrupt(self) -> None:
        """End whatever waits in this environment with a `LinkError`, for good. From any thread.

        All that can be done afterwards is to close it.
        """
        self._drive.interrupt()

    def close(self) -> None:
        """Let go of the car, close the link, and finish the recording. May be called twice.

        What is not closed is closed when nothing refers to it any more, or when Python ends. A
        program that is killed cannot do that: the car stays its own for the actor's grace period.
        """
        if self._closed:
            return
        self._closed = True
        self._core.end()
        _close(self._drive, self._tape)
        self._unclosed.detach()
        log.info("%s: %s", self._drive.options.uri, self.stats().summary())

    def _check_open(self) -> None:
        if self._closed:
            raise LinkError("This environment was closed.", hint="Make a new one.")


def _let_go(drive: Drive, tape: Tape | None, pid: int) -> None:
    """Close a drive whose environment nobody closed, unless this is a fork of its process."""
    if os.getpid() == pid:  # a fork has the same socket, but the car is its parent's
        _close(drive, tape)


def _close(drive: Drive, tape: Tape | None) -> None:
    try:
        drive.close()
    finally:
        if tape is not None:
            tape.close()


def _tape(record: str | os.PathLike[str]) -> Tape:
    from ac_bridge_client.tape import Tape  # what it imports takes 50 ms, which few will need

    return Tape(record)


def _telling(tape: Tape | None, on_notice: Callable[[Notice], None]) -> Callable[[Notice], None]:
    """Return what tells the log and a tape of a notice, before anybody else."""

    def tell(notice: Notice) -> None:
        if isinstance(notice, Event) and notice.kind is EventKind.NOT_OBSERVED:
            log.warning("%s", notice.message)
        if tape is not None:
            tape.notice(notice)
        on_notice(notice)

    return tell


def check_delay(mode: Mode | None, delay_ticks: Any) -> None:
    """Refuse a delay that does not go with the mode.

    Raises:
        SettingError: says what does.
    """
    if delay_ticks is None:
        return
    if mode is not Mode.FIXED_DELAY:
        raise SettingError(
            "A delay in ticks belongs to mode fixed_delay alone.",
            setting="delay_ticks",
            hint='Ask for mode="fixed_delay", or leave it out.',
        )
    whole = isinstance(delay_ticks, int | np.integer) and not isinstance(delay_ticks, bool)
    if not whole or not 1 <= delay_ticks <= DELAY_TICKS:
        raise SettingError(
            f"A delay is 1 to {DELAY_TICKS} whole ticks, not {delay_ticks!r}.",
            setting="delay_ticks",
        )


def check_link(round_trips_s: Sequence[float], spec: EnvSpec, asked: Mode | None) -> None:
    """Refuse a link that is too slow for its mode; warn if nobody asked for the mode.

    Args:
        round_trips_s: of the link, in seconds.
        spec: what was agreed on.
        asked: the mode that was asked for; None if it is the actor's own.

    Raises:
        SettingError: `latest` whose quickest round trip takes longer than a control period, or
            `fixed_delay` whose delay is shorter than the median round trip.
    """
    period_s = 1.0 / spec.control_hz
    least_s, median_s = min(round_trips_s), statistics.median(round_trips_s)
    figures = figures_of(round_trips_s)
    needed = ticks_needed(figures, spec.control_hz)
    hint = (
        f'Use mode="fixed_delay" with delay_ticks={needed} or more (None measures the link), or '
        "an actor with a lower --control-hz; ac-bridge link-test says more."
    )
    if spec.mode is Mode.FIXED_DELAY and spec.delay_ticks * period_s < median_s:
        raise SettingError(
            f"A delay of {spec.delay_ticks} ticks is {ms(spec.delay_ticks * period_s)}, and half "
            f"of the round trips to this actor take {ms(median_s)} or more: every action would "
            "come too late.",
            setting="delay_ticks",
            hint=hint,
        )
    if spec.mode is not Mode.LATEST:
        return
    if least_s > period_s:
        text = (
            f"Mode latest needs round trips well within the control period of {ms(period_s)}, "
            f"and the quickest of {len(round_trips_s)} to this actor took {ms(least_s)}."
        )
        if asked is not None:
            raise SettingError(text, setting="mode", hint=hint)
        log.warning("%s %s", text, hint)
    elif recommend(figures, spec.control_hz).mode is not Mode.LATEST and median_s > period_s / 4:
        log.warning(
            "A round trip to this actor takes %s of a control period of %s: actions hold from "
            "late in it, and not always from the same moment. %s",
            ms(median_s),
            ms(period_s),
            hint,
        )


def _measured_delay(options: DriveOptions, seconds: float) -> int:
    """Return the delay in ticks that a link needs; 1 where the actor does not offer any.

    Raises:
        SettingError: more than can be.
    """
    with LinkMeter(
        options.uri,
        codec=options.codec,
        access=options.access,
        connect_timeout_s=options.connect_timeout_s,
    ) as meter:
        spec = meter.spec
        if Mode.FIXED_DELAY not in spec.modes:
            return 1  # it says no to that better than we could
        figures = figures_of(meter.measure(spec.control_hz, seconds))
    needed = ticks_needed(figures, spec.control_hz)
    if needed > DELAY_TICKS:
        raise SettingError(
            recommend(figures, spec.control_hz).why,
            setting="mode",
            hint="Start the actor with a lower --control-hz; ac-bridge link-test says more.",
        )
    log.info(
        "Round trips to %s: p50 %s, worst %s of %d; delay_ticks=%d.",
        options.uri,
        ms(figures.p50_s),
        ms(figures.worst_s),
        figures.round_trips,
        needed,
    )
    return needed
