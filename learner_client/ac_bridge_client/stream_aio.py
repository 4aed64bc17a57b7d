"""`AsyncActorStream`: the same stream for programs that live in an event loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

from ac_bridge_client.stream import ActorStream
from ac_bridge_client.stream_batch import Batch, Episode
from ac_bridge_client.stream_stats import StreamStats
from ac_bridge_protocol.errors import LinkError
from ac_bridge_protocol.spec import EnvSpec
from ac_bridge_protocol.tasks import TaskSpec

T = TypeVar("T")


class AsyncActorStream:
    """An `ActorStream` on a thread of its own.

        async with await AsyncActorStream.connect("ws://gaming-pc:8765") as stream:
            await stream.push_policy(onnx, version=1)
            await stream.set_task("progress", run="first")
            async for batch in stream.batches():
                ...

    Arguments, returns and errors are those of `ActorStream`; one request at a time: a second one
    waits for the first, a wait for a batch among them.
    """

    def __init__(self, stream: ActorStream, worker: concurrent.futures.ThreadPoolExecutor) -> None:
        """Use `connect` instead."""
        self._stream = stream
        self._worker = worker

    @classmethod
    async def connect(cls, uri: str | Sequence[str], **arguments: Any) -> Self:
        """Connect to actors and return their stream; see `ActorStream` for the arguments."""
        worker = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="ac-bridge-stream")
        made = worker.submit(ActorStream, uri, **arguments)
        try:
            stream = await asyncio.wrap_future(made)
        except BaseException:
            made.add_done_callback(_close_unwanted)
            worker.shutdown(wait=False)
            raise
        return cls(stream, worker)

    @property
    def env_spec(self) -> EnvSpec:
        """What the first actor announced."""
        return self._stream.env_spec

    async def set_task(self, task: TaskSpec | str, *, run: str, **terms: Any) -> None:
        """Have every actor drive."""
        await self._call(lambda: self._stream.set_task(task, run=run, **terms))

    async def stop(self, why: str = "") -> None:
        """Have every actor stop driving."""
        await self._call(lambda: self._stream.stop(why))

    async def push_policy(self, onnx: bytes, version: int, *, swap: str = "episode") -> None:
        """Give every actor a policy."""
        await self._call(lambda: self._stream.push_policy(onnx, version, swap=swap))

    async def wait_policy(
        self, version: int, state: str = "ready", timeout_s: float = 60.0
    ) -> None:
        """Wait until every actor has a policy."""
        await self._call(lambda: self._stream.wait_policy(version, state, timeout_s))

    def batches(self, steps: int = 256, timeout_s: float | None = None) -> AsyncIterator[Batch]:
        """Yield steps as they come."""
        return self._each(lambda: self._stream.batches(steps, timeout_s))

    def episodes(self, timeout_s: float | None = None) -> AsyncIterator[Episode]:
        """Yield whole episodes as they end."""
        return self._each(lambda: self._stream.episodes(timeout_s))

    async def commit(self) -> None:
        """Have everything that was handed out for good."""
        await self._call(self._stream.commit)

    def stats(self) -> StreamStats:
        """Return what became of the records and links so far."""
        return self._stream.stats()

    async def close(self) -> None:
        """Close the links. May be called twice. Whatever is still waited for is given up."""
        self._stream.interrupt()
        with contextlib.suppress(RuntimeError):  # closed already
            await asyncio.wrap_future(self._worker.submit(self._stream.close))
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

    async def _each(self, begin: Callable[[], Iterator[T]]) -> AsyncIterator[T]:
        found = await self._call(begin)
        while True:
            yield await self._call(lambda: next(found))

    async def _call(self, method: Callable[[], T]) -> T:
        try:
            asked = self._worker.submit(method)
        except RuntimeError as error:  # the thread has ended
            raise LinkError("This stream was closed.", hint="Make a new one.") from error
        return await asyncio.wrap_future(asked)


def _close_unwanted(made: concurrent.futures.Future[ActorStream]) -> None:
    """Close a stream that came to be when nobody waited for it any more."""
    if not made.cancelled() and made.exception() is None:
        made.result().close()
