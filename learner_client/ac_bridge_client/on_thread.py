"""Something that blocks, on a thread of its own, for programs that live in an event loop."""

from __future__ import annotations

import abc
import asyncio
import concurrent.futures
import contextlib
from collections.abc import Callable
from types import TracebackType
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

from ac_bridge_protocol.errors import LinkError

T = TypeVar("T")


class Closes(Protocol):
    """What can be closed."""

    def close(self) -> None:
        """Let go of everything. May be called twice."""


ThingT = TypeVar("ThingT", bound=Closes)


class OnThread(abc.ABC, Generic[ThingT]):
    """Its methods as coroutines; one request at a time: a second one waits for the first."""

    _what: ClassVar[str]
    """What it is, for people."""

    def __init__(self, thing: ThingT, worker: concurrent.futures.ThreadPoolExecutor) -> None:
        """Use `connect` instead."""
        self._thing = thing
        self._worker = worker
        self._last: concurrent.futures.Future[Any] | None = None

    @classmethod
    async def _made(cls, make: Callable[[], ThingT]) -> Self:
        """Return what is made on a new thread; if nobody waits for it any more, it is closed."""
        worker = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="ac-bridge-client")
        made = worker.submit(make)
        try:
            thing = await asyncio.wrap_future(made)
        except BaseException:
            made.add_done_callback(_close_unwanted)
            worker.shutdown(wait=False)
            raise
        return cls(thing, worker)

    @abc.abstractmethod
    async def close(self) -> None:
        """Close it. May be called twice."""

    async def _close_thing(self) -> None:
        with contextlib.suppress(RuntimeError):  # closed already
            await asyncio.wrap_future(self._worker.submit(self._thing.close))
        self._worker.shutdown()  # it has nothing left to do

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def _call(self, method: Callable[[], T]) -> T:
        try:
            self._last = last = self._worker.submit(method)
        except RuntimeError as error:  # the thread has ended
            raise LinkError(f"This {self._what} was closed.", hint="Make a new one.") from error
        return await asyncio.wrap_future(last)


def _close_unwanted(made: concurrent.futures.Future[ThingT]) -> None:
    """Close something that came to be when nobody waited for it any more."""
    if not made.cancelled() and made.exception() is None:
        made.result().close()
