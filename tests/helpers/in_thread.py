"""A program of ours in a thread of this process, where a test can look into it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any, Generic, Protocol, TypeVar

from ac_bridge.machine.loops import run_on_best_loop

START_TIMEOUT_S = 20.0


class App(Protocol):
    """What serves until it is stopped."""

    async def run(self) -> None:
        """Serve."""

    def stop(self) -> None:
        """End `run` in good order."""


AppT = TypeVar("AppT", bound=App)


class Running(Generic[AppT]):
    """A program that serves."""

    def __init__(self, app: AppT, loop: asyncio.AbstractEventLoop, port: int) -> None:
        self.app = app
        self.loop = loop
        self.port = port


@contextlib.contextmanager
def in_thread(make: Callable[[Callable[[int], None]], AppT], name: str) -> Iterator[Running[AppT]]:
    """Run a program until the end of the context; what it fails with is raised here.

    Args:
        make: given what is called with the port, makes it; called in its own loop.
        name: of the thread.
    """
    ready = threading.Event()
    found: dict[str, Any] = {}

    async def main() -> None:
        def on_ready(taken: int) -> None:
            found["port"] = taken
            ready.set()

        found["app"], found["loop"] = make(on_ready), asyncio.get_running_loop()
        await found["app"].run()

    def run() -> None:
        try:
            run_on_best_loop(main())
        except BaseException as error:  # noqa: BLE001 -- handed to the test's thread
            found["error"] = error
            ready.set()

    thread = threading.Thread(target=run, name=name)
    thread.start()
    try:
        assert ready.wait(START_TIMEOUT_S)
        if "error" in found:
            raise found["error"]
        yield Running(found["app"], found["loop"], found["port"])
    finally:
        if "loop" in found and thread.is_alive():
            with contextlib.suppress(RuntimeError):  # the loop ended by itself
                found["loop"].call_soon_threadsafe(found["app"].stop)
        thread.join(START_TIMEOUT_S)
        assert not thread.is_alive()
        if "error" in found:
            raise found["error"]
