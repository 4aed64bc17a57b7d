"""A recording in the place of a rig: what an actor serves when it replays one."""

from __future__ import annotations

import asyncio
from typing import Literal, TypeAlias

from ac_bridge.clock import Clock, SystemClock
from ac_bridge.replay.playhead import Playhead
from ac_bridge.replay.stepper import Manner, ReplayStepper
from ac_bridge.replay.tape import Tape
from ac_bridge.rig import OnEvent, OnFrame
from ac_bridge.server.stage import Stage
from ac_bridge.server.stepper import Stepper
from ac_bridge.telemetry.observation import planned
from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.frame import GameState, GameStatics
from ac_bridge_protocol.observing import ObservationWish
from ac_bridge_protocol.spec import EnvSpec, Mode
from ac_bridge_protocol.starts import Start

Speed: TypeAlias = Literal["1", "max"]
"""``1``: in recorded time. ``max``: whoever drives is answered at once; while nobody does, in
recorded time too, for those who watch."""


class ReplayStage(Stage):
    """Plays a recording, over and over.

    At speed 1 a step is answered when its tick comes; a driver that is not back by then is waited
    for, so that no step is skipped. A driver's reset moves everybody to the episode that it begins.

    Args:
        tape: what is played.
        speed: how fast.
        once: end with the recording.
        clock: in whose time; the machine's own unless given.

    Attributes:
        tape: what is played.
        manner: how.
    """

    modes_hint = "A replay at --speed max steps in lockstep, one at --speed 1 in the others."

    def __init__(
        self, tape: Tape, speed: Speed, *, once: bool = False, clock: Clock | None = None
    ) -> None:
        self.tape = tape
        self.clock = clock or SystemClock()
        self.lockstep = speed == "max"
        self.modes = (Mode.LOCKSTEP,) if self.lockstep else (Mode.LATEST, Mode.FIXED_DELAY)
        self.manner = Manner(self.clock, paced=not self.lockstep, once=once)
        self.on_event: OnEvent = lambda _event: None
        self._head = Playhead(tape)

    @property
    def state(self) -> GameState:
        """The game's state where the recording is played."""
        return self._head.state

    def spec(
        self, mode: Mode, delay_ticks: int = 0, wish: ObservationWish | None = None
    ) -> EnvSpec:
        """Return what is offered: what was recorded, in our own modes.

        Raises:
            SettingError: another observation is wished for than the one that was recorded.
        """
        recorded = self.tape.spec
        if wish is not None and wish != recorded.observation_profile and not self._has(wish):
            raise SettingError(
                f"This recording has the observation {recorded.observation_profile!r}, and no "
                "other.",
                setting="observation",
                hint=f"Ask for observation={recorded.observation_profile!r}.",
            )
        ours = {"mode": mode, "delay_ticks": delay_ticks, "modes": self.modes}
        return self.tape.spec.model_copy(update=ours)

    def check_reset(self, seed: int | None, start: Start | None) -> None:
        """Refuse a start: episodes begin where they were recorded.

        Raises:
            SettingError: a start was asked for.
        """
        if start is not None:
            raise SettingError(
                f"A recording cannot be told to start at {start}.",
                setting="start",
                hint="Reset without a start; a seed chooses the episode that was recorded with it.",
            )

    def _has(self, wish: ObservationWish) -> bool:
        """Whether a list of features is the one that was recorded."""
        return not isinstance(wish, str) and planned(wish).features == self.tape.spec.observation

    def shown_s(self) -> float:
        """Return how long the recording has been played, in seconds of its own time."""
        return self._head.at_s

    def statics(self) -> GameStatics | None:
        """Return the game's static facts where the recording is played."""
        return self._head.statics

    def stepper(
        self, clock: Clock, tasks: asyncio.TaskGroup, on_frame: OnFrame, on_event: OnEvent
    ) -> Stepper:
        """Return what plays it, and steps it for whoever drives."""
        return ReplayStepper(self._head, self.manner, clock, tasks, on_frame, on_event)

    def close(self) -> None:
        """Nothing to let go of: the file is open only while it is read."""
