"""The guardian's process: `python -m ac_bridge.guardian CONTROLLER DEVICE`, started by an actor.

Standard input is the pipe that the actor holds, standard output says once that all is ready, and
standard error is the actor's own: the only place left to say something when the actor is gone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable

from ac_bridge.clock import Clock, SystemClock
from ac_bridge.game import ControlSink, Inheritance
from ac_bridge.games import heir_of
from ac_bridge.guardian.takeover import (
    EXIT_NOT_NEUTRAL,
    EXIT_USELESS,
    LINGER_S,
    READY,
    Patience,
    Verdict,
    Watch,
)
from ac_bridge.machine.endings import ending_signals
from ac_bridge_protocol.errors import ACBridgeError

STDIN, STDOUT, STDERR = 0, 1, 2
READ_BYTES = 64
_REFUSALS = (ACBridgeError, OSError)
"""What a wheel that cannot be had raises, whatever kind it is."""


def main(controller: str, device: str) -> int:
    """Watch over a wheel until its actor ends; return this process's exit status."""
    for number in ending_signals():
        # What ends a terminal's programs ends the actor, and the pipe tells whether all is well.
        signal.signal(number, signal.SIG_IGN)
    try:
        take = heir_of(Inheritance(controller, device))
    except ACBridgeError as error:
        _say(f"cannot watch over the wheel: {error}")
        return EXIT_USELESS
    with contextlib.suppress(OSError):  # the actor is gone already: the next line finds out
        os.write(STDOUT, READY)
    if _watch() is Verdict.LEAVE:
        return 0
    return _neutralise(take, SystemClock())


def _watch() -> Verdict:
    watch = Watch()
    verdict = Verdict.WATCH
    while verdict is Verdict.WATCH:
        verdict = watch.hear(os.read(STDIN, READ_BYTES))
    return verdict


def _neutralise(take: Callable[[], ControlSink], clock: Clock) -> int:
    """Take the wheel, which sets it neutral, let go of it, and say so."""
    gone_s = clock.now()
    try:
        wheel, attempts = _take(take, clock)
    except _REFUSALS as error:
        _say(f"the actor is gone, and its wheel could not be set neutral: {error}")
        return EXIT_NOT_NEUTRAL
    took_ms = (clock.now() - gone_s) * 1e3
    _say(f"the actor is gone; its wheel was neutral {took_ms:.0f} ms later (attempt {attempts}).")
    clock.sleep_until(clock.now() + LINGER_S)
    with contextlib.suppress(*_REFUSALS):  # it was neutral, and now it is somebody else's or gone
        wheel.close()
    return 0


def _take(take: Callable[[], ControlSink], clock: Clock) -> tuple[ControlSink, int]:
    """Take the wheel as soon as it can be had; return it and how many attempts that took.

    Raises:
        ACBridgeError: patience ran out; says why the last attempt failed.
        OSError: likewise.
    """
    patience = Patience(clock.now())
    attempts = 0
    while True:
        attempts += 1
        try:
            return take(), attempts
        except _REFUSALS:
            wait_s = patience.after_failure(clock.now())
            if wait_s is None:
                raise
        clock.sleep_until(clock.now() + wait_s)


def _say(what: str) -> None:
    with contextlib.suppress(OSError):  # nobody is left to read it
        os.write(STDERR, f"ac-bridge guardian: {what}\n".encode(errors="replace"))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
