"""`RemoteEnv`: a `gymnasium.Env` whose car is driven by an actor somewhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np

from ac_bridge_client.core import EnvCore, Info, Observation, check_options
from ac_bridge_client.exchange import Notice
from ac_bridge_client.link import Link
from ac_bridge_protocol.errors import LinkError, LinkLostError
from ac_bridge_protocol.messages import Role
from ac_bridge_protocol.spec import EnvSpec, check_seed, mode_named
from ac_bridge_protocol.tasks import Task

Action = np.ndarray[Any, np.dtype[np.float32]]


class RemoteEnv(gym.Env[Observation, Action]):
    """Drive an actor's car through Gymnasium's own methods.

    Connects when it is made, and builds its spaces from what the actor announces. Everything
    happens in the caller's thread.

        env = RemoteEnv("ws://gaming-pc:8765")
        observation, info = env.reset(seed=1)
        observation, reward, terminated, truncated, info = env.step([0.1, 0.5, 0.0])

    `info` is the frame's fields as a flat dict (see `TelemetryFrame`), plus ``receipt`` after a
    step and what the task adds. Actions are steer -1..1 (+ right), throttle 0..1, brake 0..1;
    float32[3].

    Args:
        uri: the actor's address, ``ws://host:port``.
        task: rewards and ends episodes; None for `ProgressTask`.
        codec: ``msgpack`` or ``json``.
        mode: ``lockstep`` or ``latest``, to be refused where the actor runs in the other; None
            takes what it runs in.
        observation: name of the observation profile.
        connect_timeout_s: for connecting, in seconds.
        step_timeout_s: for one step, in seconds.
        reset_timeout_s: for one reset, in seconds; the real game may load for a while.
        on_notice: gets telemetry, events and the reset's progress as they come in.

    Raises:
        ConnectError: no actor answered; the message says what to check.
        RefusedError: the actor said no, for instance because it runs in another mode.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 -- Gymnasium's own declaration

    def __init__(
        self,
        uri: str,
        *,
        task: Task | None = None,
        codec: str = "msgpack",
        mode: str | None = None,
        observation: str = "bridge15",
        connect_timeout_s: float = 10.0,
        step_timeout_s: float = 10.0,
        reset_timeout_s: float = 60.0,
        on_notice: Callable[[Notice], None] = lambda _: None,
    ) -> None:
        self._step_timeout_s = step_timeout_s
        self._reset_timeout_s = reset_timeout_s
        self._link: Link | None = None
        self._closed = False
        self._subscribed_hz: float | None = None

        chosen = mode_named(mode)

        def connect() -> Link:
            return Link(
                uri,
                codec=codec,
                role=Role.DRIVER,
                mode=chosen,
                observation=observation,
                connect_timeout_s=connect_timeout_s,
                on_notice=on_notice,
            )

        self._connect = connect
        self._link = connect()
        self._core = EnvCore(self._link.welcome.spec, task)
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
        """Begin an episode; connects again if the link was lost.

        Args:
            seed: repeats the episode exactly, where the game can do that.
            options: none are known in this version.

        Returns:
            The observation and info of tick 0.

        Raises:
            SettingError: an unknown option, or a seed the game cannot take.
            RefusedError: somebody else drives; says who, and for how long.
            ResetFailedError: the game did not restart.
            LinkError: the actor cannot be reached or did not answer in time.
        """
        super().reset(seed=seed)
        check_options(options)
        if self._closed:
            raise LinkError("This environment was closed.", hint="Make a new one.")
        self._core.end()
        seed = check_seed(seed)
        link = self._link
        if link is not None and link.open:
            try:
                return self._core.begin(link.reset(seed, self._reset_timeout_s))
            except LinkLostError:
                pass  # lost without our noticing: a reset may be asked for once more
        return self._core.begin(self._open_link().reset(seed, self._reset_timeout_s))

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, Info]:
        """Apply an action for one control period.

        Args:
            action: steer -1..1, throttle 0..1, brake 0..1.

        Returns:
            Observation, reward, terminated, truncated, info.

        Raises:
            ActionError: wrong length, NaN or out of range; names the component. Nothing changed:
                the car keeps its last good action and the episode goes on.
            NotResetError: no episode is running.
            LinkError: the actor went away or did not answer in time; reset to connect again.
        """
        values = self._core.check(action)
        try:
            result = self._open_link().step(values, self._step_timeout_s)
        except LinkError:
            self._core.end()
            raise
        return self._core.finish(values, result)

    def subscribe(self, hz: float) -> None:
        """Ask for telemetry beside the steps, at ``hz``; frames go to ``on_notice``.

        Raises:
            SettingError: more frames a second than the actor samples.
        """
        self._open_link().subscribe(hz)
        self._subscribed_hz = hz

    def close(self) -> None:
        """Let go of the car and close the link. May be called twice."""
        self._closed = True
        self._core.end()
        if self._link is not None:
            self._link.close()

    def _open_link(self) -> Link:
        if self._closed:
            raise LinkError("This environment was closed.", hint="Make a new one.")
        if self._link is None or not self._link.open:
            self._link = self._reconnect()
        return self._link

    def _reconnect(self) -> Link:
        link = self._connect()
        if link.welcome.spec != self._core.spec:
            link.close()
            raise LinkError(
                f"The actor at {link.uri} offers something else than before: its rates, mode or "
                "observation have changed.",
                hint="Make a new environment, whose spaces fit.",
            )
        if self._subscribed_hz is not None:
            link.subscribe(self._subscribed_hz)
        return link
