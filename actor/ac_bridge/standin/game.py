"""The stand-in game behind the doors that every game has."""

from __future__ import annotations

import math
import threading
from pathlib import Path

from ac_bridge.clock import Clock, SystemClock
from ac_bridge.game import NEUTRAL, Game, GameAbility, Page, PageSource
from ac_bridge.standin.circuit import Circuit
from ac_bridge.standin.clock import LockstepClock
from ac_bridge.standin.drivetrain import Gearbox
from ac_bridge.standin.install import InstallFolder
from ac_bridge.standin.layouts import default_circuit
from ac_bridge.standin.pages import graphics_values, physics_values, static_values
from ac_bridge.standin.session import Session
from ac_bridge.standin.vehicle import STEP_S
from ac_bridge.standin.wheel import LINEAR, InputSettings, StandinWheel, pack_controls
from ac_bridge.telemetry.layout import GRAPHICS, PHYSICS, STATIC
from ac_bridge_protocol.errors import GameAbsentError, SettingError
from ac_bridge_protocol.starts import Start

CATCH_UP_S = 1.0
"""In real time no more than this is simulated at once. A longer gap means that the machine was
suspended: the game slept too."""
ROUNDING_STEPS = 1e-6
"""A step that ends within this share of a step after now has ended: times are sums of floats."""


class StandinGame(Game):
    """A racing game without pictures, which publishes Assetto Corsa's pages.

    In lockstep its `clock` is game time and waiting on it runs the physics. Otherwise the game
    lives by ``clock`` without a thread of its own: whenever a page is read or the wheel moves, it
    first lives through the time since then.
    """

    name = "standin"

    def __init__(
        self,
        *,
        lockstep: bool = False,
        seed: int = 0,
        clock: Clock | None = None,
        gearbox: Gearbox = "automatic",
        circuit: Circuit | None = None,
        settings: InputSettings = LINEAR,
        screen_clock_runs: bool = False,
    ) -> None:
        """Launch the game.

        Args:
            lockstep: whether time passes only when somebody waits on `clock`.
            seed: of everything that is drawn.
            clock: what to live by in real time; the machine's if not given.
            gearbox: who shifts.
            circuit: where to drive; `default_circuit` if not given.
            settings: how the game reads the wheel.
            screen_clock_runs: whether the lap clock runs on the session screen already.

        Raises:
            SettingError: a clock was given to a game in lockstep, which brings its own.
        """
        if lockstep and clock is not None:
            raise SettingError("A game in lockstep brings its own clock.", setting="clock")
        self._lock = threading.RLock()
        self._lockstep = LockstepClock(self._live_until) if lockstep else None
        self._owns_clock = clock is None
        self.clock = self._lockstep or clock or SystemClock()
        self.abilities = GameAbility.SEED | GameAbility.STARTS
        if lockstep:
            self.abilities |= GameAbility.LOCKSTEP
        self.circuit = circuit or default_circuit()
        self._folder: InstallFolder | None = None
        self._start: Start | None = None
        self._gearbox: Gearbox = gearbox
        self._settings = settings
        self._screen_clock_runs = screen_clock_runs
        self._device = pack_controls(NEUTRAL)
        self.wheel = StandinWheel(self.deliver)
        self.pages = StandinPages(self)
        self._launch(seed)

    @property
    def game_dir(self) -> Path:
        """A folder with the circuit's files, made when it is first asked for.

        Raises:
            GameError: it cannot be written.
        """
        if self._folder is None:
            self._folder = InstallFolder(self.circuit)
        return self._folder.path

    def relaunch(self, seed: int) -> None:
        """Start a new process of the game; in lockstep the clock starts at zero again."""
        with self._lock:
            if self._lockstep is not None:
                self._lockstep.restart()
            self._launch(seed)

    def check_start(self, start: Start) -> None:
        """Refuse a place that this circuit does not have.

        Raises:
            SettingError: a distance beyond the circuit's length.
        """
        length_m = self.circuit.length_m
        if start.distance_m is not None and start.distance_m > length_m:
            raise SettingError(
                f"{self.circuit.name} is {length_m:.0f} m long: there is no start at {start}.",
                setting="start",
            )

    def start_at(self, start: Start | None) -> None:
        """Say where on the track drives begin; None is the line. One that has begun goes on.

        Raises:
            SettingError: see `check_start`; nothing has changed.
        """
        if start is not None:
            self.check_start(start)
        with self._lock:
            self._catch_up()
            self._start = start
            self._session.start_at(start)

    def pause(self) -> None:
        """Open the pause menu."""
        with self._lock:
            self._catch_up()
            self._session.pause()
            self._cache.pop(Page.GRAPHICS, None)

    def resume(self) -> None:
        """Close the pause menu."""
        with self._lock:
            self._catch_up()
            self._session.resume()
            self._cache.pop(Page.GRAPHICS, None)

    def stall(self, seconds: float) -> None:
        """Hang for a while: pages freeze, status stays what it was."""
        with self._lock:
            self._catch_up()
            self._session.stall(seconds)

    def exit(self) -> None:
        """End the game as a player does. `relaunch` brings it back."""
        with self._lock:
            self._catch_up()
            self._session.exit()
            self._cache.pop(Page.GRAPHICS, None)

    def crash(self) -> None:
        """End the game without a word: its pages freeze for ever. `relaunch` brings it back."""
        with self._lock:
            self._catch_up()
            self._session.crash()

    def close(self) -> None:
        """Let go of the wheel, the pages, the files and a clock of our own. May be called twice."""
        if self._folder is not None:
            self._folder.remove()
            self._folder = None
        self.wheel.close()
        self.pages.close()
        if self._owns_clock:
            self.clock.close()

    def read_page(self, page: Page) -> bytes:
        """Return a page's bytes at this moment.

        Raises:
            GameAbsentError: the game is still loading and has not published this page.
        """
        with self._lock:
            self._catch_up()
            session = self._session
            published = (
                session.physics_published if page is Page.PHYSICS else session.graphics_published
            )
            if not published:
                raise GameAbsentError(f"the stand-in is loading: no {page.label} page yet")
            return self._cache.get(page) or self._pack(page)

    def deliver(self, device: bytes) -> None:
        """Set the state of the wheel's device, whoever moved it; see `wheel.DEVICE`."""
        with self._lock:
            self._catch_up()
            self._device = device

    @property
    def next_step_s(self) -> float:
        """When the step that runs now ends, in seconds of `clock`."""
        with self._lock:
            return self._launched_at + (self._session.steps + 1) * STEP_S

    def _launch(self, seed: int) -> None:
        self._session = Session(
            self.circuit,
            seed,
            self._device,
            gearbox=self._gearbox,
            settings=self._settings,
            screen_clock_runs=self._screen_clock_runs,
            start=self._start,
        )
        self._launched_at = self.clock.now()
        self._cache: dict[Page, bytes] = {}

    def _catch_up(self) -> None:
        """Live through what has passed by the real clock; in lockstep waiting has done it."""
        if self._lockstep is None:
            now = self.clock.now()
            gap_s = now - self._launched_at - self._session.steps * STEP_S
            if gap_s > CATCH_UP_S + STEP_S:  # part of a step may be left over from before
                self._launched_at += gap_s - CATCH_UP_S
            self._live_until(now - self._launched_at)

    def _live_until(self, time_s: float) -> None:
        """Run the steps that end by ``time_s`` after the launch."""
        with self._lock:
            session, device = self._session, self._device
            frame, packet = session.frame, session.physics_packet
            missing = math.floor(time_s / STEP_S + ROUNDING_STEPS) - session.steps
            for _ in range(missing):
                session.step(device)
            if session.physics_packet != packet:
                self._cache.pop(Page.PHYSICS, None)
            if session.frame is not frame:
                self._cache.pop(Page.GRAPHICS, None)

    def _pack(self, page: Page) -> bytes:
        session = self._session
        if page is Page.PHYSICS:
            data = PHYSICS.pack(physics_values(session))
        elif page is Page.GRAPHICS:
            data = GRAPHICS.pack(graphics_values(session.frame, self.circuit))
        else:
            data = STATIC.pack(static_values(self.circuit, session.vehicle, self._gearbox))
        self._cache[page] = data
        return data


class StandinPages(PageSource):
    """The pages of a stand-in game in this process."""

    atomic = True

    def __init__(self, game: StandinGame) -> None:
        self._game: StandinGame | None = game

    def read(self, page: Page) -> bytes:
        """Return a copy of ``page``.

        Raises:
            GameAbsentError: the game is loading, or the source is closed.
        """
        if self._game is None:
            raise GameAbsentError("the stand-in's pages are closed")
        return self._game.read_page(page)

    def close(self) -> None:
        """Let go of the pages. May be called twice."""
        self._game = None
