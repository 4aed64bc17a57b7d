"""The event loop that a program runs on, and how a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ac_bridge.machine.endings import ending_signals

T = TypeVar("T")


def run_on_best_loop(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on uvloop, on winloop where Windows has it, else on plain asyncio."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(main)


def stop_on_signals(stop: Callable[[], None]) -> None:
    """Let whatever asks the program to end call ``stop`` in the running loop."""
    loop = asyncio.get_running_loop()

    def on_signal(*_: object) -> None:
        with contextlib.suppress(RuntimeError):  # asked once more, when it has ended already
            loop.call_soon_threadsafe(stop)

    for number in ending_signals():
        # Not loop.add_signal_handler: Windows has none.
        signal.signal(number, on_signal)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        if sys.platform == "win32":
            import winloop as fast_loop
        else:
            import uvloop as fast_loop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = fast_loop.new_event_loop
    return factory
