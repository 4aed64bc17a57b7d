"""Which signals end a program in good order."""

from __future__ import annotations

import signal
import sys

import pytest

from ac_bridge.machine.endings import ending_signals


@pytest.fixture(autouse=True)
def _hangup_as_usual(monkeypatch: pytest.MonkeyPatch) -> None:
    """However these tests were started."""
    monkeypatch.setattr(signal, "getsignal", lambda _: signal.SIG_DFL)


def test_the_system_decides_which_there_are() -> None:
    """A closed terminal is SIGHUP on POSIX; Windows has SIGBREAK instead."""
    last = "SIGBREAK" if sys.platform == "win32" else "SIGHUP"
    assert [number.name for number in ending_signals()] == ["SIGINT", "SIGTERM", last]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_nohup_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was told to outlive its terminal does."""
    monkeypatch.setattr(signal, "getsignal", lambda _: signal.SIG_IGN)
    assert ending_signals() == (signal.SIGINT, signal.SIGTERM)
