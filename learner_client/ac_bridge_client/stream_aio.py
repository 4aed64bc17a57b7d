"""`AsyncActorStream`: the same stream for programs that live in an event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, Self, TypeVar

from ac_bridge_client.on_thread import OnThread
from ac_bridge_client.stream import ActorStream
from ac_bridge_client.stream_batch import Batch, Episode
from ac_bridge_client.stream_stats import StreamStats
from ac_bridge_protocol.spec import EnvSpec
from ac_bridge_protocol.tasks import TaskSpec

T = TypeVar("T")


class AsyncActorStream(OnThread[ActorStream]):
    """An `ActorStream` on a thread of its own.

        async with await AsyncActorStream.connect("ws://gaming-pc:8765") as stream:
            await stream.push_policy(onnx, version=1)
            await stream.set_task("progress", run="first")
            async for batch in stream.batches():
                ...

    Arguments, returns and errors are those of `ActorStream`; one request at a time: a second one
    waits for the first, a wait for a batch among them.
    """

    _what = "stream"

    @classmethod
    async def connect(cls, uri: str | Sequence[str], **arguments: Any) -> Self:
        """Connect to actors and return their stream; see `ActorStream` for the arguments."""
        return await cls._made(lambda: ActorStream(uri, **arguments))

    @property
    def env_spec(self) -> EnvSpec:
        """What the first actor announced."""
        return self._thing.env_spec

    async def set_task(self, task: TaskSpec | str, *, run: str, **terms: Any) -> None:
        """Have every actor drive."""
        await self._call(lambda: self._thing.set_task(task, run=run, **terms))

    async def stop(self, why: str = "", timeout_s: float = 10.0) -> None:
        """Have every actor stop driving."""
        await self._call(lambda: self._thing.stop(why, timeout_s))

    async def push_policy(self, onnx: bytes, version: int, *, swap: str = "episode") -> None:
        """Give every actor a policy."""
        await self._call(lambda: self._thing.push_policy(onnx, version, swap=swap))

    async def wait_policy(
        self, version: int, state: str = "ready", timeout_s: float = 60.0
    ) -> None:
        """Wait until every actor has a policy."""
        await self._call(lambda: self._thing.wait_policy(version, state, timeout_s))

    def batches(
        self,
        steps: int = 256,
        timeout_s: float | None = None,
        linger_s: float | None = None,
    ) -> AsyncIterator[Batch]:
        """Yield steps as they come."""
        return self._each(lambda: self._thing.batches(steps, timeout_s, linger_s))

    def episodes(self, timeout_s: float | None = None) -> AsyncIterator[Episode]:
        """Yield whole episodes as they end."""
        return self._each(lambda: self._thing.episodes(timeout_s))

    async def commit(self) -> None:
        """Have everything that was handed out for good."""
        await self._call(self._thing.commit)

    async def position(self) -> str:
        """Return how far what was handed out has come, for a checkpoint with all that in it."""
        return await self._call(self._thing.position)

    def stats(self) -> StreamStats:
        """Return what became of the records and links so far."""
        return self._thing.stats()

    async def close(self) -> None:
        """Close the links. May be called twice. Whatever is still waited for is given up."""
        self._thing.interrupt()
        await self._close_thing()

    async def _each(self, begin: Callable[[], Iterator[T]]) -> AsyncIterator[T]:
        found = await self._call(begin)
        while True:
            yield await self._call(lambda: next(found))
