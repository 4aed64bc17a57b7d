"""The signals that ask a program to end, so that none of them leaves a pedal down."""

from __future__ import annotations

import signal

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
"""Ctrl+C, a service manager, a terminal that is closed, and Ctrl+Break on Windows."""


def ending_signals() -> tuple[signal.Signals, ...]:
    """Return the signals that should end a program in good order, as far as this system has them.

    A SIGHUP that is ignored stays so: whoever typed ``nohup`` wants the program to go on.
    """
    known = (getattr(signal, name, None) for name in _NAMES)
    return tuple(number for number in known if number is not None and not _unwanted(number))


def _unwanted(number: signal.Signals) -> bool:
    return number.name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN
