"""The stand-in as a process of its own, which obeys commands while it runs.

A `Simulation` lives in one thread: it waits for each step of the game to end, reads the wheel,
publishes what has changed and obeys. Nothing in it waits for anything but the clock; whoever
brings commands puts them in a queue.
"""

from __future__ import annotations

import contextlib
import gc
import math
import os
import queue
from collections.abc import Callable, Iterator
from pathlib import Path

from ac_bridge.clock import Clock
from ac_bridge.game import Page
from ac_bridge.game.shared_pages import AC_PREFIX, SharedPages
from ac_bridge.standin.circuit import Circuit
from ac_bridge.standin.drivetrain import Gearbox
from ac_bridge.standin.game import StandinGame
from ac_bridge.standin.install import write_install
from ac_bridge.standin.layouts import DEFAULT, circuit_named
from ac_bridge.standin.shared import WHEEL_NAME, Publisher, WheelRegion
from ac_bridge_protocol.errors import (
    ACBridgeError,
    GameAbsentError,
    GameError,
    PageError,
    SettingError,
)
from ac_bridge_protocol.helpers import choose

WATCH_S = 0.3
"""Pages that do not change for this long were left behind: frames are drawn in the pause menu
too."""
GAME_PROGRAM = "acs.exe"
"""What the folder of the game itself has in it."""
CRASH_STATUS = 3
"""Exit status of a process that was told to crash."""
GEARBOXES: dict[str, Gearbox] = {"automatic": "automatic", "sequential": "sequential"}
HELP = """\
pause, resume    open and close the pause menu
stall SECONDS    hang: pages stand still and go on saying what they said
freeze           hang for good, as a killed game whose pages somebody holds
tear on|off      draw each write out, so that readers meet half-written pages
relaunch [SEED]  start a new process of the game, as far as its pages tell
exit             end as a player ends the game: status OFF, then nothing
crash            end without a word; on Linux the files stay behind
help             this"""


class Simulation:
    """A stand-in game in real time, joined to shared memory.

    Attributes:
        ended: whether it was told to end.
    """

    def __init__(
        self,
        game: StandinGame,
        publisher: Publisher,
        wheel: WheelRegion,
        *,
        seed: int = 0,
        die: Callable[[int], object] = os._exit,
    ) -> None:
        """Join a game that was just launched.

        Args:
            game: in real time.
            publisher: where its pages go.
            wheel: what it is driven with.
            seed: what a relaunch without a seed starts from.
            die: ends this process at once; called with an exit status.
        """
        self.ended = False
        self._game = game
        self._publisher = publisher
        self._wheel = wheel
        self._seed = seed
        self._die = die
        self._published: dict[Page, bytes] = {}
        self._commands: dict[str, Callable[[str], str]] = {
            "pause": self._pause,
            "resume": self._resume,
            "stall": self._stall,
            "freeze": self._freeze,
            "tear": self._tear,
            "relaunch": self._relaunch,
            "exit": self._exit,
            "crash": self._crash,
            "help": lambda _: HELP,
        }

    def step(self) -> None:
        """Live until now with the wheel as it is, and publish the pages that have changed."""
        if self._wheel.moved():
            self._game.deliver(self._wheel.device)
        for page in Page:
            try:
                data = self._game.pages.read(page)
            except GameAbsentError:
                continue  # loading: the page keeps its zeros, or the bytes of the last session
            if data is not self._published.get(page):
                self._published[page] = data
                self._publisher.publish(page, data)

    def obey(self, line: str) -> str:
        """Do what a line says; return what to answer.

        Raises:
            SettingError: there is no such command, or its argument makes no sense.
        """
        word, _, argument = line.strip().partition(" ")
        return choose(self._commands, word, setting="command")(argument.strip())

    def run(
        self,
        clock: Clock,
        commands: queue.SimpleQueue[str],
        answer: Callable[[str], object],
        *,
        for_s: float = math.inf,
    ) -> None:
        """Live in real time until told to end.

        Args:
            clock: the game's.
            commands: lines to obey, from any thread.
            answer: takes what there is to say to each.
            for_s: end without being told to after so many seconds.
        """
        gc.freeze()  # a collection in the middle of a drawn-out write would be a pause in it
        end_s = clock.now() + for_s
        while not self.ended:
            clock.sleep_until(self._game.next_step_s)
            if clock.now() >= end_s:
                commands.put("exit")
            while not commands.empty():
                try:
                    answer(self.obey(commands.get_nowait()))
                except ACBridgeError as error:
                    answer(f"error: {error}")
            self.step()

    def _pause(self, _: str) -> str:
        self._game.pause()
        return "paused"

    def _resume(self, _: str) -> str:
        self._game.resume()
        return "resumed"

    def _stall(self, argument: str) -> str:
        try:
            seconds = float(argument)
        except ValueError:
            seconds = math.nan
        if not 0.0 < seconds < math.inf:
            raise SettingError(
                f"A stall takes seconds, not {argument!r}.", setting="stall", hint="Type stall 0.5."
            )
        self._game.stall(seconds)
        return f"stalled for {seconds:g} s"

    def _freeze(self, _: str) -> str:
        self._game.crash()
        return "frozen"

    def _tear(self, argument: str) -> str:
        self._publisher.tearing = choose({"on": True, "off": False}, argument, setting="tear")
        return f"tearing {argument}"

    def _relaunch(self, argument: str) -> str:
        if argument and not argument.isdecimal():
            raise SettingError(
                f"A seed is a whole number from 0 up, not {argument!r}.", setting="seed"
            )
        seed = int(argument) if argument else self._seed
        self._game.relaunch(seed)
        return f"relaunched from seed {seed}"

    def _exit(self, _: str) -> str:
        self._game.exit()
        self.ended = True
        return "ended"

    def _crash(self, _: str) -> str:
        self._die(CRASH_STATUS)
        return "crashed"


@contextlib.contextmanager
def open_simulation(
    clock: Clock,
    *,
    prefix: str = AC_PREFIX,
    wheel_name: str = WHEEL_NAME,
    seed: int = 0,
    gearbox: str = "automatic",
    track: str = DEFAULT,
    game_dir: Path | None = None,
) -> Iterator[Simulation]:
    """Launch a stand-in that publishes to shared memory; let go of everything afterwards.

    Args:
        clock: what it lives by.
        prefix: what the names of its pages begin with.
        wheel_name: the region that it is driven with.
        seed: of everything that is drawn.
        gearbox: who shifts: automatic or sequential.
        track: where; see `circuit_named`.
        game_dir: where the track's files are written to, never the game's own folder; None writes
            none.

    Raises:
        GameError: a game publishes those pages already, or the wheel is another stand-in's.
        SettingError: there is no such gearbox or track, its files cannot be written, or pages or a
            wheel cannot be called that.
    """
    chosen = choose(GEARBOXES, gearbox, setting="gearbox")
    circuit = circuit_named(track)
    refuse_beside_another(prefix, clock)
    if game_dir is not None:
        _write_files(circuit, game_dir)
    with (
        WheelRegion(wheel_name) as wheel,
        Publisher(clock, prefix) as publisher,
        StandinGame(seed=seed, clock=clock, gearbox=chosen, circuit=circuit) as game,
    ):
        game.deliver(wheel.device)
        yield Simulation(game, publisher, wheel, seed=seed)


def _write_files(circuit: Circuit, game_dir: Path) -> None:
    if (game_dir / GAME_PROGRAM).exists():
        raise SettingError(
            f"{game_dir} is the game's own folder: there is a {GAME_PROGRAM} in it, and the "
            "stand-in's files would replace some of the game's.",
            setting="game_dir",
            hint="Name another folder, such as a new one.",
        )
    try:
        write_install(circuit, game_dir)
    except OSError as error:
        raise SettingError(
            f"The track's files cannot be written to {game_dir}: {error.strerror or error}.",
            setting="game_dir",
            hint="Name a folder that may be written to, such as a new one.",
        ) from error


def refuse_beside_another(prefix: str, clock: Clock) -> None:
    """Make sure that nobody publishes now. Pages that somebody left behind are no obstacle.

    Raises:
        GameError: somebody does.
    """
    with contextlib.closing(SharedPages(prefix)) as pages:
        try:
            before = pages.read(Page.PHYSICS), pages.read(Page.GRAPHICS)
            clock.sleep_until(clock.now() + WATCH_S)
            after = pages.read(Page.PHYSICS), pages.read(Page.GRAPHICS)
        except (GameAbsentError, PageError):
            return
    if after != before:
        raise GameError(
            f"The pages {prefix}* change: a game or another `ac-bridge simulate` runs.",
            hint="End it first, or keep them apart with --prefix and --wheel.",
        )
