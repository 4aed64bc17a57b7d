"""`AsyncRemoteEnv`: the same environment for programs that live in an event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar

import gymnasium as gym

from ac_bridge_client.core import Info, Observation
from ac_bridge_client.env import RemoteEnv
from ac_bridge_client.exchange import Notice
from ac_bridge_client.link import ignore
from ac_bridge_client.on_thread import OnThread
from ac_bridge_client.stats import EnvStats
from ac_bridge_protocol.spec import EnvSpec

if TYPE_CHECKING:
    from ac_bridge_recording.recorder import RecordingStats

T = TypeVar("T")

PATIENCE_S = 1.0
"""How long closing waits for a request that is still being answered, in seconds: a tick, or two."""


class AsyncRemoteEnv(OnThread[RemoteEnv]):
    """Gymnasium's methods as coroutines.

        async with await AsyncRemoteEnv.connect("ws://gaming-pc:8765") as env:
            observation, info = await env.reset(seed=1)

    A `RemoteEnv` on a thread of its own. Arguments, returns and errors are those of `RemoteEnv`;
    one request at a time: a second one waits for the first. A cancelled request is not taken back:
    its answer is waited for and thrown away, and what is asked next comes after it.

    ``on_notice`` is called in the event loop; the task's methods are called on the thread.
    """

    _what = "environment"

    @classmethod
    async def connect(
        cls, uri: str, *, on_notice: Callable[[Notice], None] = ignore, **arguments: Any
    ) -> Self:
        """Connect to an actor and return its environment; see `RemoteEnv` for the arguments."""
        loop = asyncio.get_running_loop()

        def tell(notice: Notice) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody listens
                loop.call_soon_threadsafe(on_notice, notice)

        told = ignore if on_notice is ignore else tell
        return await cls._made(lambda: RemoteEnv(uri, on_notice=told, **arguments))

    @property
    def env_spec(self) -> EnvSpec:
        """What the actor announced."""
        return self._thing.env_spec

    @property
    def observation_space(self) -> gym.spaces.Box:
        """Bounds of the observation."""
        return self._thing.observation_space  # type: ignore[return-value]

    @property
    def action_space(self) -> gym.spaces.Box:
        """Bounds of the action."""
        return self._thing.action_space  # type: ignore[return-value]

    async def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, Info]:
        """Begin an episode."""
        return await self._call(lambda: self._thing.reset(seed=seed, options=options))

    async def step(
        self, action: Any, plan: Sequence[Any] = ()
    ) -> tuple[Observation, float, bool, bool, Info]:
        """Apply an action for one control period."""
        return await self._call(lambda: self._thing.step(action, plan))

    async def subscribe(self, hz: float) -> None:
        """Ask for telemetry beside the steps, at ``hz``; frames go to ``on_notice``."""
        await self._call(lambda: self._thing.subscribe(hz))

    def stats(self) -> EnvStats:
        """Return what became of the steps and of the link so far."""
        return self._thing.stats()

    @property
    def recording(self) -> RecordingStats | None:
        """What became of the records so far, and where they are; None if nothing is recorded."""
        return self._thing.recording

    async def close(self) -> None:
        """Let go of the car, close the link, and finish the recording. May be called twice.

        A request that is still waited for gets a second to be answered; then it is given up.
        """
        if self._last is not None and not self._last.done():
            waited_for = asyncio.wrap_future(self._last)
            waited_for.add_done_callback(_look_at)
            await asyncio.wait([waited_for], timeout=PATIENCE_S)
            if not self._last.done():
                self._thing.interrupt()
        await self._close_thing()


def _look_at(future: asyncio.Future[Any]) -> None:
    """Take note of an error, which its own caller was told of."""
    if not future.cancelled():
        future.exception()
