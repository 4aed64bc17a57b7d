"""A launch of the game from its first step to its last: loading, session screen, driving, end.

A `Session` is one process of the game. It advances in steps of 3 ms, knows no clock, and says for
each moment what its pages hold. Everything that is drawn comes from one seed.

Stages:

- LOADING: nothing is published yet. Graphics and static pages appear with the 30th frame, the
  physics page with the 300th step.
- SCREEN: the session screen. Physics runs, the car is held, the lap clock stands (or runs, by
  choice: which of the two the original does is unverified); the start button ends it.
- DRIVING.
- RELOADING: after the restart button. All pages keep their bytes for 0.3 s, then SCREEN follows.
- ENDED: the process is gone.

Does not model: the pit box (the session screen shows the car where it will start, as being in it),
session ends and leader boards, replays, tyre changes.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

import numpy as np

from ac_bridge.standin.circuit import Circuit
from ac_bridge.standin.conditions import Conditions, draw_conditions
from ac_bridge.standin.drivetrain import FIRST, Gearbox
from ac_bridge.standin.laps import STEP_MS, LapTimer, LapTimes
from ac_bridge.standin.vehicle import STEP_S, Vehicle
from ac_bridge.standin.wheel import LINEAR, InputSettings, WheelInput
from ac_bridge_protocol.starts import Start, StartAt

STEPS_PER_FRAME = 5
"""A frame is drawn each 15 ms."""
FIRST_FRAME = 30
FIRST_PHYSICS_STEP = 300
RELOAD_STEPS = 100
RESTART_HOLD_STEPS = 17
"""The restart button must be held for 50 ms."""
START_M = 0.5
"""The car starts this far beyond the line: on it, and not about to cross it."""

PIT_M, PIT_MARGIN_M = 60.0, 1.5
"""There is no pit lane: a start in the pits is so far before the line, and so far from the right
edge of the tarmac."""

SHIFT_UP, SHIFT_DOWN, RESTART, START = 1, 2, 7, 9
"""Buttons of the wheel."""
SHIFT_UP_BIT, SHIFT_DOWN_BIT, RESTART_BIT, START_BIT = (
    1 << (button - 1) for button in (SHIFT_UP, SHIFT_DOWN, RESTART, START)
)
"""Where they are in the wheel's bit mask."""


class Stage(enum.Enum):
    """Where in its life the game is."""

    LOADING = enum.auto()
    SCREEN = enum.auto()
    DRIVING = enum.auto()
    RELOADING = enum.auto()
    ENDED = enum.auto()


class Status(enum.IntEnum):
    """The graphics page's ``status``."""

    OFF = 0
    REPLAY = 1
    LIVE = 2
    PAUSE = 3


class Frame(NamedTuple):
    """What the graphics page shows: the state of the game when a frame was drawn."""

    number: int
    status: Status
    laps: LapTimes
    stage: Stage
    conditions: Conditions
    elapsed_ms: int
    distance_m: float
    travelled_m: float
    position_m: tuple[float, float, float]


class Session:
    """One process of the game."""

    def __init__(
        self,
        circuit: Circuit,
        seed: int,
        device: bytes,
        *,
        gearbox: Gearbox = "automatic",
        settings: InputSettings = LINEAR,
        screen_clock_runs: bool = False,
        start: Start | None = None,
    ) -> None:
        """Begin to load.

        Args:
            circuit: where to drive.
            seed: of everything that is drawn.
            device: the wheel's state, which the game does not see until it changes.
            gearbox: who shifts.
            settings: how the wheel is read.
            screen_clock_runs: whether the lap clock runs on the session screen already.
            start: where drives begin; None for the line.
        """
        self._start = start
        self.circuit = circuit
        self._screen_clock_runs = screen_clock_runs
        self.gearbox: Gearbox = gearbox
        self.vehicle = Vehicle(circuit, gearbox)
        self.input = WheelInput(device, settings)
        self.stage = Stage.LOADING
        self.paused = False
        self.steps = 0
        """Steps since launch, whether or not physics ran in them."""
        self.physics_packet = 0
        """How often the physics page was written."""
        self.frames = 0
        self._rng = np.random.default_rng(seed)
        self._stage_steps = 0
        self._stalled_steps = 0
        self._restart_held = 0
        self._park()
        self.frame = self._draw()

    @property
    def physics_published(self) -> bool:
        """Whether the physics page exists."""
        return self.physics_packet > 0

    @property
    def graphics_published(self) -> bool:
        """Whether the graphics and static pages exist."""
        return self.frames >= FIRST_FRAME

    @property
    def stalled(self) -> bool:
        """Whether the game hangs."""
        return self._stalled_steps > 0

    def step(self, device: bytes) -> None:
        """Live for 3 ms with the wheel held as in ``device``."""
        self.steps += 1
        stage = self.stage
        if stage is Stage.ENDED:
            return
        if self._stalled_steps > 0:
            self._stalled_steps -= 1
            return
        if stage is Stage.RELOADING:
            self._stage_steps += 1
            if self._stage_steps >= RELOAD_STEPS:
                self._park()
                self._enter(Stage.SCREEN)
                self.physics_packet += 1
            return
        self.input.poll(device, self.vehicle.speed_m_s * 3.6)
        if not self.paused:
            self._stage_steps += 1
            if stage is Stage.DRIVING:
                self._drive()
            else:
                self._idle(stage)
        if self.steps % STEPS_PER_FRAME == 0:
            self.frames += 1
            self.frame = self._draw()
        if self.input.buttons & RESTART_BIT:
            self._obey_restart()
        else:
            self._restart_held = 0

    def start_at(self, start: Start | None) -> None:
        """Say where drives begin: the next one, or this one if it waits for the start button."""
        self._start = start
        if self.stage in (Stage.LOADING, Stage.SCREEN):
            self._put_down(self.vehicle.conditions)

    def pause(self) -> None:
        """Open the pause menu: physics stands still, frames go on."""
        self.paused = True
        self.frame = self._draw()

    def resume(self) -> None:
        """Close the pause menu."""
        self.paused = False
        self.frame = self._draw()

    def stall(self, seconds: float) -> None:
        """Hang: all pages keep their bytes, status included."""
        self._stalled_steps = max(self._stalled_steps, round(seconds / STEP_S))

    def exit(self) -> None:
        """End as a player does: the graphics page is written once more, with status 0."""
        self.stage = Stage.ENDED
        self.frames += 1
        self.frame = self.frame._replace(number=self.frames, status=Status.OFF)

    def crash(self) -> None:
        """End without a word: the pages stay as they are."""
        self.stage = Stage.ENDED

    def _enter(self, stage: Stage) -> None:
        self.stage = stage
        self._stage_steps = 0

    def _park(self) -> None:
        """Draw new conditions and put the car at the start, the lap clock at zero."""
        self._put_down(draw_conditions(self._rng))
        self._elapsed_steps = 0

    def _put_down(self, conditions: Conditions) -> None:
        distance_m, lateral_m = self._place()
        self.vehicle.place(distance_m, conditions, lateral_m)
        length_m = self.circuit.length_m
        out_lap = distance_m % length_m > START_M  # else a whole lap lies before it
        self.laps = LapTimer(length_m, self.vehicle.where.distance_m, out_lap=out_lap)

    def _place(self) -> tuple[float, float | None]:
        """Return where the next drive begins: metres along the track, and metres to the left.

        None for the second: as the conditions say.
        """
        start = self._start
        if start is None or start.at is StartAt.LINE:
            return START_M, None
        if start.at is StartAt.PIT:
            return self.circuit.length_m - PIT_M, PIT_MARGIN_M - self.circuit.half_width_m
        if start.at is StartAt.RANDOM:
            return float(self._rng.uniform(0.0, self.circuit.length_m)), None
        return start.distance_m or 0.0, None

    def _idle(self, stage: Stage) -> None:
        """Live through a step without physics: loading, or on the session screen."""
        if stage is Stage.LOADING:
            if self._stage_steps >= FIRST_PHYSICS_STEP:
                self._enter(Stage.SCREEN)
                self.physics_packet += 1
            return
        self.physics_packet += 1
        self._elapsed_steps += 1
        if self._screen_clock_runs:
            self.laps.current_ms += STEP_MS
        if self.input.pressed & START_BIT:
            self._enter(Stage.DRIVING)
            if self.gearbox == "automatic":
                self.vehicle.drivetrain.select(FIRST)

    def _drive(self) -> None:
        self.physics_packet += 1
        self._elapsed_steps += 1
        wheel, vehicle = self.input, self.vehicle
        pressed = wheel.pressed
        vehicle.drivetrain.shift(
            pressed & SHIFT_UP_BIT != 0,
            pressed & SHIFT_DOWN_BIT != 0,
            vehicle.forward_m_s,
            STEP_S,
        )
        vehicle.step(wheel.steer, wheel.throttle, wheel.brake, wheel.clutch)
        self.laps.step(vehicle.where.distance_m, vehicle.tyres_out)

    def _obey_restart(self) -> None:
        """Restart once for each press that is held long enough, in the pause menu too."""
        if self.stage is Stage.LOADING:
            self._restart_held = 0
            return
        self._restart_held += 1
        if self._restart_held == RESTART_HOLD_STEPS:
            self.paused = False
            self._enter(Stage.RELOADING)

    def _draw(self) -> Frame:
        x_m, z_m = self.vehicle.position_xz_m
        return Frame(
            number=self.frames,
            status=Status.PAUSE if self.paused else Status.LIVE,
            laps=self.laps.times(),
            stage=self.stage,
            conditions=self.vehicle.conditions,
            elapsed_ms=self._elapsed_steps * STEP_MS,
            distance_m=self.vehicle.where.distance_m,
            travelled_m=self.vehicle.travelled_m,
            position_m=(x_m, self.vehicle.height_m, z_m),
        )
