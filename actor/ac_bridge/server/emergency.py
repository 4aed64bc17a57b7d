"""The emergency stop at this machine: a key, and the actor's terminal. Thin shells.

What a press or a line means is in `ac_bridge.control.emergency`; what comes of it in `Actor`.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Protocol

import structlog

from ac_bridge.clock import Clock
from ac_bridge.control.emergency import KeyWatch, Wish, wish_of
from ac_bridge.machine.keyboard import IS_DOWN, KEYS, SHIFT, WAS_PRESSED, KeyState, key_state
from ac_bridge.pacing import Ticker

log = structlog.get_logger()

LOOKS_HZ = 50.0
"""How often it is looked whether the operator wishes for something."""
LINE_BYTES = 4096
"""Most of a line that is read at a time."""
NONE = "none"
"""Of the setting: nothing stops the car but its driver and the actor's end."""


class Stoppable(Protocol):
    """The actor, as far as its emergency stop cares."""

    @property
    def stopped(self) -> bool:
        """Whether the car is stopped."""

    def stop_car(self) -> None:
        """Stop it."""

    def let_drive(self) -> None:
        """Let it be driven again."""


class Switch(Protocol):
    """Something by which the operator says what is wished."""

    def look(self, *, stopped: bool) -> Wish | None:
        """Return what was wished for since the last look; None for nothing. Never waits."""


class Key:
    """A key, whichever window has the focus.

    Args:
        name: one of `KEYS`.
        state: tells how a key is.
    """

    def __init__(self, name: str, state: KeyState) -> None:
        self._code = KEYS[name]
        self._state = state
        self._watch = KeyWatch()

    def look(self, *, stopped: bool) -> Wish | None:
        """Return what a press of it means; None if it was not pressed."""
        down = bool(self._state(self._code) & (IS_DOWN | WAS_PRESSED))
        shift = bool(self._state(SHIFT) & IS_DOWN)
        return self._watch.look(down=down, shift=shift, stopped=stopped)


class Terminal:
    """Lines that are typed where the actor runs. A thread of its own waits for them.

    Args:
        file: number of the open file that they come from.
    """

    def __init__(self, file: int) -> None:
        self._file = file
        self._wishes: queue.SimpleQueue[Wish] = queue.SimpleQueue()
        threading.Thread(target=self._read, name="ac-bridge-terminal", daemon=True).start()

    def look(self, *, stopped: bool) -> Wish | None:
        """Return what the next line means; None if there is none."""
        del stopped  # a line means the same either way
        return None if self._wishes.empty() else self._wishes.get()

    def _read(self) -> None:
        try:
            while data := os.read(self._file, LINE_BYTES):
                for line in data.decode(errors="replace").splitlines():
                    self._wishes.put(wish_of(line))
        except OSError as error:  # the actor runs in the terminal's background
            log.info("the terminal stops nothing", reason=error.strerror)


def switches_from(key: str) -> tuple[Switch, ...]:
    """Return by what the operator at this machine can stop the car.

    Args:
        key: the setting emergency_key.
    """
    if key == NONE:
        return ()
    switches: list[Switch] = []
    ways: list[str] = []
    if (state := key_state()) is not None:
        switches.append(Key(key, state))
        ways.append(f"the key {key}, in any window")
    if sys.stdin is not None and sys.stdin.isatty():
        if sys.platform != "win32":  # or else reading in the background would halt the process
            signal.signal(signal.SIGTTIN, signal.SIG_IGN)
        switches.append(Terminal(sys.stdin.fileno()))
        ways.append("Enter, in this terminal")
    log.info("emergency stop", by=" or ".join(ways) or "nothing: no such key here, no terminal")
    return tuple(switches)


async def watch(actor: Stoppable, switches: Sequence[Switch], clock: Clock) -> None:
    """Do what the operator at this machine wishes, until cancelled."""
    async for _ in Ticker(LOOKS_HZ, clock):
        for switch in switches:
            match switch.look(stopped=actor.stopped):
                case Wish.STOP:
                    actor.stop_car()
                case Wish.GO:
                    actor.let_drive()
                case None:
                    pass
