"""`AsyncRemoteEnv`: the same environment for programs that live in an event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar

import gymnasium as gym
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.protocol import State
from websockets.typing import Subprotocol

from ac_bridge_client.core import EnvCore, Info, Observation, check_options
from ac_bridge_client.exchange import Exchange, Notice, expect
from ac_bridge_client.link import parse_address
from ac_bridge_protocol.errors import ConnectError, LinkLostError, LinkTimeoutError
from ac_bridge_protocol.limits import WEBSOCKET_BYTES
from ac_bridge_protocol.messages import ResetResult, Role, StepResult, Welcome
from ac_bridge_protocol.spec import EnvSpec, check_seed, mode_named
from ac_bridge_protocol.tasks import Task

_A = TypeVar("_A", Welcome, ResetResult, StepResult)


class AsyncRemoteEnv:
    """Gymnasium's methods as coroutines.

        async with await AsyncRemoteEnv.connect("ws://gaming-pc:8765") as env:
            observation, info = await env.reset(seed=1)

    One request at a time: a second one waits for the first. Arguments, returns and errors are
    those of `RemoteEnv`; a lost link ends the environment.
    """

    def __init__(
        self,
        websocket: ClientConnection,
        exchange: Exchange,
        *,
        uri: str,
        step_timeout_s: float,
        reset_timeout_s: float,
    ) -> None:
        """Use `connect` instead."""
        self._websocket = websocket
        self._exchange = exchange
        self._uri = uri
        self._step_timeout_s = step_timeout_s
        self._reset_timeout_s = reset_timeout_s
        self._busy = asyncio.Lock()
        self._lost = False
        self._core: EnvCore

    @classmethod
    async def connect(
        cls,
        uri: str,
        *,
        task: Task | None = None,
        codec: str = "msgpack",
        mode: str | None = None,
        observation: str = "bridge15",
        connect_timeout_s: float = 10.0,
        step_timeout_s: float = 10.0,
        reset_timeout_s: float = 60.0,
        on_notice: Callable[[Notice], None] = lambda _: None,
    ) -> Self:
        """Connect to an actor and return its environment; see `RemoteEnv` for the arguments."""
        chosen = mode_named(mode)
        exchange = Exchange(codec, on_notice)
        websocket = await _open(uri, exchange, connect_timeout_s)
        env = cls(
            websocket,
            exchange,
            uri=uri,
            step_timeout_s=step_timeout_s,
            reset_timeout_s=reset_timeout_s,
        )
        try:
            hello = exchange.hello(Role.DRIVER, chosen, observation)
            welcome = await env._request(hello, Welcome, connect_timeout_s)
        except BaseException:
            await websocket.close()
            raise
        env._core = EnvCore(welcome.spec, task)
        return env

    @property
    def env_spec(self) -> EnvSpec:
        """What the actor announced."""
        return self._core.spec

    @property
    def observation_space(self) -> gym.spaces.Box:
        """Bounds of the observation."""
        return self._core.observation_space

    @property
    def action_space(self) -> gym.spaces.Box:
        """Bounds of the action."""
        return self._core.action_space

    async def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, Info]:
        """Begin an episode."""
        check_options(options)
        async with self._busy:
            self._check_open()
            self._core.end()
            request = self._exchange.reset(check_seed(seed))
            result = await self._request(request, ResetResult, self._reset_timeout_s)
            return self._core.begin(result)

    async def step(self, action: Any) -> tuple[Observation, float, bool, bool, Info]:
        """Apply an action for one control period."""
        async with self._busy:
            values = self._core.check(action)
            self._check_open()
            request = self._exchange.step(values)
            result = await self._request(request, StepResult, self._step_timeout_s)
            return self._core.finish(values, result)

    async def close(self) -> None:
        """Let go of the car and close the link. May be called twice."""
        release = self._exchange.release()
        if release is not None:
            with contextlib.suppress(ConnectionClosed):  # gone already is what we wanted
                await self._websocket.send(release, text=not self._exchange.codec_is_binary)
        await self._websocket.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def _check_open(self) -> None:
        if self._lost or self._websocket.state is not State.OPEN:
            raise LinkLostError(f"The link to {self._uri} is closed.", hint="Connect again.")

    async def _request(self, data: bytes, kind: type[_A], timeout_s: float) -> _A:
        """Send a request and wait for its answer; whatever interrupts that ends the link.

        An answer that nobody waits for any more must not meet the next request.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._websocket.send(data, text=not self._exchange.codec_is_binary)
                while True:
                    payload = await self._websocket.recv()
                    binary = isinstance(payload, bytes)
                    raw = payload if isinstance(payload, bytes) else payload.encode()
                    answer = self._exchange.receive(raw, binary=binary)
                    if answer is not None:
                        return expect(answer, kind)
        except TimeoutError:
            self._abort()
            raise LinkTimeoutError(
                f"The actor at {self._uri} did not answer within {timeout_s:g} s."
            ) from None
        except ConnectionClosed as error:
            raise LinkLostError(f"The actor at {self._uri} closed the link: {error}.") from error
        except asyncio.CancelledError:
            self._abort()
            raise

    def _abort(self) -> None:
        """End the link at once: whoever hangs does not answer a good-bye either."""
        self._lost = True
        self._websocket.transport.abort()


async def _open(uri: str, exchange: Exchange, timeout_s: float) -> ClientConnection:
    parse_address(uri)
    try:
        return await connect(
            uri,
            subprotocols=[Subprotocol(exchange.session.codec.subprotocol)],
            compression=None,
            max_size=WEBSOCKET_BYTES,
            open_timeout=timeout_s,
            close_timeout=1.0,
            ping_interval=None,
            proxy=None,
        )
    except (OSError, InvalidHandshake, TimeoutError) as error:
        raise ConnectError(
            f"Cannot connect to {uri}: {error}.",
            uri=uri,
            hint="Is the actor running (ac-bridge actor), and is this the port it printed?",
        ) from error
