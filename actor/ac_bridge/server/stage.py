"""What an actor serves: a rig with a game behind it, or something that stands in for one."""

from __future__ import annotations

import abc
import asyncio
from typing import TypeAlias

from ac_bridge.clock import Clock
from ac_bridge.rig import OnEvent, OnFrame, Rig
from ac_bridge.server.stepper import LockstepStepper, RealTimeStepper, Stepper
from ac_bridge_protocol.frame import GameState, GameStatics
from ac_bridge_protocol.observing import ObservationWish
from ac_bridge_protocol.spec import EnvSpec, Mode
from ac_bridge_protocol.starts import Start


class Stage(abc.ABC):
    """What can be served without a rig: frames that come from elsewhere.

    Attributes:
        clock: by which its frames come.
        lockstep: whether time stands still until somebody steps.
        modes: how ticks and steps may go together; the first is what is offered unasked.
        modes_hint: how to get the other ones.
        on_event: is told what happens by itself.
    """

    clock: Clock
    lockstep: bool
    modes: tuple[Mode, ...]
    modes_hint: str
    on_event: OnEvent

    @property
    @abc.abstractmethod
    def state(self) -> GameState:
        """The game's state at the last frame."""

    @abc.abstractmethod
    def spec(
        self, mode: Mode, delay_ticks: int = 0, wish: ObservationWish | None = None
    ) -> EnvSpec:
        """Return what is offered to who steps in ``mode`` and wishes for that observation.

        Raises:
            SettingError: an observation that there is not.
        """

    @abc.abstractmethod
    def check_reset(self, seed: int | None, start: Start | None) -> None:
        """Refuse what cannot be begun, before anything is touched.

        Raises:
            SettingError: says what cannot be.
        """

    @abc.abstractmethod
    def shown_s(self) -> float:
        """Return the moment of the newest frame, in seconds of the time by which frames come."""

    @abc.abstractmethod
    def statics(self) -> GameStatics | None:
        """Return the game's static facts, or None while there are none."""

    @abc.abstractmethod
    def stepper(
        self, clock: Clock, tasks: asyncio.TaskGroup, on_frame: OnFrame, on_event: OnEvent
    ) -> Stepper:
        """Return what resets and steps it. It also sends the frames of the stream.

        Args:
            clock: the machine's, for the times on the wire.
            tasks: the group in which waiting is done.
            on_frame: gets every frame of the stream.
            on_event: gets told what happened.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Let go of everything. May be called twice."""


Served: TypeAlias = Rig | Stage


def stepper_of(
    served: Served, clock: Clock, tasks: asyncio.TaskGroup, on_frame: OnFrame, on_event: OnEvent
) -> Stepper:
    """Return what resets and steps whatever is served; see `Stage.stepper`."""
    if isinstance(served, Stage):
        return served.stepper(clock, tasks, on_frame, on_event)
    kind = LockstepStepper if served.lockstep else RealTimeStepper
    return kind(served, clock, tasks, on_frame, on_event)
