"""The abstract doors: pages in, wheel out, and the game that owns both."""

from __future__ import annotations

import abc
import dataclasses
import enum
from pathlib import Path

from ac_bridge.clock import Clock
from ac_bridge.game.controls import Controls
from ac_bridge_protocol.helpers import Closing
from ac_bridge_protocol.starts import Start


class Page(enum.Enum):
    """The three pages that Assetto Corsa 1.16 publishes, and their sizes in bytes.

    Source: the Windows ABI sizes 592, 304 and 684, compiled and checked against a capture of
    AC 1.16.4. Public headers stop the graphics page at 296 and miss its last two integers.
    """

    PHYSICS = ("physics", 592)
    GRAPHICS = ("graphics", 304)
    STATIC = ("static", 684)

    def __init__(self, label: str, size_bytes: int) -> None:
        self.label = label
        self.size_bytes = size_bytes


class GameAbility(enum.Flag):
    """What a game can do beyond publishing pages and reading a wheel."""

    NONE = 0
    LOCKSTEP = enum.auto()
    """Its clock stands still until somebody waits on it, so runs are repeatable."""
    SEED = enum.auto()
    """It can be relaunched from a seed, so that an episode can be repeated exactly."""
    COMMANDS = enum.auto()
    """It has a command port."""
    STARTS = enum.auto()
    """It can be told where the next drive begins."""


class GameCommand(enum.Enum):
    """What a game's command port can be told, by the byte that stands for it. Unverified."""

    RESTART = b"D"
    START = b"E"


class PageSource(abc.ABC):
    """Where page bytes come from."""

    atomic: bool = False
    """Whether a copy is always of one moment, so that nobody need copy twice and compare."""

    @abc.abstractmethod
    def read(self, page: Page) -> bytes:
        """Return one bulk copy of ``page``: exactly ``page.size_bytes`` bytes.

        Raises:
            GameAbsentError: nothing publishes this page.
        """

    def foreign_game(self) -> str | None:
        """Return the name of another game that publishes while ours does not, None if none does."""
        return None

    def reopen(self) -> None:  # noqa: B027 -- most sources hold nothing that outlives a game
        """Let go of what a game that is gone left behind; the next read looks for it anew."""

    @abc.abstractmethod
    def close(self) -> None:
        """Let go of the pages. May be called twice."""


@dataclasses.dataclass(frozen=True, slots=True)
class Inheritance:
    """How another process takes a wheel once the one that held it is gone.

    Attributes:
        controller: the kind of wheel, as settings call it: ``vjoy``, ``uinput`` or ``standin``.
        device: which one: the number of a vJoy device, the number of the descriptor that an uinput
            device was made with, or the name of a region.
        descriptors: open ones that the heir must be started with.
    """

    controller: str
    device: str
    descriptors: tuple[int, ...] = ()


class ControlSink(abc.ABC):
    """Where the wheel's state goes."""

    @abc.abstractmethod
    def apply(self, controls: Controls) -> None:
        """Set every axis and button in one update.

        Values are trusted: range and finiteness were checked where the action came in.

        Raises:
            WheelError: the device did not take the state.
        """

    def inheritance(self) -> Inheritance | None:
        """Return how another process could take the wheel, None if it goes with this process."""
        return None

    @abc.abstractmethod
    def close(self) -> None:
        """Set neutral and let go of the device. May be called twice."""


class Game(Closing):
    """One game: its pages, its wheel, and the clock it lives by."""

    name: str
    """What people call this backend, such as ``standin``."""
    abilities: GameAbility
    clock: Clock
    """Real time, or the game's own time where it runs in lockstep."""
    pages: PageSource
    wheel: ControlSink

    @property
    def game_dir(self) -> Path | None:
        """The game's own folder, if it knows that better than Steam does.

        Raises:
            GameError: it is to be made, and cannot be.
        """
        return None

    def relaunch(self, seed: int) -> None:
        """Start the game anew as a new process would, with every random draw made from ``seed``.

        Only for games with the ability `SEED`; in lockstep the clock starts at zero again.

        Raises:
            NotImplementedError: the game has no such ability.
        """
        raise NotImplementedError(f"{self.name} cannot be relaunched from a seed ({seed})")

    def check_start(self, start: Start) -> None:
        """Refuse a place that this track does not have. Changes nothing, at whatever moment.

        Only for games with the ability `STARTS`.

        Raises:
            SettingError: this track has no such place.
            NotImplementedError: the game has no such ability.
        """
        raise NotImplementedError(f"{self.name} starts where it likes ({start})")

    def start_at(self, start: Start | None) -> None:
        """Say where on the track drives begin; None is the usual place.

        It holds for the drive that waits on the session screen and for those after the next
        restarts. A drive that has begun goes on where it is.

        Only for games with the ability `STARTS`.

        Raises:
            SettingError: see `check_start`; nothing has changed.
            NotImplementedError: the game has no such ability.
        """
        raise NotImplementedError(f"{self.name} starts where it likes ({start})")

    def command(self, command: GameCommand) -> None:
        """Send a command to the game's command port. Experimental; it answers nothing.

        Only for games with the ability `COMMANDS`.

        Raises:
            NotImplementedError: the game has no such ability.
            GameAbsentError: it could not be sent.
        """
        raise NotImplementedError(f"{self.name} has no command port ({command.name})")

    @abc.abstractmethod
    def close(self) -> None:
        """Let go of the wheel (neutral first) and of the pages. May be called twice."""
