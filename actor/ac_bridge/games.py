"""Name to game, and to wheel. The only module that imports a concrete one, and only when chosen."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from typing import Literal, TypeAlias, get_args

from ac_bridge.clock import Clock
from ac_bridge.game import ControlSink, Game, Inheritance, Page, PageSource, RecordingWheel
from ac_bridge.game.shared_game import SharedGame
from ac_bridge.game.shared_pages import AC_PREFIX, HINT, SharedPages
from ac_bridge_protocol.errors import GameAbsentError, PageError, SettingError
from ac_bridge_protocol.helpers import choose

START_HINT = HINT
"""What to do where no game publishes its pages."""

GameName: TypeAlias = Literal["auto", "shm", "standin"]
"""``shm``: whatever publishes Assetto Corsa's pages on this machine. ``standin``: the stand-in, in
this process. ``auto``: the first if there are pages at this moment, else the second."""
ControllerName: TypeAlias = Literal["auto", "vjoy", "uinput", "standin"]
"""The virtual wheel. ``standin`` drives the stand-in: of this process, or `ac-bridge simulate`.
``auto``: the stand-in's own, and for any other game vJoy on Windows, uinput elsewhere."""
Gearbox: TypeAlias = Literal["automatic", "sequential"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class GameChoice:
    """Which game to open, and how.

    Attributes:
        game: see `GameName`.
        controller: see `ControllerName`.
        device_id: number of the vJoy device, from 1.
        buttons_needed: highest button that will be pressed; a vJoy device may have fewer.
        wheel_name: the wheel of an `ac-bridge simulate`, where several run side by side.
        prefix: what the names of the game's pages begin with.
        lockstep: let game time stand still until somebody waits on its clock.
        seed: of the stand-in's draws.
        gearbox: of the stand-in's car.
        track: of the stand-in; None for its default.
    """

    game: GameName = "auto"
    controller: ControllerName = "auto"
    device_id: int = 1
    buttons_needed: int = 9
    wheel_name: str = "ac_bridge_wheel"
    prefix: str = AC_PREFIX
    lockstep: bool = False
    seed: int = 0
    gearbox: Gearbox = "automatic"
    track: str | None = None


def open_game(choice: GameChoice, clock: Clock | None = None) -> Game:
    """Open the game that was chosen, with its wheel.

    A game in another process need not run yet: its pages are looked for whenever they are read.

    Args:
        choice: which one.
        clock: the time it lives by; the machine's own unless given. Lockstep brings its own.

    Raises:
        SettingError: no such game or wheel, or a combination that does not go together.
        WheelError: the wheel cannot be had.
    """
    check_choice(choice)
    if _is_shared(choice):
        return _open_shared(choice, clock)
    return _open_standin(choice, clock)


def open_to_watch(choice: GameChoice, clock: Clock | None = None) -> Game:
    """Open the game that was chosen without its wheel: what it is told to do goes nowhere.

    Raises:
        SettingError: no such game.
    """
    check_choice(choice)
    if _is_shared(choice):
        return SharedGame(open_pages(choice.prefix), RecordingWheel(), clock=clock)
    return _open_standin(choice, clock)


def check_choice(choice: GameChoice) -> None:
    """Refuse a choice that no machine could open.

    Raises:
        SettingError: no such game, wheel or device.
    """
    choose(dict.fromkeys(get_args(GameName)), choice.game, setting="game")
    choose(dict.fromkeys(get_args(ControllerName)), choice.controller, setting="controller")
    if choice.device_id < 1:
        raise SettingError(
            f"Virtual wheels are numbered from 1, not {choice.device_id}.", setting="device_id"
        )


def open_pages(prefix: str = AC_PREFIX) -> PageSource:
    """Open the pages of a game in another process, to look at without a wheel."""
    return SharedPages(prefix)


def open_wheel(choice: GameChoice) -> ControlSink:
    """Open the virtual wheel of a game in another process.

    Raises:
        WheelError: it cannot be had; says what to do.
    """
    controller = choice.controller
    if controller == "auto":
        controller = "vjoy" if sys.platform == "win32" else "uinput"
    if controller == "vjoy":
        from ac_bridge.game.vjoy import VJoyWheel

        return VJoyWheel(choice.device_id, buttons_needed=choice.buttons_needed)
    if controller == "uinput":
        from ac_bridge.game.uinput import UinputWheel

        return UinputWheel()
    from ac_bridge.standin.shared import SharedWheel

    return SharedWheel(choice.wheel_name)


def heir_of(inheritance: Inheritance) -> Callable[[], ControlSink]:
    """Make ready to take a wheel whose holder may die, and return what takes it and sets neutral.

    All that is slow, such as imports and loading a driver's library, is done here and not when the
    time has come. What is returned raises `WheelError` as long as the wheel cannot be had.

    Raises:
        WheelError: nothing here can ever take it.
    """
    device = inheritance.device
    if inheritance.controller == "vjoy":
        from ac_bridge.game.vjoy import VJoyWheel
        from ac_bridge.game.vjoy_driver import load_driver

        load_driver()
        return lambda: VJoyWheel(int(device), buttons_needed=0)
    if inheritance.controller == "uinput":
        from ac_bridge.game.uinput import InheritedUinputWheel

        return lambda: InheritedUinputWheel(int(device))
    from ac_bridge.standin.shared import SharedWheel

    return lambda: SharedWheel(device)


def _is_shared(choice: GameChoice) -> bool:
    if choice.game != "auto":
        return choice.game == "shm"
    if choice.lockstep:
        return False  # only the stand-in can
    return _published(choice.prefix)


def _published(prefix: str) -> bool:
    pages = SharedPages(prefix)
    try:
        pages.read(Page.STATIC)
    except GameAbsentError:
        return False
    except PageError:
        return True  # there is something, and opening it will say what is wrong with it
    finally:
        pages.close()
    return True


def _open_shared(choice: GameChoice, clock: Clock | None) -> Game:
    if choice.track is not None:
        raise SettingError(
            "The track of a game in another process is chosen there.",
            setting="track",
            hint="Leave out track, or choose the game 'standin'.",
        )
    if choice.lockstep:
        raise SettingError(
            "A game in another process does not stand still between steps.",
            setting="lockstep",
            hint="Leave out lockstep, or choose the game 'standin'.",
        )
    return SharedGame(SharedPages(choice.prefix), open_wheel(choice), clock=clock)


def _open_standin(choice: GameChoice, clock: Clock | None) -> Game:
    from ac_bridge.standin import StandinGame
    from ac_bridge.standin.layouts import circuit_named

    if choice.controller not in ("auto", "standin"):
        raise SettingError(
            f"The stand-in of this process is not driven by {choice.controller}.",
            setting="controller",
            hint="Leave it at 'auto'. For a game in another process choose the game 'shm'.",
        )
    return StandinGame(
        lockstep=choice.lockstep,
        seed=choice.seed,
        gearbox=choice.gearbox,
        clock=clock,
        circuit=None if choice.track is None else circuit_named(choice.track),
    )
